"""Content out of a snapshot, every byte authenticated.

Invariant: a chunk leaves this module only after its tag was checked, it unpacked to exactly its stated length, and its id was recomputed with the
writer's secret. What fails raises; nothing wrong is ever handed on.

Chunks that lie near each other in a pack are fetched by one read, in whatever order they are wanted (threads sealed them side by side: neighbours
of a file are rarely in its order), and opened in threads, some windows ahead of who consumes them; the bytes that wait are bounded.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.compression.zstd import decompress
from lifeboat.crypto.identity import from_base64
from lifeboat.crypto.sealing import (
    LARGEST_CHUNK_BYTES,
    SEALED_EXTRA_BYTES,
    Compression,
    Kind,
    SealBroken,
    chunk_id,
    open_chunk,
)
from lifeboat.foundation.errors import KeyTrouble, RepositoryDamaged
from lifeboat.foundation.sizes import KIB, MIB
from lifeboat.foundation.value import Value
from lifeboat.repository.chunk_table import ChunkTable, Place
from lifeboat.repository.errors import ChunkMissing, ObjectDamaged, lies_in_archive
from lifeboat.repository.names import Class, Source, key_name, pack_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import Row
from lifeboat.repository.record import Record
from lifeboat.storage.errors import ObjectArchived, ObjectMissing, ObjectTooShort, TierArchived
from lifeboat.storage.far import is_far

SPAN_BYTES = 8 * MIB
"""One read at most: large enough that 50 ms there and back cost little, small enough that several fit in memory."""
WINDOW_BYTES = 16 * MIB
"""Of what is wanted next, looked at together for what lies side by side."""
GAP_BYTES = 256 * KIB
"""What lies between two wanted chunks is read with them up to here: at 100 MB/s it takes less than asking once more."""
BEFORE_ROOT_BYTES = 256 * KIB
AHEAD_BYTES = 48 * MIB
READERS = 4
FAR_READERS = 12
"""While one of them waits for 50 ms, the others bring what two cores open in that time."""
LIST_ROW_BYTES = 36


_Read = tuple[list[int], Future[list[bytes]]]
"""Positions within a window, and the read that brings what lies there."""


class StreamEntry(Value):
    """One stream of a snapshot, as its root names it."""

    name: str
    total_bytes: int
    chunks: int
    kind: Kind
    lists: tuple[bytes, ...]


class ChunkOpener:
    """Opens single sealed chunks of one snapshot's writer, source, class and generation."""

    def __init__(self, repository: Repository, record: Record) -> None:
        repository.need_identity()
        self._repository = repository
        self._record = record
        self._id_key = repository.writer_secret(record.writer).id_key

    def pack_object(self, pack: bytes) -> str:
        """The object's name of a pack beside the snapshot's."""
        record = self._record
        return pack_name(Source(record.source), Class(record.class_), record.generation, pack.hex())

    def open(self, place: Place, sealed: bytes | memoryview, kind: Kind) -> bytes:
        """Authenticate, unpack and re-identify one sealed chunk; raises ``RepositoryDamaged`` kinds naming its pack."""
        try:
            cipher = self._repository.data_key(place.data_key_name, self._record.generation)
            return open_row(place.row, sealed, kind, cipher, self._id_key)
        except ObjectMissing as error:
            raise SealBroken(
                f"{self.pack_object(place.pack)}: the data key it was sealed with is gone",
                "`lifeboat verify --level structure` says what it hurts",
            ) from error
        except ObjectArchived as error:
            key = key_name(self._record.generation, place.data_key_name.hex())
            raise lies_in_archive(self._record.snapshot, key) from error
        except (RepositoryDamaged, ValueError) as error:
            raise SealBroken(
                f"{self.pack_object(place.pack)}: {error}", "`lifeboat verify --level full` says what it hurts"
            ) from error


def open_row(row: Row, sealed: bytes | memoryview, kind: Kind, cipher: AESGCM, id_key: bytes) -> bytes:
    """Authenticate, unpack and re-identify one sealed chunk; raises ``RepositoryDamaged`` kinds and ``ValueError``."""
    if row.kind != kind:
        raise SealBroken(f"chunk {row.chunk.hex()[:16]} is of kind {row.kind} where {int(kind)} is wanted")
    if row.plain_bytes > LARGEST_CHUNK_BYTES:
        raise SealBroken(f"chunk {row.chunk.hex()[:16]} states {row.plain_bytes} bytes")
    compression = Compression(row.compression)
    plain = open_chunk(cipher, kind, compression, row.chunk, row.plain_bytes, sealed)
    if compression is Compression.ZSTD:
        plain = decompress(plain, row.plain_bytes)
    if len(plain) != row.plain_bytes or chunk_id(id_key, kind, plain) != row.chunk:
        raise SealBroken(f"chunk {row.chunk.hex()[:16]} opens, but is not what its id says")
    return plain


