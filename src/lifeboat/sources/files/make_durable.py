"""Force to the disk what was written, on the file systems that were written to and no others.

A ``sync`` of the whole machine waits for everybody's data, for minutes on a busy database server; ``syncfs`` waits for one file
system's, and since Linux 5.8 it says when something could not be written. Where there is no ``syncfs`` the whole machine is synced.
"""

import ctypes
import os


class WrittenTo:
    """Remembers file systems by one open descriptor each."""

    def __init__(self) -> None:
        self._descriptors: dict[int, int] = {}

    def note(self, directory_fd: int) -> None:
        """Something was or will be written in this directory."""
        device = os.fstat(directory_fd).st_dev
        if device not in self._descriptors:
            self._descriptors[device] = os.dup(directory_fd)

    def force(self) -> None:
        """Return when all of it would outlast a power cut.

        Raises:
            OSError: Something could not be written.
        """
        sync_one = _syncfs()
        if sync_one is None:
            os.sync()
            return
        for descriptor in self._descriptors.values():
            if sync_one(descriptor) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))

    def close(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()


def _syncfs() -> "ctypes._NamedFuncPointer | None":
    try:
        return ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError):
        return None
