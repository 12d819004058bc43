"""Streams in this process against a real server, and the truth to compare what they archived with.

The truth is the server's own oplog, read once more from where the archive began and taken apart: an archive that lost, doubled, reordered
or invented a change differs from it.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bson import Timestamp
from pymongo import MongoClient

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import Clock, SystemClock
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.backup_mongodb import backup_mongodb
from lifeboat.operations.segment_summary import SegmentSummary, is_of_catalog, read_summary
from lifeboat.operations.stream.report import Outcome, StreamReport, StreamStatus
from lifeboat.operations.stream.run import Stream, StreamOptions
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.segments import Segment, StoredSegment, Stretch, list_segments, stretches
from lifeboat.repository.writing import WriteLimits
from lifeboat.sources.mongodb.catalog_read import is_wanted
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.oplog.command import Event, read_event
from lifeboat.sources.mongodb.oplog.flatten import Flattener
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at, majority_point
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore

Client = MongoClient[dict[str, Any]]
CLOCK = SystemClock()
QUICK = StreamOptions("test", every_seconds=1, outage_seconds=1)


@dataclass
class Heard:
    """A watcher that keeps what it hears."""

    findings: list[Finding] = field(default_factory=list)
    statuses: list[StreamStatus] = field(default_factory=list)

    def said(self, finding: Finding) -> None:
        self.findings.append(finding)

    def moved(self, status: StreamStatus) -> None:
        self.statuses.append(status)

    def problems(self) -> list[str]:
        return [one.code for one in self.findings if one.level is Level.PROBLEM]

    def words(self, code: str) -> str:
        return " | ".join(one.message for one in self.findings if one.code == code)


@dataclass
class Snapshots:
    """Takes real backups, in a thread.

    Args:
        fails: How many of the first tries fail.
    """

    kit: "StreamKit"
    client: Client
    databases: Sequence[str] | None
    fails: int = 0
    taken: int = 0
    _thread: threading.Thread | None = None
    _outcome: Outcome | None = None

    def begin(self) -> None:
        self._outcome = None
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        if self.fails:
            self.fails -= 1
            self._outcome = Outcome("it was not to be")
            return
        try:
            self.kit.back_up(self.client, self.databases)
        except LifeboatError as error:
            self._outcome = Outcome(error.message, error.hint)
            return
        self.taken += 1
        self._outcome = Outcome("")

    def outcome(self) -> Outcome | None:
        return self._outcome

    def stop(self) -> None:
        if self._thread is not None:
            self._thread.join(20)


class StreamKit:
    """One repository, one writer, as many streams as one likes."""

    def __init__(self, folder: Path, store: ObjectStore | None = None) -> None:
        self.folder = folder
        self.identity = Identity.generate()
        self.store = store or MemoryStore(CLOCK)
        create_repository(
            self.store,
            identity=self.identity,
            recipients=[NamedRecipient("holder", self.identity.recipient)],
            profile="simple",
            state=self.state,
            label="host",
            now=CLOCK.now(),
        )
        self.heard = Heard()

    @property
    def state(self) -> LocalState:
        return LocalState(self.folder / "state", self.store.describe())

    def repository(self, *, with_key: bool = True, store: ObjectStore | None = None) -> Repository:
        identity = self.identity if with_key else None
        return open_repository(store or self.store, identity=identity, state=self.state, label="host")

    def back_up(self, client: Client, databases: Sequence[str] | None) -> None:
        repository = self.repository()
        writer = repository.writer(repository.store.time_there())
        taking = Taking(repository, writer, Source.MONGODB, new_point(), CLOCK, WriteLimits())
        backup_mongodb(taking, client, databases, clock=CLOCK, progress=Quiet())

    def stream(
        self,
        client: Client,
        databases: Sequence[str] | None,
        options: StreamOptions = QUICK,
        *,
        with_key: bool = True,
        store: ObjectStore | None = None,
        clock: Clock = CLOCK,
        snapshots: Any = None,
        snapshot_client: Client | None = None,
    ) -> "Running":
        repository = self.repository(with_key=with_key, store=store)
        secret = repository.writer(repository.store.time_there())
        stop = threading.Event()
        snapshots = snapshots or Snapshots(self, snapshot_client or client, databases)
        stream = Stream(
            repository,
            secret,
            client,
            databases,
            options,
            clock=clock,
            snapshots=snapshots,
            watcher=self.heard,
            stop=stop,
        )
        return Running(stream, stop, snapshots)

    def once(self, client: Client, databases: Sequence[str] | None, **options: Any) -> StreamReport:
        return self.stream(client, databases, replace(QUICK, once=True, **options)).stream.run()

    def segments(self) -> list[StoredSegment]:
        return list_segments(self.repository())

    def stretches(self) -> list[Stretch]:
        return stretches(self.segments())

    def because(self) -> list[str]:
        """Why each chain began, in the order of their beginnings."""
        repository = self.repository()
        found = [
            (one.modified, Segment(repository, one).statement.because) for one in self.segments() if not one.is_part
        ]
        return [why for _, why in sorted(found, key=lambda one: one[0]) if why is not None]

    def archived(self, stretch: Stretch) -> list[Event]:
        """Everything in it, each once, in order."""
        repository = self.repository()
        events = []
        for stored, after in stretch.between(stretch.after, stretch.through):
            for block in Segment(repository, stored).blocks():
                for begin, end in spans_of(block):
                    event = read_event(block[begin:end])
                    if ClusterTime(event.when.time, event.when.inc) > after:
                        events.append(event)
        return events

    def summaries(self, stretch: Stretch) -> list[SegmentSummary]:
        repository = self.repository()
        return [read_summary(Segment(repository, one).summary()) for one in stretch.segments]

    def compare(self, client: Client, databases: Sequence[str] | None, stretch: Stretch | None = None) -> list[Event]:
        """Hold a stretch (the only one) against the server's oplog; returns what it holds."""
        if stretch is None:
            (stretch,) = self.stretches()
        have = self.archived(stretch)
        want = truth(client, databases, stretch.after, stretch.through)
        assert len(have) == len(want), f"{len(have)} archived, {len(want)} happened"
        assert have == want
        shown = [event for summary in self.summaries(stretch) for event in summary.events]
        assert sorted(map(_key, shown)) >= sorted(_key(event) for event in want if is_of_catalog(event))
        return have


class Quiet:
    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        pass

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        pass

    def note(self, message: str) -> None:
        pass


@dataclass
class Running:
    """A stream in a thread; leaving the block asks it to end."""

    stream: Stream
    stopping: threading.Event
    snapshots: Any
    report: StreamReport | None = None
    failure: BaseException | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Running":
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self.report = self.stream.run()
        except BaseException as failure:
            self.failure = failure

    def stop(self) -> StreamReport | None:
        self.stopping.set()
        assert self._thread is not None
        self._thread.join(90)
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure
        return self.report


def truth(client: Client, databases: Sequence[str] | None, after: ClusterTime, through: ClusterTime) -> list[Event]:
    """What the oplog says happened after the one instant up to the other."""
    flattener = Flattener(lambda name: is_wanted(name, databases), lambda when: entry_at(client, when))
    start, until = Timestamp(*after), Timestamp(*through)
    found: list[Event] = []
    for position, entry in entries_from(client, start, None, until):
        if position.when > start:
            found += flattener.events_of(entry)
    return found


def wait_for(what: Callable[[], object], seconds: float = 120.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)


def now_of(client: Client) -> ClusterTime:
    when = majority_point(client)
    return ClusterTime(when.time, when.inc)


def _key(event: Event) -> bytes:
    return event.to_bson()
