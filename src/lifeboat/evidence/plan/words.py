"""Spans and times of jobs as people say them. Pure."""

import re

from lifeboat.foundation.sizes import show_seconds

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_AT = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|[0-7])")
_EVERY_MINUTES = re.compile(r"\*/(\d+) \* \* \* \*")
_EVERY_HOURS = re.compile(r"0 \*/(\d+) \* \* \*")


def span_words(seconds: float) -> str:
    """``"4 hours"``, ``"1 day"``; what is no whole number of a unit as ``show_seconds`` has it."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return show_seconds(seconds)


def time_words(time: str) -> str:
    """Five fields of cron in words, where they are simple; else as they stand."""
    if time == "0 * * * *":
        return "every hour"
    if found := _AT.fullmatch(time):
        clock = f"{int(found[2]):02}:{int(found[1]):02}"
        return f"every day at {clock}" if found[3] == "*" else f"{_WEEKDAYS[int(found[3])]}s at {clock}"
    if found := _EVERY_MINUTES.fullmatch(time):
        return f"every {found[1]} minutes"
    if found := _EVERY_HOURS.fullmatch(time):
        return f"every {found[1]} hours"
    return f"`{time}`" if time.count(" ") == 4 else time
