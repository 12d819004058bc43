"""Look into a snapshot without restoring it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

from lifeboat.operations.database_point import stored_collections
from lifeboat.operations.reports.snapshots import ContentRow
from lifeboat.operations.stored_trees import stored_roots
from lifeboat.operations.tree_choice import PathUnknown
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.files.entry import Entry, show
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.mongodb.shape_words import shape_in_words


def contents(repository: Repository, record: Record, path: str) -> list[ContentRow]:
    """What a snapshot holds: its collections, or the names right below a path of its trees.

    Raises:
        PathUnknown: Nothing is called like that in it.
    """
    with SnapshotReader(repository, record) as reader:
        rows = _collections(reader, path) if record.source == Source.MONGODB else _names(reader, path)
    if path and not rows:
        raise PathUnknown(
            f"snapshot {record.snapshot[:8]} holds nothing called {path}",
            f"see `lifeboat snapshots {record.snapshot[:8]}`",
        )
    return rows


def _collections(reader: SnapshotReader, path: str) -> list[ContentRow]:
    """Collections; of one that is named, its indexes and options too. Never its documents: they are not everybody's to see."""
    rows = []
    for one in stored_collections(reader):
        if path in ("", one.entry.database, one.entry.namespace):
            items = None if one.stream is None else one.documents
            rows.append(ContentRow(one.entry.namespace, one.entry.kind, items, one.bytes))
        if path == one.entry.namespace:
            rows += [ContentRow(*words, None, 0) for words in shape_in_words(one.entry)]
    return rows


def _names(reader: SnapshotReader, path: str) -> list[ContentRow]:
    """Rows right below ``path``, which may begin with a root's own path or be relative to a single root."""
    rows = []
    roots = stored_roots(reader)
    streams = reader.streams()
    for root in roots:
        inside = _inside(str(root.path), path, alone=len(roots) == 1)
        if inside is None:
            continue
        prefix = "" if len(roots) == 1 and not path.startswith("/") else f"{root.path}/"
        for entry in _below(reader.lines(streams[root.stream]), inside):
            kind = "hard link" if entry.hard_link_to else entry.kind
            rows.append(ContentRow(prefix + show(entry.path), kind, None, entry.size, _moment(entry.mtime_ns)))
    return rows


def _moment(nanoseconds: int) -> datetime | None:
    """A time that people can read; some filesystems keep years that no calendar has."""
    try:
        return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _inside(root: str, path: str, *, alone: bool) -> bytes | None:
    """The path relative to the root, or None when it is not in it."""
    if path == root or path == "":
        return b""
    if path.startswith(root + "/"):
        return os.fsencode(path[len(root) + 1 :].rstrip("/"))
    return os.fsencode(path.strip("/")) if alone and not path.startswith("/") else None


def _below(lines: Iterator[bytes], inside: bytes) -> Iterator[Entry]:
    """The entry itself when it is a file, or the entries right below it when it is a directory."""
    prefix = inside + b"/" if inside else b""
    for line in lines:
        entry, _ = decode(line)
        if not entry.path.startswith(inside):
            continue
        if entry.path == inside and entry.kind != "directory":
            yield entry
        rest = entry.path[len(prefix) :] if entry.path.startswith(prefix) else b""
        if rest and b"/" not in rest:
            yield entry
