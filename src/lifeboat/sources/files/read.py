"""Read the content of files that somebody may be writing, replacing or deleting meanwhile.

Limits: one block in memory (``read``) or one small file (``read_small``). Opening is for one thread at a time
and locked; reading is not, so several threads may share a reader.
Invariant: the entry given back describes exactly the bytes given out: their number, extents and the times the
file had before the first byte was read. A file that kept changing gets no stamp, so the next backup reads it again.
"""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.page_cache import WORTH_IT_BYTES, is_cached, let_go
from lifeboat.foundation.sizes import GIB, MIB
from lifeboat.sources.files.attributes import Attributes, Pairs
from lifeboat.sources.files.entry import (
    CHANGED_IN_STAMP,
    DEVICE_IN_STAMP,
    INODE_IN_STAMP,
    Entry,
    Extent,
    make_stamp,
    show,
)
from lifeboat.sources.files.errors import OnTrouble, not_read
from lifeboat.sources.files.opening import find_extents, open_to_read
from lifeboat.sources.files.owners import Owners
from lifeboat.sources.files.walk import open_root

Result = TypeVar("Result")

TRIES = 3
"""A save takes milliseconds: a file still changing at the third reading is one that is written all the time."""

READ_AGAIN_AT_MOST_BYTES = GIB
"""Larger files are read once: a growing log or disk image would cost hours and change again."""

FRESH_NS = 2_000_000_000
"""A file changed this recently may change again within the same tick of its filesystem's clock, unseen by any
stamp. 2 s is the coarsest tick in use (FAT); ext4 and XFS tick every 4 to 10 ms."""

READ_AHEAD_BYTES = 8 * MIB
"""Of larger files the kernel is told that they are read from front to end."""


class FileReader:
    """Reads the files that a walk of the same root has told.

    Args:
        on_trouble: Hears of files that vanished, could not be read, or changed at every try.
    """

    def __init__(self, root: Path, *, on_trouble: OnTrouble, clock: Clock) -> None:
        self._directories = open_root(root)
        self._on_trouble = on_trouble
        self._clock = clock
        self._lock = threading.Lock()
        self._owners = Owners()
        self._attributes = Attributes()

    def read(
        self, entry: Entry, consume: Callable[[Iterator[bytes]], Result], *, block_bytes: int = MIB
    ) -> tuple[Entry, Result] | None:
        """Hand the content, without holes, to ``consume``, and again from the start if the file changed meanwhile.

        Args:
            consume: Takes all blocks; what it returned for an earlier try is dropped.

        Returns:
            The entry as it was when read, and what ``consume`` returned; None when there was nothing to read,
            which has then been told as trouble.
        """
        for attempt in range(1, TRIES + 1):
            try:
                reading = self._begin(entry)
            except OSError as error:
                self._on_trouble(not_read(entry.path, error))
                return None
            with reading:
                result = consume(reading.blocks(block_bytes))
                if reading.error is not None:
                    self._on_trouble(not_read(entry.path, reading.error))
                    return None
                last = attempt == TRIES or reading.before.st_size > READ_AGAIN_AT_MOST_BYTES
                still = reading.held_still()
                if still or last:
                    try:
                        return self._settled(entry, reading, still), result
                    except OSError as error:
                        self._on_trouble(not_read(entry.path, error))
                        return None
        raise AssertionError("the last try returns")

    def read_small(self, entry: Entry, at_most_bytes: int) -> tuple[Entry, bytes | None] | None:
        """Read a small file at once.

        Returns:
            As ``read``; the content is None if the file is larger by now: then use ``read``.
        """
        for attempt in range(1, TRIES + 1):
            try:
                with self._begin(entry) as reading:
                    if reading.before.st_size > at_most_bytes:
                        return entry, None
                    content = b"".join(reading.blocks(at_most_bytes))
                    if reading.error is not None:
                        raise reading.error
                    still = reading.held_still()
                    if still or attempt == TRIES:
                        return self._settled(entry, reading, still), content
            except OSError as error:
                self._on_trouble(not_read(entry.path, error))
                return None
        raise AssertionError("the last try returns")

    def as_read(self, entry: Entry, xattrs: Pairs, since_ns: int) -> Entry:
        """The entry of a file of which somebody else read exactly what the walk saw. Args: since_ns: When that cannot have begun yet."""
        changed_ns = int.from_bytes(entry.stamp[CHANGED_IN_STAMP], "little", signed=True)
        if xattrs:
            entry = entry._replace(xattrs=xattrs)
        return entry._replace(stamp=b"") if changed_ns > since_ns - FRESH_NS else entry

    def with_attributes(self, entry: Entry) -> Entry | None:
        """The entry of a file that has no content to read; None if it vanished, which has then been told as trouble."""
        parent, _, name = entry.path.rpartition(b"/")
        device = int.from_bytes(entry.stamp[DEVICE_IN_STAMP], "little")
        try:
            with self._lock:
                xattrs = self._attributes.of_name(self._directories.open(parent), name, device)
        except OSError as error:
            self._on_trouble(not_read(entry.path, error))
            return None
        return entry._replace(xattrs=xattrs) if xattrs else entry

    def now_ns(self) -> int:
        """Nanoseconds since 1970."""
        return int(self._clock.now().timestamp() * 1_000_000_000)

    @contextmanager
    def open_once(self, entry: Entry, *, block_bytes: int = MIB) -> Iterator[tuple[Entry, Iterator[bytes]]]:
        """Open a file for one reading that is not repeated: the entry as it is now, and its blocks.

        Raises:
            OSError: It vanished or cannot be opened; the caller knows what that means to it.
        """
        with self._begin(entry) as reading:
            size, extents = reading.delivered()
            yield self._refreshed(entry, reading)._replace(size=size, extents=extents), reading.blocks(block_bytes)

    def close(self) -> None:
        with self._lock:
            self._directories.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _begin(self, entry: Entry) -> "_Reading":
        parent, _, name = entry.path.rpartition(b"/")
        with self._lock:
            fd = open_to_read(name, self._directories.open(parent))
        try:
            before = os.fstat(fd)
            if not stat.S_ISREG(before.st_mode):
                raise OSError(errno.ENOENT, "it is no longer a file")
            # Fewer blocks than bytes: a hole, or a filesystem that compresses; only the kernel can tell.
            sparse = before.st_blocks * 512 < before.st_size
            return _Reading(fd, before, find_extents(fd, before.st_size) if sparse else None)
        except OSError:
            os.close(fd)
            raise

    def _refreshed(self, entry: Entry, reading: "_Reading") -> Entry:
        """The entry with its attributes, and with what changed since the walk."""
        before, stamp = reading.before, reading.stamp
        xattrs = reading.xattrs(self._attributes)
        if stamp == entry.stamp:
            return entry if xattrs == entry.xattrs else entry._replace(xattrs=xattrs)
        if entry.link_count != before.st_nlink or (
            entry.stamp and entry.stamp[INODE_IN_STAMP] != stamp[INODE_IN_STAMP]
        ):
            # Replaced since the walk, or one of its names was: whatever the first one was, it need not be this file any more.
            entry = entry._replace(hard_link_to=b"", link_count=before.st_nlink)
        user, group = self._owners.names(before.st_uid, before.st_gid)
        return entry._replace(
            mode=before.st_mode & 0o7777,
            uid=before.st_uid,
            gid=before.st_gid,
            user=user,
            group=group,
            mtime_ns=before.st_mtime_ns,
            xattrs=xattrs,
            stamp=stamp,
        )

    def _settled(self, entry: Entry, reading: "_Reading", still: bool) -> Entry:
        """Args: still: whether nothing had changed after the last byte was read."""
        entry = self._refreshed(entry, reading)
        stamp = entry.stamp
        if not still:
            self._on_trouble(_changed(entry.path))
        if not still or reading.before.st_ctime_ns > self.now_ns() - FRESH_NS:
            stamp = b""
        size, extents = reading.delivered()
        if (size, extents, stamp) == (entry.size, entry.extents, entry.stamp):
            return entry
        return entry._replace(size=size, extents=extents, stamp=stamp)


