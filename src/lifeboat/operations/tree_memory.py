"""What the last backup of a tree saw: stamps and manifest lines, in walk order, so that unchanged files are not read.

Files that stand together (``siblings.py``) are remembered together: where none of them changed, that is found by one comparison, and their lines
are taken over as they are. Where one did, each is looked up by its name.

A hint only, bound to writer, generation, class and root by its file's name. Old and new are merged as two sorted sequences, so a million files cost
no memory. The new one replaces the old when the snapshot is committed; a run that dies leaves the old one.

Format, one frame of zstd: ``lifeboat tree memory 2\\n``, then for each sequence of siblings two ``u32`` (CRC-32 of the next six numbers, and of
the parts), five ``u32`` (lengths of the parts), ``u64`` (bytes of content), and the parts: directory ‖ names, ``/`` between them ‖ stamps ‖ ids of
chunks, each once (32 bytes) ‖ manifest lines in the order of the names. Reading ends where a bad disk changed something: the lines go into the
manifest as they are.
"""

import hashlib
import heapq
import io
import os
import struct
from binascii import crc32
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard

from lifeboat.retention.periods import generation_before
from lifeboat.sources.files.entry import STAMP, Entry, Piece, walk_order
from lifeboat.sources.files.errors import ManifestDamaged
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.files.siblings import Siblings, is_last, path_in

_MAGIC = b"lifeboat tree memory 2\n"
_CHECKSUMS = struct.Struct(">II")
_HEAD = struct.Struct(">IIIIIQ")
_BUFFER_BYTES = 1 << 20
_NO_STAMP = bytes(STAMP.size)
_CHUNK_ID_BYTES = 32


class Remembered(NamedTuple):
    """Files that stand together, as the last run saw them."""

    directory: bytes
    names: bytes
    stamps: bytes
    chunks: bytes
    """Ids of the chunks that hold their content, joined."""
    lines: bytes
    content_bytes: int

    @property
    def file_count(self) -> int:
        """How many files."""
        return len(self.stamps) // STAMP.size

    def last_order(self) -> bytes:
        """Where the last of them stands in a walk."""
        return walk_order(path_in(self.directory, self.names[self.names.rfind(b"/") + 1 :]))

    def one_by_one(self) -> "Iterator[Remembered]":
        """Each alone."""
        at = 0
        lines = self.lines.splitlines(keepends=True)
        for name, line in zip(self.names.split(b"/"), lines, strict=True):
            entry, pieces = decode(line)
            stamp = self.stamps[at : at + STAMP.size]
            at += STAMP.size
            yield Remembered(self.directory, name, stamp, chunks_of(pieces), line, entry.size)


def chunks_of(pieces: Sequence[Piece]) -> bytes:
    """The ids of their chunks, each once, joined."""
    return pieces[0][0] if len(pieces) == 1 else b"".join(dict.fromkeys(piece[0] for piece in pieces))


class TreeMemory:
    """Reads the memory of the last run and writes that of this one. ``keep`` replaces the old; ``close`` in any case.

    Args:
        others: Memories of earlier months or of the other class, the likeliest first: the first that is there is read where there is none of
            this one yet. What they know counts where its chunks were carried forward (the run is asked for each), and nowhere else.
        parts: What shards of this run have seen, each its own files: read instead of what the last run saw.
    """

    def __init__(self, path: Path, others: Sequence[Path] = (), parts: Sequence[Path] = ()) -> None:
        self._path = path
        self._read_from = next((one for one in (path, *others) if one.exists()), path)
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._old = _merged(parts) if parts else _read(self._read_from)
        self._next: Remembered | None = None
        self._next_order = b""
        self._next_by_name: dict[bytes, Remembered] | None = None
        self._together = _Together()
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

    def recall(self, siblings: Siblings) -> Remembered | None:
        """All of them, if each is unchanged and none is more or less. What is asked for must come in walk order."""
        if self._next is not None:
            self._go_to(path_in(siblings.directory, siblings.names[0]))
        known = self._next
        if (
            known is None
            or known.stamps != siblings.stamps
            or known.directory != siblings.directory
            or known.names != b"/".join(siblings.names)
        ):
            return None
        return known

    def recall_one(self, path: bytes, stamp: bytes) -> Remembered | None:
        """An unchanged file, or None. What is asked for must come in walk order."""
        if self._next is None:
            return None
        self._go_to(path)
        directory, _, name = path.rpartition(b"/")
        if self._next is None or self._next.directory != directory or not stamp:
            return None
        if self._next_by_name is None:
            self._next_by_name = _by_name(self._next)
        known = self._next_by_name.get(name)
        return known if known is not None and known.stamps == stamp else None

    def remember(self, seen: Remembered) -> None:
        """Note files of this run, in walk order, that stand together and stood together before."""
        self._end_together()
        self._append(seen)

    def remember_one(self, entry: Entry, chunks: bytes, line: bytes) -> None:
        """Note a file of this run, in walk order. An empty stamp makes the next run read it. Args: chunks: See ``chunks_of``."""
        directory, _, name = entry.path.rpartition(b"/")
        alone = entry.link_count > 1
        if alone or directory != self._together.directory:
            self._end_together()
        if self._together.add(directory, name, entry, chunks, line) or alone:
            self._end_together()

    def remember_other(self) -> None:
        """Note that something else than a file stands here."""
        self._end_together()

    def keep(self) -> None:
        """Replace the old memory: the snapshot is committed."""
        self._end_together()
        self._write(self._pending)
        if self._file is None:
            return
        with suppress(OSError):
            self._writer.flush(zstandard.FLUSH_FRAME)
            os.fsync(self._file.fileno())
            os.replace(self._temporary, self._path)

    def _end_together(self) -> None:
        if self._together.names:
            self._append(self._together.remembered())
            self._together = _Together()

    def _append(self, seen: Remembered) -> None:
        self._pending += to_row(seen)
        if len(self._pending) >= _BUFFER_BYTES:
            self._write(self._pending)
            self._pending.clear()

    def _write(self, content: bytes | bytearray) -> None:
        """A memory that cannot be written is given up: the next run reads those files again, and nothing is lost."""
        if self._file is None:
            return
        try:
            self._writer.write(content)
        except OSError:
            self.close()
            self._file = None

    def _go_to(self, path: bytes) -> None:
        order = walk_order(path)
        while self._next is not None and self._next_order < order:
            self._advance()

    def _advance(self) -> None:
        self._next = next(self._old, None)
        self._next_by_name = None
        if self._next is not None:
            self._next_order = self._next.last_order()


