"""What a look at a repository found, and how it is told: findings once, and what hangs on what is damaged."""

from collections.abc import Callable
from dataclasses import dataclass, field
from sys import intern

from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.verify.damage import Damage
from lifeboat.operations.verify.told_packs import ToldPacks
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.names import At
from lifeboat.repository.record import Record
from lifeboat.repository.segments import StoredSegment
from lifeboat.storage.errors import ObjectMissing

DAMAGE = (RepositoryDamaged, ObjectMissing)
"""What says that something is wrong with what is stored, and not only that it cannot be read from here."""


@dataclass
class Structure:
    """What a look at the structure found; content checks go on from here."""

    packs: ToldPacks
    """Every pack that an index names, by the place where it lies: what the index says of it."""
    findings: list[Finding] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    closed_indexes: dict[tuple[str, str], list[LifeboatError]] = field(default_factory=dict)
    """Why indexes could not be opened, by writer and generation."""
    damage: Damage = field(default_factory=Damage)
    damaged_objects: set[str] = field(default_factory=set)
    """Already reported by name, so that reading it again need not."""
    disputed: set[At] = field(default_factory=set)
    """Packs of which two indexes say different things."""
    bad_keys: set[str] = field(default_factory=set)
    """Wrapped data keys (names of objects) that are gone or damaged: nothing sealed under them can be read."""
    foreign_keys: set[str] = field(default_factory=set)
    """Those that the identity at hand cannot open, though nothing says that they are damaged: not wrapped for it."""
    unsound: set[str] = field(default_factory=set)
    """Records (names of objects) of which not everything could be looked at, or not everything is there."""
    broken: set[str] = field(default_factory=set)
    """Those of them that lack something, or have it damaged."""
    away: set[str] = field(default_factory=set)
    """Names of what lies in an archive class and cannot be read now: known by name and size alone, which is no damage."""
    rest_days: dict[str, int] = field(default_factory=dict)
    """Names of packs in classes where each reading is billed by the GB: how long a turn leaves them alone."""
    segments: list[StoredSegment] = field(default_factory=list)
    """Of the archive, as far as they lead to moments of the window."""
    was_removed: Callable[[str], bool] = lambda name: False
    """Whether what was listed and is missing may have been removed by a prune that was at work meanwhile."""

    def records_by_place(self) -> dict[str, list[Record]]:
        """The snapshots by where their packs lie."""
        of_place: dict[str, list[Record]] = {}
        for record in self.records:
            of_place.setdefault(intern(record.place), []).append(record)
        return of_place

    def chunk_table(self, record: Record) -> ChunkTable:
        """As ``Repository.chunk_table`` for the snapshot, of what was read already."""
        table = self.packs.chunk_table(record.place, record.writer)
        table.passed_over += self.closed_indexes.get((record.writer, record.generation), [])
        return table


def damaged(found: Structure, name: str, error: LifeboatError, hurts: tuple[str, ...] = ()) -> None:
    """Report an object once; none that prune removed since it was listed."""
    if name in found.damaged_objects or (isinstance(error, ObjectMissing) and found.was_removed(name)):
        return
    found.damaged_objects.add(name)
    found.findings.append(Finding(Level.PROBLEM, error.code, name, error.message, error.hint, hurts))


def breaks(found: Structure, record: Record) -> None:
    """Note that a snapshot lacks something it needs."""
    found.unsound.add(record.object_name)
    found.broken.add(record.object_name)


def report(found: Structure, name: str, code: str, message: str, hurts: tuple[str, ...] = ()) -> None:
    """Add a finding about something that a person would miss."""
    found.findings.append(
        Finding(Level.PROBLEM, code, name, message, "is there an older version or a replica of it?", hurts)
    )
