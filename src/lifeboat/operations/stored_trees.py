"""The trees of a snapshot of files or configuration: where they came from, their entries and content."""

from collections.abc import Iterator
from pathlib import Path

from lifeboat.foundation.value import Value
from lifeboat.operations.tree_choice import TreeChoice
from lifeboat.operations.tree_content import Line, batches, with_content
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.manifest import decode


class StoredRoot(Value):
    """A tree of the snapshot: the folder it was taken from, and the names in it if only some were taken."""

    path: Path
    stream: str
    entries: int
    names: tuple[str, ...]


def stored_roots(reader: SnapshotReader) -> list[StoredRoot]:
    """The trees of a snapshot of files or configuration."""
    streams = reader.streams()
    try:
        roots = [
            StoredRoot(
                Path(str(one["path"])), str(one["stream"]), int(one["entries"]), tuple(map(str, one.get("names", ())))
            )
            for one in reader.details["roots"]
        ]
        if any(root.stream not in streams or "\0" in str(root.path) for root in roots):
            raise ValueError("no such stream or path")
        return roots
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ObjectDamaged(f"the root of snapshot {reader.record.snapshot[:8]} names no trees") from error


def chooses_something(reader: SnapshotReader, choice: TreeChoice) -> bool:
    """Whether any name of the snapshot is chosen."""
    for root in stored_roots(reader):
        patterns = choice.patterns(root.path)
        if patterns is None:
            continue
        entries = (entry for entry, _ in lines_of(reader, root))
        if any(True for _ in patterns.select(entries, lambda entry: entry)):
            return True
    return False


def lines_of(reader: SnapshotReader, root: StoredRoot) -> Iterator[Line]:
    """Every entry of a tree, and where its content lies."""
    return (decode(line) for line in reader.lines(reader.streams()[root.stream]))


def content_of(reader: SnapshotReader, root: StoredRoot) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    """Every entry of a tree with its data; what is not read of one is passed over when the next is asked for."""
    for batch in batches(lines_of(reader, root)):
        for entry, blocks in with_content(reader, batch):
            yield entry, blocks
            if not entry.hard_link_to:
                for _ in blocks:
                    pass
