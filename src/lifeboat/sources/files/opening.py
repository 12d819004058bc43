"""Open a file to read it, and where it has data: no symlink, no waiting for a pipe's other end, its access time left alone where that is allowed."""

import errno
import os

from lifeboat.sources.files.entry import Extent

EXTENTS_AT_MOST = 65_536
"""Behind this many extents the rest of a file counts as data, so that no file's list outgrows memory."""

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_ATIME = getattr(os, "O_NOATIME", 0)


def open_to_read(name: bytes, directory_fd: int) -> int:
    """The descriptor of a name in an open directory; raises ``OSError``."""
    if _NO_ATIME:
        try:
            return os.open(name, _OPEN | _NO_ATIME, dir_fd=directory_fd)
        except PermissionError:
            # Only the owner and root may leave the access time alone.
            pass
    return os.open(name, _OPEN, dir_fd=directory_fd)


def find_extents(fd: int, size: int) -> tuple[Extent, ...] | None:
    """Where an open file has data; None when it has no holes or the filesystem cannot tell."""
    extents: list[Extent] = []
    at = 0
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
            end = os.lseek(fd, begin, os.SEEK_HOLE) if len(extents) < EXTENTS_AT_MOST else size
        except OSError as error:
            if error.errno == errno.ENXIO:
                # No data behind here. If somebody has just cut the file, its times tell.
                break
            return None
        if begin >= size:
            break
        extents.append((begin, min(end, size) - begin))
        at = end
    return None if extents == [(0, size)] or size == 0 else tuple(extents)
