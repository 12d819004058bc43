"""The chunks that a part of a snapshot needs, as its lists say."""

from collections.abc import Iterator, Sequence

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.operations.database_point import stored_collections
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.repository.reading import SnapshotReader


def chunks_of_collections(reader: SnapshotReader, namespaces: Sequence[str]) -> Iterator[bytes]:
    """Of these collections and databases, and of all that a restore of any collection reads.

    Args:
        namespaces: As ``RestoreRequest`` has them.
    """
    only = set(namespaces)
    others = {
        one.stream
        for one in stored_collections(reader, with_temporary=True)
        if not {one.entry.database, one.entry.namespace} & only
    }
    for stream in reader.streams().values():
        if stream.name not in others:
            yield from (chunk for chunk, _ in reader.chunk_list(stream))


def chunks_of_files(
    reader: SnapshotReader, include: Sequence[str], exclude: Sequence[str], paths: Sequence[str]
) -> Iterator[bytes]:
    """Of the files that patterns and paths choose."""
    restore = TreeRestore(
        reader, None, include=include, exclude=exclude, paths=paths, clock=SystemClock(), progress=Silent()
    )
    yield from restore.chunks()
