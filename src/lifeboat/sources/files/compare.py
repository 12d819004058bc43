"""Compare a tree on disk with what it should be, and say each difference in words.

Both sides come in walk order and are merged, so memory does not grow with the tree. Used after a restore, by the
demo, and to list what a restore in place left beside the manifest.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.sizes import MIB
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import Entry, Extent, show, walk_order
from lifeboat.sources.files.errors import OnTrouble, not_read
from lifeboat.sources.files.opening import find_extents
from lifeboat.sources.files.owners import Owners
from lifeboat.sources.files.patterns import NOTHING_SAID, Patterns
from lifeboat.sources.files.read import FileReader
from lifeboat.sources.files.walk import open_root, walk

BLOCK_BYTES = MIB


class Difference(NamedTuple):
    """One thing about one name.

    Args:
        aspect: ``missing``, ``extra``, ``kind``, ``content``, ``size``, ``mode``, ``owner``, ``time``, ``target``,
            ``device``, ``attributes``, ``hard-link`` or ``unreadable``.
        words: The difference for people.
    """

    path: bytes
    aspect: str
    words: str

    def __str__(self) -> str:
        return f"{show(self.path)}: {self.words}"


def compare_with(
    expected: Iterable[tuple[Entry, Iterator[bytes] | None]],
    root: Path,
    *,
    patterns: Patterns = NOTHING_SAID,
    owner: bool = True,
    on_trouble: OnTrouble,
) -> Iterator[Difference]:
    """Tell how the tree at ``root`` differs from entries in walk order.

    Args:
        expected: Each with its content without holes, or None not to compare the content.
        patterns: What of the tree on disk counts.
        owner: Whether owners should be as stored; False after a restore by an ordinary user.
    """
    owners = Owners()
    directories = open_root(root)
    try:
        for wanted, found in _merge(expected, walk(root, patterns, on_trouble=on_trouble)):
            if wanted is None:
                assert found is not None
                yield Difference(found.path, "extra", f"a {found.kind} that should not be there")
                continue
            entry, blocks = wanted
            if found is None:
                yield Difference(entry.path, "missing", f"the {entry.kind} is missing")
            elif entry.kind != found.kind:
                yield Difference(entry.path, "kind", f"a {found.kind} instead of a {entry.kind}")
            else:
                yield from _metadata(entry, found, owners if owner else None)
                if blocks is not None and entry.kind == "file":
                    yield from _content(directories, entry, found, blocks)
    finally:
        directories.close()


def compare_trees(
    original: Path,
    copy: Path,
    *,
    patterns: Patterns = NOTHING_SAID,
    owner: bool = True,
    clock: Clock,
    on_trouble: OnTrouble,
) -> Iterator[Difference]:
    """Tell how one tree on disk differs from another, every byte compared."""
    with FileReader(original, on_trouble=on_trouble, clock=clock) as reader:

        def entries() -> Iterator[tuple[Entry, Iterator[bytes] | None]]:
            for entry in walk(original, patterns, on_trouble=on_trouble):
                if entry.kind != "file":
                    yield entry, None
                    continue
                try:
                    with reader.open_once(entry) as (settled, blocks):
                        yield settled, blocks
                except OSError as error:
                    on_trouble(not_read(entry.path, error))
                    yield entry, None

        yield from compare_with(entries(), copy, patterns=patterns, owner=owner, on_trouble=on_trouble)


def extras(
    expected: Iterable[bytes], root: Path, *, patterns: Patterns = NOTHING_SAID, on_trouble: OnTrouble
) -> Iterator[bytes]:
    """Tell the paths on disk that are not among the expected ones, which come in walk order.

    A restore in place deletes nothing: this is what it leaves beside the manifest.
    """
    waiting = iter(expected)
    following = next(waiting, None)
    for found in walk(root, patterns, on_trouble=on_trouble):
        order = walk_order(found.path)
        while following is not None and walk_order(following) < order:
            following = next(waiting, None)
        if following != found.path:
            yield found.path


Wanted = tuple[Entry, Iterator[bytes] | None]


def _merge(expected: Iterable[Wanted], found: Iterable[Entry]) -> Iterator[tuple[Wanted | None, Entry | None]]:
    left, right = iter(expected), iter(found)
    wanted, there = next(left, None), next(right, None)
    while wanted is not None or there is not None:
        if there is None or (wanted is not None and walk_order(wanted[0].path) < walk_order(there.path)):
            yield wanted, None
            wanted = next(left, None)
        elif wanted is None or walk_order(there.path) < walk_order(wanted[0].path):
            yield None, there
            there = next(right, None)
        else:
            yield wanted, there
            wanted, there = next(left, None), next(right, None)


def _metadata(entry: Entry, found: Entry, owners: Owners | None) -> Iterator[Difference]:
    path = entry.path
    if entry.size != found.size:
        yield Difference(path, "size", f"{found.size} bytes instead of {entry.size}")
    if entry.mode != found.mode and entry.kind != "symlink":
        yield Difference(path, "mode", f"mode {found.mode:04o} instead of {entry.mode:04o}")
    if entry.mtime_ns != found.mtime_ns:
        yield Difference(path, "time", f"modified {_moment(found.mtime_ns)} instead of {_moment(entry.mtime_ns)}")
    if entry.target != found.target:
        yield Difference(path, "target", f"points to {show(found.target)} instead of {show(entry.target)}")
    if entry.device != found.device:
        yield Difference(path, "device", f"device {found.device} instead of {entry.device}")
    if entry.hard_link_to != found.hard_link_to:
        yield Difference(path, "hard-link", f"the same file as {_name(found)} instead of {_name(entry)}")
    if owners is not None:
        wanted = owners.numbers(entry.uid, entry.gid, entry.user, entry.group)
        if wanted != (found.uid, found.gid):
            yield Difference(path, "owner", f"owner {found.uid}:{found.gid} instead of {wanted[0]}:{wanted[1]}")
    if entry.xattrs != found.xattrs:
        wrong = sorted({name for name, _ in set(entry.xattrs) ^ set(found.xattrs)})
        yield Difference(path, "attributes", "attributes differ: " + ", ".join(map(show, wrong)))


def _moment(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{seconds}.{rest:09d}"


def _name(entry: Entry) -> str:
    return show(entry.hard_link_to) if entry.hard_link_to else "no name before it"


def _content(directories: Directories, entry: Entry, found: Entry, blocks: Iterator[bytes]) -> Iterator[Difference]:
    parent, _, name = entry.path.rpartition(b"/")
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directories.open(parent))
        try:
            at = _first_difference(fd, entry, found.size, blocks)
        finally:
            os.close(fd)
    except OSError as error:
        yield Difference(entry.path, "unreadable", f"cannot be read: {(error.strerror or str(error)).lower()}")
        return
    if at is not None:
        yield Difference(entry.path, "content", f"the content differs from byte {at} on")


def _first_difference(fd: int, entry: Entry, found_size: int, blocks: Iterator[bytes]) -> int | None:
    """The offset of the first wrong byte; None when there is none. Holes and zeros are the same."""
    wanted: tuple[Extent, ...] = ((0, entry.size),) if entry.extents is None else entry.extents
    block = memoryview(b"")
    for offset, length in wanted:
        while length:
            if not block:
                block = memoryview(next(blocks, b""))
                if not block:
                    return offset
            part = block[:length]
            there = os.pread(fd, len(part), offset)
            if there != part:
                return offset + _common(there, bytes(part))
            offset, length, block = offset + len(part), length - len(part), block[len(part) :]
    for offset, length in _overlaps(_holes(wanted, entry.size), find_extents(fd, found_size) or ((0, found_size),)):
        while length:
            there = os.pread(fd, min(length, BLOCK_BYTES), offset)
            if not there or there.count(0) != len(there):
                return offset + _common(there, bytes(len(there)))
            offset, length = offset + len(there), length - len(there)
    return entry.size if found_size > entry.size else None


def _common(one: bytes, other: bytes) -> int:
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


def _holes(extents: tuple[Extent, ...], size: int) -> Iterator[Extent]:
    at = 0
    for offset, length in extents:
        if offset > at:
            yield at, offset - at
        at = offset + length
    if size > at:
        yield at, size - at


def _overlaps(one: Iterator[Extent], other: tuple[Extent, ...]) -> Iterator[Extent]:
    second = 0
    for offset, length in one:
        end = offset + length
        while second < len(other) and sum(other[second]) <= offset:
            second += 1
        at = second
        while at < len(other) and other[at][0] < end:
            begin, stop = max(offset, other[at][0]), min(end, sum(other[at]))
            if stop > begin:
                yield begin, stop - begin
            at += 1
