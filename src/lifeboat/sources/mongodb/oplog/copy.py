"""Copy the changes of some collections out of the oplog while a backup reads them.

One thread runs ``blocks``; others steer it. ``hold`` makes it stop, ``up_to`` lets it copy up to an instant and no further (the
catalog of that instant is then read, and nothing after it has been copied), ``go_on`` sets it free, ``end`` ends it.

Invariant: what was given out is every change of the followed collections in (start, reached], in order, each once; or an
error says that the oplog did not hold them. Memory: one entry of the oplog and one block.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bson import Timestamp

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import DatabaseBusy, DatabaseUnreachable, OplogNotFollowed
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.flatten import EMPTYING, Flattener, Position
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at
from lifeboat.sources.mongodb.target_server import PATIENCE_SECONDS, TargetServer

BLOCK_BYTES = MIB
LOOK_EVERY_SECONDS = 0.5


class OplogCopy:
    """Args:
    start: Changes after this instant are copied.
    follow: UUIDs of the collections that are read at or after ``start``.
    """

    def __init__(
        self,
        client: Client,
        start: Timestamp,
        follow: Iterable[bytes],
        is_wanted: Callable[[str], bool],
        *,
        clock: Clock,
    ) -> None:
        self._client = client
        self._start = start
        self._followed = set(follow)
        self._clock = clock
        self._flattener = Flattener(is_wanted, self._entry_again)
        self._seen: Position | None = None
        self._changed = threading.Condition()
        self._held = False
        self._limit: Timestamp | None = None
        self._is_idle = False
        self._block: list[bytes] = []
        self._block_bytes = 0
        self._ended = False
        self._failure: BaseException | None = None
        self.reached = start
        """Everything up to here has been given out."""
        self.changes = 0

    def blocks(self) -> Iterator[bytes]:
        """Changes as stored documents, some in a block, until ``end``.

        Raises:
            OplogGap, OplogNotFollowed.
        """
        moved_at = self._clock.monotonic()
        while (look := self._next_look()) is not None:
            before = self._seen
            try:
                yield from self._look(look)
                moved_at = self._clock.monotonic()
            except (DatabaseBusy, DatabaseUnreachable):
                if self._seen != before:
                    moved_at = self._clock.monotonic()
                elif self._clock.monotonic() - moved_at > PATIENCE_SECONDS:
                    raise
                self._clock.sleep(LOOK_EVERY_SECONDS)

    def fail(self, failure: BaseException) -> None:
        """Whoever runs ``blocks`` has failed; those who wait for it are told."""
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def hold(self) -> Timestamp:
        """Make it stop; returns how far it has come, once it stands still."""
        with self._changed:
            self._held, self._limit, self._is_idle = True, None, False
            self._changed.notify_all()
            self._await(lambda: self._is_idle)
            return self.reached

    def up_to(self, limit: Timestamp) -> None:
        """Held: copy what there is up to ``limit``; returns when it has been given out."""
        with self._changed:
            self._limit = limit
            self._changed.notify_all()
            self._await(lambda: self.reached >= limit)

    def go_on(self, follow: Iterable[bytes] = ()) -> None:
        """Set it free, to follow some more collections from here on: they are read at this instant or later."""
        with self._changed:
            self._followed.update(follow)
            self._held, self._limit = False, None
            self._changed.notify_all()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def is_held(self) -> bool:
        with self._changed:
            return self._held

    def _await(self, reached: Callable[[], bool]) -> None:
        while not reached():
            if self._failure is not None:
                raise self._failure
            if self._ended:
                return
            self._changed.wait()

    def _next_look(self) -> "_Look | None":
        """Wait until there is something to look for; None at the end."""
        with self._changed:
            while not self._ended:
                if not self._held:
                    return _Look(None)
                if self._limit is not None and self.reached < self._limit:
                    return _Look(self._limit)
                self._is_idle = True
                self._changed.notify_all()
                self._changed.wait()
            return None

    def _look(self, look: "_Look") -> Iterator[bytes]:
        for position, entry in entries_from(self._client, self._start, self._seen, look.until):
            if look.until is None and self._held:
                break  # what was read ahead will be read again
            for change in self._changes_in(position, entry):
                self._block.append(change.to_bson())
                self._block_bytes += len(self._block[-1])
                if self._block_bytes >= BLOCK_BYTES:
                    yield self._take_block()
            self._seen = position
            self.reached = max(self.reached, position.when)
        if self._block:
            yield self._take_block()
        with self._changed:
            if look.until is not None:
                self.reached = look.until
                self._changed.notify_all()
            elif not self._held and not self._ended:
                self._changed.wait(LOOK_EVERY_SECONDS)

    def _take_block(self) -> bytes:
        block, self._block, self._block_bytes = b"".join(self._block), [], 0
        return block

    def _changes_in(self, position: Position, entry: bytes) -> Iterator[Change]:
        if position.when <= self._start:
            return
        for event in self._flattener.events_of(entry):
            if event.uuid not in self._followed:
                continue
            if isinstance(event, Change):
                self.changes += 1
                yield event
            elif event.name == "create":
                raise OplogNotFollowed(
                    f"a collection of {event.database} was dropped and made again under the same UUID while it was backed up",
                    "run the backup again when the restore that does this (--preserveUUID) has ended",
                )
            elif event.name in EMPTYING:
                raise OplogNotFollowed(
                    f"a collection of {event.database} was emptied ({event.name}) while it was backed up",
                    "run the backup again; keep that command away from it",
                )

    def _entry_again(self, when: Timestamp) -> bytes | None:
        """Patient by itself: half of a transaction is given out already."""
        return TargetServer(self._client, clock=self._clock).repeat(lambda: entry_at(self._client, when))


class _Look(NamedTuple):
    """Args: until: None for all there is."""

    until: Timestamp | None
