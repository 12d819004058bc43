"""Stored changes under the names that their collections have in a dump, for tools that go by names."""

from collections.abc import Iterable, Iterator, Mapping

from bson import Timestamp

from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.change import Change, read_change


def as_named(blocks: Iterable[bytes], names: Mapping[bytes, str], births: Mapping[bytes, Timestamp]) -> Iterator[bytes]:
    """Each block with the changes of known collections alone.

    Args:
        names: UUID to namespace at the end of the window.
        births: By UUID: changes before this are of another collection.
    """

    def belongs(one: Change) -> bool:
        return one.uuid in names and not (one.uuid in births and one.when < births[one.uuid])

    for block in blocks:
        changes = (read_change(block[begin:end]) for begin, end in spans_of(block))
        kept = [one._replace(namespace=names[one.uuid]).to_bson() for one in changes if belongs(one)]
        if kept:
            yield b"".join(kept)
