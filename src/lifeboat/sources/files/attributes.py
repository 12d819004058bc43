"""Extended attributes: read from and written to a name in an open directory, or a descriptor.

POSIX ACLs (``system.posix_acl_access``, ``system.posix_acl_default``) and capabilities are attributes too.
Python can name no attribute relative to a directory, so the way leads through ``/proc/self/fd``, which opens
nothing and cannot be led astray by a rename. Limits: elsewhere than on Linux Python has no such calls, and
there are then no attributes.
"""

import errno
import os
import sys

Pairs = tuple[tuple[bytes, bytes], ...]

_ABSENT = frozenset((errno.ENOTSUP, errno.ENOSYS))
_UNREADABLE = frozenset((errno.EPERM, errno.EACCES, errno.ENODATA, errno.ENOTSUP))

if sys.platform == "linux":
    AVAILABLE = os.path.isdir("/proc/self/fd")
else:
    AVAILABLE = False


def way_to(directory_fd: int, name: bytes) -> bytes:
    """A short path to a name in an open directory, for calls that take no descriptor."""
    return b"/proc/self/fd/%d/%s" % (directory_fd, name)


class Attributes:
    """Reads attributes; remembers filesystems that have none, to spare the calls."""

    def __init__(self) -> None:
        self._without: set[int] = set()

    def of_name(self, directory_fd: int, name: bytes, device: int) -> Pairs:
        """Attributes of a name, of the symlink itself if it is one."""
        if not AVAILABLE or device in self._without:
            return ()
        return self._read(way_to(directory_fd, name), device)

    def of_descriptor(self, fd: int, device: int) -> Pairs:
        """Attributes of what is open."""
        if not AVAILABLE or device in self._without:
            return ()
        return self._read(fd, device)

    if sys.platform == "linux":

        def _read(self, where: bytes | int, device: int) -> Pairs:
            follow = isinstance(where, int)
            try:
                names = os.listxattr(where, follow_symlinks=follow)
            except OSError as error:
                if error.errno in _ABSENT:
                    self._without.add(device)
                    return ()
                if error.errno in _UNREADABLE:
                    return ()
                raise
            if not names:
                return ()
            pairs = []
            for name in names:
                try:
                    pairs.append((os.fsencode(name), os.getxattr(where, name, follow_symlinks=follow)))
                except OSError as error:
                    # Some are for root's eyes (trusted.*), some go away; neither is the user's loss.
                    if error.errno not in _UNREADABLE:
                        raise
            return tuple(sorted(pairs))

    else:

        def _read(self, where: bytes | int, device: int) -> Pairs:
            return ()