class _Reading:
    """One try at one open file."""

    def __init__(self, fd: int, before: os.stat_result, extents: tuple[Extent, ...] | None) -> None:
        self.before = before
        self.stamp = make_stamp(before)
        self.error: OSError | None = None
        self._fd = fd
        self._extents = extents
        self._reached = before.st_size

    def blocks(self, block_bytes: int) -> Iterator[bytes]:
        """The data of all extents, up to the size the file had at first, and less if it was cut meanwhile.

        An error of the disk ends the blocks and is kept in ``error``: it is the file's trouble, not the taker's.
        """
        size = self.before.st_size
        used = True if size < WORTH_IT_BYTES else is_cached(self._fd, size)
        # Where nobody knows, large files go: they would push out the most.
        leaves = used is False or (used is None and size > READ_AHEAD_BYTES)
        if size > READ_AHEAD_BYTES and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        for offset, length in self._extents if self._extents is not None else ((0, self.before.st_size),):
            end = offset + length
            while offset < end:
                try:
                    block = os.pread(self._fd, min(block_bytes, end - offset), offset)
                except OSError as error:
                    self.error = error
                    return
                if not block:
                    self._reached = offset
                    return
                offset += len(block)
                yield block
        if leaves:
            let_go(self._fd)

    def held_still(self) -> bool:
        """Whether nothing about the file changed since it was opened."""
        return self._reached == self.before.st_size and make_stamp(os.fstat(self._fd)) == self.stamp

    def delivered(self) -> tuple[int, tuple[Extent, ...] | None]:
        """(size, extents) of what was given out."""
        if self._extents is None or self._reached == self.before.st_size:
            return self._reached, self._extents
        kept = [(offset, min(length, self._reached - offset)) for offset, length in self._extents]
        return self._reached, tuple(extent for extent in kept if extent[1] > 0)

    def xattrs(self, attributes: Attributes) -> tuple[tuple[bytes, bytes], ...]:
        return attributes.of_descriptor(self._fd, self.before.st_dev)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._fd)


def _changed(path: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "file-changed",
        show(path),
        "changed each time while it was read; what was read last is kept and may mix old and new",
        "does a program write to it all the time? back up its own dump or export of it instead",
    )
