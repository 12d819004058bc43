"""Write a tree as a tar archive (POSIX pax): what any system can unpack, without Lifeboat.

Kept: modes, owners, nanosecond times, links, devices, extended attributes (``SCHILY.xattr``, as GNU tar has them: unpack with
``tar --xattrs --xattrs-include='*'``). Limits: a hole of a sparse file is written as zeros.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.files.entry import Entry

_TYPES = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "fifo": tarfile.FIFOTYPE,
    "character-device": tarfile.CHRTYPE,
    "block-device": tarfile.BLKTYPE,
}
_ZEROS = bytes(MIB)


class TarWriter:
    """Adds entries one by one; a context manager, whose end completes the archive.

    Args:
        prefix: The folder inside the archive, ``b"srv/uploads"``; empty for none.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._tar = tarfile.open(  # noqa: SIM115 (closed in __exit__)
            fileobj=file, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
        )

    def __enter__(self) -> "TarWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self._tar.close()

    def put(self, prefix: bytes, entry: Entry, blocks: Iterable[bytes]) -> None:
        """Add one entry with its data (the bytes of its extents one after another)."""
        info = tarfile.TarInfo(_text(_below(prefix, entry.path)))
        info.type = _TYPES[entry.kind]
        info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.gid
        info.uname, info.gname = entry.user, entry.group
        info.mtime = entry.mtime_ns // 1_000_000_000
        info.pax_headers = {"mtime": _seconds(entry.mtime_ns)}
        for name, value in entry.xattrs:
            info.pax_headers[f"SCHILY.xattr.{_text(name)}"] = _text(value)
        if entry.device is not None:
            info.devmajor, info.devminor = entry.device
        if entry.hard_link_to:
            info.type, info.linkname = tarfile.LNKTYPE, _text(_below(prefix, entry.hard_link_to))
        elif entry.kind == "symlink":
            info.linkname = _text(entry.target)
        elif entry.kind == "file":
            info.size = entry.size
        self._tar.addfile(info, _Reader(_with_holes(entry, blocks)) if info.isreg() else None)


class _Reader(io.RawIOBase):
    """Blocks as a file that is read from front to end."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        parts, missing = [], size
        while missing > 0:
            if not self._rest:
                block = next(self._blocks, b"")
                if not block:
                    break
                self._rest = memoryview(block)
            part, self._rest = self._rest[:missing], self._rest[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _with_holes(entry: Entry, blocks: Iterable[bytes]) -> Iterator[bytes]:
    if entry.extents is None:
        yield from (block for block in blocks if block)
        return
    data, position = _Reader(iter(blocks)), 0
    for offset, length in entry.extents:
        yield from _zeros(offset - position)
        left = length
        while left:
            block = data.read(min(left, MIB))
            if not block:
                return
            left -= len(block)
            yield block
        position = offset + length
    yield from _zeros(entry.size - position)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield _ZEROS[:count]
        count -= min(count, MIB)


def _below(prefix: bytes, path: bytes) -> bytes:
    return b"/".join(part for part in (prefix, path) if part) or b"."


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _seconds(nanoseconds: int) -> str:
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest:09}"
