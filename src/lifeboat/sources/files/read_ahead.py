"""Small files, read by processes of their own while one process walks, joins and seals.

To open and read a small file costs a few system calls and, from a disk, a wait; one thread after another, that is most of what a million of them
cost. Threads would take turns at the interpreter's lock instead. A process answers with the content of a file that is exactly what the walk
saw, and with nothing otherwise: whatever is odd (gone, changed, sparse, not to be read) is read again by ``FileReader``, which knows what to say.
So a process that dies, or cannot be started, costs time and nothing else.

Limits: ``AT_MOST`` files or ``AT_MOST_BYTES`` to a question, two questions under way for each process. A question fits a pipe, so that neither side
can wait for the other to read.
"""

import os
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from lifeboat.foundation.helper_process import HelperProcess, serve, start_helpers
from lifeboat.foundation.page_cache import WORTH_IT_BYTES
from lifeboat.foundation.sizes import KIB
from lifeboat.sources.files.attributes import Attributes, Pairs
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import Entry, make_stamp
from lifeboat.sources.files.opening import find_extents, open_to_read

SMALL_BYTES = WORTH_IT_BYTES - 1
"""Of larger files the pages are let go of, which is ``FileReader``'s business, and opening them is not what costs."""
AT_MOST = 256
AT_MOST_BYTES = 512 * KIB
QUESTION_BYTES = 24 * KIB
"""A pipe takes 64 KiB before its writer waits, and two questions may lie in it."""
WORTH_IT_FILES = 1_000
"""Fewer are read before the processes have started."""
PROCESSES_AT_MOST = 4

Read = tuple[bytes, Pairs]
"""The content of a file, and its extended attributes."""


class ReadAhead:
    """Reads the small files of one root. Questions are answered in the order in which they were asked; one thread."""

    def __init__(self, root: Path, processes: int | None = None) -> None:
        self._root = root
        self._count = processes if processes is not None else min(PROCESSES_AT_MOST, 2 * (os.cpu_count() or 1))
        self._processes: list[HelperProcess] | None = None
        self._asked: deque[tuple[HelperProcess | None, int]] = deque()
        self._turn = 0
        self._files = 0

    @property
    def under_way(self) -> int:
        """Questions that have no answer yet."""
        return len(self._asked)

    @property
    def keeps_busy(self) -> int:
        """How many questions should be under way; 0 while there is nobody to answer them."""
        return 2 * len(self._processes or ())

    def ask(self, entries: Sequence[Entry]) -> None:
        """Begin to read files that the walk has just told."""
        self._files += len(entries)
        if self._processes is None and self._files > WORTH_IT_FILES:
            self._processes = start_helpers(__name__, self._root, self._count)
        process = None
        if self._processes and entries:
            self._turn = (self._turn + 1) % len(self._processes)
            process = self._processes[self._turn]
            process.ask([(entry.path, entry.stamp) for entry in entries])
        self._asked.append((process, len(entries)))

    def answer(self) -> list[Read | None]:
        """What the oldest question asked for; None for each file that somebody has to look at."""
        process, count = self._asked.popleft()
        found = process.answer() if process is not None else None
        return found if found is not None and len(found) == count else [None] * count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in self._processes or ():
            process.end()


def question_bytes(entry: Entry) -> int:
    """What asking for a file puts into the pipe."""
    return len(entry.path) + 64


def read_unchanged(directories: Directories, attributes: Attributes, path: bytes, stamp: bytes) -> Read | None:
    """A small file, if its stamp is this one before and after reading, and it has no holes; else None."""
    parent, _, name = path.rpartition(b"/")
    try:
        fd = open_to_read(name, directories.open(parent))
        try:
            before = os.fstat(fd)
            size = before.st_size
            if make_stamp(before) != stamp or (before.st_blocks * 512 < size and find_extents(fd, size) is not None):
                return None
            xattrs = attributes.of_descriptor(fd, before.st_dev)
            content = os.read(fd, size + 1)
            return (content, xattrs) if len(content) == size and make_stamp(os.fstat(fd)) == stamp else None
        finally:
            os.close(fd)
    except OSError:
        return None


def main(root: str) -> None:
    directories, attributes = Directories(os.fsencode(root)), Attributes()
    serve(lambda question: [read_unchanged(directories, attributes, path, stamp) for path, stamp in question])


if __name__ == "__main__":
    main(sys.argv[1])
