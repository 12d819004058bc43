"""Bytes given as several buffers, handled without ever joining them.

Invariant: nothing here copies a buffer except ``joined``, which says so.
"""

import hashlib

from lifeboat.storage.object_store import Content


def buffers_of(content: Content) -> list[memoryview]:
    """The buffers in order as flat views of bytes; empty ones are left out."""
    parts = [content] if isinstance(content, (bytes, bytearray, memoryview)) else content
    views = (memoryview(part) for part in parts)
    return [view if view.format == "B" and view.ndim == 1 else view.cast("B") for view in views if view.nbytes]


def size_of(content: Content) -> int:
    """How many bytes it is in all."""
    return sum(view.nbytes for view in buffers_of(content))


def sha256_of(content: Content) -> bytes:
    """The SHA-256 of the bytes, 32 bytes long."""
    running = hashlib.sha256()
    for view in buffers_of(content):
        running.update(view)
    return running.digest()


def joined(content: Content) -> bytes:
    """One copy of all bytes."""
    return content if isinstance(content, bytes) else b"".join(buffers_of(content))


def is_same(content: Content, stored: bytes) -> bool:
    """Whether ``stored`` is exactly these bytes."""
    there = memoryview(stored)
    offset = 0
    for view in buffers_of(content):
        if there[offset : offset + view.nbytes] != view:
            return False
        offset += view.nbytes
    return offset == len(stored)
