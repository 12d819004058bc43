"""A repository of the database with snapshots and segments at hand-picked instants, written by the real writers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.record import Record
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import Draft, SegmentWriter, new_chain
from lifeboat.repository.segments import StoredSegment
from lifeboat.repository.streams import write_root
from lifeboat.repository.writing import Run, WriteLimits
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore

SMALL = WriteLimits(pack_bytes=20_000, in_flight_bytes=10_000, sealers=1, uploads=1, index_every_packs=2)
BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZERO = int(BEGIN.timestamp())
NO_SUMMARY = b'{"counts":[],"databases":null,"first_wall":null,"format":1,"last_wall":null}\n'


@dataclass
class MovedClock:
    """Goes when it is told to."""

    moment: datetime = BEGIN

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def at(second: float, increment: int = 1) -> ClusterTime:
    """So many seconds after the beginning."""
    return ClusterTime(ZERO + int(second), increment)


@dataclass
class Archived:
    """One machine that stores its database, and the key's owner."""

    folder: Path
    label: str = "db1"
    set_name: str = "rs0"
    clock: MovedClock = field(default_factory=MovedClock)
    owner: Identity = field(default_factory=Identity.generate)
    make_store: Callable[[MovedClock], ObjectStore] = MemoryStore

    def __post_init__(self) -> None:
        self.store: ObjectStore = self.make_store(self.clock)
        self.repository = create_repository(
            self.store,
            identity=self.owner,
            recipients=[NamedRecipient("holder", self.owner.recipient)],
            profile="simple",
            state=LocalState(self.folder / "owner", self.store.describe()),
            label=self.label,
            now=self.clock.now(),
        )
        self.secret = self.repository.writer(self.clock.now())
        self.chain = new_chain()

    def segment(
        self, after: ClusterTime, through: ClusterTime, *, summary: bytes = NO_SUMMARY, **more: Any
    ) -> StoredSegment:
        """Args: more: ``chain``, ``because``, ``blocks``, ``events``."""
        blocks = more.pop("blocks", [])
        fields = {"chain": self.chain, "because": None, "previous": None, "parts": (), "events": 0, "software": "test"}
        draft = Draft(Edge(after, 1, b""), Edge(through, 1, b""), set_name=self.set_name, **{**fields, **more})
        return SegmentWriter(self.repository, self.secret).write(draft, summary, blocks)

    def stream(self, after: ClusterTime, through: ClusterTime, step: int, **more: Any) -> None:
        """Segments of so many seconds, one after another; the first says ``because``."""
        because = more.pop("because", None)
        while after < through:
            until = min(through, ClusterTime(after.seconds + step, after.increment))
            self.segment(after, until, because=because, **more)
            after, because = until, None

    def snapshot(self, time: ClusterTime, *, set_name: str | None = None, **more: Any) -> Record:
        """Args: more: ``purpose``, ``one_instant``, ``complete``."""
        now = self.store.time_there()
        with Run(self.repository, self.secret, Source.MONGODB, now=now, clock=self.clock, limits=SMALL) as run:
            details = {
                "server": {"set_name": set_name or self.set_name},
                "cluster_time": list(time),
                "databases": ["shop"],
            }
            root = write_root(run, [], details, [])
            fields = {
                "one_instant": True,
                "complete": True,
                "total_bytes": 1,
                "items": 1,
                "software": "test",
                "point": "p",
            }
            return run.commit(
                root,
                instant=time.instant,
                now=self.store.time_there,
                **{**fields, **more},  # type: ignore[arg-type]
            )

    def opened(self, identity: Identity | None = None, store: ObjectStore | None = None, label: str = "") -> Repository:
        """As another machine, which has this key."""
        there = store or self.store
        state = LocalState(self.folder / f"elsewhere-{label or self.label}", there.describe())
        return open_repository(there, identity=identity or self.owner, state=state, label=label or self.label)

    def without_key(self, store: ObjectStore | None = None) -> Repository:
        """As the machine itself where it holds no key."""
        there = store or self.store
        state = LocalState(self.folder / "owner", self.store.describe())
        return open_repository(there, identity=None, state=state, label=self.label)
