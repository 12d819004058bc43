"""How times, spans and sizes are said on the pages; filters of the templates."""

import re
from datetime import datetime, timedelta

from markupsafe import Markup, escape

from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.repository.names import typed


def moment(at: datetime | None) -> str:
    """``2026-11-26 05:02 CET``."""
    if at is None:
        return "never"
    local = at.astimezone()
    return f"{local:%Y-%m-%d %H:%M} {local:%Z}".rstrip()


def short(at: datetime | None, now: datetime) -> str:
    """``today 05:02``, ``Sun 22 Nov 14:05``: enough to find it."""
    if at is None:
        return "never"
    local, today = at.astimezone(), now.astimezone()
    if local.date() == today.date():
        return f"today {local:%H:%M}"
    if local.date() == today.date() + timedelta(days=1):
        return f"tomorrow {local:%H:%M}"
    return f"{local:%a %d %b %H:%M}" if local.year == today.year else f"{local:%Y-%m-%d %H:%M}"


def ago(at: datetime | None, now: datetime) -> str:
    """``12 min ago``, ``in 3 h``."""
    if at is None:
        return "never"
    return age((now - at).total_seconds())


def age(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    if -5 < seconds < 5:
        return "just now"
    return f"{_one_unit(seconds)} ago" if seconds > 0 else f"in {_one_unit(-seconds)}"


def span(seconds: float | None) -> str:
    """``3 min 20 s``; of what somebody set ``1 h``, ``1 d``."""
    if seconds is None:
        return "not known"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    said = f"{seconds:.0f} s" if seconds < 60 and seconds == int(seconds) else show_seconds(seconds)
    for nothing in (" 0 s", " 0 min", " 0 h"):
        said = said.removesuffix(nothing)
    return said


def size(count: float | None) -> str:
    return "not known" if count is None else show_bytes(count)


def weekday(at: datetime) -> str:
    return f"{at.astimezone():%a}"


def monthday(at: datetime) -> str:
    return f"{at.astimezone():%d}"


def hour(at: datetime) -> str:
    return f"{at.astimezone():%H:%M}"


def date(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d}"


def clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"


def sentence(text: object) -> str:
    """What findings and alerts say is lower-case and has no full stop; a line of its own begins large."""
    words = " ".join(str(text or "").split())
    # Only a word: an address, a path or a name stays what it is, and a secret is still found in it.
    return words[:1].upper() + words[1:] if _WORD.match(words) else words


def times(text: str) -> str:
    """Five fields of cron as people say them, where they are simple; else as they are."""
    fields = text.split()
    if len(fields) != 5:
        return text
    minute, hour, *rest = fields
    if rest == ["*", "*", "*"]:
        if minute.isdigit() and hour.isdigit():
            return f"every day at {int(hour):02}:{int(minute):02}"
        if minute.isdigit() and hour == "*":
            return "every hour" if minute == "0" else f"every hour at :{int(minute):02}"
        if minute.startswith("*/") and hour == "*":
            return f"every {minute[2:]} minutes"
        if minute.isdigit() and hour.startswith("*/"):
            return f"every {hour[2:]} hours"
    if rest[:2] == ["*", "*"] and rest[2] in ("0", "7") and minute.isdigit() and hour.isdigit():
        return f"Sundays at {int(hour):02}:{int(minute):02}"
    return f"cron {text}"


def prose(text: object) -> Markup:
    """The same for the page, with what is to be typed set apart: hints put it between back-ticks, or are a command and nothing else."""
    words = str(text or "") if str(text or "").startswith("lifeboat ") else sentence(text)
    if words.startswith("lifeboat ") and "`" not in words:
        return Markup("<code>{}</code>").format(words)
    parts = words.split("`")
    whole = parts if len(parts) % 2 else [words]
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if n % 2 else escape(one) for n, one in enumerate(whole)
    )


_WORD = re.compile(r"[a-z']+[,.;:!?]?(?: |$)")

FILTERS = {
    "times": times,
    "moment": moment,
    "short": short,
    "ago": ago,
    "age": age,
    "span": span,
    "size": size,
    "weekday": weekday,
    "monthday": monthday,
    "hour": hour,
    "date": date,
    "clock": clock,
    "sentence": sentence,
    "prose": prose,
    "typed": typed,
}


def _one_unit(seconds: float) -> str:
    for unit, length, enough in (("d", 86400, 2 * 86400), ("h", 3600, 2 * 3600), ("min", 60, 60)):
        if seconds >= enough:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"