class _Together:
    """Siblings on their way into the memory, which end where the next walk will let them end."""

    def __init__(self) -> None:
        self.directory = b""
        self.names: list[bytes] = []
        self._stamps = bytearray()
        self._chunks: dict[bytes, None] = {}
        self._lines: list[bytes] = []
        self._content_bytes = 0

    def add(self, directory: bytes, name: bytes, entry: Entry, chunks: bytes, line: bytes) -> bool:
        """Whether this was the last."""
        self.directory = directory
        self.names.append(name)
        self._stamps += entry.stamp or _NO_STAMP
        if len(chunks) == _CHUNK_ID_BYTES:
            self._chunks[chunks] = None
        else:
            for start in range(0, len(chunks), _CHUNK_ID_BYTES):
                self._chunks[chunks[start : start + _CHUNK_ID_BYTES]] = None
        self._lines.append(line)
        self._content_bytes += entry.size
        return is_last(name, len(self.names), self._content_bytes)

    def remembered(self) -> Remembered:
        return Remembered(
            self.directory,
            b"/".join(self.names),
            bytes(self._stamps),
            b"".join(self._chunks),
            b"".join(self._lines),
            self._content_bytes,
        )


def to_row(seen: Remembered) -> bytes:
    """As it stands in the file."""
    *parts, content_bytes = seen
    body = b"".join(parts)
    head = _HEAD.pack(*map(len, parts), content_bytes)
    return _CHECKSUMS.pack(crc32(head), crc32(body)) + head + body


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


def _by_name(known: Remembered) -> dict[bytes, Remembered]:
    """Empty if its lines are not what they should be."""
    try:
        return {one.names: one for one in known.one_by_one()}
    except (ValueError, ManifestDamaged):
        return {}


def _merged(parts: Sequence[Path]) -> Iterator[Remembered]:
    """What shards saw, each file alone: neighbours are seldom of one shard."""
    ones = ((one for known in _read(part) for one in _by_name(known).values()) for part in parts)
    return heapq.merge(*ones, key=Remembered.last_order)


def _read(path: Path) -> Iterator[Remembered]:
    """What a run saw; ends early, without a word, where the file is missing or damaged."""
    try:
        with (
            open(path, "rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as plain,
            io.BufferedReader(plain, _BUFFER_BYTES) as stream,
        ):
            if stream.read(len(_MAGIC)) != _MAGIC:
                return
            yield from _rows(stream)
    except (OSError, zstandard.ZstdError):
        return


def _rows(stream: BinaryIO) -> Iterator[Remembered]:
    while len(start := stream.read(_CHECKSUMS.size + _HEAD.size)) == _CHECKSUMS.size + _HEAD.size:
        of_head, of_body = _CHECKSUMS.unpack_from(start)
        if crc32(start[_CHECKSUMS.size :]) != of_head:
            return  # before its lengths are believed
        *lengths, content_bytes = _HEAD.unpack_from(start, _CHECKSUMS.size)
        one, two, three, four, end = accumulate(lengths)
        body = stream.read(end)
        if len(body) != end or crc32(body) != of_body:
            return
        yield Remembered(body[:one], body[one:two], body[two:three], body[three:four], body[four:], content_bytes)
