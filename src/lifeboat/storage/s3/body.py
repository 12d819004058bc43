"""A request's body over several buffers: no copy of the whole is ever made."""

import io

from lifeboat.foundation.sizes import KIB

STEP_BYTES = 256 * KIB
"""The most that one ``read`` copies. The HTTP client asks for 16 KiB, the signer for 1 MiB at a time."""


class Body(io.RawIOBase):
    """Read-only and seekable, which signing and hashing need; for one thread."""

    def __init__(self, buffers: list[memoryview]) -> None:
        super().__init__()
        self._buffers = buffers
        self._size_bytes = sum(view.nbytes for view in buffers)
        self._at = self._index = self._offset = 0

    def __len__(self) -> int:
        return self._size_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._place(max(0, start + offset))
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Up to ``size`` bytes; like a socket it may give fewer, and nothing only at the end."""
        wanted = STEP_BYTES if size is None or size < 0 else min(size, STEP_BYTES)
        parts: list[memoryview] = []
        while wanted and self._index < len(self._buffers):
            view = self._buffers[self._index]
            part = view[self._offset : self._offset + wanted]
            parts.append(part)
            wanted -= part.nbytes
            self._at += part.nbytes
            self._offset += part.nbytes
            if self._offset == view.nbytes:
                self._index += 1
                self._offset = 0
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def _place(self, at: int) -> None:
        self._at = at
        self._index = 0
        self._offset = at
        while self._index < len(self._buffers) and self._offset >= self._buffers[self._index].nbytes:
            self._offset -= self._buffers[self._index].nbytes
            self._index += 1


def cut(buffers: list[memoryview], part_bytes: int) -> list[list[memoryview]]:
    """Divide the buffers into lists of ``part_bytes`` each, the last one shorter."""
    parts: list[list[memoryview]] = [[]]
    room = part_bytes
    for view in buffers:
        rest = view
        while rest.nbytes:
            if not room:
                parts.append([])
                room = part_bytes
            parts[-1].append(rest[:room])
            taken = min(room, rest.nbytes)
            rest = rest[taken:]
            room -= taken
    return parts
