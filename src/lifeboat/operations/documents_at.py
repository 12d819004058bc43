"""The documents of one collection as of an instant: those that a snapshot stored, with the changes since taken in.

Memory: one round of folded changes (``touched.py``) and a few chunks. Where the changes are too many for one round, the collection and its
changes are read once for each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.operations.database_point import DatabasePoint, StoredCollection
from lifeboat.operations.touched import HELD_AT_MOST_BYTES, Round, changes_of, outcome
from lifeboat.repository.reading import StreamEntry
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.empty_timestamps import id_element
from lifeboat.sources.mongodb.oplog.change import Element
from lifeboat.sources.mongodb.oplog.fold import Write
from lifeboat.sources.mongodb.oplog.same_id import same_id

BLOCK_BYTES = MIB
NOWHERE = -1


class Origin(NamedTuple):
    """Where a document comes from, and can be had again.

    Args:
        chunk: Number of its chunk in the collection's stream; ``NOWHERE`` where the changes alone make it.
        begin, end: Its bytes in that, as they were stored.
        write: What happened to them since; None for nothing.
    """

    chunk: int
    begin: int
    end: int
    write: Write | None = None

    def document(self, chunk: bytes) -> bytes:
        stored = None if self.chunk == NOWHERE else chunk[self.begin : self.end]
        made = outcome(self.write, stored)
        if made is None:
            raise AssertionError("a document that is not there has no origin")
        return made


class Look(Value):
    """Some documents as of the instant.

    Args:
        chunk_id: Of the chunk they come from; empty for none.
        origins: One for each document of the block; None where the block is the chunk itself.
        read_bytes: How much of the stored collection has been read with it for the first time.
    """

    chunk: int
    chunk_id: bytes
    block: bytes
    origins: Sequence[Origin] | None
    read_bytes: int

    def origins_of(self, spans: Sequence[tuple[int, int]]) -> list[Origin]:
        """Of some of the documents, which lie at ``spans`` of the block."""
        if self.origins is None:
            return [Origin(self.chunk, begin, end) for begin, end in spans]
        by_begin = dict(zip((begin for begin, _ in spans_of(self.block)), self.origins, strict=True))
        return [by_begin[begin] for begin, _ in spans]


class DocumentsAt:
    """One collection at one instant; it may be gone through more than once."""

    def __init__(
        self, point: DatabasePoint, stored: StoredCollection, *, held_at_most_bytes: int = HELD_AT_MOST_BYTES
    ) -> None:
        self.stored = stored
        self._point = point
        self._held_at_most_bytes = held_at_most_bytes

    def looks(self, leave_out: frozenset[bytes] = frozenset()) -> Iterator[Look]:
        """All documents, each once.

        Args:
            leave_out: Ids of chunks that are not wanted; only where nothing has changed since.
        """
        begin = 0
        while True:
            round_ = Round(begin, at_most_bytes=self._held_at_most_bytes)
            for change in changes_of(self._point, self.stored.entry.uuid):
                round_.take(change)
            yield from self._looks_of(round_, leave_out)
            if round_.is_last:
                return
            begin = round_.end

    def again(self, origins: Iterable[Origin], ids: Mapping[int, bytes]) -> Iterator[tuple[Origin, bytes]]:
        """Some documents once more, chunk by chunk; only their chunks are read.

        Args:
            ids: Of the chunks, by their numbers.
        """
        by_chunk: dict[int, list[Origin]] = {}
        for origin in origins:
            by_chunk.setdefault(origin.chunk, []).append(origin)
        for origin in by_chunk.pop(NOWHERE, ()):
            yield origin, origin.document(b"")
        numbers = sorted(by_chunk)
        blocks = self._point.reader.chunks((ids[number] for number in numbers), Kind.CONTENT)
        for number, block in zip(numbers, blocks, strict=True):
            for origin in by_chunk[number]:
                yield origin, origin.document(block)

    def chunk_ids(self) -> Iterator[bytes]:
        """Of the stored chunks."""
        stream = self._stream
        return iter(()) if stream is None else (chunk_id for chunk_id, _ in self._point.reader.chunk_list(stream))

    def has_changed(self) -> bool:
        """Whether any change follows what is stored. Reads the changes up to the first that does."""
        return next(changes_of(self._point, self.stored.entry.uuid), None) is not None

    def stored_chunks(self, leave_out: frozenset[bytes] = frozenset()) -> Iterator[tuple[int, bytes, bytes]]:
        """Number, id and content of the chunks of the snapshot."""
        stream = self._stream
        if stream is None:
            return
        reader = self._point.reader

        def wanted() -> Iterator[tuple[int, bytes]]:
            for number, (chunk_id, _) in enumerate(reader.chunk_list(stream)):
                if chunk_id not in leave_out:
                    yield number, chunk_id

        blocks = reader.chunks((chunk_id for _, chunk_id in wanted()), Kind.CONTENT)
        for (number, chunk_id), block in zip(wanted(), blocks, strict=True):
            yield number, chunk_id, block

    @property
    def _stream(self) -> StreamEntry | None:
        name = self.stored.stream
        return None if name is None else self._point.reader.streams()[name]

    def _looks_of(self, round_: Round, leave_out: frozenset[bytes]) -> Iterator[Look]:
        (writes,) = round_.folds
        waiting = dict(writes)
        for number, chunk_id, chunk in self.stored_chunks(leave_out):
            read_bytes = len(chunk) if round_.begin == 0 else 0
            spans = list(spans_of(chunk)) if writes or not round_.is_everything else []
            keys = [same_id(id_element(chunk[begin:end])) for begin, end in spans]
            if round_.is_everything and writes.keys().isdisjoint(keys):
                yield Look(number, chunk_id, chunk, None, read_bytes)
                continue
            documents: list[bytes] = []
            origins: list[Origin] = []
            for (begin, end), key in zip(spans, keys, strict=True):
                if not round_.covers(key):
                    continue
                document = chunk[begin:end]
                write = waiting.pop(key, None)
                if write is None and key in writes:
                    continue  # met before: it was read twice, at two places
                made = outcome(write, document)
                if made is not None:
                    documents.append(made)
                    origins.append(Origin(number, begin, end, write))
            yield Look(number, chunk_id, b"".join(documents), origins, read_bytes)
        yield from _made_by_changes(waiting)


def _made_by_changes(waiting: Mapping[Element, Write]) -> Iterator[Look]:
    """Documents that the snapshot does not have."""
    documents: list[bytes] = []
    origins: list[Origin] = []
    size = 0
    for write in waiting.values():
        made = outcome(write, None)
        if made is None:
            continue
        documents.append(made)
        origins.append(Origin(NOWHERE, 0, 0, write))
        size += len(made)
        if size >= BLOCK_BYTES:
            yield Look(NOWHERE, b"", b"".join(documents), origins, 0)
            documents, origins, size = [], [], 0
    if documents:
        yield Look(NOWHERE, b"", b"".join(documents), origins, 0)
