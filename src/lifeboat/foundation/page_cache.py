"""Leave the kernel's page cache to the application and its database, whose memory it is.

What a backup writes nobody reads again soon; kept, it pushes out what the database works with. And pages that come and go are the same few: on
a virtual machine, where each page touched for the first time is a fault of the host's, a gigabyte written costs 0.5 s of processor time
instead of 3 to 4 (docs/performance.md).

Limits: Linux; elsewhere nothing is let go, and nothing else changes. Says nothing of durability: that is ``fsync``'s.
"""

import ctypes
import errno
import os
import threading
from collections import deque
from contextlib import suppress
from typing import NamedTuple

from lifeboat.foundation.sizes import KIB, MIB

WORTH_IT_BYTES = 128 * KIB
"""Smaller files are left to the kernel: the system calls for each cost more than the pages."""
PIECE_BYTES = 16 * MIB
"""A large file is written out in pieces of this size."""
BEHIND_BYTES = 48 * MIB
BEHIND_FILES = 128
_CANNOT = (errno.ENOSYS, errno.EINVAL, errno.ESPIPE, errno.EOPNOTSUPP)
_WAIT_BEFORE, _WRITE, _WAIT_AFTER = 1, 2, 4


def let_go(descriptor: int, offset: int = 0, length: int = 0) -> None:
    """Drop the clean pages of a part of an open file. Args: length: 0 for all that is behind ``offset``."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_DONTNEED)


def is_cached(descriptor: int, size_bytes: int) -> bool | None:
    """Whether the end of an open file is in memory already, because somebody uses it; None where that cannot be told, as on network file systems."""
    if not hasattr(os, "RWF_NOWAIT") or size_bytes == 0:
        return None
    try:
        return os.preadv(descriptor, [bytearray(1)], size_bytes - 1, os.RWF_NOWAIT) == 1
    except OSError as error:
        return False if error.errno == errno.EAGAIN else None


class _Piece(NamedTuple):
    """Args: length: 0 for all behind ``offset``."""

    descriptor: int
    offset: int
    length: int
    weight: int
    ends_file: bool


class WriteBehind:
    """Writes files out in a thread of its own while the next ones are being written, lets them go, and closes them. Used by one thread.

    Limits: ``BEHIND_BYTES`` in ``BEHIND_FILES`` wait at most; adding more waits. What the disk does not take is raised by the next call.
    """

    def __init__(self) -> None:
        self._sync_file_range = _sync_file_range()
        self._changed = threading.Condition()
        self._new: deque[_Piece] = deque()
        self._bytes = 0
        self._pieces = 0
        self._error: OSError | None = None
        self._ends = False
        self._thread: threading.Thread | None = None

    def wrote(self, descriptor: int, offset: int, length: int) -> None:
        """A piece of a file is written, and more will follow; raises ``OSError`` when the disk takes something not."""
        if self._sync_file_range is not None:
            self._add(_Piece(descriptor, offset, length, length, ends_file=False))

    def close_file(self, descriptor: int, size_bytes: int) -> None:
        """Take over a file that is complete. Raises as ``wrote``; closed it is in any case."""
        if self._sync_file_range is None or size_bytes < WORTH_IT_BYTES:
            os.close(descriptor)
            return
        self._add(_Piece(descriptor, 0, 0, size_bytes, ends_file=True))

    def settle(self) -> None:
        """Wait until nothing is under way: an unfinished file may then be closed by its owner. Raises nothing."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pieces)

    def finish(self) -> None:
        """Wait until all of it was handed to the disk; raises ``OSError``."""
        self.settle()
        self._raise_error()

    def close(self) -> None:
        """End the thread; what was taken over is closed."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _add(self, piece: _Piece) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="write-behind", daemon=True)
                self._thread.start()
            self._changed.wait_for(lambda: self._bytes < BEHIND_BYTES and self._pieces < BEHIND_FILES)
            self._new.append(piece)
            self._bytes += piece.weight
            self._pieces += 1
            self._changed.notify_all()
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise OSError(self._error.errno, self._error.strerror)

    def _work(self) -> None:
        """Begin with each piece as it comes; wait for the oldest when there is nothing to begin with, or much is under way."""
        begun: deque[_Piece] = deque()
        while True:
            with self._changed:
                if not begun:
                    self._changed.wait_for(lambda: self._new or self._ends)
                    if not self._new:
                        return
                fresh = list(self._new)
                self._new.clear()
            for piece in fresh:
                self._try(piece, _WRITE)
                begun.append(piece)
            if begun and (not fresh or len(begun) > BEHIND_FILES // 2):
                self._settle(begun.popleft())

    def _settle(self, piece: _Piece) -> None:
        self._try(piece, _WAIT_BEFORE | _WRITE | _WAIT_AFTER)
        let_go(piece.descriptor, piece.offset, piece.length)
        if piece.ends_file:
            try:
                os.close(piece.descriptor)
            except OSError as error:  # a network file system says so late what it did not take
                self._error = self._error or error
        with self._changed:
            self._bytes -= piece.weight
            self._pieces -= 1
            self._changed.notify_all()

    def _try(self, piece: _Piece, how: int) -> None:
        assert self._sync_file_range is not None
        if self._sync_file_range(piece.descriptor, piece.offset, piece.length, how) != 0:
            number = ctypes.get_errno()
            if number not in _CANNOT and self._error is None:
                self._error = OSError(number, os.strerror(number))


def _sync_file_range() -> "ctypes._NamedFuncPointer | None":
    try:
        function = ctypes.CDLL(None, use_errno=True).sync_file_range
    except (AttributeError, OSError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return function
