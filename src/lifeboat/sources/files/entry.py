"""One name in a tree: what a backup keeps of it besides its content.

Limits: a million of these pass through, so an entry is a tuple with named fields, built by position.
Invariant: everything except ``stamp`` and ``link_count`` is worth restoring and goes into the manifest;
those two describe this machine's inode and never leave it.
"""

import re
import struct
from os import stat_result
from typing import Literal, NamedTuple

Kind = Literal["file", "directory", "symlink", "fifo", "socket", "character-device", "block-device"]
"""A socket is reported and skipped, so no stored entry has that kind."""

KINDS: frozenset[str] = frozenset(Kind.__args__)  # type: ignore[attr-defined]

Extent = tuple[int, int]
"""Where data lies in a sparse file: (offset in bytes, length in bytes)."""

Piece = tuple[bytes, int, int]
"""A slice of a stored chunk: (chunk id of 32 bytes, offset in bytes, length in bytes)."""

PARTIAL_NAME = b".lifeboat-partial"
"""The one name under which a restore writes before it renames; never part of a backup."""

RESTORING_NAME = b".lifeboat-restoring"
"""Lies in the root of a tree whose restore has not finished; never part of a backup."""

RESERVED_NAMES = frozenset((PARTIAL_NAME, RESTORING_NAME))
RESERVED_START = b".lifeboat-"

_A_PARTIAL_NAME = re.compile(re.escape(PARTIAL_NAME) + rb"(\.[0-9]{1,7})?")

STAMP = struct.Struct("<IIIQQqqQQ")
"""Mode with type, uid, gid, names, size, content changed (ns), inode changed (ns), inode, device."""
CHANGED_IN_STAMP, INODE_IN_STAMP, DEVICE_IN_STAMP = slice(36, 44), slice(-16, None), slice(-8, None)
"""Where a stamp has the time of the inode's change, inode and device together, and the device."""

FARTHEST_NS = (1 << 63) - 1
"""The year 2262, and 1677. File systems go farther, and `touch` goes with them."""

_pack_stamp = STAMP.pack


class Entry(NamedTuple):
    """A file, directory or other name, as found or as stored.

    Args:
        path: Raw bytes relative to the root, components joined by ``/``; the root itself is ``b""``.
        mode: The twelve permission bits (``0o7777``), without the type.
        size: Bytes of a file with its holes; 0 for every other kind.
        user: Name of the owner where it was found; empty when the machine knew none.
        xattrs: (name, value) pairs sorted by name; POSIX ACLs and capabilities are among them.
        target: Where a symlink points, uninterpreted.
        device: (major, minor) of a device.
        hard_link_to: On the second and later names of one inode the path of the first; else empty.
        extents: Where a sparse file has data, ascending; None when the file has no holes.
        stamp: Changes whenever the file may have changed; empty when that cannot be promised.
        link_count: Names the inode has; above 1 a later entry may refer to this one.
    """

    path: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int = 0
    user: str = ""
    group: str = ""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    target: bytes = b""
    device: tuple[int, int] | None = None
    hard_link_to: bytes = b""
    extents: tuple[Extent, ...] | None = None
    stamp: bytes = b""
    link_count: int = 1

    @property
    def content_bytes(self) -> int:
        """How many bytes the file's pieces hold together: its size without the holes."""
        return self.size if self.extents is None else sum(length for _, length in self.extents)

    def portable(self) -> "Entry":
        """The same entry without what only this machine can use."""
        return self._replace(stamp=b"", link_count=1)


def make_stamp(found: stat_result) -> bytes:
    """Sum up an inode's state; two equal stamps mean that content and metadata did not change.

    The change time is what makes this hold: no user can set it, and every write, chmod or setxattr moves it.
    """
    changed_ns, inode_changed_ns = found.st_mtime_ns, found.st_ctime_ns
    if not (-FARTHEST_NS <= changed_ns <= FARTHEST_NS and -FARTHEST_NS <= inode_changed_ns <= FARTHEST_NS):
        changed_ns, inode_changed_ns = _near(changed_ns), _near(inode_changed_ns)
    return _pack_stamp(
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_nlink,
        found.st_size,
        changed_ns,
        inode_changed_ns,
        found.st_ino,
        found.st_dev & 0xFFFFFFFFFFFFFFFF,
    )


def _near(ns: int) -> int:
    return max(-FARTHEST_NS, min(ns, FARTHEST_NS))


def is_partial(name: bytes) -> bool:
    """Whether a restore writes under this name before it renames; each of several processes has one of its own, with its number: that of a
    shard, or that which the system gave it."""
    return _A_PARTIAL_NAME.fullmatch(name) is not None


def walk_order(path: bytes) -> bytes:
    """A key that sorts paths as a walk yields them: depth first, a directory before its contents."""
    return path.replace(b"/", b"\0")


def show(path: bytes) -> str:
    """Write a path for people: printable, one line, and different for different paths."""
    text = path.decode("utf-8", "backslashreplace")
    return text if text.isprintable() and text else (ascii(text)[1:-1] or ".")
