"""When a generation ends, when it takes no more commits, and until when what nobody has proved is kept in it."""

from datetime import UTC, datetime, timedelta

GRACE = timedelta(days=7)
"""A generation is closed this long after its month; a forgotten snapshot can be taken back as long."""
LOCK = timedelta(days=35)
"""After the end of its month, where nothing else is set: until then a snapshot that nobody has proved is not forgotten, and an Object
Lock holds it.
"""
SAFETY = timedelta(days=30)
"""How long the copy of what was there before a restore is kept."""


def generation_of(moment: datetime) -> str:
    """The generation that a run belongs to which begins at this moment of the store's clock."""
    at = moment.astimezone(UTC)
    return f"{at.year:04d}-{at.month:02d}"


def generation_before(generation: str) -> str:
    """The month before. Raises ``ValueError``."""
    begin = begin_of(generation)
    if (begin.year, begin.month) == (1, 1):
        raise ValueError("there is no month before it")
    return generation_of(begin - timedelta(days=1))


def begin_of(generation: str) -> datetime:
    """The first instant of a generation's month; ``generation`` is ``YYYY-MM``, perhaps with ``.2`` behind it. Raises ``ValueError``."""
    return datetime(int(generation[:4]), int(generation[5:7]), 1, tzinfo=UTC)


def end_of(generation: str) -> datetime:
    """The first instant after its month. Raises ``ValueError``."""
    begin = begin_of(generation)
    if (begin.year, begin.month) == (9999, 12):
        return datetime.max.replace(tzinfo=UTC) - timedelta(days=366)
    return datetime(begin.year + begin.month // 12, begin.month % 12 + 1, 1, tzinfo=UTC)


def closes(generation: str) -> datetime:
    """From then on nothing is committed into it. Raises ``ValueError``."""
    return end_of(generation) + GRACE


def lock_end(generation: str, days: int = LOCK.days) -> datetime:
    """Until then what nobody has proved is kept, and an Object Lock holds. Raises ``ValueError``."""
    end = end_of(generation)
    # A thief may name a month at the end of time: it must not stop prune.
    return end + min(timedelta(days=days), datetime.max.replace(tzinfo=UTC) - end)
