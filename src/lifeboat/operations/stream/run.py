"""The stream: read the oplog as far as a majority has it, fill segments, hand them over to be stored, for ever.

Nothing that a server or a store can say for a while ends it: it waits, says so, and goes on where it was. What it cannot bridge it
records: a new chain begins, which says why, somebody is told, and a snapshot is taken at once, while it goes on.

Invariant: a segment's ``through`` is passed only by entries whose changes are in it or in one before it in its chain. A kill at any
instant loses nothing that the server's oplog still holds.
"""

import threading
from collections.abc import Sequence

from bson import Timestamp

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.operations.stream.beginning import FIRST, Beginning, begin_anew, begin_at, differences, go_on, own_newest
from lifeboat.operations.stream.catalog_watch import CatalogWatch
from lifeboat.operations.stream.filling import SEGMENT_BYTES, Filled, cluster_time, edge_of
from lifeboat.operations.stream.intake import Intake
from lifeboat.operations.stream.memory import StreamMemory
from lifeboat.operations.stream.needed_snapshot import NeededSnapshot
from lifeboat.operations.stream.outlook import Outlook, Seen
from lifeboat.operations.stream.patience import Patience
from lifeboat.operations.stream.report import SnapshotTaker, StreamReport, Watcher
from lifeboat.operations.stream.storing import Storing, written_ago
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segment_writing import SegmentWriter
from lifeboat.repository.writers import WriterSecret
from lifeboat.sources.mongodb.catalog_read import is_wanted
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.errors import (
    BlockUnreadable,
    DatabaseBusy,
    DatabaseRefused,
    DatabaseRightMissing,
    DatabaseUnreachable,
    DatabaseUnsupported,
    OplogGap,
    OplogNotFollowed,
    OplogRolledBack,
    OplogRolledOver,
)
from lifeboat.sources.mongodb.meaning import OPLOG_HINT
from lifeboat.sources.mongodb.oplog.flatten import Flattener
from lifeboat.sources.mongodb.oplog.read import entry_at, majority_point, may_read_oplog
from lifeboat.sources.mongodb.oplog.tail import Entry, history_differs, look
from lifeboat.sources.mongodb.server_facts import MAKE_A_SET, ServerFacts, look_at_server

IDLE_SECONDS = 300.0
"""How often an empty segment says that nothing happened."""
LONGEST_LOOK_PAUSE_SECONDS = 1.0
TICK_SECONDS = 0.5
FINISH_SECONDS = 60.0
"""For the open segment, when it is asked to end: the store's own tries take half of it."""
MARK_SECONDS = 15.0
"""A server writes an entry of its own every ten seconds."""
RESTORE_QUIET_SECONDS = 30.0
"""A restore brings its collections into place one by one: the snapshot waits until no more come."""


class StreamOptions(Value):
    """Args:
    every_seconds: A change is on its way to the store this long after it was read.
    outage_seconds: How long an outage the oplog should outlast.
    once: Archive what there is, then end.
    behind_seconds: How long a server may be behind what was archived before it is taken for another history.
    """

    software: str
    every_seconds: float = 30.0
    outage_seconds: float = 86_400.0
    once: bool = False
    behind_seconds: float = 60.0
    segment_bytes: int = SEGMENT_BYTES
    idle_seconds: float = IDLE_SECONDS
    restore_quiet_seconds: float = RESTORE_QUIET_SECONDS


class _Ends(Exception):
    """It was asked to end while the store was away."""


