"""Entries of the oplog in, segments out: where the archive has come to, and the segment that is open.

Invariant: the archive's end moves from one whole entry to the next. An entry that is given up in its middle has never been: what it put
into parts counts for nothing, and it is taken again from its beginning.
"""

from collections.abc import Callable, Sequence

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.stream.catalog_watch import CatalogWatch
from lifeboat.operations.stream.filling import Filled, Filling, cluster_time, edge_of, position_at
from lifeboat.operations.stream.needed_snapshot import NeededSnapshot
from lifeboat.repository.segment_format import Edge
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.oplog.change import elements_of, text_of
from lifeboat.sources.mongodb.oplog.command import Command, Event
from lifeboat.sources.mongodb.oplog.flatten import Flattener, Position
from lifeboat.sources.mongodb.oplog.tail import Entry, Place


class Intake:
    """Args:
    edge: Where the archive ends: the next entry taken comes after it.
    hash_of: Keyed hash of an entry.
    hand_over: Takes a segment or a part; returns when there is room for it.
    restore_quiet_seconds: A restore brings its collections into place one by one: the snapshot waits until no more come.
    """

    def __init__(
        self,
        chain: str,
        edge: Edge,
        because: str | None,
        databases: Sequence[str] | None,
        *,
        segment_bytes: int,
        restore_quiet_seconds: float,
        flattener: Flattener,
        catalog: CatalogWatch,
        snapshot: NeededSnapshot,
        hash_of: Callable[[bytes], bytes],
        hand_over: Callable[[Filled], None],
        say: Callable[[Finding], None],
        clock: Clock,
    ) -> None:
        self.chain = chain
        self._databases = databases
        self._segment_bytes = segment_bytes
        self._restore_quiet_seconds = restore_quiet_seconds
        self._flattener = flattener
        self._catalog = catalog
        self._snapshot = snapshot
        self._hash_of = hash_of
        self._hand_over = hand_over
        self._say = say
        self._clock = clock
        self._edge = edge
        """Where the open segment begins."""
        self._position: Position = position_at(edge)
        self._entry: bytes | None = None
        """The last entry taken; None while that is where ``_edge`` is."""
        self._in_entry = False
        self._filling = self._new_filling(because)
        self.events = 0
        self.first_event_at: float | None = None
        """When the open segment got its first change, by the clock that never goes back."""

    # Where it is

    @property
    def edge(self) -> Edge:
        """Of the last entry taken."""
        return self._edge if self._entry is None else edge_of(self._position, self._hash_of(self._entry))

    @property
    def at(self) -> ClusterTime:
        return cluster_time(self._position.when)

    @property
    def place(self) -> Place:
        return Place(self._position, self._is_same)

    @property
    def is_pending(self) -> bool:
        """Whether the open segment holds a change."""
        return self._filling.events > 0

    @property
    def says_something(self) -> bool:
        return self._filling.says_something

    @property
    def has_moved(self) -> bool:
        """Whether any entry came since the open segment began."""
        return self._filling.entries > 0

    @property
    def is_marked(self) -> bool:
        """Whether that the chain began is stored, or will be with the open segment."""
        return self._filling.because is None or self.has_moved

    def _is_same(self, entry: bytes) -> bool:
        return entry == self._entry if self._entry is not None else self._hash_of(entry) == self._edge.entry

    # Taking

    def take(self, entry: Entry) -> None:
        """Raises OplogNotFollowed, OplogGap, BlockUnreadable; what the server raises; afterwards ``undo``."""
        self._in_entry = True
        self._fill(entry)
        self._in_entry = False
        self._position, self._entry = entry.position, entry.raw
        if self._filling.is_full or self._filling.parts:
            self.close()

    def undo(self) -> None:
        """Forget the entry that is half taken, if there is one."""
        if not self._in_entry:
            return
        self._in_entry = False
        self._catalog.forget()  # it may have been told of changes that it would be told of again
        if self._filling.parts:
            self._filling = self._new_filling(self._filling.because)

    def close(self) -> None:
        """The open segment is handed over, and the next one begins."""
        self._edge, self._entry = self.edge, None
        filled = self._filling.close(self._edge, self._snapshot.after)
        self.first_event_at = None
        self._filling = self._new_filling(None)
        self._hand_over(filled)

    def _new_filling(self, because: str | None) -> Filling:
        return Filling(self.chain, self._edge, self._databases, because, self._segment_bytes)

    def _fill(self, entry: Entry) -> None:
        events: list[Event] = []
        stored: list[bytes] = []
        size, is_first = 0, True
        for event in self._flattener.events_in(entry.fields, entry.position):
            self._catalog.follow(event)
            if isinstance(event, Command):
                self._mind_restore(event)
            events.append(event)
            stored.append(one := event.to_bson())
            size += len(one)
            if size >= self._segment_bytes:
                if is_first and self._filling.events:
                    self.close()  # what came before this entry is a segment of its own
                self._hand_over(self._filling.part(events, stored))
                self.events += len(events)
                events, stored, size, is_first = [], [], 0, False
        self._filling.add(events, stored, size, entry.fields.get(b"wall"))
        if events:
            self.events += len(events)
            if self.first_event_at is None:
                self.first_event_at = self._clock.monotonic()

    def _mind_restore(self, command: Command) -> None:
        """A restore into this server is followed like anything else; a snapshot afterwards spares the next restore from replaying it."""
        if command.name != "renameCollection":
            return
        o = elements_of(command.o)
        before, after = (text_of(o.get(field)).partition(".")[2] for field in (b"renameCollection", b"to"))
        if is_ours(before) and not is_ours(after):
            if not self._snapshot.is_needed:
                words = f"a restore into this server was seen ({after} came into place); it is archived, and a snapshot follows"
                self._say(Finding(Level.WARNING, "stream-restore-seen", "archive", words))
            self._snapshot.need(cluster_time(command.when), self._restore_quiet_seconds)
