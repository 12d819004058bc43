"""Store one segment while the next one fills: a thread of its own, one segment waiting at most.

While the store is away nothing more is taken: the entries stay unread in the server's oplog, which is the buffer. Nothing that a store
can say ends a stream; it tries again, with pauses that grow, and says so.

Order: the segment is durable, then the memory says so. Parts count only with the segment that names them.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged, SettingsError, StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import MIB
from lifeboat.operations.stream.filling import Filled
from lifeboat.operations.stream.memory import Remembered, StreamMemory
from lifeboat.repository.segment_writing import Draft, SegmentWriter, in_blocks
from lifeboat.repository.segments import StoredSegment

BLOCK_BYTES = 4 * MIB
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

Say = Callable[[Finding], None]


class Storing:
    """Args:
    before: What was remembered of the archive, or None.
    say: Told when the store is away, and when it is back; called from this thread.
    """

    def __init__(
        self,
        segments: SegmentWriter,
        memory: StreamMemory,
        before: Remembered | None,
        *,
        writer: str,
        set_name: str,
        software: str,
        clock: Clock,
        say: Say,
    ) -> None:
        self._segments = segments
        self._memory = memory
        self._writer = writer
        self._set_name = set_name
        self._software = software
        self._clock = clock
        self._say = say
        self._changed = threading.Condition()
        self._saving = threading.RLock()
        self._waiting: Filled | None = None
        self._busy = False
        self._ends = False
        self._failure: BaseException | None = None
        self._parts: list[str] = []
        self.last = before
        """The archive's end, as far as it is durable."""
        self.trouble: LifeboatError | None = None
        """What the store says now, while it does not take the segment."""
        self.segments = 0
        self.events = 0
        self.stored_bytes = 0
        self._thread = threading.Thread(target=self._run, name="stream-storing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Whether everything handed over is durable."""
        with self._changed:
            self._raise_failure()
            return self._waiting is None and not self._busy

    def offer(self, filled: Filled, wait_seconds: float) -> bool:
        """Hand over; False when the one before is still waiting after that time."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is None or self._failure is not None, wait_seconds)
            self._raise_failure()
            if self._waiting is not None:
                return False
            self._waiting = filled
            self._changed.notify_all()
            return True

    def finish(self, wait_seconds: float) -> bool:
        """Store what was handed over, once more if the store is away, then end; returns whether all of it is durable."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        self._thread.join(wait_seconds)
        with self._changed:
            self._raise_failure()
            return self._waiting is None and not self._busy

    def give_up(self) -> None:
        """The stream failed: what is not stored yet is read again by the next one."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while (filled := self._next()) is not None:
                if not self._store_at_last(filled):
                    return
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
        except BaseException as failure:
            with self._changed:
                self._failure = failure
                self._changed.notify_all()

    def _next(self) -> Filled | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is not None or self._ends)
            filled, self._waiting = self._waiting, None
            self._busy = filled is not None
            self._changed.notify_all()
            return filled

    def _store_at_last(self, filled: Filled) -> bool:
        """False when it was asked to end and the store is still away."""
        blocks = in_blocks(filled.stored, BLOCK_BYTES)
        pause, is_last_try = FIRST_PAUSE_SECONDS, False
        while True:
            try:
                stored = self._segments.write(self._draft(filled), filled.summary, blocks)
            except (StorageError, RepositoryDamaged) as error:
                self._tell_trouble(error)
                if is_last_try:
                    return False
                with self._changed:
                    is_last_try = self._changed.wait_for(lambda: self._ends, pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self._tell_return()
                self._remember(filled, stored)
                return True

    def _draft(self, filled: Filled) -> Draft:
        last = self.last
        return Draft(
            after=filled.after,
            through=filled.through,
            chain=filled.chain,
            because=filled.because,
            previous=last.previous if last and last.chain == filled.chain else None,
            parts=tuple(self._parts[len(self._parts) - filled.parts :]),
            events=filled.events,
            set_name=self._set_name,
            software=self._software,
        )

    def _remember(self, filled: Filled, stored: StoredSegment) -> None:
        self.stored_bytes += stored.size_bytes
        if filled.is_part:
            self._parts.append(stored.name)
            return
        self._parts.clear()
        self.segments += 1
        self.events += filled.events
        databases = None if filled.databases is None else tuple(filled.databases)
        remembered = Remembered(
            self._writer,
            self._set_name,
            filled.chain,
            filled.through,
            stored.name,
            databases,
            stored.modified,
            filled.snapshot_after,
        )
        self._save(remembered)

    def forget_need(self) -> None:
        """The snapshot that the archive needed is there."""
        with self._saving:
            last = self.last
            if last is not None and last.snapshot_after is not None:
                self._save(replace(last, snapshot_after=None))

    def _save(self, remembered: Remembered) -> None:
        with self._saving:
            try:
                self._memory.save(remembered)
            except SettingsError as error:
                # The segment is durable all the same; a restart would store this stretch once more.
                self._say(Finding(Level.WARNING, "stream-memory", "state", error.message, error.hint))
            self.last = remembered

    def _tell_trouble(self, error: LifeboatError) -> None:
        before, self.trouble = self.trouble, error
        if before is None or before.code != error.code:
            words = (
                f"the archive cannot be stored: {error.message}; trying again, nothing is lost while the oplog holds it"
            )
            self._say(Finding(Level.PROBLEM, "stream-store-away", error.code, words, error.hint))

    def _tell_return(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            self._say(Finding(Level.OK, "stream-store-away", "store", "the store takes the archive again", ""))


def written_ago(last: Remembered | None, now: datetime) -> float:
    """Seconds since the newest segment was stored; a great many where there is none."""
    return 1e9 if last is None else max(0.0, (now - last.written).total_seconds())
