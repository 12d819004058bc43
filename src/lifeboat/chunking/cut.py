"""Cut a stream where its content says so, so that an insertion moves one or two cuts and no more.

FastCDC (Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems", 2020) by a library that
releases the GIL; its gear table is seeded per writer. A record cut (documents, lines) is FastCDC's cut moved to the end of the record it
falls into, so that any chunk can be used without its neighbours.

Invariant: the chunks joined are the stream, and where they are cut does not depend on the sizes of the blocks that were fed.
"""

import struct
from collections.abc import Callable, Iterator

from pyfastcdc import FastCDC

from lifeboat.foundation.sizes import KIB, MIB

SMALLEST_BYTES = 512 * KIB
AVERAGE_BYTES = 1 * MIB
LARGEST_BYTES = 4 * MIB
"""A record cut may exceed this by one record (a document is at most 16 MiB)."""

Boundary = Callable[[memoryview, int, int], int]
"""``(buffer, start of the chunk, cut) -> end of the record that the cut falls into``, or -1 if the buffer ends before it."""

_LENGTH = struct.Struct("<i")


class NotWholeDocuments(ValueError):
    """The stream does not consist of BSON documents: a bug of whoever feeds it."""


def _refuse_slow_fallback() -> None:
    if FastCDC.__module__.startswith("pyfastcdc.py"):
        raise RuntimeError("pyfastcdc has no compiled module here, and its fallback is 200 times slower: reinstall it")


_refuse_slow_fallback()


def anywhere(buffer: memoryview, start: int, cut: int) -> int:
    """Any byte may begin a chunk."""
    return cut


def after_document(buffer: memoryview, start: int, cut: int) -> int:
    """Only a BSON document may begin a chunk."""
    unpack, position, end = _LENGTH.unpack_from, start, len(buffer)
    while position < cut:
        if position + 4 > end:
            return -1
        length = unpack(buffer, position)[0]
        if length < 5:
            raise NotWholeDocuments(f"a document of {length} bytes at {position}")
        position += length
    return position if position <= end else -1


def after_line(buffer: memoryview, start: int, cut: int) -> int:
    """Only a line may begin a chunk."""
    position = cut - 1
    while position < len(buffer):
        window = bytes(buffer[position : position + 4096])
        found = window.find(b"\n")
        if found >= 0:
            return position + found + 1
        position += len(window)
    return -1


class Cutter:
    """Cuts one stream after another. Not shared between threads.

    Args:
        seed: 63 bits that alter the gear table; chunks of different seeds are cut differently.
        boundary: Where a chunk may begin: ``anywhere``, ``after_document``, ``after_line``.
        smallest_bytes, average_bytes, largest_bytes: FastCDC's parameters; the tests use small ones.
    """

    def __init__(
        self,
        seed: int,
        boundary: Boundary = anywhere,
        *,
        smallest_bytes: int = SMALLEST_BYTES,
        average_bytes: int = AVERAGE_BYTES,
        largest_bytes: int = LARGEST_BYTES,
    ) -> None:
        self._fastcdc = FastCDC(average_bytes, min_size=smallest_bytes, max_size=largest_bytes, seed=seed)
        self._boundary = boundary
        self._smallest_bytes = smallest_bytes
        self._carry = b""

    def feed(self, block: bytes | memoryview) -> Iterator[memoryview]:
        """Take the next bytes of the stream; yields the chunks that are certain. Must be exhausted.

        A chunk is a view that keeps its whole block alive: use it soon.
        """
        joined = b"".join((self._carry, block)) if self._carry else bytes(block)
        self._carry = b""
        yield from self._cut(joined, last=False)

    def finish(self) -> Iterator[memoryview]:
        """End the stream; yields what is left. The cutter is ready for the next stream."""
        joined, self._carry = self._carry, b""
        yield from self._cut(joined, last=True)

    def _cut(self, joined: bytes, *, last: bool) -> Iterator[memoryview]:
        view, start, end = memoryview(joined), 0, len(joined)
        while start < end:
            if end - start <= self._smallest_bytes and not last:
                break
            cut = start + next(iter(self._fastcdc.cut_buf(view[start:]))).length
            if cut == end and not last:
                break
            stop = self._boundary(view, start, cut)
            if stop < 0:
                if not last:
                    break
                stop = end
            yield view[start:stop]
            start = stop
        self._carry = joined if start == 0 and not last else bytes(view[start:]) if not last else b""
