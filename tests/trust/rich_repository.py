"""A repository with every kind of object in it, made once by the real thing: two months, a database and its archive, files, keys that came later.

What each snapshot holds is kept beside it, so that any copy of the repository with some harm done to it can be asked: is a byte wrong?
"""

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kill_actions import SAFE, erase_case_seven, stream_once
from office import Office

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Silent
from lifeboat.operations.carry.plan import Worth
from lifeboat.operations.carry.run import carry_forward
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.verify.run import verify
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.segments import Segment, list_segments
from lifeboat.retention.periods import end_of, generation_of
from lifeboat.retention.rules import Rules
from lifeboat.storage.memory import MemoryStore

SEED = b"\x5e" * 32
KINDS = {
    "description": r"config/repository-",
    "registration": r"config/writer-",
    "rescue script": r"config/rescue-",
    "read me": r"config/README-",
    "data key": r"keys/[^/]+/[0-9a-f]{64}$",
    "grant": r"keys/[^/]+/grant-",
    "pack of documents": r"mongodb/pack/",
    "pack of files": r"files/pack/",
    "index": r"catalog/.*/index-",
    "snapshot record": r"catalog/.*/snapshot-",
    "link": r"catalog/.*/link-",
    "proof": r"catalog/.*/proof-",
    "keep": r"catalog/.*/keep-",
    "carry": r"catalog/.*/carry-",
    "anchor": r"catalog/.*/audit-",
    "segment": r"mongodb/oplog/",
    "entry": r"ledger/\d+-[a-z]+-[0-9a-f]{64}$",
    "entry said again": r"ledger/.*-again-",
}


class AheadClock:
    """This machine's clock, as far ahead as the store's."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return SystemClock().monotonic()

    def sleep(self, seconds: float) -> None:
        SystemClock().sleep(seconds)


@dataclass
class Rich:
    """The objects, and what they hold. Args: good: snapshot to its streams; archived: the blocks of every segment, by its name."""

    objects: dict[str, bytes]
    ahead: timedelta
    good: dict[str, dict[str, bytes]]
    archived: dict[str, list[bytes]]
    home: Path
    """The folder of the machine that made it, with its memory."""

    def open(self, objects: dict[str, bytes], memory: Path, identity: Identity | None = None) -> Repository:
        """A copy with these objects, as a machine sees it that remembers what lies in ``memory``; raises ``LifeboatError``."""
        store = MemoryStore(AheadClock(self.ahead))
        for name, content in objects.items():
            store.write(name, content)
        state = LocalState(memory, "somewhere")
        return open_repository(store, identity=identity or Identity(SEED), state=state, label="office")

    def verified(self, repository: Repository, level: str = "full") -> VerifyReport:
        return verify(
            repository,
            level,
            objectives={},
            sample_percent=100,
            clock=AheadClock(self.ahead),
            progress=Silent(),
        )

    def wrong_bytes(self, repository: Repository) -> list[str]:
        """Snapshots and segments that give out anything but what was put into them; to refuse is right."""
        found = []
        try:
            records = repository.snapshots()
        except LifeboatError:
            records = []
        for record in records:
            for name, content in streams_of(repository, record):
                if content is not None and content != self.good.get(record.snapshot, {}).get(name):
                    found.append(f"{record.snapshot[:8]} {name}")
        for stored in list_segments(repository):
            try:
                blocks = list(Segment(repository, stored).blocks())
            except LifeboatError:
                continue
            if blocks != self.archived.get(stored.name):
                found.append(stored.name)
        return found


def streams_of(repository: Repository, record: Any) -> Iterator[tuple[str, bytes | None]]:
    """Each stream with its bytes; None: it was refused."""
    try:
        with SnapshotReader(repository, record) as reader:
            for name, stream in reader.streams().items():
                try:
                    yield name, b"".join(reader.stream(stream))
                except LifeboatError:
                    yield name, None
    except LifeboatError:
        return


def make_rich(office: Office, folder: Path, video_bytes: int = 300_000) -> Rich:
    """Takes about ten seconds, with a server."""
    now = datetime.now(UTC)
    turn = end_of(generation_of(now))
    office.ahead = turn - timedelta(days=1) - now
    office.lifeboat().initialise(guarded=False, new_key=None)
    office.fill_database(1)
    office.fill_uploads(1)
    (office.uploads / "scan.pdf").write_bytes(b"scan " * 4000)
    (office.uploads / "video").write_bytes(random.Random(1).randbytes(video_bytes))
    office.lifeboat().backup("all")
    stream_once(office.lifeboat())
    office.database.cases.update_many({"_id": {"$lt": 9}}, {"$set": {"version": 4}})
    stream_once(office.lifeboat())
    office.lifeboat().verify("full")
    office.database.cases.delete_one({"title": "case 7"})
    erase_case_seven(office.lifeboat())
    office.ahead = turn + timedelta(minutes=10) - now
    tiny = Worth(smallest_pack_bytes=1, smallest_lot_bytes=1)
    assert carry_forward(office.lifeboat().repository(), Rules(), Silent(), worth=tiny).packs
    office.fill_uploads(2)
    (office.uploads / "video").write_bytes(random.Random(1).randbytes(video_bytes))
    kept = office.lifeboat().backup("all").snapshots[0].snapshot
    office.lifeboat().keep_snapshot(kept, "a trial")
    office.lifeboat().key_life().add("safe", SAFE.recipient.to_text())
    typed = [sys.executable, "-m", "lifeboat", "verify", "--level", "age"]
    subprocess.run(
        typed, env=office.environment, cwd=office.folder, capture_output=True, check=False
    )  # anchors its acts
    objects = {
        str(one.relative_to(office.repository)): one.read_bytes()
        for one in office.repository.rglob("*")
        if one.is_file() and ".~" not in str(one)
    }
    rich = Rich(objects, office.ahead, {}, {}, office.folder)
    repository = rich.open(objects, folder / "first look")
    for record in repository.snapshots():
        rich.good[record.snapshot] = {name: content or b"" for name, content in streams_of(repository, record)}
    rich.archived = {one.name: list(Segment(repository, one).blocks()) for one in list_segments(repository)}
    return rich
