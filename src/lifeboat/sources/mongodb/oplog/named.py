"""Stored changes under the names that their collections have in a dump, for tools that go by names."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.change import read_change


def as_named(blocks: Iterable[bytes], names: Mapping[bytes, str]) -> Iterator[bytes]:
    """Each block with the changes of known collections alone.

    Args:
        names: UUID to namespace at the end of the window.
    """
    for block in blocks:
        changes = (read_change(block[begin:end]) for begin, end in spans_of(block))
        kept = [replace(one, namespace=names[one.uuid]).to_bson() for one in changes if one.uuid in names]
        if kept:
            yield b"".join(kept)
