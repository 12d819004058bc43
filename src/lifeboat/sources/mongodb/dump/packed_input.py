"""The bytes of a dump's file or pipe, unpacked where they are gzip (by its magic, not by a name), read ahead in blocks.

Memory is bounded whatever the bytes say: a block, and what somebody asked for at once.
"""

import zlib
from typing import BinaryIO

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.dump.found import TAKE_ANOTHER, Passed
from lifeboat.sources.mongodb.errors import DumpUnreadable

BLOCK_BYTES = MIB
GZIP_MAGIC = b"\x1f\x8b"
_GZIP = 31
BOMB_RATIO = 500
"""Zeros packed as tightly as gzip can are 1,030 to 1; databases are 3 to 30."""
BOMB_AT_LEAST_BYTES = 256 * MIB


class PackedInput:
    """Args: name: of the file, for people."""

    def __init__(self, raw: BinaryIO, name: str, passed: Passed) -> None:
        self._raw = raw
        self._passed = passed
        self._packed_bytes = self._unpacked_bytes = 0
        self.name = name
        self.buffer = b""
        self.position = 0
        self._tail = self._read_raw()
        self._is_packed = self._tail.startswith(GZIP_MAGIC)
        self._unpacker = zlib.decompressobj(_GZIP) if self._is_packed else None

    def need(self, count: int) -> None:
        """Have ``count`` bytes from ``position`` on in ``buffer``; raises ``DumpUnreadable`` where it ends before."""
        if not self.has(count):
            raise DumpUnreadable(f"{self.name} is cut off: it ends in the middle", TAKE_ANOTHER)

    def has(self, count: int) -> bool:
        """Have ``count`` bytes, or say that there are fewer."""
        held = len(self.buffer) - self.position
        if held >= count:
            return True
        parts = [self.buffer[self.position :]]
        while held < count:
            block = self._next_block()
            if not block:
                break
            parts.append(block)
            held += len(block)
        self.buffer, self.position = b"".join(parts), 0
        return held >= count

    def take(self, count: int) -> bytes:
        """The next bytes."""
        self.need(count)
        taken = self.buffer[self.position : self.position + count]
        self.position += count
        return taken

    def _next_block(self) -> bytes:
        if not self._is_packed:
            block, self._tail = self._tail, b""
            return block or self._read_raw()
        try:
            block = self._unpack()
        except zlib.error as trouble:
            raise DumpUnreadable(f"{self.name} is damaged: it does not unpack as gzip", TAKE_ANOTHER) from trouble
        self._unpacked_bytes += len(block)
        if self._unpacked_bytes > max(BOMB_AT_LEAST_BYTES, BOMB_RATIO * self._packed_bytes):
            raise DumpUnreadable(
                f"{self.name} unpacks to more than {BOMB_RATIO} times its size: no dump does, but an attack would",
                "if it is yours, unpack it with gunzip first and import that",
            )
        return block

    def _unpack(self) -> bytes:
        """Something, or nothing at the end; several gzip members may follow one another."""
        while True:
            if not self._tail:
                self._tail = self._read_raw()
            is_end = not self._tail
            if self._unpacker is None:
                if is_end:
                    return b""
                self._unpacker = zlib.decompressobj(_GZIP)
            unpacked = self._unpacker.decompress(self._tail, BLOCK_BYTES)
            self._tail = self._unpacker.unconsumed_tail
            if self._unpacker.eof:
                self._tail, self._unpacker = self._unpacker.unused_data, None
            elif is_end and not unpacked:
                raise DumpUnreadable(f"{self.name} is cut off: its gzip has no end", TAKE_ANOTHER)
            if unpacked:
                return unpacked

    def _read_raw(self) -> bytes:
        try:
            block = self._raw.read(BLOCK_BYTES)
        except OSError as trouble:
            raise DumpUnreadable(
                f"{self.name} cannot be read: {(trouble.strerror or str(trouble)).lower()}", "is its disk sound?"
            ) from trouble
        self._packed_bytes += len(block)
        self._passed(len(block))
        return block
