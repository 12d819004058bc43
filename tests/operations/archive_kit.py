"""An archive in a repository whose months pass as told: segments by the real writer, read back by the real reader."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prune_kit import World

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.repository.names import SEGMENTS, Source
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, new_chain
from lifeboat.repository.segments import Segment, StoredSegment, list_segments, stretches


@dataclass
class Streaming:
    """One machine's stream: each segment goes from where the last one ended up to now.

    Args:
        skew: How far the database's clock is ahead of the store's.
    """

    world: World
    label: str = "host"
    skew: timedelta = timedelta()
    chain: str = field(default_factory=new_chain)
    contents: dict[str, bytes] = field(default_factory=dict)
    """What each segment must give back, by its name."""

    def __post_init__(self) -> None:
        self.repository = self.world.open(label=self.label)
        self.writer = SegmentWriter(self.repository, self.repository.writer(self.world.clock.now()))
        self.reached = self.now()
        self.because: str | None = "the stream began here"

    def now(self) -> ClusterTime:
        return ClusterTime(int((self.world.clock.moment + self.skew).timestamp()), 1)

    def segment(self, content: bytes = b"changes", parts: tuple[bytes, ...] = ()) -> StoredSegment:
        """Up to now, from where the last one ended."""
        names = tuple(self.part(part).name for part in parts)
        through = self.now()
        stored = self.writer.write(self._draft(through, names), b"{}\n", [content] if content else [])
        self.reached, self.because = through, None
        self.contents[stored.name] = b"".join((*parts, content))
        return stored

    def part(self, content: bytes) -> StoredSegment:
        """The beginning of a transaction of which the next segment has the end."""
        stored = self.writer.write(self._draft(self.now(), ()).part(), b"{}\n", [content])
        self.contents[stored.name] = content
        return stored

    def gap(self, because: str = "the stream was stopped") -> None:
        """Nothing of what happens up to now is archived."""
        self.chain, self.reached, self.because = new_chain(), self.now(), because

    def _draft(self, through: ClusterTime, parts: tuple[str, ...]) -> Draft:
        after, end = Edge(self.reached, 1, b"\x01" * 32), Edge(through, 1, b"\x02" * 32)
        return Draft(after, end, self.chain, self.because, None, parts, 1, "rs0", "test")


def segments(world: World) -> list[StoredSegment]:
    return list_segments(world.open())


def archived(world: World) -> set[str]:
    return world.names(SEGMENTS)


def read_back(world: World, stored: StoredSegment) -> bytes:
    return b"".join(Segment(world.open(), stored).blocks())


def hours(world: World, stream: Streaming, count: int, *, every: float = 1.0) -> None:
    """So many segments, one after each so many hours."""
    for number in range(count):
        world.after(hours=every)
        stream.segment(f"what happened before {world.clock.moment} ({number})".encode())


def reachable(world: World, moment: datetime, only: Collection[str] | None = None) -> bool:
    """By hand: whether some listed snapshot and the segments after it, without a hole, lead there."""
    goal = ClusterTime(int(moment.timestamp()), 0)
    repository = world.open()
    covered = stretches(one for one in list_segments(repository) if only is None or one.name in only)
    for record in repository.snapshots():
        if record.source != Source.MONGODB or not record.is_backup or not (record.complete and record.one_instant):
            continue
        base = ClusterTime(int(record.instant.timestamp()), 1)
        if base <= goal and any(one.covers(base, goal) for one in covered):
            return True
        if base.seconds == goal.seconds:
            return True
    return False
