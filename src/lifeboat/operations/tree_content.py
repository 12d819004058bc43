"""The content of a tree's files, fetched ahead chunk by chunk in the very order in which the files need it."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.sizes import MIB
from lifeboat.operations.file_groups import SMALL_FILE_BYTES
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.entry import Entry, Piece

BATCH_ENTRIES = 8192
BATCH_BYTES = 2048 * MIB
"""Content of one batch: reading ahead ends at its end, so it is large against what a far store gives in one way there and back."""
KEPT_GROUPS = 6
"""Chunks of small files kept for the next ones: a group is not read again because a large file or a changed one lies between its files."""

Line = tuple[Entry, tuple[Piece, ...]]


def batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Lines in lists that are bounded by number and by content."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        batch.append(line)
        size += line[0].size
        if len(batch) >= BATCH_ENTRIES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def with_content(reader: SnapshotReader, batch: Sequence[Line]) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Each entry with its content; chunks are fetched ahead, in the order in which the entries need them."""
    order = list(_order_of_chunks(batch))
    chunks = zip(order, reader.chunks(order, Kind.CONTENT), strict=True)
    kept = _Kept()

    def content(entry: Entry, pieces: Sequence[Piece]) -> Iterator[bytes]:
        for chunk, offset, length in pieces:
            plain = kept.find(chunk)
            if plain is None:
                came, plain = next(chunks)
                if came != chunk:
                    raise RuntimeError(
                        "chunks are asked for in another order than they are fetched: nothing is written"
                    )
                kept.keep(chunk, plain, entry)
            yield _slice(plain, offset, length)

    for entry, pieces in batch:
        yield entry, _alone(reader, pieces) if entry.hard_link_to else content(entry, pieces)


class _Kept:
    """The chunks that the next file may need: the last one, and the last ``KEPT_GROUPS`` that small files share."""

    def __init__(self) -> None:
        self._last: tuple[bytes, bytes] | None = None
        self._groups: OrderedDict[bytes, bytes] = OrderedDict()

    def find(self, chunk: bytes) -> bytes | None:
        if self._last is not None and self._last[0] == chunk:
            return self._last[1]
        return self._groups.get(chunk)

    def keep(self, chunk: bytes, plain: bytes, entry: Entry) -> None:
        self._last = chunk, plain
        if entry.size < SMALL_FILE_BYTES:
            if len(self._groups) >= KEPT_GROUPS:
                self._groups.popitem(last=False)
            self._groups[chunk] = plain


def _alone(reader: SnapshotReader, pieces: Sequence[Piece]) -> Iterator[bytes]:
    """The content of a hard link, fetched only if somebody asks: normally the first name has it."""
    chunks = reader.chunks((chunk for chunk, _, _ in pieces), Kind.CONTENT)
    for (_, offset, length), plain in zip(pieces, chunks, strict=True):
        yield _slice(plain, offset, length)


def _slice(plain: bytes, offset: int, length: int) -> bytes:
    if offset + length > len(plain):
        raise ObjectDamaged("a line of the files manifest asks for more than its chunk holds")
    return plain if (offset, length) == (0, len(plain)) else plain[offset : offset + length]


def _order_of_chunks(batch: Sequence[Line]) -> Iterator[bytes]:
    """The chunks that ``with_content`` will ask for."""
    kept = _Kept()
    for entry, pieces in batch:
        if entry.hard_link_to:
            continue
        for chunk, _, _ in pieces:
            if kept.find(chunk) is None:
                kept.keep(chunk, b"", entry)
                yield chunk
