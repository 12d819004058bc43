"""What the archive has between a snapshot and a later instant: its changes, and what they did to the catalog."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

from bson import Timestamp

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.segment_summary import read_summary
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segments import Segment, StoredSegment, Stretch
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.change import is_change, when_of
from lifeboat.sources.mongodb.oplog.command import Event

AT_ONCE = 8


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

    Raises:
        RepositoryDamaged kinds: A segment is not what its writer stored.
    """
    needed = stretch.between(base, goal)

    def look(one: tuple[StoredSegment, ClusterTime]) -> tuple[list[Event], int]:
        stored, after = one
        segment = Segment(repository, stored)
        events = chain.from_iterable(read_summary(plain).events for plain in segment.summaries())
        return [event for event in events if _counts(event.when, after, goal)], segment.statement.plain_bytes

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="segment") as pool:
        looked = list(pool.map(look, needed))
    events = [event for found, _ in looked for event in found]
    return Archived(repository, base, goal, needed, events, sum(size for _, size in looked))


def _counts(when: Timestamp, after: ClusterTime, goal: ClusterTime) -> bool:
    return after < (when.time, when.inc) <= goal
