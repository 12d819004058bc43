"""Which objects a job reads, as far as that is known without reading them, and how those stand that lie in an archive class.

What is known from the catalog alone: the packs of each snapshot, and which of them hold its lists (roots, lists, lines of files; never mixed
with content). Which packs hold one collection or one file is said by the lists. Of the archive of changes the names say all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.clock import Clock, SystemClock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.value import Value
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.names import KEYS, SEGMENTS, Class, Source, pack_name, packs_prefix
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.segments import read_segment_name
from lifeboat.storage.archive import ArchivedObject, BringsBack
from lifeboat.storage.conformance.hooks import unwrapped
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import ObjectStore
from lifeboat.storage.retrying import patiently

_KIND_AT = 32
"""Where a row of a chunk table says what the chunk holds."""

Chosen = Callable[[SnapshotReader], Iterable[bytes]]
"""The chunks of content that a part of a snapshot needs, read from its lists."""


class Wanted(Value):
    """One snapshot that a job reads, whole or in part.

    Args:
        chosen: None for the whole.
    """

    record: Record
    chosen: Chosen | None = None


class WantedChanges(Value):
    """A stretch of the archive of changes. Args: after, until: None where it is not known."""

    after: ClusterTime | None
    until: ClusterTime | None

    def holds(self, name: str, modified: datetime) -> bool:
        stored = read_segment_name(name, 0, modified)
        if stored is None:
            return False
        return (self.after is None or stored.through >= self.after) and (
            self.until is None or stored.after <= self.until
        )


@dataclass
class Needed:
    """What of it lies in an archive class, by name."""

    objects: dict[str, ArchivedObject] = field(default_factory=dict)
    lists: dict[str, ArchivedObject] = field(default_factory=dict)
    """Those of them that hold the lists of a snapshot of which a part is wanted, and the keys."""
    all_for_a_part: bool = False
    """A part is wanted, and the lists that say where it lies cannot be read yet: all of its snapshot counts as needed."""


class ArchivedObjects:
    """What lies in archive classes, listed once for each prefix; nothing where the store has none."""

    def __init__(self, store: ObjectStore, clock: Clock) -> None:
        below = unwrapped(store)
        self._store = below if isinstance(below, BringsBack) else None
        self._clock = clock
        self._listed: dict[str, dict[str, ArchivedObject]] = {}

    @property
    def may_be_any(self) -> bool:
        return self._store is not None

    def under(self, prefix: str) -> Mapping[str, ArchivedObject]:
        """By name. Who may read and not list finds out by reading."""
        store = self._store
        if store is None:
            return {}
        if prefix not in self._listed:
            self._listed[prefix] = {}
            with suppress(StorageDenied):
                found = patiently(lambda: list(store.archived_under(prefix)), self._clock)
                self._listed[prefix] = {one.name: one for one in found}
        return self._listed[prefix]

    def packs_of(self, record: Record) -> dict[bytes, ArchivedObject]:
        """By name of the pack."""
        source, class_ = Source(record.source), Class(record.class_)
        listed = self.under(packs_prefix(source, class_, record.generation))
        named = ((pack, pack_name(source, class_, record.generation, pack.hex())) for pack in record.packs)
        return {pack: listed[name] for pack, name in named if name in listed} if listed else {}


def needed_objects(
    repository: Repository, wanted: Sequence[Wanted | WantedChanges], clock: Clock, now: datetime
) -> Needed:
    """How everything in an archive class stands that is wanted."""
    archived = ArchivedObjects(repository.store, clock)
    needed = Needed()
    for one in wanted if archived.may_be_any else ():
        if isinstance(one, WantedChanges):
            segments = archived.under(SEGMENTS).values()
            needed.objects |= {each.name: each for each in segments if one.holds(each.name, now)}
            keys = {f"{KEYS}{name.split('/')[2]}/" for name in needed.objects if name.startswith(SEGMENTS)}
        else:
            _add_snapshot(repository, one, archived.packs_of(one.record), needed, now)
            keys = {f"{KEYS}{one.record.generation}/"}
        for prefix in keys:
            needed.objects |= archived.under(prefix)
            needed.lists |= archived.under(prefix)
    return needed


def _add_snapshot(
    repository: Repository, wanted: Wanted, packs: dict[bytes, ArchivedObject], needed: Needed, now: datetime
) -> None:
    record = wanted.record
    if wanted.chosen is None or not packs:
        needed.objects |= {one.name: one for one in packs.values()}
        return
    key = (record.writer, record.generation, record.source, record.class_)
    table = repository.chunk_table(*key, first=frozenset(record.packs))
    lists = {pack: packs[pack] for pack in packs_with_lists(table) if pack in packs}
    needed.lists |= {one.name: one for one in lists.values()}
    if all(one.readable_until is not None and one.readable_until > now for one in lists.values()):
        with SnapshotReader(repository, record, table) as reader:
            places = (reader.place_of(chunk) for chunk in wanted.chosen(reader))
            meant = {place.pack for place in places if place is not None}
        packs = {pack: one for pack, one in packs.items() if pack in meant or pack in lists}
    else:
        needed.all_for_a_part = True
    needed.objects |= {one.name: one for one in packs.values()}


def away_under(store: ObjectStore, prefix: str, now: datetime) -> Iterator[ArchivedObject]:
    """What cannot be read before it is brought back."""
    for one in ArchivedObjects(store, SystemClock()).under(prefix).values():
        if one.readable_until is None or one.readable_until <= now:
            yield one


def packs_with_lists(table: ChunkTable) -> set[bytes]:
    """The packs that hold something else than content."""
    content = {int(Kind.CONTENT)}
    return {
        pack
        for number, (pack, _, _) in enumerate(table.packs())
        if set(table.rows_of(number)[_KIND_AT::ROW_BYTES]) != content
    }
