"""What the last backup of a tree saw: stamps and manifest lines, in walk order, so that unchanged files are not read.

A hint only, bound to writer, generation, class and root by its file's name. Old and new are merged as two sorted sequences, so a million files cost
no lookup and no memory. The new one replaces the old when the snapshot is committed; a run that dies leaves the old one.

Format, one frame of zstd: ``lifeboat tree memory 1\\n``, then for each file ``u16, u16, u32, u32`` (lengths) and
stamp ‖ path ‖ chunk ids (32 bytes each) ‖ manifest line.
"""

import hashlib
import heapq
import io
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard

from lifeboat.retention.periods import generation_before

_MAGIC = b"lifeboat tree memory 1\n"
_HEAD = struct.Struct(">HHII")
_BUFFER_BYTES = 1 << 20


class Remembered(NamedTuple):
    """A file as the last run saw it."""

    stamp: bytes
    path: bytes
    chunks: bytes
    """Ids of the chunks that hold its content, joined."""
    line: bytes


class TreeMemory:
    """Reads the memory of the last run and writes that of this one. ``keep`` replaces the old; ``close`` in any case.

    Args:
        order: A path's key in walk order.
        others: Memories of earlier months or of the other class, the likeliest first: the first that is there is read where there is none of
            this one yet. What they know counts where its chunks were carried forward (the run is asked for each), and nowhere else.
        parts: What shards of this run have seen, each its own files: read instead of what the last run saw.
    """

    def __init__(
        self,
        path: Path,
        order: Callable[[bytes], bytes],
        others: Sequence[Path] = (),
        parts: Sequence[Path] = (),
    ) -> None:
        self._path = path
        self._read_from = next((one for one in (path, *others) if one.exists()), path)
        self._order = order
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        in_order = (_read(part) for part in parts)
        self._old = heapq.merge(*in_order, key=lambda seen: order(seen.path)) if parts else _read(self._read_from)
        self._next: Remembered | None = None
        self._next_order = b""
        self._pending = bytearray()
        self._file: BinaryIO | None = None
        with suppress(OSError):
            self._file = os.fdopen(os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._writer = zstandard.ZstdCompressor(level=1).stream_writer(self._file or io.BytesIO())
        self._write(_MAGIC)
        self._advance()

    def close(self) -> None:
        """End; without ``keep`` before, the old memory stays."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)

    def recall(self, path: bytes, stamp: bytes) -> Remembered | None:
        """An unchanged file, or None. Paths must be asked for in walk order."""
        order = self._order(path)
        while self._next is not None and self._next_order < order:
            self._advance()
        if self._next is None or self._next_order != order or not stamp or self._next.stamp != stamp:
            return None
        return self._next

    def remember(self, seen: Remembered) -> None:
        """Note a file of this run, in walk order. An empty stamp makes the next run read it."""
        self._pending += _HEAD.pack(*map(len, seen)) + b"".join(seen)
        if len(self._pending) >= _BUFFER_BYTES:
            self._write(self._pending)
            self._pending.clear()

    def keep(self) -> None:
        """Replace the old memory: the snapshot is committed."""
        self._write(self._pending)
        if self._file is None:
            return
        with suppress(OSError):
            self._writer.flush(zstandard.FLUSH_FRAME)
            os.fsync(self._file.fileno())
            os.replace(self._temporary, self._path)

    def _write(self, content: bytes | bytearray) -> None:
        """A memory that cannot be written is given up: the next run reads those files again, and nothing is lost."""
        if self._file is None:
            return
        try:
            self._writer.write(content)
        except OSError:
            self.close()
            self._file = None

    def _advance(self) -> None:
        self._next = next(self._old, None)
        if self._next is not None:
            self._next_order = self._order(self._next.path)


def memory_path(folder: Path, writer: str, generation: str, class_: str, stream: str) -> Path:
    """The file for one tree; another writer, generation or class must not find it, for its chunks are not theirs.

    The month's copy in ``long`` has a memory of its own: what the hourly ones know is as it was when it is done.
    """
    mark = "" if class_ == "short" else f"{class_}\n"
    key = hashlib.sha256(f"{mark}{writer}\n{generation}\n{stream}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return folder / f"tree-{generation}-{key}"


def other_memories(folder: Path, writer: str, generation: str, class_: str, stream: str) -> list[Path]:
    """Those of the same tree that may know chunks which were carried into this month: of its other class, and of the month before."""
    other = "long" if class_ == "short" else "short"
    before = generation_before(generation)
    places = ((generation, other), (before, "short"), (before, "long"))
    return [memory_path(folder, writer, month, one, stream) for month, one in places]


def _read(path: Path) -> Iterator[Remembered]:
    """What a run saw; ends early, without a word, where the file is missing or damaged."""
    try:
        with open(path, "rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                return
            yield from _rows(stream)
    except (OSError, zstandard.ZstdError):
        return


def _rows(stream: zstandard.ZstdDecompressionReader) -> Iterator[Remembered]:
    buffer, at = b"", 0
    while True:
        while at + _HEAD.size <= len(buffer):
            stamp, path, chunks, line = _HEAD.unpack_from(buffer, at)
            one = at + _HEAD.size
            two, three, four = one + stamp, one + stamp + path, one + stamp + path + chunks
            end = four + line
            if end > len(buffer):
                break
            yield Remembered(buffer[one:two], buffer[two:three], buffer[three:four], buffer[four:end])
            at = end
        more = stream.read(_BUFFER_BYTES)
        if not more:
            return
        buffer, at = buffer[at:] + more, 0
