"""What people write for an instant: ``--at``, ``--from``, ``--to``. Pure.

The state *at* an instant is what was committed before the second that begins there: MongoDB's times have whole seconds and a number within
each. So the time of a disaster, as a log shows it, never lets the disaster in.
"""

import re
from datetime import UTC, datetime, timedelta

from lifeboat.foundation.cluster_time import ClusterTime, read_words
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value

NEWEST = "newest"
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s+ago")
_UNITS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
EXAMPLES = "such as 2026-11-26T14:03:27+03:00, '10 minutes ago', newest, or 1764123456.3 from `lifeboat timeline`"


class MomentUnclear(SettingsError):
    """An instant that cannot be read, has no time zone, or is still to come."""

    code = "moment-unclear"


class Moment(Value):
    """Args: goal: Up to and including this; None for the newest that is stored. text: as it was written."""

    goal: ClusterTime | None
    text: str


def read_moment(text: str, now: datetime) -> Moment:
    """Raises:
    MomentUnclear: It says nothing that can be meant.
    """
    written = " ".join(text.partition("@")[0].split())
    if written.lower() == NEWEST:
        return Moment(None, written)
    exactly = read_words(written)
    if exactly is not None:
        goal = exactly
    else:
        instant = _instant(written, now)
        if instant.timestamp() < 1:
            raise MomentUnclear(f"the time {text!r} lies before any database", EXAMPLES)
        if instant > now + timedelta(seconds=1):
            said = f"{text!r} is still to come: it is {now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} now"
            raise MomentUnclear(said, EXAMPLES)
        goal = ClusterTime(int(instant.timestamp()), 0)  # before the first write of that second
    return Moment(goal, written)


def writer_in(text: str | None) -> str | None:
    """The name behind an instant or operation (``newest@db1``): whose database is meant, where several machines store theirs."""
    return (text or "").partition("@")[2].strip() or None


def pinned(text: str, now: datetime) -> str:
    """What means the same however long somebody thinks about it: ``10 minutes ago`` as the instant that it is now; raises ``MomentUnclear``."""
    goal, (when, at, name) = read_moment(text, now).goal, text.partition("@")
    return text if goal is None or not when.rstrip().lower().endswith("ago") else f"{goal.words()}{at}{name}"


def read_operation(text: str) -> ClusterTime:
    """The time of an operation, as the archive's list of suspects gives it; whether there is one: ``find_suspects.before_op``.

    Raises:
        MomentUnclear: It is no such time.
    """
    operation = read_words(text.partition("@")[0])
    if operation is None:
        raise MomentUnclear(
            f"{text!r} names no operation",
            "`lifeboat timeline --suspects` lists them: the number in front, as 1764123456.3",
        )
    return operation


def _instant(written: str, now: datetime) -> datetime:
    ago = _AGO.fullmatch(written.lower())
    if ago is not None:
        unit = ago[2] if ago[2] in _UNITS else ago[2].removesuffix("s")
        if unit not in _UNITS:
            raise MomentUnclear(f"{written!r} has an unknown unit", "seconds, minutes, hours or days ago")
        try:
            return now - timedelta(seconds=float(ago[1]) * _UNITS[unit])
        except OverflowError:
            raise MomentUnclear(f"{written!r} lies before any database", EXAMPLES) from None
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        raise MomentUnclear(f"the time {written!r} cannot be read", f"write it {EXAMPLES}") from None
    if instant.tzinfo is None:
        what = f"the time {written!r} has no time zone, and an hour beside the disaster is the wrong hour"
        try:
            here = instant.astimezone().isoformat()
        except (ValueError, OverflowError):  # the first or the last day that there is
            raise MomentUnclear(what, EXAMPLES) from None
        raise MomentUnclear(what, f"in this machine's zone it is {here}; in UTC {written}Z")
    return instant
