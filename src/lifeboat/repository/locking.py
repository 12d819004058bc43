"""Until when an object is locked against deletion, told by its name alone; for stores with Object Lock, which know nothing of names.

A date follows from the generation in the name, never from this machine's clock: whoever writes the object again, copies it or checks it
comes to the same day, and no job has to renew anything. Segments of the archive belong to a window, not to a month: theirs counts from
the store's time. Keys, descriptions and scratch are never locked: deleting keys is how a generation is destroyed for good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lifeboat.repository.names import CATALOG, SEGMENTS, Class, Source, is_generation
from lifeboat.retention.periods import GRACE, LOCK, end_of

LONGEST_MONTH_DAYS = 31
SPARE_DAYS = 1
"""Between a limit and the longest lock that keeps to it: the store counts begun days."""
LEAST_DAYS = GRACE.days + 1
"""A shorter lock could be over before the last snapshot of its generation is stored."""


@dataclass(frozen=True, slots=True)
class LockPeriods:
    """How long locks last. Args: days: After the end of a generation. window_days: In which any moment of the archive is kept."""

    days: int = LOCK.days
    window_days: int = 7

    @property
    def longest_days(self) -> int:
        """No lock that we set is longer than this when it is set: what is, is a thief's."""
        return max(LONGEST_MONTH_DAYS + self.days, self.window_days + GRACE.days) + SPARE_DAYS

    def until(self, name: str, time_there: Callable[[], datetime]) -> datetime | None:
        """The day that the object of this name is locked until; None: it is not locked.

        Args:
            time_there: Asks for the store's time.
        """
        if name.startswith(SEGMENTS):
            return time_there() + timedelta(days=self.window_days) + GRACE
        generation = generation_in(name)
        if generation is None:
            return None
        until = end_of(generation) + timedelta(days=self.days)
        # What is said of an old month long afterwards, such as that it is to be forgotten, needs no lock any more.
        return until if until > time_there() else None


def generation_in(name: str) -> str | None:
    """The generation of a pack or of an object of a catalog; None for what belongs to no generation, keys included."""
    parts = name.split("/")
    if name.startswith(CATALOG):
        found = parts[2] if len(parts) == 4 else ""
    else:
        is_pack = len(parts) == 5 and parts[0] in list(Source) and parts[1] == "pack" and parts[2] in list(Class)
        found = parts[3] if is_pack else ""
    return found if is_generation(found) and 1 <= int(found[5:7]) <= 12 and int(found[:4]) > 0 else None