class Stream:
    """One run; ``run`` may be called once.

    Args:
        secret: This machine's writer. No key that opens anything is needed.
        databases: Those that backups take; None for all.
        stop: Set by whoever wants it to end.
    """

    def __init__(
        self,
        repository: Repository,
        secret: WriterSecret,
        client: Client,
        databases: Sequence[str] | None,
        options: StreamOptions,
        *,
        clock: Clock,
        snapshots: SnapshotTaker,
        watcher: Watcher,
        stop: threading.Event,
        compression_level: int = 3,
    ) -> None:
        self._repository = repository
        self._writer = secret.writer.hex()
        self._client = client
        self._databases = databases
        self._options = options
        self._clock = clock
        self._watcher = watcher
        self._stop = stop
        self._findings: list[Finding] = []
        self._segments = SegmentWriter(repository, secret, compression_level)
        self._memory = StreamMemory(repository.state, self._writer)
        self._flattener = Flattener(lambda name: is_wanted(name, databases), lambda when: entry_at(client, when))
        self._catalog = CatalogWatch(client, databases, clock=clock, say=self._say)
        self._outlook = Outlook(client, clock, watcher, self._memory, options.outage_seconds, self._say)
        self._snapshot = NeededSnapshot(
            repository,
            self._writer,
            databases,
            snapshots,
            clock=clock,
            say=self._say,
            is_there=lambda: self._storing.forget_need(),
        )
        self._patience = Patience(clock, stop, self._say, options.behind_seconds if options.once else None)
        self._next_tick = 0.0
        self._goal: Timestamp | None = None
        self._goal_at = 0.0
        self._is_proved = False
        """Whether a look since the goal was set has shown that the server tells the same history."""
        self._gap: str | None = None
        self._events_before = 0
        """Taken in earlier chains."""
        # Known once it has begun:
        self._facts: ServerFacts
        self._storing: Storing
        self._intake: Intake

    def run(self) -> StreamReport:
        """Archive until it is told to stop.

        Raises:
            StreamRuns, DatabaseUnsupported, DatabaseRightMissing; with ``once`` also what it would otherwise wait for.
        """
        with self._memory.alone():
            if not self._patience.repeat(self._begin):
                return StreamReport(None, True, False, tuple(self._findings))
            try:
                while not (self._stop.is_set() or self._is_done()):
                    if not self._patience.try_once(self._look):
                        self._intake.undo()
                    self._tick()
                    if not self._is_done():
                        self._stop.wait(min(LONGEST_LOOK_PAUSE_SECONDS, self._options.every_seconds / 5))
                if self._intake.says_something or self._is_idle_for_long:
                    self._intake.close()
            except _Ends:
                pass
            except BaseException:
                self._storing.give_up()
                raise
            finally:
                self._snapshot.stop()
            return self._end()

    # Beginning, going on, ending

    def _begin(self) -> None:
        self._facts = look_at_server(self._client)
        if self._facts.set_name is None:
            raise DatabaseUnsupported("a standalone server keeps no oplog: there is nothing to archive", MAKE_A_SET)
        if not may_read_oplog(self._client):
            raise DatabaseRightMissing("this user may not read the oplog (find on local.oplog.rs)", OPLOG_HINT)
        last = self._memory.load() or own_newest(self._repository, self._writer)
        self._storing = Storing(
            self._segments,
            self._memory,
            last,
            writer=self._writer,
            set_name=self._facts.set_name,
            software=self._options.software,
            clock=self._clock,
            say=self._say,
        )
        why = differences(last, self._databases, self._facts.set_name) if last else FIRST
        if why is not None:
            self._use(self._anew(why, may_use_snapshot=last is None or last.set_name == self._facts.set_name))
        else:
            assert last is not None
            self._use(go_on(last))
            words = f"the archive goes on after {_words(last.through.time)}"
            self._say(Finding(Level.OK, "stream-goes-on", "archive", words))
        self._storing.start()

    def _anew(self, because: str, *, may_use_snapshot: bool) -> Beginning:
        return begin_anew(
            self._client,
            self._repository,
            self._writer,
            self._databases,
            self._segments.entry_hash,
            because,
            may_use_snapshot=may_use_snapshot,
        )

    def _use(self, beginning: Beginning) -> None:
        self._goal, self._is_proved = None, False
        self._intake = Intake(
            beginning.chain,
            beginning.edge,
            beginning.because,
            self._databases,
            segment_bytes=self._options.segment_bytes,
            restore_quiet_seconds=self._options.restore_quiet_seconds,
            flattener=self._flattener,
            catalog=self._catalog,
            snapshot=self._snapshot,
            hash_of=self._segments.entry_hash,
            hand_over=self._hand_over,
            say=self._say,
            clock=self._clock,
        )
        self._snapshot.need(beginning.snapshot_after)
        if beginning.because is None:
            return
        self._catalog.forget()
        where = f"from {_words(beginning.edge.time)} on"
        if beginning.because == FIRST:
            self._say(Finding(Level.OK, "stream-begins", "archive", f"the archive begins, {where}"))
            return
        self._gap = beginning.because
        base = (
            "the instant of a snapshot that is there" if beginning.is_at_snapshot else "and a snapshot is taken at once"
        )
        words = f"the archive has a gap: {beginning.because}. It begins anew {where}, {base}"
        hint = "`lifeboat timeline` shows which instants can be restored"
        self._say(Finding(Level.PROBLEM, "stream-gap", "archive", words, hint))

    def _lost(self, lost: OplogGap, *, may_use_snapshot: bool) -> None:
        """What comes after the last entry taken is out of reach."""
        self._intake.undo()
        beginning = self._anew(lost.message, may_use_snapshot=may_use_snapshot)
        self._end_chain()
        self._use(beginning)

    def _skip(self, entry: Entry, trouble: LifeboatError) -> None:
        """An entry cannot be followed: what comes after it can be."""
        self._intake.undo()
        self._end_chain()
        self._use(begin_at(edge_of(entry.position, self._segments.entry_hash(entry.raw)), trouble.message))

    def _end_chain(self) -> None:
        if self._intake.says_something:
            self._intake.close()
        self._events_before += self._intake.events

    def _is_done(self) -> bool:
        if self._goal is None or not self._is_proved or self._intake.at < cluster_time(self._goal):
            return False
        if self._snapshot.is_awaited:
            return False
        # That a chain began, and why, is only known to the next run when something after its beginning is stored.
        return self._intake.is_marked or self._clock.monotonic() - self._goal_at > MARK_SECONDS

    def _end(self) -> StreamReport:
        whole = self._storing.finish(FINISH_SECONDS)
        if not whole:
            trouble = self._storing.trouble
            words = f"the last changes were not stored{f': {trouble.message}' if trouble else ''}; the next start reads them again"
            self._say(Finding(Level.WARNING, "stream-not-stored", "store", words, trouble.hint if trouble else ""))
        status = self._outlook.tell(self._seen(ended=True), at_once=True)
        assert status is not None
        return StreamReport(status, whole, self._snapshot.is_needed, tuple(self._findings))

    # One look at the oplog

    def _look(self) -> None:
        self._outlook.ask(self._facts, self._storing.trouble is not None)
        if self._options.once and self._goal is None and not self._snapshot.is_awaited:
            self._goal, self._goal_at = majority_point(self._client), self._clock.monotonic()
        moved = False
        try:
            for entry in look(self._client, self._intake.place):
                self._take(entry)
                moved = True
                if self._clock.monotonic() >= self._next_tick:
                    self._tick()
                if self._stop.is_set():
                    return
            self._patience.is_up_to_date()
            self._is_proved = self._goal is not None
            self._catalog.mind(self._intake.place.position.when)
        except OplogRolledOver as lost:
            self._lost(lost, may_use_snapshot=True)
        except OplogRolledBack as lost:
            self._lost(lost, may_use_snapshot=False)
        except (DatabaseBusy, DatabaseUnreachable, DatabaseRefused) as trouble:
            if moved:
                self._intake.undo()
                return  # a long look ran into its time limit, or the server went away in its middle: the next one knows
            # Another server, or one that was set back, is not as far as the place: it answers like one that lags, or refuses.
            behind = history_differs(self._client, self._intake.place.position)
            if behind is None:
                raise
            if not self._patience.is_behind_for_too_long(self._options.behind_seconds):
                raise DatabaseBusy(behind.message, behind.hint) from trouble
            self._lost(behind, may_use_snapshot=False)

    def _take(self, entry: Entry) -> None:
        try:
            self._intake.take(entry)
        except (OplogNotFollowed, OplogGap, BlockUnreadable) as trouble:
            self._skip(entry, trouble)

    # What time and the store demand

    def _tick(self) -> None:
        now = self._clock.monotonic()
        every = self._options.every_seconds
        self._next_tick = now + min(TICK_SECONDS, every / 10)
        intake = self._intake
        if intake.says_something:
            if intake.first_event_at is None:
                intake.first_event_at = now
            if now - intake.first_event_at >= every and self._storing.is_idle:
                intake.close()
        elif self._is_idle_for_long and self._storing.is_idle:
            intake.close()
        self._snapshot.mind()
        self._fail_if_once()
        self._outlook.tell(self._seen())

    @property
    def _is_idle_for_long(self) -> bool:
        ago = written_ago(self._storing.last, self._clock.now())
        return self._intake.has_moved and ago >= self._options.idle_seconds

    def _hand_over(self, filled: Filled) -> None:
        """Wait until there is room; the oplog is the buffer."""
        while not self._storing.offer(filled, TICK_SECONDS):
            self._fail_if_once()
            if self._stop.is_set() and self._storing.trouble is not None:
                raise _Ends
            self._snapshot.mind()
            self._outlook.tell(self._seen())

    def _fail_if_once(self) -> None:
        if self._options.once and self._storing.trouble is not None:
            raise self._storing.trouble

    # What is told

    def _say(self, finding: Finding) -> None:
        self._findings.append(finding)
        del self._findings[:-100]
        self._watcher.said(finding)

    def _seen(self, *, ended: bool = False) -> Seen:
        storing = self._storing
        trouble = storing.trouble or self._patience.trouble
        return Seen(
            chain=self._intake.chain,
            stored=storing.last.through.time if storing.last else None,
            taken=self._intake.at,
            is_pending=self._intake.is_pending or not storing.is_idle,
            events=self._events_before + self._intake.events,
            segments=storing.segments,
            stored_bytes=storing.stored_bytes,
            waiting_for=None if trouble is None else trouble.message,
            snapshot=self._snapshot.words,
            gap=self._gap,
            ended=ended,
        )


def _words(time: ClusterTime) -> str:
    return f"{time.instant:%Y-%m-%d %H:%M:%S} UTC ({time.words()})"
