"""A directory as a store: one file for each object, at the path that is its name.

Limits: no versions; a folder holds no more names than one listing may sort in memory (a million take about 100 MB);
symbolic links below the directory are not followed.

Invariant: what ``list_under`` shows was written whole and is durable.
"""

import errno
import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.page_cache import let_go
from lifeboat.storage.content import buffers_of
from lifeboat.storage.errors import ObjectTooShort
from lifeboat.storage.local.durable import (
    LARGE_BYTES,
    copy_durably,
    create_directory,
    create_durably,
    modified_at,
    remove_durably,
    remove_empty_folders,
    remove_old_temporaries,
)
from lifeboat.storage.local.mounts import lies_on_network
from lifeboat.storage.local.words import in_our_words
from lifeboat.storage.names import check_name, check_prefix, is_name
from lifeboat.storage.object_store import Content, StoredObject

TEMPORARY_KEPT = timedelta(days=1)
"""Longer than any single write may take, so that no living writer loses its file."""


class LocalStore:
    """Objects as files (mode 0600) in folders (0700) of an existing directory.

    Args:
        directory: Where the repository lies; it is never created here.
        clock: Tells the time that objects are stamped with.

    Raises:
        BucketMissing: The directory does not exist.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._root = Path(os.path.abspath(directory))
        self._clock = clock
        with in_our_words("open", "the repository", self._root):
            if not stat.S_ISDIR(os.stat(self._root).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        remove_old_temporaries(self._root, clock.now() - TEMPORARY_KEPT)

    @classmethod
    def create(cls, directory: Path, clock: Clock) -> Self:
        """Make the directory durably, and those above it that are missing, and open it."""
        with in_our_words("create", "the repository", directory):
            create_directory(Path(os.path.abspath(directory)))
        return cls(directory, clock)

    def write(self, name: str, content: Content) -> None:
        check_name(name)
        with in_our_words("write", name, self._root):
            create_durably(self._root, name, buffers_of(content), self._clock.now())

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        check_name(name)
        with in_our_words("read", name, self._root):
            descriptor = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                size_bytes = os.fstat(descriptor).st_size
                offset, length = span or (0, size_bytes)
                content = _read_at(descriptor, offset, min(length, max(0, size_bytes - offset)))
                if size_bytes >= LARGE_BYTES:
                    let_go(descriptor, offset, length)
            finally:
                os.close(descriptor)
        if len(content) < length:
            raise ObjectTooShort(
                f"{name} in {self._root} ends at byte {size_bytes}, before byte {offset + length}",
                "the file was cut: restore it from a replica, or run lifeboat verify to learn what it costs",
            )
        return content

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        check_prefix(prefix)
        with in_our_words("list", prefix or "everything", self._root):
            os.stat(self._root)
        yield from self._list_folder(prefix)

    def delete(self, name: str) -> None:
        check_name(name)
        path = self._root / name
        with in_our_words("delete", name, self._root):
            os.stat(self._root)
            try:
                remove_durably(path)
            except (FileNotFoundError, NotADirectoryError):
                return
        remove_empty_folders(path.parent, self._root)

    def copy_within(self, name: str, to_name: str) -> str | None:
        """No second name of the same file: a copy has an age of its own, and damage to one must not be damage to both."""
        check_name(name)
        check_name(to_name)
        with in_our_words("copy", name, self._root):
            descriptor = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with in_our_words("write", to_name, self._root):
                return copy_durably(self._root, descriptor, to_name, self._clock.now())
        finally:
            os.close(descriptor)

    def time_there(self) -> datetime:
        return self._clock.now()

    def describe(self) -> str:
        return str(self._root)

    # What conformance asks for; see its ``Inspectable``.

    def keeps_versions(self, name: str, content: Content) -> bool:
        """A deleted file is gone."""
        return False

    def on_this_machine(self) -> bool:
        """Whether the disk is this machine's own and not a share mounted over the network."""
        return not lies_on_network(self._root)

    def _list_folder(self, prefix: str) -> Iterator[StoredObject]:
        """Go through one folder in the order of whole names; folders sort as if they ended in a slash."""
        with in_our_words("list", prefix or "everything", self._root):
            names = _names_in(self._root / prefix)
        for name in names:
            if name.endswith("/"):
                yield from self._list_folder(prefix + name)
                continue
            with in_our_words("list", prefix + name, self._root):
                try:
                    # No Path: it would keep every part of every name for as long as the table of such texts grows.
                    status = os.lstat(f"{self._root}/{prefix}{name}")
                except FileNotFoundError:
                    continue  # deleted while we listed
            yield StoredObject(prefix + name, status.st_size, modified_at(status))


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    first = os.pread(descriptor, length, offset)
    if len(first) == length:
        return first
    # One call returns at most 2 GiB, and less when a signal comes.
    parts = [first]
    done = len(first)
    while done < length and parts[-1]:
        parts.append(os.pread(descriptor, length - done, offset + done))
        done += len(parts[-1])
    return b"".join(parts)


def _names_in(folder: Path) -> list[str]:
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_name(entry.name):
                    continue  # a temporary, or nothing of ours
                if entry.is_dir(follow_symlinks=False):
                    names.append(entry.name + "/")
                elif entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
    except FileNotFoundError:
        return []
    names.sort()
    return names
