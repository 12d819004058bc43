"""What changes do to the documents of one collection, folded by ``_id``, in bounded memory.

A ``Round`` holds those documents whose ``_id`` falls into its part of a hash. It begins with all that is left and gives up the upper half
whenever it has grown too large: what it covers in the end, it has folded completely, and the next round goes on from there.
"""

import zlib
from collections.abc import Iterator

from lifeboat.foundation.sizes import MIB
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.change import Change, Element, is_change, read_change
from lifeboat.sources.mongodb.oplog.compose_diff import composed
from lifeboat.sources.mongodb.oplog.fold import Write, Writes, add

HELD_AT_MOST_BYTES = 128 * MIB
ENTRY_BYTES = 400
"""What Python needs around one folded document, about; DIFF_BYTES: around one difference."""
DIFF_BYTES = 60
COMPOSED_FROM = 64
"""Differences of one document; a power of two."""
EVERYTHING = 1 << 32


def changes_of(point: DatabasePoint, uuid: bytes) -> Iterator[Change]:
    """The changes of one collection, up to the instant; blocks and events that do not name it are not parsed."""
    if not uuid or not point.has_changes:
        return
    named = b"\x05ui\0\x10\0\0\0\x04" + uuid
    birth = point.births.get(uuid)
    for block in point.changes():
        if named not in block:
            continue
        for begin, end in spans_of(block):
            if block.find(named, begin, end) < 0 or not is_change(block, begin):
                continue
            change = read_change(block[begin:end])
            if change.uuid == uuid and (birth is None or change.when >= birth):
                yield change


class Round:
    """Args:
    begin: Where in the hash the round before has ended.
    folds: How many stretches of time are folded, each for itself.
    """

    def __init__(self, begin: int = 0, *, folds: int = 1, at_most_bytes: int = HELD_AT_MOST_BYTES) -> None:
        self.begin, self.end = begin, EVERYTHING
        self.folds: list[Writes] = [{} for _ in range(folds)]
        self._at_most_bytes = at_most_bytes
        self._held_bytes = 0

    @property
    def is_everything(self) -> bool:
        return self.begin == 0 and self.end == EVERYTHING

    @property
    def is_last(self) -> bool:
        return self.end == EVERYTHING

    def covers(self, key: Element) -> bool:
        return self.is_everything or self.begin <= zlib.crc32(key[1], key[0]) < self.end

    def take(self, change: Change, fold: int = 0) -> None:
        """Let a change come after those of its stretch that were taken before."""
        key, writes = change.document_id, self.folds[fold]
        if not self.covers(key):
            return
        before = writes.get(key)
        if before is not None and change.kind == "u" and not change.is_whole:
            if not before.deleted:
                before.diffs.append(change.o)
                self._held_bytes += len(change.o) + DIFF_BYTES
                self._compose(key, before)
        else:
            if before is not None:
                self._held_bytes -= held_bytes(key, before)
            self._held_bytes += held_bytes(key, add(writes, change))
        while self._held_bytes > self._at_most_bytes and self.end - self.begin > 1:
            self._give_up_half()

    def _compose(self, key: Element, write: Write) -> None:
        """A counter that was counted up a million times waits as one difference; tried again at twice as many."""
        count = len(write.diffs)
        if count >= COMPOSED_FROM and count & (count - 1) == 0:
            self._held_bytes -= held_bytes(key, write)
            write.diffs = composed(write.diffs)
            if write.whole is not None and len(write.diffs) > COMPOSED_FROM // 2:
                write.whole, write.diffs = outcome(write, None), []
            self._held_bytes += held_bytes(key, write)

    def _give_up_half(self) -> None:
        self.end = self.begin + (self.end - self.begin) // 2
        for writes in self.folds:
            for key in [key for key in writes if not self.covers(key)]:
                self._held_bytes -= held_bytes(key, writes.pop(key))


def held_bytes(key: Element, write: Write) -> int:
    """What a folded document needs in memory, about."""
    return ENTRY_BYTES + len(key[1]) + len(write.whole or b"") + write.diff_bytes + DIFF_BYTES * len(write.diffs)


def outcome(write: Write | None, before: bytes | None) -> bytes | None:
    """A document after its changes; None where there is none.

    Args:
        before: The document onto which the changes come, at the instant before them or at any later one among them.
    """
    if write is None:
        return before
    document = None if write.deleted else write.whole or before
    if document is not None:
        for diff in write.diffs:
            document = apply_diff(document, diff)
    return document
