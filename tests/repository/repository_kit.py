"""Small repositories in memory, and the two questions every test asks: is it whole, does it come back?"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lifeboat.chunking.cut import Cutter
from lifeboat.crypto.identity import Identity
from lifeboat.crypto.sealing import Kind
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.streams import StreamWriter, write_root
from lifeboat.repository.writing import Run, WriteLimits
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore

SMALL = WriteLimits(pack_bytes=20_000, in_flight_bytes=10_000, sealers=1, uploads=1, index_every_packs=2)


@dataclass
class HandClock:
    """A clock that goes when it is told to."""

    moment: datetime = datetime(2026, 11, 23, 12, tzinfo=UTC)
    slept_seconds: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept_seconds.append(seconds)
        self.moment += timedelta(seconds=seconds)


def make(
    folder: Path,
    *,
    identities: Sequence[Identity] | None = None,
    clock: HandClock | None = None,
    profile: str = "simple",
) -> tuple[Repository, MemoryStore, HandClock]:
    clock = clock or HandClock()
    store = MemoryStore(clock)
    identities = identities or [Identity.generate()]
    repository = create_repository(
        store,
        identity=identities[0],
        recipients=[NamedRecipient(f"holder {n}", one.recipient) for n, one in enumerate(identities)],
        profile=profile,
        state=LocalState(folder, store.describe()),
        label="host",
        now=clock.now(),
    )
    return repository, store, clock


def reopen(store: ObjectStore, folder: Path, identity: Identity | None, label: str = "host") -> Repository:
    return open_repository(store, identity=identity, state=LocalState(folder, store.describe()), label=label)


def some_bytes(count: int, seed: int = 1) -> bytes:
    """Half of it shrinks, half does not."""
    chance = random.Random(seed)
    return b"".join(
        chance.randbytes(500) if n % 2 else (b"case %d; " % chance.randrange(99)) * 60 for n in range(count // 500)
    )


def back_up(
    repository: Repository, clock: HandClock, content: dict[str, bytes], *, limits: WriteLimits = SMALL
) -> Record:
    """One snapshot with a stream for each item."""
    writer = repository.writer(clock.now())
    with Run(repository, writer, Source.FILES, now=repository.store.time_there(), clock=clock, limits=limits) as run:
        streams = []
        for name, raw in content.items():
            cutter = Cutter(writer.cutting_seed(), smallest_bytes=1024, average_bytes=2048, largest_bytes=8192)
            stream = StreamWriter(run, name, Kind.CONTENT)
            stream.extend(cutter.feed(raw))
            stream.extend(cutter.finish())
            streams.append(stream.finish())
        root = write_root(run, streams, {"roots": []}, [])
        return run.commit(
            root,
            point="p",
            instant=clock.now(),
            one_instant=True,
            complete=True,
            total_bytes=sum(map(len, content.values())),
            items=len(content),
            software="test",
            now=repository.store.time_there,
        )


def read_back(repository: Repository, record: Record) -> dict[str, bytes]:
    with SnapshotReader(repository, record) as reader:
        return {name: b"".join(reader.stream(stream)) for name, stream in reader.streams().items()}


CONTENT = {"one": some_bytes(120_000), "two": some_bytes(50_000, 2), "empty": b"", "tiny": b"x"}
