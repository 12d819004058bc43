"""Collections of a server into streams of whole documents, each read patiently and counted."""

import struct
import threading
from collections.abc import Callable, Iterator

from lifeboat.chunking.cut import Cutter, after_document
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.taking import Taking
from lifeboat.repository.streams import StreamWriter, WrittenStream
from lifeboat.repository.writing import Run, RunAborted
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.target_server import TargetServer

AfterBlock = Callable[[CollectionEntry], None]


def go_on(entry: CollectionEntry) -> None:
    """What is done after each block that was read: nothing."""


class ReadCollection(Value):
    """Args:
    stream: None for a view.
    later: It was read after the instant of the others, a document now and one then; changes since are in the stream ``oplog``.
    """

    entry: CollectionEntry
    stream: WrittenStream | None
    documents: int
    later: bool = False


class CollectionReader(Value):
    """Args:
    stop: Set when all has failed: reading ends at the next block.
    after_block: Called after each block; tests slow the reading down with it.
    """

    taking: Taking
    run: Run
    server: TargetServer
    progress: Progress
    stop: threading.Event
    after_block: AfterBlock = go_on

    def read(self, entry: CollectionEntry, begin: Callable[[], Iterator[bytes]], *, later: bool) -> ReadCollection:
        """Store a collection, from the beginning again when the server goes away for a while.

        Args:
            begin: Gives its blocks; called once for each try.
        """
        return self.server.repeat(lambda: self._read_once(entry, begin(), later))

    def _read_once(self, entry: CollectionEntry, blocks: Iterator[bytes], later: bool) -> ReadCollection:
        boundary, read_bytes = _CountingBoundary(), 0
        stream = StreamWriter(self.run, f"documents/{entry.database}.{entry.stored_as}", Kind.CONTENT)
        cutter = Cutter(self.taking.cutting_seed, boundary)
        try:
            for block in blocks:
                if self.stop.is_set():
                    raise RunAborted("another collection failed")
                stream.extend(cutter.feed(block))
                self.server.progressed()
                read_bytes += len(block)
                self.progress.advance(len(block))
                self.after_block(entry)
            stream.extend(cutter.finish())
            self.progress.advance(done_items=boundary.documents)
            return ReadCollection(entry, stream.finish(), boundary.documents, later)
        except BaseException:
            self.progress.advance(-read_bytes)  # what is read again counts again
            raise


class _CountingBoundary:
    """``after_document`` that also counts the documents of the chunk it just ended."""

    def __init__(self) -> None:
        self.documents = 0

    def __call__(self, buffer: memoryview, start: int, cut: int) -> int:
        stop = after_document(buffer, start, cut)
        if stop >= 0:
            self.documents += count_documents(buffer[start:stop])
        return stop


def count_documents(documents: bytes | memoryview) -> int:
    """How many BSON documents follow each other here."""
    unpack, position, count, end = struct.Struct("<i").unpack_from, 0, 0, len(documents)
    while position < end:
        position += unpack(documents, position)[0]
        count += 1
    return count
