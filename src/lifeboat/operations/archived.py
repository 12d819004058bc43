"""What the archive has between a snapshot and a later instant: its changes, and what they did to the catalog."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain

from bson import Timestamp

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.foundation.value import Value
from lifeboat.operations.segment_summary import read_summary
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segments import Segment, StoredSegment, Stretch
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.change import is_change, when_of
from lifeboat.sources.mongodb.oplog.command import Event

AT_ONCE = 8
TRIES = 50
"""Each finds one more way around what is damaged or planted."""


@dataclass(frozen=True)
class Archived:
    """What happened after a snapshot.

    Args:
        base: The snapshot's own instant. goal: Up to and including this.
        segments: In order, each with the instant after which its changes count.
        catalog_events: What changed the catalog, in order.
        total_bytes: Of all changes in these segments.
    """

    repository: Repository
    base: ClusterTime
    goal: ClusterTime
    segments: Sequence[tuple[StoredSegment, ClusterTime]]
    catalog_events: Sequence[Event]
    total_bytes: int

    def follow(self, entries: Iterable[CollectionEntry]) -> tuple[list[CollectionEntry], Mapping[bytes, Timestamp]]:
        """The catalog at ``goal``; and by UUID, since when a collection that came to be after the snapshot is there."""
        follower = CatalogFollower(entries)
        for event in self.catalog_events:
            follower.follow(event)
        return follower.entries(), dict(follower.births)

    def changes(self) -> Iterator[bytes]:
        """Stored changes of documents, whole ones in each block. Memory: one segment."""
        for stored, after in self.segments:
            is_whole = after <= stored.after and stored.through <= self.goal
            for block in Segment(self.repository, stored).blocks():
                kept = [
                    block[begin:end]
                    for begin, end in spans_of(block)
                    if is_change(block, begin) and (is_whole or _counts(when_of(block, begin), after, self.goal))
                ]
                if kept:
                    yield b"".join(kept)


def archived_between(repository: Repository, stretch: Stretch, base: ClusterTime, goal: ClusterTime) -> Archived:
    """Look through a stretch that covers both.

    One that is not what its writer stored is passed over where others hold the same: names are only believed until they are opened.

    Raises:
        RepositoryDamaged kinds: A segment is not what its writer stored, and no other one holds what it should.
    """
    looked: dict[str, _Looked] = {}
    for _ in range(TRIES):
        unsound = {name for name, one in looked.items() if one.trouble is not None}
        try:
            needed = stretch.without(unsound).between(base, goal)
        except ValueError:
            break
        new = [stored for stored, _ in needed if stored.name not in looked]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="segment") as pool:
            looked |= {one.name: seen for one, seen in zip(new, pool.map(partial(_look, repository), new), strict=True)}
        if all(looked[stored.name].trouble is None for stored, _ in needed):
            chosen = [(looked[stored.name], after) for stored, after in needed]
            events = [event for one, after in chosen for event in one.events if _counts(event.when, after, goal)]
            return Archived(repository, base, goal, needed, events, sum(one.plain_bytes for one, _ in chosen))
    raise next(one.trouble for one in looked.values() if one.trouble is not None)


class _Looked(Value):
    """One segment's catalog events and the size of its changes; or why it cannot be used."""

    events: tuple[Event, ...] = ()
    plain_bytes: int = 0
    trouble: RepositoryDamaged | None = None


def _look(repository: Repository, stored: StoredSegment) -> _Looked:
    try:
        segment = Segment(repository, stored)
        events = chain.from_iterable(read_summary(plain).events for plain in segment.summaries())
        return _Looked(tuple(events), segment.statement.plain_bytes)
    except RepositoryDamaged as trouble:
        return _Looked(trouble=trouble)


def _counts(when: Timestamp, after: ClusterTime, goal: ClusterTime) -> bool:
    return after < (when.time, when.inc) <= goal
