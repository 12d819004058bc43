"""Files of one directory that stand one behind the other in a walk, told and compared together.

To list a name and look at it takes some six microseconds; what was done with it then took forty. A few hundred files that are as they were are
one comparison of bytes instead.

Invariant: where a sequence ends is decided by the names themselves (about one in ``AVERAGE``) and by what stands between them, so that a file that
comes or goes moves the ends of its own neighbours and of no others; where ``AT_MOST`` cut one, those up to the next end that a name decides.
"""

from binascii import crc32
from collections.abc import Iterator
from typing import NamedTuple

from lifeboat.foundation.sizes import GIB
from lifeboat.sources.files.entry import STAMP, Entry
from lifeboat.sources.files.owners import Owners

AVERAGE = 256
"""A power of two."""
AT_MOST = 4 * AVERAGE
AT_MOST_BYTES = GIB
"""Of content: what is remembered of them names each mebibyte of it."""


class Siblings(NamedTuple):
    """Args: names: Ascending, each a file with this one name; stamps: Of each its stamp, joined."""

    directory: bytes
    names: list[bytes]
    stamps: bytes

    def entries(self, owners: Owners) -> Iterator[Entry]:
        """Each as a name of its own; its extended attributes are for whoever reads it."""
        start = self.directory + b"/" if self.directory else b""
        at = 0
        for name, (mode, uid, gid, _, size, mtime_ns, _, _, _) in zip(
            self.names, STAMP.iter_unpack(self.stamps), strict=True
        ):
            user, group = owners.names(uid, gid)
            stamp = self.stamps[at : at + STAMP.size]
            at += STAMP.size
            yield Entry(start + name, "file", mode & 0o7777, uid, gid, mtime_ns, size, user, group, stamp=stamp)


def is_last(name: bytes, count: int, size_bytes: int) -> bool:
    """Whether a sequence ends with this name. Args: count, size_bytes: Its names, and their content, with this one."""
    return crc32(name) % AVERAGE == 0 or count >= AT_MOST or size_bytes >= AT_MOST_BYTES


def path_in(directory: bytes, name: bytes) -> bytes:
    """The path of a name in a directory; the root's path is empty."""
    return directory + b"/" + name if directory else name
