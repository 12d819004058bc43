"""Small files share chunks: a million of them must not become a million chunks.

Files up to ``SMALL_FILE_BYTES`` are joined, in walk order, into groups of about a mebibyte. A group ends after a file whose content says so
(a checksum with four zero bits), once it is large enough: so a file that comes or goes changes its own group and seldom the next.
"""

import zlib
from concurrent.futures import Future
from dataclasses import dataclass, field

from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.sizes import KIB, MIB
from lifeboat.repository.writing import Run, Stored

SMALL_FILE_BYTES = 256 * KIB
"""Larger ones are cut on their own: sharing would save less than reading a neighbour costs a single restore."""
GROUP_SMALLEST_BYTES = 512 * KIB
GROUP_LARGEST_BYTES = 2 * MIB
_ENDS = 0x0F


@dataclass(eq=False)
class Group:
    """Files whose contents become one chunk; ``stored`` is set when it is handed over."""

    parts: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    stored: "Future[Stored] | None" = None
    _chunk: bytes = b""

    def is_stored(self) -> bool:
        """Whether ``chunk`` would not wait; asked for each file in it, so the future is asked only until it is done."""
        if not self._chunk and self.stored is not None and self.stored.done():
            self._chunk = self.stored.result().chunk
        return bool(self._chunk)

    def chunk(self) -> bytes:
        """Its id; waits, and raises what went wrong."""
        if not self._chunk:
            assert self.stored is not None
            self._chunk = self.stored.result().chunk
        return self._chunk


class Grouping:
    """Collects small files; one thread."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._group = Group()

    def add(self, content: bytes) -> tuple[Group, int]:
        """Put a file's content into the present group; returns the group and the offset in it."""
        group, offset = self._group, self._group.size_bytes
        group.parts.append(content)
        group.size_bytes += len(content)
        full = group.size_bytes >= GROUP_LARGEST_BYTES
        if full or (group.size_bytes >= GROUP_SMALLEST_BYTES and zlib.crc32(content) & _ENDS == 0):
            self.end()
        return group, offset

    def end(self) -> None:
        """Hand the present group over to be stored, if there is anything in it."""
        group = self._group
        if group.parts:
            self._group = Group()
            joined = group.parts[0] if len(group.parts) == 1 else b"".join(group.parts)
            group.parts.clear()
            group.stored = self._run.store(Kind.CONTENT, joined)