class SnapshotReader:
    """Reads one snapshot. Use as a context manager. Iterators of one reader may run in several threads.

    Args:
        table: Where the chunks are, if the caller has it already (several snapshots of one generation share it).
    """

    def __init__(self, repository: Repository, record: Record, table: ChunkTable | None = None) -> None:
        self.record = record
        self._repository = repository
        self._opener = ChunkOpener(repository, record)
        if table is None:
            table = repository.chunk_table(
                record.writer, record.generation, record.source, record.class_, first=frozenset(record.packs)
            )
        self.table = table
        self._pool = ThreadPoolExecutor(FAR_READERS if is_far(repository.store) else READERS, thread_name_prefix="open")
        self._root: dict[str, Any] | None = None
        self._named = frozenset(record.packs)
        self._before_root: tuple[str, int, bytes] | None = None

    def place_of(self, chunk: bytes) -> Place | None:
        """Where the chunk lies in a pack that the record names; None when it does not: what is not named will be pruned."""
        place = self.table.find(chunk)
        if place is None or place.pack in self._named:
            return place
        return next((other for other in self.table.places(chunk) if other.pack in self._named), None)

    def __enter__(self) -> "SnapshotReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def root(self) -> dict[str, Any]:
        """The root's JSON: streams, details, findings."""
        if self._root is None:
            plain = next(self.chunks([self.record.root], Kind.ROOT))
            try:
                self._root = json.loads(plain)
                if not isinstance(self._root, dict):
                    raise ValueError("not an object")
            except (ValueError, RecursionError) as error:
                raise ObjectDamaged(f"the root of snapshot {self.record.snapshot[:8]} is not JSON") from error
        return self._root

    @property
    def details(self) -> dict[str, Any]:
        """What the source itself wrote into the root."""
        details = self.root.get("details", {})
        if not isinstance(details, dict):
            raise ObjectDamaged(f"the root of snapshot {self.record.snapshot[:8]} has no details")
        return details

    def streams(self) -> dict[str, StreamEntry]:
        """The streams of the snapshot by name, in their order."""
        try:
            return {one.name: one for one in map(_stream_entry, self.root["streams"])}
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ObjectDamaged(f"the root of snapshot {self.record.snapshot[:8]} has no streams") from error

    def chunk_list(self, stream: StreamEntry) -> Iterator[tuple[bytes, int]]:
        """``(chunk id, plain bytes)`` of the stream's chunks in order; raises when they are not as many as the root says."""
        count = total_bytes = 0
        for rows in self.chunks(stream.lists, Kind.LIST):
            if len(rows) % LIST_ROW_BYTES:
                raise ObjectDamaged(f"a chunk list of {stream.name} is not whole rows")
            for start in range(0, len(rows), LIST_ROW_BYTES):
                plain_bytes = int.from_bytes(rows[start + 32 : start + 36], "big")
                count, total_bytes = count + 1, total_bytes + plain_bytes
                yield rows[start : start + 32], plain_bytes
        self.refuse_other_totals(stream, count, total_bytes)

    def refuse_other_totals(self, stream: StreamEntry, count: int, total_bytes: int) -> None:
        """Raise ``ObjectDamaged`` when the lists of a stream do not come to what the root says."""
        if (count, total_bytes) != (stream.chunks, stream.total_bytes):
            raise ObjectDamaged(
                f"{stream.name} has {total_bytes} bytes in {count} chunks, and the root of snapshot "
                f"{self.record.snapshot[:8]} says {stream.total_bytes} in {stream.chunks}"
            )

    def stream(self, stream: StreamEntry) -> Iterator[bytes]:
        """The stream's content, chunk by chunk."""
        return self.chunks((chunk for chunk, _ in self.chunk_list(stream)), stream.kind)

    def lines(self, stream: StreamEntry) -> Iterator[bytes]:
        """The stream's lines, each with its newline."""
        for block in self.stream(stream):
            yield from block.splitlines(keepends=True)

    def chunks(self, wanted: Iterable[bytes], kind: Kind) -> Iterator[bytes]:
        """The plain bytes of chunks, in the order they are wanted.

        Raises:
            ChunkMissing: No index knows a chunk, or its pack is gone.
            RetrievalNeeded: A pack lies in an archive class.
            SealBroken, Decompressed: Stored bytes are not what was written. Names pack and chunk.
        """
        ahead: deque[tuple[int, list[_Read]]] = deque()
        waiting_bytes = 0
        for window in chain(self._windows(wanted), [None]):
            while ahead and (window is None or waiting_bytes + _plain_bytes(window) > AHEAD_BYTES):
                count, reads = ahead.popleft()
                waiting_bytes -= count
                yield from _in_order(reads)
            if window is not None:
                waiting_bytes += _plain_bytes(window)
                ahead.append((_plain_bytes(window), [self._read_ahead(window, at, kind) for at in _neighbours(window)]))

    def _read_ahead(self, window: list[Place], positions: list[int], kind: Kind) -> _Read:
        return positions, self._pool.submit(self._open_span, [window[at] for at in positions], kind)

    def _windows(self, wanted: Iterable[bytes]) -> Iterator[list[Place]]:
        """Where the wanted chunks lie, in their order, as many at a time as come to ``WINDOW_BYTES``."""
        window: list[Place] = []
        window_bytes = 0
        for chunk in wanted:
            place = self.table.find(chunk)
            if place is None:
                for cause in self.table.passed_over:
                    raise cause
                raise ChunkMissing(
                    f"no index knows chunk {chunk.hex()[:16]}, which snapshot {self.record.snapshot[:8]} needs",
                    "`lifeboat verify --level structure` says what is missing",
                )
            size = max(place.row.plain_bytes, place.row.sealed_bytes)
            if window and window_bytes + size > WINDOW_BYTES:
                yield window
                window, window_bytes = [], 0
            window.append(place)
            window_bytes += size
        if window:
            yield window

    def _open_span(self, span: list[Place], kind: Kind) -> list[bytes]:
        try:
            return self._read_and_open(span, kind)
        except (RepositoryDamaged, KeyTrouble):
            self._before_root = None
            return [self._open_wherever(place, kind) for place in span]

    def _stored(self, name: str, begin: int, end: int, kind: Kind) -> bytes:
        """These bytes of a pack. What was stored right before the root (its lists, the manifest of files) comes with it: that is asked for next."""
        known = self._before_root
        if known is not None and known[0] == name and known[1] <= begin and end <= known[1] + len(known[2]):
            return known[2][begin - known[1] : end - known[1]]
        if kind is not Kind.ROOT:
            return self._repository.store.read(name, (begin, end - begin))
        start = max(0, begin - BEFORE_ROOT_BYTES)
        raw = self._repository.store.read(name, (start, end - start))
        self._before_root = name, start, raw
        return raw[begin - start :]

    def _open_wherever(self, place: Place, kind: Kind) -> bytes:
        """A chunk from the next best place: a run that was cut off may have stored it twice, and an index may lie."""
        try:
            return self._read_and_open([place], kind)[0]
        except (RepositoryDamaged, KeyTrouble):  # damaged, gone, or sealed under a data key that is not for us
            for other in self.table.places(place.row.chunk):
                if other != place:
                    with suppress(RepositoryDamaged, KeyTrouble):
                        return self._read_and_open([other], kind)[0]
            raise

    def _read_and_open(self, span: list[Place], kind: Kind) -> list[bytes]:
        """Of places by their offset in one pack."""
        first = span[0].row
        end = max(place.row.offset + place.row.sealed_bytes for place in span)
        name = self._opener.pack_object(span[0].pack)
        if max(place.row.sealed_bytes for place in span) > LARGEST_CHUNK_BYTES + SEALED_EXTRA_BYTES:
            raise SealBroken(f"{name}: an index states a chunk larger than any", "`lifeboat verify` says what it hurts")
        meter = self._repository.meter
        began = meter.clock.monotonic() if meter else 0.0
        try:
            raw = self._stored(name, first.offset, end, kind)
        except ObjectMissing as error:
            raise ChunkMissing(f"{name} is gone", "`lifeboat verify --level structure` says what it hurts") from error
        except TierArchived:
            raise
        except ObjectArchived as error:
            raise lies_in_archive(self.record.snapshot, name) from error
        except ObjectTooShort as error:
            raise ChunkMissing(f"{name} is cut", "`lifeboat verify --level structure` says what it hurts") from error
        read = meter.clock.monotonic() if meter else 0.0
        view, opened = memoryview(raw), []
        for place in span:
            start = place.row.offset - first.offset
            opened.append(self._opener.open(place, view[start : start + place.row.sealed_bytes], kind))
        if meter:
            meter.add(read - began, len(raw), meter.clock.monotonic() - read, sum(map(len, opened)))
        return opened


