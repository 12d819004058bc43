"""Small files of a tree that is restored to a new place, written by processes of their own while one process unpacks, walks and makes the folders.

To make a small file is eight system calls, most of them the file system's work, and from one thread a million of them leave all cores but one idle.
A process creates a file under a temporary name of its own, writes it, gives it its owner, mode and times, and renames it; what it cannot do it says,
and ``TreeWriter`` does it again, who knows what to say of it. A folder gets its mode and times once all files that came before it was left are there.

Limits: ``AT_MOST`` files or ``AT_MOST_BYTES`` to a question, which stay in memory until they are written, two questions under way for each process.
Nothing is forced to the disk here: that is done for all of the tree, at its end.
"""

import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lifeboat.foundation.helper_process import HelperProcess, serve, start_helpers
from lifeboat.foundation.sizes import KIB
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import PARTIAL_NAME, Entry
from lifeboat.sources.files.metadata import Plain

SMALL_BYTES = 64 * KIB
AT_MOST = 256
AT_MOST_BYTES = 512 * KIB
WORTH_IT_FILES = 1_000
"""Fewer are written before the processes have started."""
PROCESSES_AT_MOST = 4
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Asked = tuple[bytes, bytes, bytes, int, int, int, int]
"""Folder, name, content, owner, group (-1: leave it), mode, and modification time in nanoseconds."""


@dataclass(slots=True)
class _Batch:
    """Args: left: folders that were left after its first file was put."""

    files: list[tuple[Entry, bytes]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    size_bytes: int = 0
    left: list[Entry] = field(default_factory=list)
    helper: HelperProcess | None = None


class WriteBeside:
    """Gives files to processes in the order in which they come; one thread.

    Whoever calls ``put`` or ``leave`` afterwards does what ``owed`` yields: an entry with content is to be written by himself, one without is a
    folder to finish.
    """

    def __init__(self, target: Path, processes: int | None = None) -> None:
        self._target = target
        self._count = processes if processes is not None else min(PROCESSES_AT_MOST, os.cpu_count() or 1)
        self._helpers: list[HelperProcess] | None = None
        self._open = _Batch()
        self._asked: deque[_Batch] = deque()
        self._under_way: set[bytes] = set()
        self._turn = 0
        self._files = 0
        self.gave_up = False
        """A process failed in all that it was asked for, or died; what it had half written may lie in folders that are not finished yet."""

    def takes(self, entry: Entry) -> bool:
        """Whether this is a file that somebody else may write; from the thousandth small one on."""
        if entry.kind != "file" or entry.size > SMALL_BYTES or entry.hard_link_to or entry.extents is not None:
            return False
        self._files += 1
        if self._helpers is None and self._files > WORTH_IT_FILES:
            self._helpers = start_helpers(__name__, self._target, self._count)
        return bool(self._helpers) and not self.gave_up

    def is_under_way(self, path: bytes) -> bool:
        """Whether a file was put, and what became of it is not known yet."""
        return path in self._under_way

    def put(self, entry: Entry, content: bytes, plain: Plain) -> bool:
        """A file whose folder is there; whether something may be owed now."""
        self._under_way.add(entry.path)
        batch = self._open
        folder, _, name = entry.path.rpartition(b"/")
        batch.files.append((entry, content))
        batch.asked.append((folder, name, content, *plain, entry.mtime_ns))
        batch.size_bytes += len(content)
        if len(batch.files) < AT_MOST and batch.size_bytes < AT_MOST_BYTES:
            return False
        self._send()
        return True

    def leave(self, folder: Entry) -> bool:
        """A folder that no more files come for; False if nothing has to be waited for before it is finished."""
        if not self._open.files and not self._asked:
            return False
        batch = self._open if self._open.files else self._asked[-1]
        batch.left.append(folder)
        if len(self._open.left) >= AT_MOST:
            self._send()
        return True

    def owed(self, *, everything: bool = False) -> Iterator[tuple[Entry, bytes | None]]:
        """What is to be done now, in the order in which it came; waits as long as more is under way than keeps the processes busy.

        Args:
            everything: Wait for all of it.
        """
        if everything and self._open.files:
            self._send()
        while self._asked and (everything or len(self._asked) > 2 * len(self._helpers or ())):
            batch = self._asked.popleft()
            failed = self._failed(batch)
            self._under_way.difference_update(entry.path for entry, _ in batch.files)
            for number in failed:
                yield batch.files[number]
            for folder in batch.left:
                yield folder, None

    def close(self) -> None:
        """End the processes, whatever they do."""
        for helper in self._helpers or ():
            helper.end()

    def _send(self) -> None:
        batch, self._open = self._open, _Batch()
        if self._helpers:
            self._turn = (self._turn + 1) % len(self._helpers)
            batch.helper = self._helpers[self._turn]
            batch.helper.ask(batch.asked)
        batch.asked = []
        self._asked.append(batch)

    def _failed(self, batch: _Batch) -> list[int]:
        """Numbers of the files that are not written."""
        found = batch.helper.answer() if batch.helper is not None else None
        if found is None:
            found = list(range(len(batch.files)))
        if len(found) == len(batch.files):
            self.gave_up = True  # what it can do for none of these (rights, a full disk) it cannot do for the next ones
        return found


def write(directories: Directories, partial: bytes, file: Asked) -> None:
    """Write one file and give it its name; raises ``OSError``, and then leaves nothing behind."""
    folder, name, content, owner, group, mode, mtime_ns = file
    folder_fd = directories.open(folder)
    try:
        try:
            fd = os.open(partial, CREATE, 0o600, dir_fd=folder_fd)
        except FileExistsError:
            os.unlink(partial, dir_fd=folder_fd)
            fd = os.open(partial, CREATE, 0o600, dir_fd=folder_fd)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(fd, left) :]
            if owner >= 0 or group >= 0:
                os.fchown(fd, owner, group)
            os.fchmod(fd, mode)
            os.utime(fd, ns=(mtime_ns, mtime_ns))
        finally:
            os.close(fd)
        os.rename(partial, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    except OSError:
        with suppress(OSError):
            os.unlink(partial, dir_fd=folder_fd)
        raise


def main(target: str) -> None:
    directories = Directories(os.fsencode(target))
    partial = PARTIAL_NAME + b".%d" % os.getpid()

    def failed(question: list[Asked]) -> list[int]:
        numbers = []
        for number, file in enumerate(question):
            try:
                write(directories, partial, file)
            except OSError:
                numbers.append(number)
        return numbers

    serve(failed)


if __name__ == "__main__":
    main(sys.argv[1])
