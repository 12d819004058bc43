"""Which object is looked at next, and when to stop: least recently checked first, within bytes and minutes.

Order: what was never checked comes first (of that, what the newest snapshots need), then what was checked longest ago. What was found damaged is
looked at again before all that, but only every other turn: however much is damaged, the rotation goes on under any limit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import zip_longest

from lifeboat.foundation.value import Value
from lifeboat.operations.reports.checks import Rotation
from lifeboat.operations.verify.memory import NEVER, NEVER_OPENED, Checked, key_of
from lifeboat.operations.verify.told_packs import ToldPack
from lifeboat.repository.names import At
from lifeboat.repository.segments import StoredSegment

DAY_SECONDS = 86_400
RATE_WINDOW_SECONDS = 14 * DAY_SECONDS
"""The pace is what was read in this long: two weeks even out a missed night and a slow one."""


class Limits(Value):
    """How much one run may read. None: everything."""

    max_bytes: int | None = None
    max_seconds: float | None = None


NO_LIMITS = Limits()


class Unit(Value):
    """One stored object to be looked at."""

    name: str
    digest: bytes
    """The SHA-256 that its name states."""
    size_bytes: int
    indexed: ToldPack | None = None
    """For a pack that an index names."""
    segment: StoredSegment | None = None
    """For a segment of the archive that leads to a moment of the window."""
    can_be_opened: bool = False
    """There is an identity, and of a pack a snapshot that needs it."""
    preference: int = 0
    """Lower comes first among what was never checked."""

    @property
    def mark(self) -> bytes | None:
        """What the memory notes of it once it was opened; None for what is never opened."""
        if self.segment is not None:
            return sha256(self.name.encode()).digest()[:8]
        return None if self.indexed is None else self.indexed.fingerprint

    @property
    def key(self) -> bytes:
        """Under what the memory has it."""
        return key_of(self.name)

    @property
    def at(self) -> At:
        """Of a pack."""
        return self.name[:-64], self.digest

    @property
    def is_pack(self) -> bool:
        return self.name.split("/", 2)[1:2] == ["pack"]


def as_it_counts(unit: Unit, last: Checked, now_seconds: int) -> Checked:
    """The last check as it counts for this unit: a hash alone does not count where chunks can be opened, nor does a check from the future."""
    if last.damaged:
        return last
    if last.seconds > now_seconds + DAY_SECONDS or (unit.can_be_opened and not is_opened(unit, last)):
        return NEVER
    return last


def is_opened(unit: Unit, last: Checked) -> bool:
    """Whether every chunk was opened: of a pack by the chunk table that the index states now, of a segment under the name it has now."""
    return not last.damaged and last.opened != NEVER_OPENED and last.opened == unit.mark


def in_order(units: Sequence[Unit], last: Callable[[Unit], Checked]) -> list[Unit]:
    """The units as they are due.

    Args:
        last: The last check of a unit as it counts (``as_it_counts``).
    """
    damaged: list[tuple[tuple[int, int, bytes], Unit]] = []
    others: list[tuple[tuple[int, int, bytes], Unit]] = []
    for unit in units:
        checked = last(unit)
        key = (checked.seconds, 0 if checked.seconds else unit.preference, unit.digest)
        (damaged if checked.damaged else others).append((key, unit))
    for some in (damaged, others):
        some.sort(key=lambda pair: pair[0])
    turns = [damaged, others]
    if damaged and others and damaged[-1][0][0] > others[-1][0][0]:
        turns.reverse()  # the last look was at damage: a limit that lets one object through must not stop the rotation
    return [pair[1] for pairs in zip_longest(*turns) for pair in pairs if pair is not None]


def beside_each_other(some: Sequence[Unit], others: Sequence[Unit]) -> list[Unit]:
    """Two orders made one in which both get on at the same rate by bytes: what comes in every minute must not keep old packs waiting for ever."""
    all_some, all_others = sum(one.size_bytes for one in some) or 1, sum(one.size_bytes for one in others) or 1
    merged: list[Unit] = []
    taken_some = taken_others = at = 0
    for unit in some:
        while at < len(others) and taken_others * all_some < taken_some * all_others:
            merged.append(others[at])
            taken_others += others[at].size_bytes
            at += 1
        merged.append(unit)
        taken_some += unit.size_bytes
    return [*merged, *others[at:]]


class Stopping:
    """Says when a run has read enough. It always takes one object, so that every run gets on.

    Args:
        monotonic: Seconds that only go forward.
        began: What ``monotonic`` said when the command began.
    """

    def __init__(self, limits: Limits, monotonic: Callable[[], float], began: float) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._began = began
        self._taken_bytes = 0
        self._taken = 0
        self.stopped_by: str | None = None
        """``bytes`` or ``minutes``, once a limit ended the run with something left."""

    def allowed(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """The units until the next would pass a limit. One that alone is larger passes alone."""
        for unit in units:
            if self._is_enough(unit):
                return
            self._taken += 1
            self._taken_bytes += unit.size_bytes
            yield unit

    def _is_enough(self, unit: Unit) -> bool:
        limits = self._limits
        if not self._taken:
            return False
        if limits.max_bytes is not None and self._taken_bytes + unit.size_bytes > limits.max_bytes:
            self.stopped_by = "bytes"
        elif limits.max_seconds is not None and self._monotonic() - self._began >= limits.max_seconds:
            self.stopped_by = "minutes"
        return self.stopped_by is not None


def rotation(units: Sequence[Unit], last: Callable[[Unit], Checked], checked: set[str], now_seconds: int) -> Rotation:
    """Count where the rotation stands after a run.

    Args:
        checked: Names of what this run looked at.
    """
    packs = [(unit, last(unit)) for unit in units if unit.is_pack]
    ages = [max(0, now_seconds - one.seconds) for _, one in packs if one.seconds]
    total_bytes = sum(unit.size_bytes for unit, _ in packs)
    now_bytes = sum(unit.size_bytes for unit, _ in packs if unit.name in checked)
    return Rotation(
        packs=len(packs),
        bytes=total_bytes,
        checked_packs=sum(unit.name in checked for unit, _ in packs),
        checked_bytes=now_bytes,
        never_checked_packs=len(packs) - len(ages),
        damaged_packs=sum(one.damaged for _, one in packs),
        oldest_check_seconds=max(ages) if len(ages) == len(packs) and ages else None,
        days_for_all=None if now_bytes == total_bytes else _days_for_all(packs, now_seconds),
    )


def _days_for_all(packs: Sequence[tuple[Unit, Checked]], now_seconds: int) -> float | None:
    ages = [(max(0, now_seconds - one.seconds), unit.size_bytes) for unit, one in packs if one.seconds]
    recent = [(age, size) for age, size in ages if age < RATE_WINDOW_SECONDS]
    read_bytes = sum(size for _, size in recent)
    if not read_bytes:
        return None
    # A first night counts as one day: who types the command once learns what a night of it is worth.
    span = min(RATE_WINDOW_SECONDS, max(age for age, _ in recent) + DAY_SECONDS)
    total_bytes = sum(unit.size_bytes for unit, _ in packs)
    return total_bytes / (read_bytes / (span / DAY_SECONDS))
