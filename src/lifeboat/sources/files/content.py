"""Bytes of one file: written whole, spread over extents, or compared with a file that is there.

Limits: one block in memory. Invariant: how many bytes came is always counted, so too few or too many never pass.
"""

import os
from collections.abc import Callable, Iterator
from itertools import chain

from lifeboat.foundation.page_cache import PIECE_BYTES
from lifeboat.sources.files.entry import Entry


def write_content(
    file: int, entry: Entry, blocks: Iterator[bytes], wrote: Callable[[int, int, int], None] = lambda *piece: None
) -> int:
    """Write the blocks where the entry says they belong; returns how many bytes came, which may be too few or too many.

    Args:
        wrote: Hears of each ``PIECE_BYTES`` of a file without holes that more will follow: descriptor, offset, length.
    """
    return _write_whole(file, blocks, wrote) if entry.extents is None else _write_extents(file, entry, blocks)


def what_differs(existing: int, blocks: Iterator[bytes], size: int) -> Iterator[bytes] | None:
    """Compare a file with its content to be; None when they are the same, else all of the content from its beginning.

    What was equal so far is given again from the file, so the content is fetched once only.
    """
    position = 0
    for block in blocks:
        if os.pread(existing, len(block), position) != block:
            return chain(_again(existing, position, max(len(block), 65_536)), (block,), blocks)
        position += len(block)
    return None if position == size else _again(existing, position, 1 << 20)


def _again(existing: int, end: int, block_bytes: int) -> Iterator[bytes]:
    position = 0
    while position < end:
        block = os.pread(existing, min(block_bytes, end - position), position)
        if not block:
            return
        position += len(block)
        yield block


def _write_whole(file: int, blocks: Iterator[bytes], wrote: Callable[[int, int, int], None]) -> int:
    written = told = 0
    for block in blocks:
        if written - told >= PIECE_BYTES:
            wrote(file, told, written - told)
            told = written
        count = os.write(file, block)
        if count < len(block):
            _write_all(file, memoryview(block)[count:], written + count)
            os.lseek(file, written + len(block), os.SEEK_SET)
        written += len(block)
    return written


def _write_extents(file: int, entry: Entry, blocks: Iterator[bytes]) -> int:
    """Spread the content over the extents and leave holes between them."""
    os.ftruncate(file, entry.size)
    written = 0
    block = memoryview(b"")
    for offset, length in entry.extents or ():
        while length:
            if not block:
                following = next(blocks, None)
                if following is None:
                    return written
                block = memoryview(following)
            part = block[:length]
            _write_all(file, part, offset)
            offset, length, written = offset + len(part), length - len(part), written + len(part)
            block = block[len(part) :]
    return written + len(block) + sum(map(len, blocks))


def _write_all(file: int, view: memoryview, offset: int) -> None:
    while view:
        count = os.pwrite(file, view, offset)
        view, offset = view[count:], offset + count
