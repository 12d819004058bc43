"""An archive in a repository whose months pass as told: segments by the real writer, read back by the real reader."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain
from typing import Any

import bson
from bson import Timestamp
from prune_kit import World

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.segment_summary import SummaryBuilder
from lifeboat.repository.names import SEGMENTS, Source
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, new_chain
from lifeboat.repository.segments import Segment, StoredSegment, list_segments, stretches
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event


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
        self.last: str | None = None

    def now(self) -> ClusterTime:
        return ClusterTime(int((self.world.clock.moment + self.skew).timestamp()), 1)

    def segment(self, content: bytes = b"changes", parts: tuple[bytes, ...] = (), **more: Any) -> StoredSegment:
        """Up to now, from where the last one ended. Args: more: ``events``, ``summary``, ``previous``, ``after`` (an ``Edge``)."""
        names = more.pop("parts_named", None) or tuple(self.part(part).name for part in parts)
        through, summary = self.now(), more.pop("summary", b"{}\n")
        draft = replace(self._draft(through, names), previous=self.last, **more)
        stored = self.writer.write(draft, summary, [content] if content else [])
        self.reached, self.because, self.last = through, None, stored.name
        self.contents[stored.name] = b"".join((*parts, content))
        return stored

    def part(self, content: bytes, events: int = 1) -> StoredSegment:
        """The beginning of a transaction of which the next segment has the end."""
        nothing = SummaryBuilder(None).build()
        draft = replace(self._draft(self.now(), ()).part(), events=events)
        stored = self.writer.write(draft, nothing, [content])
        self.contents[stored.name] = content
        return stored

    def told(self, *events: Event, parts: Sequence[Sequence[Event]] = (), **more: Any) -> StoredSegment:
        """As a stream does it: with a summary that fits. Args: more: as of ``segment``, to lie with."""
        builder = SummaryBuilder(None)
        for event in (*chain(*parts), *events):
            builder.add(event, event.to_bson())
        names = tuple(self.part(_joined(part), len(part)).name for part in parts)
        fields = {"events": sum(map(len, parts)) + len(events), "summary": builder.build(), "parts": names, **more}
        content = fields.pop("content", _joined(events))
        assert isinstance(content, bytes)
        return self.segment(content, parts_named=fields.pop("parts"), **fields)

    def gap(self, because: str = "the stream was stopped") -> None:
        """Nothing of what happens up to now is archived."""
        self.chain, self.reached, self.because, self.last = new_chain(), self.now(), because, None

    def _draft(self, through: ClusterTime, parts: tuple[str, ...]) -> Draft:
        return Draft(edge(self.reached), edge(through), self.chain, self.because, None, parts, 1, "rs0", "test")


def edge(time: ClusterTime) -> Edge:
    """As if there was an entry at that time."""
    return Edge(time, 1, sha256(time.hex().encode()).digest())


def change(world: World, kind: str = "i", namespace: str = "shop.orders", *, back: float = 60, **fields: Any) -> Change:
    """A change of a document, so many seconds ago."""
    when = Timestamp(int(world.clock.moment.timestamp() - back), 1)
    o = bson.encode(fields or {"_id": 1})
    return Change(when, bytes(8), kind, namespace, b"u" * 16, o, bson.encode({"_id": 1}) if kind == "u" else None)


def command(world: World, o: dict[str, Any], *, back: float = 60, uuid: bytes = b"v" * 16) -> Command:
    """A command in the database ``shop``, so many seconds ago."""
    when = Timestamp(int(world.clock.moment.timestamp() - back), 1)
    return Command(when, bytes(8), "shop.$cmd", uuid, bson.encode(o), None)


def _joined(events: Sequence[Event]) -> bytes:
    return b"".join(event.to_bson() for event in events)


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
