"""A repository whose months pass as told, for tests of prune: snapshots are taken by the real run and read back by the real reader."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat.chunking.cut import Cutter
from lifeboat.crypto.identity import Identity
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Silent
from lifeboat.operations.prune.plan import PrunePlan
from lifeboat.operations.prune.run import look, prune
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.reports.pruning import PruneReport
from lifeboat.operations.verify.run import verify
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Class, Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb, write_statements
from lifeboat.repository.streams import StreamWriter, write_root
from lifeboat.repository.writing import Run, WriteLimits
from lifeboat.retention.rules import Rules
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore

SMALL = WriteLimits(pack_bytes=4_000, in_flight_bytes=10_000, sealers=1, uploads=1, index_every_packs=2)


@dataclass
class MovedClock:
    """Goes when it is told to."""

    moment: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@dataclass
class World:
    """One store, one owner, and as many machines as there are labels."""

    folder: Path
    clock: MovedClock = field(default_factory=MovedClock)
    owner: Identity = field(default_factory=Identity.generate)
    contents: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """What each committed snapshot must give back."""
    make_store: Callable[[MovedClock], MemoryStore] = MemoryStore
    """Another store has to be a ``Passing`` around it, and cannot be copied."""
    store: MemoryStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.make_store(self.clock)
        create_repository(
            self.store,
            identity=self.owner,
            recipients=[NamedRecipient("key", self.owner.recipient)],
            profile="simple",
            state=LocalState(self.folder / "host", self.store.describe()),
            label="host",
            now=self.clock.now(),
        )

    def open(self, store: ObjectStore | None = None, label: str = "host", *, as_label: str | None = None) -> Repository:
        """As the machine of this label; ``as_label`` gives a second machine the same label."""
        state = LocalState(self.folder / label, self.store.describe())
        return open_repository(store or self.store, identity=self.owner, state=state, label=as_label or label)

    def after(self, **passed: float) -> "World":
        self.clock.moment += timedelta(**passed)
        return self

    def take(
        self,
        content: dict[str, bytes] | None = None,
        *,
        store: ObjectStore | None = None,
        label: str = "host",
        source: Source = Source.FILES,
        class_: Class = Class.SHORT,
        complete: bool = True,
        purpose: str = "backup",
        keep: str | None = None,
        new_writer: bool = False,
        instant: datetime | None = None,
        repository: Repository | None = None,
    ) -> Record:
        """One snapshot with a stream for each item."""
        content = content if content is not None else {"one": some_bytes(9_000, self.clock.moment.day)}
        repository = repository or self.open(store, label)
        now = repository.store.time_there()
        writer = repository.new_writer(now) if new_writer else repository.writer(now)
        with Run(repository, writer, source, now=now, clock=self.clock, class_=class_, limits=SMALL) as run:
            streams = []
            for name, raw in content.items():
                cutter = Cutter(writer.cutting_seed(), smallest_bytes=512, average_bytes=1024, largest_bytes=4096)
                stream = StreamWriter(run, name, Kind.CONTENT)
                stream.extend(cutter.feed(raw))
                stream.extend(cutter.finish())
                streams.append(stream.finish())
            root = write_root(run, streams, {"roots": []}, [])
            record = run.commit(
                root,
                point="p",
                instant=instant or self.clock.now(),
                one_instant=True,
                complete=complete,
                purpose=purpose,
                keep=keep,
                total_bytes=sum(map(len, content.values())),
                items=len(content),
                software="test",
                now=repository.store.time_there,
            )
        self.contents[record.snapshot] = content
        return record

    def say(self, verb: Verb, *records: Record, text: str = "") -> None:
        repository = self.open()
        write_statements(self.store, repository.description, self.owner, verb, records, text, self.clock.now())

    def look(self, rules: Rules | None = None) -> PrunePlan:
        return look(self.open(), rules or Rules(), Silent())

    def prune(self, rules: Rules | None = None, store: ObjectStore | None = None) -> PruneReport:
        return prune(self.open(store), rules or Rules(), Silent())

    def stored(self) -> list[Record]:
        """Every record there is, forgotten or not."""
        return [record for _, record in self.open().records() if isinstance(record, Record)]

    def verify(self, level: str = "full", store: ObjectStore | None = None, **more: Any) -> VerifyReport:
        repository, quiet = self.open(store), Silent()
        return verify(
            repository, level, objectives={}, **{"sample_percent": 100, **more}, clock=self.clock, progress=quiet
        )

    def problems(self, level: str = "full", rules: Rules | None = None) -> list[Finding]:
        found = self.verify(level, rules=rules).findings
        return [one for one in found if one.level != "ok" and one.code != "rescue-kit-missing"]

    def restores(self, records: Sequence[Record] | None = None) -> None:
        """Each comes back bit for bit; raises what the reader raises."""
        repository = self.open()
        for record in self.stored() if records is None else records:
            with SnapshotReader(repository, record) as reader:
                read = {name: b"".join(reader.stream(stream)) for name, stream in reader.streams().items()}
            assert read == self.contents[record.snapshot], record

    def names(self, part: str = "") -> set[str]:
        return {stored.name for stored in self.store.list_under("") if part in stored.name}


def some_bytes(count: int, seed: int) -> bytes:
    """Of the same seed the same."""
    return random.Random(seed).randbytes(count)
