"""Make one write out of all changes of a document in a window: as fast as the server's own replay, with ordinary rights.

Within a window and per document, a delete replaces everything before it, a whole document replaces everything before it, and
diffs are added to what is there. So a window is at most one write for each document, in any order: deletes first, because a
deleted ``_id`` and a new one can be equal to the server and differ in their bytes (1 and 1.0).

Invariant: applying the windows one after another gives what applying the changes one by one gives, also onto documents that
some of the changes have reached already, and a second time (the server writes its entries so that they may be repeated).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.oplog.change import Change, Element

WINDOW_AT_MOST_CHANGES = 10_000
WINDOW_AT_MOST_BYTES = 16 * MIB
DIFFS_AT_MOST = 400
"""A pipeline has 1,000 stages at most."""
DIFFS_AT_MOST_BYTES = 8 * MIB


@dataclass(slots=True)
class Write:
    """What a window does to one document.

    Args:
        whole: The document from which the diffs go on; None when they go on from what is there.
        inserted: It was inserted in this window: in a capped collection it then stands behind all that came before.
        deleted: Nothing is left; ``whole`` is None and there are no diffs.
    """

    whole: bytes | None = None
    diffs: list[bytes] = field(default_factory=list)
    inserted: bool = False
    deleted: bool = False

    @property
    def diff_bytes(self) -> int:
        return sum(map(len, self.diffs))


Writes = dict[Element, Write]
"""By ``_id``, in the order of their last insert."""


def fold(changes: Iterable[Change]) -> dict[bytes, Writes]:
    """One window, by the collection's UUID."""
    collections: dict[bytes, Writes] = {}
    for change in changes:
        add(collections.setdefault(change.uuid, {}), change)
    return collections


def add(writes: Writes, change: Change) -> Write:
    """Let a change come after those that are folded already."""
    key = change.document_id
    if change.kind == "d":
        write = writes[key] = Write(deleted=True)
    elif change.kind == "i":
        writes.pop(key, None)
        write = writes[key] = Write(whole=change.o, inserted=True)
    elif change.is_whole:
        before = writes.get(key)
        write = writes[key] = Write(whole=change.o, inserted=before is not None and before.inserted)
    else:
        write = writes.setdefault(key, Write())
        if (
            not write.deleted
        ):  # a diff of a document that is gone was of an earlier one of that name: it says nothing now
            write.diffs.append(change.o)
    return write


def windows(
    changes: Iterable[Change],
    *,
    at_most_changes: int = WINDOW_AT_MOST_CHANGES,
    at_most_bytes: int = WINDOW_AT_MOST_BYTES,
) -> Iterator[dict[bytes, Writes]]:
    """Fold a stream of changes window by window; memory is that of one window."""
    collections: dict[bytes, Writes] = {}
    count = size = 0
    for change in changes:
        writes = collections.get(change.uuid)
        if writes is None:
            writes = collections[change.uuid] = {}
        write = add(writes, change)
        count += 1
        size += len(change.o)
        is_full = count >= at_most_changes or size >= at_most_bytes
        if (
            is_full
            or len(write.diffs) >= DIFFS_AT_MOST
            or (len(change.o) > MIB and write.diff_bytes >= DIFFS_AT_MOST_BYTES)
        ):
            yield collections
            collections, count, size = {}, 0, 0
    if collections:
        yield collections
