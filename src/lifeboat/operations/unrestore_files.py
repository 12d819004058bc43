"""Going back behind a restore of files in place: what it had added goes again."""

import os
from collections.abc import Iterator
from contextlib import suppress

from lifeboat.operations.stored_trees import stored_roots
from lifeboat.operations.tree_choice import TreeChoice
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.entry import walk_order
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.files.walk import open_root

EVERYTHING = TreeChoice()


def remove_what_restore_added(
    restored: SnapshotReader, before: SnapshotReader | None, choice: TreeChoice = EVERYTHING
) -> None:
    """Delete the names that are in one snapshot and not in the other: what a restore in place had added.

    Args:
        choice: That of the restore: what it did not choose it did not add, and somebody made it since.
    """
    earlier = {root.path: root for root in stored_roots(before)} if before else {}
    for root in stored_roots(restored):
        patterns = choice.patterns(root.path)
        if patterns is None or not root.path.is_dir():
            continue
        was = earlier.get(root.path)
        kept = _paths(before, was.stream) if before and was else iter(())
        chosen = patterns.select((decode(line)[0] for line in _lines(restored, root.stream)), lambda entry: entry)
        added = list(_only_in_first((entry.path for entry in chosen), kept))
        directories = open_root(root.path)
        try:
            for path in reversed(added):
                parent, _, name = path.rpartition(b"/")
                with suppress(OSError):  # gone already, or something new lies in it: both stay as they are
                    fd = directories.open(parent)
                    was_there = os.stat(fd)
                    try:
                        os.unlink(name, dir_fd=fd)
                    except IsADirectoryError:
                        os.rmdir(name, dir_fd=fd)
                    os.utime(fd, ns=(was_there.st_atime_ns, was_there.st_mtime_ns))
        finally:
            directories.close()


def _paths(reader: SnapshotReader, stream: str) -> Iterator[bytes]:
    return (decode(line)[0].path for line in _lines(reader, stream))


def _lines(reader: SnapshotReader, stream: str) -> Iterator[bytes]:
    return reader.lines(reader.streams()[stream])


def _only_in_first(first: Iterator[bytes], second: Iterator[bytes]) -> Iterator[bytes]:
    """Merge two sequences in walk order."""
    other = next(second, None)
    for path in first:
        while other is not None and walk_order(other) < walk_order(path):
            other = next(second, None)
        if other != path:
            yield path
