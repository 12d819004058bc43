"""What lies in the repository, gathered from a listing while it passes by, and what becomes of it. Pure.

Memory: one row for each place, day, storage class and kind of size, however many objects there are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from lifeboat.cloud.cost.cohort import Cohort, Policy, cohort_of
from lifeboat.cloud.cost.coming import DAY, long_ends, short_ends
from lifeboat.cloud.lifecycle.rules import SMALL_BYTES
from lifeboat.repository.names import SEGMENTS, Class
from lifeboat.retention.rules import Rules
from lifeboat.storage.object_store import StoredObject

_Row = tuple[str, date, str, bool]


@dataclass(slots=True)
class Lying:
    """Bytes and objects by place, day, storage class, and whether an age rule finds them too small."""

    rows: dict[_Row, list[int]] = field(default_factory=dict)
    segments_by_day: dict[date, list[int]] = field(default_factory=dict)

    def add(self, stored: StoredObject) -> None:
        day = stored.modified.astimezone(UTC).date()
        row = (_place(stored.name), day, stored.storage_class, stored.size_bytes < SMALL_BYTES)
        _count(self.rows.setdefault(row, [0, 0]), stored)
        if stored.name.startswith(SEGMENTS):
            _count(self.segments_by_day.setdefault(day, [0, 0]), stored)

    def by_class(self) -> dict[str, tuple[int, int]]:
        """Bytes and objects by storage class."""
        found: dict[str, tuple[int, int]] = {}
        for (_, _, storage_class, _), (size, count) in self.rows.items():
            before = found.get(storage_class, (0, 0))
            found[storage_class] = (before[0] + size, before[1] + count)
        return found

    @property
    def all_bytes(self) -> int:
        return sum(size for size, _ in self.rows.values())

    def cohorts(self, policy: Policy, rules: Rules, now: datetime, prefix: str = "") -> Iterator[Cohort]:
        """With what is still to become of them; ``prefix`` is empty or ends in a slash."""
        for (place, day, storage_class, _), (size, count) in self.rows.items():
            yield cohort_of(
                policy,
                prefix + place,
                size / count,
                count,
                datetime.combine(day, time(), UTC),
                _ends(place, day, rules, now),
                storage_class=storage_class,
                not_before=now,
            )


def gather(listing: Iterable[StoredObject]) -> Lying:
    found = Lying()
    for stored in listing:
        found.add(stored)
    return found


def _count(sums: list[int], stored: StoredObject) -> None:
    sums[0] += stored.size_bytes
    sums[1] += 1


def _place(name: str) -> str:
    """Packs by source, class and generation; everything else by its first folder."""
    parts = name.split("/")
    if len(parts) == 5 and parts[1] == "pack":
        return "/".join(parts[:4]) + "/"
    return SEGMENTS if name.startswith(SEGMENTS) else f"{parts[0]}/"


def _ends(place: str, day: date, rules: Rules, now: datetime) -> datetime | None:
    """When prune deletes what lies there; what is overdue goes tomorrow."""
    parts = place.split("/")
    try:
        if len(parts) == 5:
            ends = (short_ends if parts[2] == Class.SHORT else long_ends)(parts[3], rules)
        elif place == SEGMENTS:
            ends = datetime.combine(day, time(), UTC) + rules.window + 2 * DAY
        else:
            return None
    except ValueError:
        return None  # a name of somebody else's: it stays
    return max(ends, now + DAY)
