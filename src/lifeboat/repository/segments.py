"""Segments of the archive: listed, opened, read; and which of them cover a stretch without a gap (docs/format.md, section 15).

Invariant: a change leaves this module only after its chunk was authenticated and re-identified, and its segment's statement was signed by the
writer in whose name it lies. A listing is believed about order and size alone.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.cluster_time import ClusterTime, read_hex
from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.foundation.sizes import KIB
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import ChunkMissing, ObjectDamaged, RetrievalNeeded
from lifeboat.repository.names import SEGMENTS, is_generation
from lifeboat.repository.objects import read_verified
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import open_row
from lifeboat.repository.segment_format import HEADER_BYTES, Statement, open_statement, read_front
from lifeboat.storage.errors import ObjectArchived, ObjectMissing

_NAME = re.compile(
    SEGMENTS + r"(?P<generation>[^/]+)/(?P<key>[0-9a-f]{64})/(?P<after>[0-9a-f]{16})-(?P<through>[0-9a-f]{16})"
    r"-(?P<chain>[0-9a-f]{16})-(?P<writer>[0-9a-f]{32})-(?P<sha256>[0-9a-f]{64})"
)
FIRST_READ_BYTES = 64 * KIB
"""Holds front, statement and summary of nearly every segment."""


class StoredSegment(Value):
    """A segment as its name tells. Args: data_key: name, 32 bytes; writer, sha256: hex; modified: by the store's clock."""

    name: str
    generation: str
    data_key: bytes
    after: ClusterTime
    through: ClusterTime
    chain: str
    writer: str
    sha256: str
    size_bytes: int
    modified: datetime

    @property
    def is_part(self) -> bool:
        """The beginning of a large transaction, which counts only as a part of the segment that names it."""
        return self.after == self.through


class Stretch(Value):
    """An unbroken run of one chain: every instant after ``after`` up to ``through`` is covered."""

    writer: str
    chain: str
    after: ClusterTime
    through: ClusterTime
    segments: tuple[StoredSegment, ...]
    """In order; they may overlap."""

    def covers(self, base: ClusterTime, goal: ClusterTime) -> bool:
        return self.after <= base and goal <= self.through

    def without(self, names: Collection[str]) -> "Stretch":
        """The same without some segments; it may then not be covered whole."""
        return replace(self, segments=tuple(one for one in self.segments if one.name not in names)) if names else self

    def between(self, base: ClusterTime, goal: ClusterTime) -> list[tuple[StoredSegment, ClusterTime]]:
        """The segments that hold what happened after ``base`` up to ``goal``, as few as do; with each the instant after which
        its changes count, because those before it were in an earlier one.

        Raises:
            ValueError: They are not covered.
        """
        needed: list[tuple[StoredSegment, ClusterTime]] = []
        reached, at = base, 0
        while reached < goal:
            best: StoredSegment | None = None
            while at < len(self.segments) and self.segments[at].after <= reached:
                if best is None or self.segments[at].through > best.through:
                    best = self.segments[at]
                at += 1
            if best is None or best.through <= reached:
                raise ValueError("not covered")
            needed.append((best, reached))
            reached = best.through
        return needed


def list_segments(repository: Repository) -> list[StoredSegment]:
    """All whose names are well formed, parts among them, by writer and order; raises ``StorageDenied``."""
    listed = repository.store.list_under(SEGMENTS)
    found = [one for each in listed if (one := read_segment_name(each.name, each.size_bytes, each.modified))]
    return sorted(found, key=lambda one: (one.writer, one.chain, one.after, one.through))


def stretches(segments: Iterable[StoredSegment]) -> list[Stretch]:
    """What they cover, gaps left out; by writer and time."""
    found: list[Stretch] = []
    whole = (one for one in segments if not one.is_part)
    in_order = sorted(whole, key=lambda one: (one.writer, one.chain, one.after, one.through))
    for (writer, chain), of_chain in groupby(in_order, lambda one: (one.writer, one.chain)):
        run: list[StoredSegment] = []
        reached = ClusterTime(0, 0)
        for one in of_chain:
            if run and one.after > reached:
                found.append(Stretch(writer, chain, run[0].after, reached, tuple(run)))
                run = []
            run.append(one)
            reached = max(reached, one.through)
        found.append(Stretch(writer, chain, run[0].after, reached, tuple(run)))
    return sorted(found, key=lambda one: (one.writer, one.after, one.through))


def read_segment_name(name: str, size_bytes: int, modified: datetime) -> StoredSegment | None:
    """What a name tells; None for one that is not a segment's."""
    found = _NAME.fullmatch(name)
    if found is None or not is_generation(found["generation"]):
        return None
    after, through = read_hex(found["after"]), read_hex(found["through"])
    if after > through:
        return None
    return StoredSegment(
        name,
        found["generation"],
        bytes.fromhex(found["key"]),
        after,
        through,
        found["chain"],
        found["writer"],
        found["sha256"],
        size_bytes,
        modified,
    )


