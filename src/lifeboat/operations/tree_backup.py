"""One tree on its way into a backup: walked, compared with what was seen last time, read where it changed, written as manifest lines.

One thread walks and reads; sealing and uploading run beside it. Manifest lines wait in order until the chunks they name have ids.
Memory: what the run holds in flight, one block, one group of small files, and one directory's names per level.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lifeboat.chunking.cut import Cutter, after_line
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.operations.file_groups import SMALL_FILE_BYTES, Group, Grouping
from lifeboat.operations.large_files import LargeFile
from lifeboat.operations.seen_names import Seen, SeenNames
from lifeboat.operations.taking import Taking
from lifeboat.operations.tree_memory import Remembered, TreeMemory, chunks_of
from lifeboat.operations.tree_troubles import Troubles
from lifeboat.repository.streams import StreamWriter, WrittenStream
from lifeboat.repository.writing import Run
from lifeboat.sources.files.entry import INODE_IN_STAMP, Entry, Piece
from lifeboat.sources.files.manifest import decode, encode
from lifeboat.sources.files.owners import Owners
from lifeboat.sources.files.patterns import Patterns
from lifeboat.sources.files.read import FileReader
from lifeboat.sources.files.read_ahead import SMALL_BYTES, Read, ReadAhead
from lifeboat.sources.files.siblings import Siblings
from lifeboat.sources.files.walk import walk_only
from lifeboat.sources.files.walk_beside import walk_beside

if TYPE_CHECKING:
    from lifeboat.operations.shards import Shard

BLOCK_BYTES = 8 * MIB
WAITING_AT_MOST = 8192
"""Lines that may wait for the group of small files before them to be stored."""


class StoredTree(Value):
    """What a tree came to."""

    path: Path
    names: tuple[str, ...]
    stream: WrittenStream
    entries: int
    content_bytes: int


class _Waiting(NamedTuple):
    """A line that may go into the manifest once its chunks have ids, or known lines that may go there at once."""

    entry: Entry | None
    pieces: LargeFile | tuple[Group, int] | None
    known: Remembered | None = None


class TreeBackup:
    """One tree on its way into a run. Args: names: What to take of it; empty for all. shard: The one process of several that this is."""

    def __init__(
        self,
        taking: Taking,
        run: Run,
        path: Path,
        names: tuple[str, ...],
        stream: str,
        memory: TreeMemory,
        troubles: Troubles,
        progress: Progress,
        shard: "Shard | None" = None,
    ) -> None:
        self._shard = shard
        self._clock = taking.clock
        self._run = run
        self._path = path
        self._names = names
        self._memory = memory
        self._troubles = troubles
        self._progress = progress
        self._grouping = Grouping(run)
        self._cutter = Cutter(taking.cutting_seed)
        self._line_cutter = Cutter(taking.cutting_seed, after_line)
        self._stream = StreamWriter(run, stream, Kind.LINES)
        self._lines = bytearray()
        self._waiting: deque[_Waiting] = deque()
        self._names_waiting = 0
        self._owners = Owners()
        self._last_known = b""
        self._entries = 0
        self._content_bytes = 0

    def back_up(self, patterns: Patterns, one_filesystem: bool) -> StoredTree:
        with (
            FileReader(self._path, on_trouble=self._troubles, clock=self._clock) as reader,
            ReadAhead(self._path) as ahead,
        ):
            seen = SeenNames(reader.now_ns())
            asked: deque[SeenNames] = deque()
            for one in self._look_up(self._walk(patterns, one_filesystem)):
                if seen.add(one):
                    ahead.ask(seen.to_read)
                    asked.append(seen)
                    seen = SeenNames(reader.now_ns())
                    while len(asked) > ahead.keeps_busy:
                        self._take(asked.popleft(), ahead.answer(), reader)
            ahead.ask(seen.to_read)
            asked.append(seen)
            while asked:
                self._take(asked.popleft(), ahead.answer(), reader)
        self._grouping.end()
        while self._waiting:
            self._write_next()
        self._flush_lines(last=True)
        return StoredTree(self._path, self._names, self._stream.finish(), self._entries, self._content_bytes)

    def _walk(self, patterns: Patterns, one_filesystem: bool) -> Iterator[Entry | Siblings]:
        if self._names:
            return walk_only(self._path, self._names, on_trouble=self._troubles)
        return walk_beside(self._path, patterns, on_trouble=self._troubles, stay_on_filesystem=one_filesystem)

    def _look_up(self, found: Iterable[Entry | Siblings]) -> Iterator[Seen]:
        """What is known of what the walk told."""
        for one in found:
            if isinstance(one, Entry):
                entries: Iterable[Entry] = (one,)
            elif (known := self._recall_all(one)) is not None:
                yield known
                continue
            else:
                entries = one.entries(self._owners)
            for entry in entries:
                if self._shard is None or _falls_to(self._shard, entry):
                    yield entry, self._recall(entry)

    def _recall_all(self, siblings: Siblings) -> Remembered | None:
        """As ``_recall``, of all together: one that is not so, or not for this shard, and it is None."""
        if self._shard is not None:
            return None
        known = self._memory.recall(siblings)
        if known is None or not self._all_known(known.chunks):
            return None
        self._entries += known.file_count
        self._content_bytes += known.content_bytes
        return known

    def _recall(self, entry: Entry) -> Remembered | None:
        """What is known of a name that the walk told, if that is still so and its content is still stored."""
        self._entries += 1
        if entry.kind != "file":
            return None
        self._content_bytes += entry.size
        known = self._memory.recall_one(entry.path, entry.stamp)
        return known if known is not None and self._all_known(known.chunks) else None

    def _take(self, seen: "SeenNames", contents: Iterable[Read | None], reader: FileReader) -> None:
        """Store what is not known, in walk order. Args: contents: Of ``to_read``, as far as somebody has read it."""
        coming = iter(contents)
        passed = passed_bytes = 0
        for one in seen.all:
            if isinstance(one, Remembered):
                self._wait(_Waiting(None, None, one), one.file_count)
                passed, passed_bytes = passed + one.file_count, passed_bytes + one.content_bytes
                continue
            entry, known = one
            if known is not None or entry.kind != "file":
                self._wait(_Waiting(entry, None, known))
            elif entry.size == 0:
                if (settled := reader.with_attributes(entry)) is not None:
                    self._wait(_Waiting(settled, None))
            elif entry.size <= SMALL_BYTES and (read := next(coming)) is not None:
                self._join(reader.as_read(entry, read[1], seen.since_ns), read[0])
            else:
                self._read(entry, reader)
                continue
            if entry.kind == "file":
                passed, passed_bytes = passed + 1, passed_bytes + entry.size
        self._write_ready()
        while self._names_waiting > WAITING_AT_MOST:
            self._grouping.end()
            self._write_next()
        self._progress.advance(passed_bytes, passed)

    def _read(self, entry: Entry, reader: FileReader) -> None:
        if entry.size <= SMALL_FILE_BYTES:
            small = reader.read_small(entry, SMALL_FILE_BYTES)
            if small is None:
                return
            settled, content = small
            if content is not None:
                self._join(settled, content)
                self._progress.advance(len(content), 1)
                return
        read = reader.read(entry, self._cut_and_store, block_bytes=BLOCK_BYTES)
        if read is not None:
            self._wait(_Waiting(read[0], read[1]))
            self._progress.advance(0, 1)
            self._write_ready()

    def _join(self, entry: Entry, content: bytes) -> None:
        """Put a small file into the present group."""
        self._wait(_Waiting(entry, self._grouping.add(content) if content else None))

    def _cut_and_store(self, blocks: Iterator[bytes]) -> LargeFile:
        large = LargeFile(self._run)
        for block in blocks:
            for chunk in self._cutter.feed(block):
                large.store(chunk)
            self._progress.advance(len(block))
        for chunk in self._cutter.finish():
            large.store(chunk)
        return large

    def _all_known(self, chunks: bytes) -> bool:
        if chunks == self._last_known:
            return True  # the neighbour in the same group asked just now
        known = self._run.knows(chunks[start : start + 32] for start in range(0, len(chunks), 32))
        if known:
            self._last_known = chunks
        return known

    def _wait(self, waiting: _Waiting, names: int = 1) -> None:
        self._waiting.append(waiting)
        self._names_waiting += names

    def _write_ready(self) -> None:
        while self._waiting and _is_ready(self._waiting[0]):
            self._write_next()

    def _write_next(self) -> None:
        entry, _, known = waiting = self._waiting.popleft()
        if entry is not None:
            self._names_waiting -= 1
            line = self._write_one(waiting, entry)
        else:
            assert known is not None
            self._names_waiting -= known.file_count
            self._memory.remember(known)
            line = known.lines
        if self._shard is not None:
            return  # the manifest is written by whoever commits
        self._lines += line
        if len(self._lines) >= MIB:
            self._flush_lines(last=False)

    def _write_one(self, waiting: _Waiting, entry: Entry) -> bytes:
        """Its line, which the memory has then, too."""
        known = waiting.known
        if known is not None and entry.link_count == 1:
            line, chunks = known.lines, known.chunks
        else:
            pieces: Sequence[Piece]
            if known is not None:
                # Of a hard link only what is the inode's own is reused: which name comes first may have changed.
                stored, pieces = decode(known.lines)
                entry = entry._replace(extents=stored.extents, xattrs=stored.xattrs)
            else:
                pieces = _pieces(waiting, entry)
            line, chunks = encode(entry, pieces), chunks_of(pieces)
        if entry.kind == "file":
            self._memory.remember_one(entry, chunks, line)
        else:
            self._memory.remember_other()
        return line

    def _flush_lines(self, *, last: bool) -> None:
        self._stream.extend(self._line_cutter.feed(bytes(self._lines)))
        self._lines.clear()
        if last:
            self._stream.extend(self._line_cutter.finish())


def _falls_to(shard: "Shard", entry: Entry) -> bool:
    """Whether a shard reads this; all names of one inode fall to the same, which stores their content once."""
    if entry.kind != "file":
        return False
    return shard.holds_name(entry.stamp[INODE_IN_STAMP] if entry.link_count > 1 else entry.path)


def _is_ready(waiting: _Waiting) -> bool:
    if waiting.pieces is None:
        return True
    if isinstance(waiting.pieces, tuple):
        return waiting.pieces[0].is_stored()
    return waiting.pieces.is_ready()


def _pieces(waiting: _Waiting, entry: Entry) -> Sequence[Piece]:
    if waiting.pieces is None:
        return []
    if isinstance(waiting.pieces, tuple):
        group, offset = waiting.pieces
        return [(group.chunk(), offset, entry.content_bytes)]
    return waiting.pieces.pieces()
