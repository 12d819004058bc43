"""Until when an object is locked against deletion, told by its name; for stores with Object Lock, which know nothing of names.

A date follows from the generation in the name, never from this machine's clock: whoever writes the object again, copies it or checks it
comes to the same day. Segments of the archive belong to a window, not to a month: theirs counts from the store's time. What describes the
repository is needed by every generation, and so is the ledger, without which a restore could bring back who was erased: they are locked as
long as what is stored now, and the first backup of a month goes on with that (``operations/hold_locks.py``).

Invariant: as long as a snapshot's packs are locked, so is everything else that its restore needs. Scratch is never locked.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from lifeboat.foundation.value import Value
from lifeboat.repository.names import CATALOG, CONFIG, KEYS, LEDGER, PROBES, SEGMENTS, Class, Source, is_generation
from lifeboat.retention.periods import GRACE, LOCK, generation_of, lock_end

LONGEST_MONTH_DAYS = 31
SPARE_DAYS = 1
"""Between a limit and the longest lock that keeps to it: the store counts begun days."""
LEAST_DAYS = GRACE.days + 1
"""A shorter lock could be over before the last snapshot of its generation is stored."""


class LockPeriods(Value):
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
        if name.startswith(PROBES):
            return None
        now = time_there()
        if name.startswith(SEGMENTS):
            return now + timedelta(days=self.window_days) + GRACE
        generation = generation_in(name) or (generation_of(now) if _describes(name) else None)
        until = lock_end(generation, self.days) if generation is not None else None
        # What is said of an old month long afterwards, such as that it is to be forgotten, needs no lock any more.
        return until if until is not None and until > now else None


def generation_in(name: str) -> str | None:
    """The generation of a key, a pack or an object of a catalog; None for what belongs to none."""
    parts = name.split("/")
    found = ""
    if name.startswith(KEYS) and len(parts) == 3:
        found = parts[1]
    elif name.startswith(CATALOG) and len(parts) == 4:
        found = parts[2]
    elif len(parts) == 5 and parts[0] in list(Source) and parts[1] == "pack" and parts[2] in list(Class):
        found = parts[3]
    return found if is_generation(found) else None


def _describes(name: str) -> bool:
    """Whether it is the description, a registration, part of the rescue kit, or an entry of the ledger."""
    return name.startswith((CONFIG, LEDGER)) and name.count("/") == 1