class Segment:
    """A segment that was opened: its statement is checked, its content is read when it is asked for.

    Raises (``__init__``):
        ObjectDamaged, SealBroken: It is not what its writer stored. ChunkMissing: It is gone.
    """

    def __init__(self, repository: Repository, stored: StoredSegment, raw: bytes = b"") -> None:
        self.stored = stored
        self._repository = repository
        self._front_bytes = 0
        self._begin = raw
        self.statement = self._open()

    def summaries(self) -> Iterator[bytes]:
        """Of its parts in order, and its own."""
        for part in self.parts():
            yield part.summary()
        yield self.summary()

    def summary(self) -> bytes:
        """Of what it holds itself, without its parts: see ``operations/segment_summary.py``."""
        row = self.statement.row(0)
        begin = self._front_bytes + row.offset
        if begin + row.sealed_bytes <= len(self._begin):
            sealed = self._begin[begin : begin + row.sealed_bytes]
        else:
            sealed = self._read((begin, row.sealed_bytes))
        return self._open_row(0, sealed, Kind.SUMMARY)

    def blocks(self) -> Iterator[bytes]:
        """Its changes in order, some whole ones in a block; those of its parts first."""
        for part in self.parts():
            yield from part.own_blocks()
        yield from self.own_blocks()

    def parts(self) -> "Iterator[Segment]":
        """The beginning of the large transaction that it ends, each opened when it is asked for."""
        return map(self._part, self.statement.parts)

    def own_blocks(self) -> Iterator[bytes]:
        """What it holds itself, without its parts."""
        if self.statement.chunks == 1:
            return
        whole = len(self._begin) == self.stored.size_bytes
        raw = memoryview(self._begin if whole else self._read_whole())
        for number in range(1, self.statement.chunks):
            row = self.statement.row(number)
            begin = self._front_bytes + row.offset
            yield self._open_row(number, raw[begin : begin + row.sealed_bytes], Kind.EVENTS)

    def _open(self) -> Statement:
        stored, repository = self.stored, self._repository
        registration, secret = repository.registrations.get(stored.writer), repository.secrets.get(stored.writer)
        if registration is None or secret is None:
            raise ObjectDamaged(f"{stored.name} is of a writer whose catalog this key does not open")
        self._begin = self._begin or self._read((0, min(FIRST_READ_BYTES, stored.size_bytes)))
        front = read_front(self._begin, stored.name)
        self._front_bytes = HEADER_BYTES + front.statement_bytes
        if self._front_bytes > stored.size_bytes:
            raise ObjectDamaged(f"{stored.name} is cut", "see `lifeboat verify`")
        if front.writer.hex() != stored.writer or front.data_key_name != stored.data_key:
            raise ObjectDamaged(f"{stored.name} lies in another place than its own", "see `lifeboat verify`")
        if self._front_bytes > len(self._begin):
            self._begin = self._read((0, self._front_bytes))
        statement = open_statement(
            front,
            self._begin[HEADER_BYTES : self._front_bytes],
            secret.catalog_key,
            registration.signing_key,
            repository.id,
            stored.generation,
            stored.name,
        )
        if (statement.after.time, statement.through.time, statement.chain) != (
            stored.after,
            stored.through,
            stored.chain,
        ):
            raise ObjectDamaged(f"{stored.name} covers another stretch than its name says", "see `lifeboat verify`")
        return statement

    def _part(self, name: str) -> "Segment":
        try:
            raw = read_verified(self._repository.store, name)
        except ObjectMissing as error:
            raise _gone(name) from error
        except ObjectArchived as error:
            raise _archived(name) from error
        stored = read_segment_name(name, len(raw), self.stored.modified)
        if stored is None or not stored.is_part or stored.writer != self.stored.writer:
            raise ObjectDamaged(f"{self.stored.name} names a part that is none", "see `lifeboat verify`")
        part = Segment(self._repository, stored, raw)
        if part.statement.parts:
            raise ObjectDamaged(f"{name} is a part that has parts", "see `lifeboat verify`")
        return part

    def _read_whole(self) -> bytes:
        try:
            return read_verified(self._repository.store, self.stored.name)
        except ObjectMissing as error:
            raise _gone(self.stored.name) from error
        except ObjectArchived as error:
            raise _archived(self.stored.name) from error

    def _read(self, span: tuple[int, int]) -> bytes:
        try:
            return self._repository.store.read(self.stored.name, span)
        except ObjectMissing as error:
            raise _gone(self.stored.name) from error
        except ObjectArchived as error:
            raise _archived(self.stored.name) from error

    def _open_row(self, number: int, sealed: bytes | memoryview, kind: Kind) -> bytes:
        self._repository.need_identity()
        id_key = self._repository.writer_secret(self.stored.writer).id_key
        cipher = self._repository.data_key(self.stored.data_key, self.stored.generation)
        try:
            return open_row(self.statement.row(number), sealed, kind, cipher, id_key)
        except (RepositoryDamaged, ValueError) as error:
            raise ObjectDamaged(
                f"{self.stored.name}: {error}", "`lifeboat verify --level full` says what it hurts"
            ) from error


def _gone(name: str) -> ChunkMissing:
    return ChunkMissing(f"{name} is gone", "`lifeboat timeline` shows what can still be restored")


def _archived(name: str) -> RetrievalNeeded:
    return RetrievalNeeded(
        f"the archive of changes lies at least partly in an archive class and cannot be read yet ({name})",
        "`lifeboat retrieve db --at TIME` tells how long bringing it back takes and what it costs, and asks first",
    )
