"""The documents that differ between two states of a collection, each beside the other.

Two ways. Where both instants follow from one snapshot, only what was touched between them can differ: ``touched_between`` goes through
that snapshot's documents once, in bounded memory (``touched.py``). Else ``BothSides`` reads both states: 16 bytes of digests for each
document of each side first, then those that differ.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import islice, zip_longest
from typing import NamedTuple, Protocol

from bson import Timestamp

from lifeboat.foundation.sizes import MIB
from lifeboat.operations.database_point import DatabasePoint, StoredCollection
from lifeboat.operations.documents_at import DocumentsAt
from lifeboat.operations.touched import HELD_AT_MOST_BYTES, Round, changes_of, outcome
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.empty_timestamps import id_element
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.oplog.change import Element
from lifeboat.sources.mongodb.oplog.same_id import same_id
from lifeboat.sources.mongodb.target_server import TargetServer

DIGEST_BYTES = 8
"""Two of ten million documents share one with a probability of 3 in a million."""
BUCKETS = 256
HELD_DOCUMENTS_BYTES = 64 * MIB
AdvanceBytes = Callable[[int], None]


class Pair(NamedTuple):
    """A document at two instants; None where it was not there. Never equal."""

    before: bytes | None
    after: bytes | None

    @property
    def turned(self) -> "Pair":
        return Pair(self.after, self.before)


def touched_between(
    earlier: DatabasePoint,
    later: DatabasePoint,
    stored: StoredCollection,
    since: Timestamp,
    advance: AdvanceBytes = lambda _: None,
    held_at_most_bytes: int = HELD_AT_MOST_BYTES,
) -> Iterator[Pair]:
    """What differs in a collection between two instants that follow from one snapshot.

    Args:
        stored: The collection, which is the same at both.
        since: The earlier instant.
    """
    uuid, base = stored.entry.uuid, DocumentsAt(earlier, stored)
    begin = 0
    while True:
        round_ = Round(begin, folds=2, at_most_bytes=held_at_most_bytes)
        between = round_.folds[1]
        for change in changes_of(later, uuid):
            if change.when > since:
                round_.take(change, 1)
        if between:
            for change in changes_of(earlier, uuid):
                if change.document_id in between:
                    round_.take(change, 0)
            yield from _touched_of(round_, base, advance)
        if round_.is_last:
            return
        begin = round_.end


def _touched_of(round_: Round, base: DocumentsAt, advance: AdvanceBytes) -> Iterator[Pair]:
    before, between = round_.folds

    def pair(key: Element, document: bytes | None) -> Pair:
        was = outcome(before.get(key), document)
        return Pair(was, outcome(between[key], was))

    met: set[Element] = set()
    for _, _, chunk in base.stored_chunks():
        for begin, end in spans_of(chunk):
            document = chunk[begin:end]
            key = same_id(id_element(document))
            if key in between and key not in met:
                met.add(key)
                found = pair(key, document)
                if found.before != found.after:
                    yield found
        advance(len(chunk) if round_.begin == 0 else 0)
    for key in between:
        if key not in met:
            found = pair(key, None)
            if found.before != found.after:
                yield found


class Side(Protocol):
    """One state of a collection; it may be read more than once."""

    def blocks(self) -> Iterator[bytes]:
        """All its documents, whole ones in each block."""
        ...


class Nothing:
    """No collection."""

    def blocks(self) -> Iterator[bytes]:
        return iter(())


class StoredSide:
    """As of an instant. Args: leave_out: Chunks that the other side has, too."""

    def __init__(self, documents: DocumentsAt, leave_out: frozenset[bytes] = frozenset()) -> None:
        self._documents = documents
        self._leave_out = leave_out

    def blocks(self) -> Iterator[bytes]:
        return (look.block for look in self._documents.looks(self._leave_out))


class LiveSide:
    """On the server, as it is while it is read."""

    def __init__(self, server: TargetServer, database: str, name: str) -> None:
        self._server = server
        self._database = database
        self._name = name

    def blocks(self) -> Iterator[bytes]:
        with in_our_words(f"reading {self._database}.{self._name}"):
            collection = collection_of(self._server.database(self._database), self._name)
            yield from collection.find_raw_batches({})


class BothSides:
    """Two states of a collection, compared by digests. Memory: 16 bytes for each document of each side, and what is held to be shown."""

    def __init__(self, before: Side, after: Side, advance: AdvanceBytes = lambda _: None) -> None:
        self._sides = (before, after)
        self.added = self.removed = self.changed = 0
        self._bytes = 0
        self._digests = [self._read(side, advance) for side in self._sides]
        for differing in map(self._differing, range(BUCKETS)):
            self.added += len(differing[0])
            self.removed += len(differing[1])
            self.changed += len(differing[2])

    def pairs(self) -> Iterator[Pair]:
        """All that differ; both sides are read once more for as many as are held at a time."""
        count = self.added + self.removed + self.changed
        documents = max(1, sum(len(one) for side in self._digests for one in side) // (2 * DIGEST_BYTES))
        together = max(1, HELD_DOCUMENTS_BYTES * documents // max(1, self._bytes))
        every = (digest for bucket in range(BUCKETS) for kind in self._differing(bucket) for digest in kind)
        for _ in range(0, count, together):
            yield from self._pairs_of(set(islice(every, together)))

    def first_pairs(self, at_most: int) -> Iterator[Pair]:
        """Some of those that differ, of each kind as many."""

        def every(kind: int) -> Iterator[bytes]:
            return (digest for bucket in range(BUCKETS) for digest in self._differing(bucket)[kind])

        in_turn = (digest for three in zip_longest(*map(every, range(3))) for digest in three if digest is not None)
        return self._pairs_of(set(islice(in_turn, at_most)))

    def _read(self, side: Side, advance: AdvanceBytes) -> list[bytearray]:
        buckets = [bytearray() for _ in range(BUCKETS)]
        for block in side.blocks():
            for begin, end in spans_of(block):
                document = block[begin:end]
                digest = _digest_of_id(document)
                buckets[digest[0]] += digest + blake2b(document, digest_size=DIGEST_BYTES).digest()
            self._bytes += len(block)
            advance(len(block))
        return buckets

    def _differing(self, bucket: int) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Digests of the ids that were added, removed, changed."""
        before, after = (_by_id(side[bucket]) for side in self._digests)
        added = [digest for digest in after if digest not in before]
        removed = [digest for digest in before if digest not in after]
        changed = [digest for digest, content in after.items() if before.get(digest, content) != content]
        return added, removed, changed

    def _pairs_of(self, wanted: set[bytes]) -> Iterator[Pair]:
        if not wanted:
            return
        held: dict[bytes, bytes] = {}
        for digest, document in _documents_of(self._sides[0], wanted):
            held[digest] = document
        for digest, document in _documents_of(self._sides[1], wanted):
            before = held.pop(digest, None)
            if before != document:  # live documents change while they are read
                yield Pair(before, document)
        for document in held.values():
            yield Pair(document, None)


def _by_id(rows: bytearray) -> dict[bytes, bytes]:
    width = 2 * DIGEST_BYTES
    return {
        bytes(rows[at : at + DIGEST_BYTES]): bytes(rows[at + DIGEST_BYTES : at + width])
        for at in range(0, len(rows), width)
    }


def _documents_of(side: Side, wanted: set[bytes]) -> Iterator[tuple[bytes, bytes]]:
    left = set(wanted)
    for block in side.blocks():
        for begin, end in spans_of(block):
            document = block[begin:end]
            digest = _digest_of_id(document)
            if digest in left:
                left.discard(digest)
                yield digest, document
        if not left:
            return


def _digest_of_id(document: bytes) -> bytes:
    kind, value = same_id(id_element(document))
    return blake2b(bytes([kind]) + value, digest_size=DIGEST_BYTES).digest()
