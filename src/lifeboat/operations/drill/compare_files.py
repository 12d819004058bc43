"""Hold restored trees against what is stored: every file by its bytes, every name by what is known of it.

The copy is read once more. Memory: a batch of manifest lines and what the reader holds ahead.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Progress
from lifeboat.operations.drill.report import Compared, Difference
from lifeboat.operations.erased import NOTHING_ERASED, Erased
from lifeboat.operations.erasing.names import ErasedNames
from lifeboat.operations.stored_trees import StoredRoot, content_of, stored_roots
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.compare import compare_with
from lifeboat.sources.files.entry import Entry, show
from lifeboat.sources.files.manifest import decode

NAMED_AT_MOST = 20
HOW = "every byte, mode, time, owner, links and attributes"
HOW_NOT_ROOT = "every byte, mode, time, links and attributes (owners come back only for root)"
_CODES = {"missing": "file-missing", "extra": "file-extra", "content": "file-changed", "size": "file-changed"}


def compare_trees(
    reader: SnapshotReader,
    target: Path,
    *,
    erased: Erased = NOTHING_ERASED,
    progress: Progress,
) -> list[Compared]:
    """Compare the trees of a snapshot that was restored into a folder, as ``TreeRestore`` lays them out there."""
    roots = stored_roots(reader)
    progress.begin("comparing files", reader.record.total_bytes)
    return [_compare(reader, root, _place(root, roots, target), erased, progress) for root in roots]


def _place(root: StoredRoot, roots: list[StoredRoot], target: Path) -> Path:
    if len(roots) == 1:
        return target
    return target / os.path.normpath(f"/{root.path}").lstrip("/")


def _compare(reader: SnapshotReader, root: StoredRoot, where: Path, erased: Erased, progress: Progress) -> Compared:
    if not where.is_dir():
        gone = Difference("file-missing", str(root.path), "the whole tree did not come back")
        return Compared(str(root.path), "tree", 0, 0, HOW, (gone,))
    expected = _Expected(reader, root, erased, progress)
    troubles: list[Finding] = []
    is_root = os.geteuid() == 0
    found = compare_with(expected.entries(), where, owner=is_root, on_trouble=troubles.append)
    told = [
        Difference(
            _CODES.get(one.aspect, "attributes-differ"), show(os.fsencode(str(root.path)) + b"/" + one.path), one.words
        )
        for one in islice(found, NAMED_AT_MOST)
    ]
    more = sum(1 for _ in found)
    told += [Difference("file-unreadable", one.subject, one.message) for one in troubles[:NAMED_AT_MOST]]
    return Compared(
        str(root.path),
        "tree",
        expected.items,
        expected.bytes,
        HOW if is_root else HOW_NOT_ROOT,
        tuple(told),
        more,
        expected.erased,
    )


class _Expected:
    """What should be there, counted while it is gone through."""

    def __init__(self, reader: SnapshotReader, root: StoredRoot, erased: Erased, progress: Progress) -> None:
        self._reader = reader
        self._root = root
        self._erased = erased
        self._progress = progress
        self.items = self.bytes = self.erased = 0

    def entries(self) -> Iterator[tuple[Entry, Iterator[bytes] | None]]:
        names = ErasedNames(self._erased, self._root.path, self._stored())
        for entry, blocks in content_of(self._reader, self._root):
            if names.of(entry) is not None:
                self.erased += entry.kind != "directory"
                continue
            self.items += 1
            self.bytes += entry.size
            yield entry, None if entry.hard_link_to else blocks
            self._progress.advance(entry.size, 1)

    def _stored(self) -> Iterator[Entry]:
        return (decode(line)[0] for line in self._reader.lines(self._reader.streams()[self._root.stream]))
