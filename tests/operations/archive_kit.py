"""An archive in a repository whose months pass as told: segments by the real writer, read back by the real reader."""

from dataclasses import dataclass, field
from datetime import timedelta

from prune_kit import World

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.repository.names import SEGMENTS
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, new_chain
from lifeboat.repository.segments import Segment, StoredSegment, list_segments


@dataclass
class Streaming:
    """One machine's stream: each segment goes from where the last one ended up to now."""

    world: World
    label: str = "host"
    chain: str = field(default_factory=new_chain)
    contents: dict[str, bytes] = field(default_factory=dict)
    """What each segment must give back, by its name."""

    def __post_init__(self) -> None:
        self.repository = self.world.open(label=self.label)
        self.writer = SegmentWriter(self.repository, self.repository.writer(self.world.clock.now()))
        self.reached = self.now()
        self.because: str | None = "the stream began here"

    def now(self) -> ClusterTime:
        return ClusterTime(int(self.world.clock.moment.timestamp()), 1)

    def segment(self, content: bytes = b"changes", parts: tuple[bytes, ...] = ()) -> StoredSegment:
        """Up to now, from where the last one ended."""
        through = self.now()
        draft = Draft(
            Edge(self.reached, 1, b"\x01" * 32),
            Edge(through, 1, b"\x02" * 32),
            self.chain,
            self.because,
            None,
            (),
            1,
            "rs0",
            "test",
        )
        names = tuple(self.writer.write(draft.part(), b"{}\n", [part]).name for part in parts)
        whole = Draft(
            draft.after, draft.through, draft.chain, draft.because, None, names, 1, draft.set_name, draft.software
        )
        stored = self.writer.write(whole, b"{}\n", [content] if content else [])
        self.reached, self.because = through, None
        self.contents[stored.name] = b"".join((*parts, content))
        return stored

    def gap(self, because: str = "the stream was stopped") -> None:
        """Nothing of what happens up to now is archived."""
        self.chain, self.reached, self.because = new_chain(), self.now(), because


def segments(world: World) -> list[StoredSegment]:
    return list_segments(world.open())


def read_back(world: World, stored: StoredSegment) -> bytes:
    return b"".join(Segment(world.open(), stored).blocks())


def hours(world: World, stream: Streaming, count: int, *, every: float = 1.0) -> None:
    """So many segments, one for each so many hours."""
    for number in range(count):
        world.clock.moment += timedelta(hours=every)
        stream.segment(f"what happened before {world.clock.moment} ({number})".encode())


def archived(world: World) -> set[str]:
    return world.names(SEGMENTS)
