"""The segment that is being filled: whole entries of the oplog, and of one that is larger than a segment the beginning as parts.

Limits: no server, no store. Memory: one segment, and the changes of one entry as far as they are not a part yet.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bson import Timestamp

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.operations.segment_summary import SummaryBuilder
from lifeboat.repository.segment_format import Edge
from lifeboat.sources.mongodb.oplog.change import Element
from lifeboat.sources.mongodb.oplog.command import Event
from lifeboat.sources.mongodb.oplog.flatten import Position

SEGMENT_BYTES = 8 * MIB
"""A busy server fills it in a second or less; smaller ones would cost more requests than they save time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATETIME = 0x09


class Filled(Value):
    """A segment, or a part of one, that is ready to be stored.

    Args:
        events: Changes and commands, those of its parts among them; of a part its own.
        stored: What it holds itself, as it is stored.
        parts: How many parts came right before it; 0 for a part.
        snapshot_after: The instant at or after which a snapshot is needed, as far as is known at its end.
    """

    chain: str
    because: str | None
    after: Edge
    through: Edge
    summary: bytes
    stored: Sequence[bytes]
    events: int
    parts: int
    snapshot_after: ClusterTime | None
    databases: Sequence[str] | None

    @property
    def is_part(self) -> bool:
        return self.after.time == self.through.time


class Filling:
    """Args:
    because: Why a new chain begins with it; None where it goes on.
    """

    def __init__(
        self,
        chain: str,
        after: Edge,
        databases: Sequence[str] | None,
        because: str | None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.chain = chain
        self.after = after
        self.because = because
        self._databases = databases
        self._summary = SummaryBuilder(databases)
        self._stored: list[bytes] = []
        self._bytes = 0
        self._segment_bytes = segment_bytes
        self.parts = 0
        self.events = 0
        self.entries = 0

    @property
    def is_full(self) -> bool:
        """Whether it should be closed, now that an entry is whole."""
        return self._bytes >= self._segment_bytes or self._summary.is_full

    @property
    def says_something(self) -> bool:
        """Whether there is more to it than that time went by."""
        return bool(self.events) or (self.because is not None and self.entries > 0)

    def add(self, events: Sequence[Event], stored: Sequence[bytes], size: int, wall: Element | None) -> None:
        """Take the (rest of the) events of one entry."""
        self.entries += 1
        if not events:
            return
        for event, one in zip(events, stored, strict=True):
            self._summary.add(event, one)
        self._stored += stored
        self._bytes += size
        self.events += len(stored)
        self._summary.saw(_moment(wall))

    def part(self, events: Sequence[Event], stored: Sequence[bytes]) -> Filled:
        """The beginning of an entry that is too large; nothing but parts may have been added before."""
        assert not self._stored
        for event, one in zip(events, stored, strict=True):
            self._summary.add(event, one)
        self.parts += 1
        self.events += len(stored)
        nothing = SummaryBuilder(self._databases).build()
        return Filled(self.chain, None, self.after, self.after, nothing, stored, len(stored), 0, None, self._databases)

    def close(self, through: Edge, snapshot_after: ClusterTime | None) -> Filled:
        return Filled(
            self.chain,
            self.because,
            self.after,
            through,
            self._summary.build(),
            self._stored,
            self.events,
            self.parts,
            snapshot_after,
            self._databases,
        )


def edge_of(position: Position, entry_hash: bytes) -> Edge:
    return Edge(cluster_time(position.when), int.from_bytes(position.term, "little", signed=True), entry_hash)


def position_at(edge: Edge) -> Position:
    return Position(Timestamp(*edge.time), edge.term.to_bytes(8, "little", signed=True))


def cluster_time(when: Timestamp) -> ClusterTime:
    return ClusterTime(when.time, when.inc)


def _moment(wall: Element | None) -> datetime | None:
    if wall is None or wall[0] != _DATETIME:
        return None
    milliseconds = int.from_bytes(wall[1], "little", signed=True)
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