def _stream_entry(said: Any) -> StreamEntry:
    """Raises what malformed JSON raises; the caller words it."""
    if not isinstance(said["name"], str):
        raise TypeError("not a name")
    lists = tuple(from_base64(text) for text in said["list"])
    return StreamEntry(said["name"], int(said["bytes"]), int(said["chunks"]), Kind(said["kind"]), lists)


def _neighbours(window: list[Place]) -> list[list[int]]:
    """The positions of a window's places, grouped into reads: near each other in one pack, by their offset. What is wanted first is read first."""
    reads: list[list[int]] = []
    pack, begin, end = b"", 0, 0
    for at in sorted(range(len(window)), key=lambda at: (window[at].pack, window[at].row.offset)):
        row = window[at].row
        after = row.offset + row.sealed_bytes
        if not reads or window[at].pack != pack or row.offset - end > GAP_BYTES or after - begin > SPAN_BYTES:
            reads.append([])
            pack, begin, end = window[at].pack, row.offset, row.offset
        reads[-1].append(at)
        end = max(end, after)
    return sorted(reads, key=min)


def _in_order(reads: list[_Read]) -> Iterator[bytes]:
    """The opened chunks of a window, each as soon as its read and those of the chunks before it are there."""
    brings = sorted(
        (at, number, index) for number, (positions, _) in enumerate(reads) for index, at in enumerate(positions)
    )
    for _, number, index in brings:
        yield reads[number][1].result()[index]


def _plain_bytes(window: list[Place]) -> int:
    return sum(place.row.plain_bytes for place in window)
