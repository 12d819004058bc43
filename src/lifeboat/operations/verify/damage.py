"""From damaged packs and chunks to what a person would lose: snapshots, collections, files."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.errors import KeyTrouble, LifeboatError, RepositoryDamaged
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.names import At, typed
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader, StreamEntry
from lifeboat.repository.record import Record, show_time
from lifeboat.sources.files.manifest import decode
from lifeboat.storage.errors import ObjectArchived, ObjectMissing

NAMED_AT_MOST = 20
"""Files named for each snapshot and pack: enough to act on, and a page stays a page."""


@dataclass
class Damage:
    """What is broken, by pack: the chunks of it that cannot be had."""

    chunks: dict[At, set[bytes]] = field(default_factory=dict)
    remembered: set[At] = field(default_factory=set)
    """Found damaged by an earlier run and not read by this one: which chunks of it are bad is not known."""

    def add(self, pack: At, chunks: Iterable[bytes]) -> None:
        self.chunks.setdefault(pack, set()).update(chunks)


def name_snapshot(record: Record) -> str:
    """How a snapshot is called in findings."""
    return f"snapshot {record.snapshot[:8]} ({typed(record.source)}, {show_time(record.instant)[:16]}Z)"


class Consequences:
    """Says what damage hurts. Reads the lists of the affected snapshots once; needs the identity for more than their names.

    Asked for packs place by place it is fast: it holds the chunk tables of one place.

    Args:
        chunk_table: Of a snapshot's writer and place.
    """

    def __init__(
        self,
        repository: Repository,
        records: Iterable[Record],
        damage: Damage,
        chunk_table: Callable[[Record], ChunkTable],
    ) -> None:
        self._repository = repository
        self._records = list(records)
        self._damage = damage
        self._chunk_table = chunk_table
        self._tables: dict[tuple[str, str], ChunkTable] = {}
        self._lost: dict[tuple[str, str], set[bytes]] = {}
        self._named: dict[str, dict[bytes, list[str]]] = {}

    def of_pack(self, pack: At) -> tuple[str, ...]:
        """What is lost with this pack, one line for each snapshot."""
        bad = self._damage.chunks.get(pack, set())
        hurt = []
        for record in self._hurt_by.get(pack, ()):
            names = None if pack in self._damage.remembered else self._things(record, bad)
            if names is None:
                hurt.append(name_snapshot(record))
            elif names:
                hurt.append(f"{name_snapshot(record)}: {', '.join(names)}")
        return tuple(hurt)

    def lies_elsewhere(self, pack: At, chunks: Iterable[bytes]) -> bool:
        """Whether every one of these chunks also lies in a pack that is not damaged, for every snapshot that needs this pack: readers
        find it there, and nothing is lost.
        """
        hurt = self._hurt_by.get(pack)
        if not hurt:
            return False
        wanted = list(chunks)
        return all(
            any((pack[0], place.pack) not in self._damage.chunks for place in table.places(chunk))
            for table in {id(table): table for table in map(self._table, hurt)}.values()
            for chunk in wanted
        )

    def _table(self, record: Record) -> ChunkTable:
        key = (record.place, record.writer)
        if key not in self._tables:
            for other in [one for one in self._tables if one[0] != record.place]:
                del self._tables[other]
            self._tables[key] = self._chunk_table(record)
        return self._tables[key]

    def _things(self, record: Record, bad: set[bytes]) -> list[str] | None:
        """Collections or files of the snapshot with bad chunks; None when they cannot be told."""
        if self._repository.identity is None:
            return None
        if record.snapshot not in self._named:
            try:
                self._named[record.snapshot] = self._name_all(record)
            except ObjectArchived:
                return None
        known = self._named[record.snapshot]
        if b"" in known:
            return ["its lists: nothing of it can be restored"] if bad else None
        found = list(dict.fromkeys(name for chunk in bad for name in known.get(chunk, ())))
        if len(found) > NAMED_AT_MOST:
            return [*found[:NAMED_AT_MOST], f"and {len(found) - NAMED_AT_MOST} more"]
        return found

    def _name_all(self, record: Record) -> dict[bytes, list[str]]:
        """Every bad chunk of the snapshot with what it belongs to; the key ``b""`` says that its lists are broken."""
        known: dict[bytes, list[str]] = {}
        key = (record.place, record.writer)
        table = self._table(record)
        if key not in self._lost:
            self._lost[key] = self._without_another_copy(table, record.place)
        try:
            with SnapshotReader(self._repository, record, table) as reader:
                for stream in reader.streams().values():
                    for chunk, name in _belongings(reader, stream, self._lost[key]):
                        known.setdefault(chunk, []).append(name)
        except (RepositoryDamaged, KeyTrouble, ObjectMissing):
            known[b""] = []
        return known

    def _without_another_copy(self, table: ChunkTable, where: str) -> set[bytes]:
        """The bad chunks that no whole pack in the same place holds besides: only they are lost."""
        every = set().union(*self._damage.chunks.values())
        return {
            chunk
            for chunk in every
            if not any(chunk not in self._damage.chunks.get((where, place.pack), ()) for place in table.places(chunk))
        }

    @cached_property
    def _hurt_by(self) -> dict[At, list[Record]]:
        """The snapshots that need each damaged pack. The damage is complete when the first is asked for."""
        hurt: dict[At, list[Record]] = {pack: [] for pack in self._damage.chunks}
        damaged: dict[str, set[bytes]] = {}
        for where, name in hurt:
            damaged.setdefault(where, set()).add(name)
        for record in self._records:
            where = record.place
            for name in damaged.get(where, set()).intersection(record.packs):
                hurt[where, name].append(record)
        return hurt


def _belongings(reader: SnapshotReader, stream: StreamEntry, bad: set[bytes]) -> Iterator[tuple[bytes, str]]:
    for chunk, _ in reader.chunk_list(stream):
        if chunk in bad:
            yield chunk, _name_stream(stream.name)
    if stream.kind is Kind.LINES and stream.name.startswith("tree/"):
        for chunk, name in _files(reader, stream, bad):
            yield chunk, name


def _files(reader: SnapshotReader, stream: StreamEntry, bad: set[bytes]) -> Iterator[tuple[bytes, str]]:
    for chunk, _ in reader.chunk_list(stream):
        if chunk in bad:
            continue
        try:
            (block,) = reader.chunks([chunk], stream.kind)
        except LifeboatError:
            continue
        for line in block.splitlines(keepends=True):
            entry, pieces = decode(line)
            for piece, _, _ in pieces:
                if piece in bad:
                    yield piece, entry.path.decode("utf-8", "backslashreplace")


def _name_stream(name: str) -> str:
    if name.startswith("documents/"):
        return name.removeprefix("documents/").replace(".system.buckets.", ".", 1)
    return {"catalog": "the list of collections", "oplog": "what changed while it was read (all collections)"}.get(
        name, "the list of files" if name.startswith("tree/") else name
    )
