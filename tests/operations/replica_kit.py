"""A repository in which there is one of everything, and second copies of it."""

from pathlib import Path
from typing import Any

from archive_kit import Streaming, change
from prune_kit import World, some_bytes

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Silent
from lifeboat.operations.replicate.places import look_at_place
from lifeboat.operations.replicate.run import Hurts, replicate
from lifeboat.operations.reports.replicas import ReplicaReport
from lifeboat.operations.verify.run import verify
from lifeboat.repository.create import store_rescue_kit
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.names import Class, Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.replica import MARKS
from lifeboat.repository.statements import Verb
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore


def a_world(folder: Path) -> World:
    """Two machines, two classes, an archive with a large transaction, and something said of the snapshots."""
    world = World(folder)
    store_rescue_kit(world.store, rescue_script(), README)
    first = world.take({"one": some_bytes(9_000, 1)})
    stream = Streaming(world)
    world.take({"catalog": b"", "users": b"", "roles": b""}, source=Source.MONGODB)
    world.after(minutes=5)
    stream.told(change(world, _id="end"), parts=[[change(world, _id=1), change(world, _id=2)], [change(world, _id=3)]])
    world.after(hours=1).take({"one": some_bytes(9_000, 1), "more": some_bytes(5_000, 2)})
    world.take({"month": some_bytes(4_000, 3)}, class_=Class.LONG)
    world.take({"other": some_bytes(6_000, 4)}, label="second host")
    world.after(minutes=5)
    stream.told(change(world, _id=9))
    world.say(Verb.PROOF, first)
    world.after(minutes=1).say(Verb.KEEP, first, text="before the migration")
    for number in range(2):
        Ledger(world.open()).append(Kind.PLAN, {"version": number}, world.clock.now())
    return world


def copy(
    world: World,
    target: ObjectStore,
    *,
    source: ObjectStore | None = None,
    repair: bool = False,
    adopt: bool = False,
    hurts: Hurts | None = None,
) -> ReplicaReport:
    """One run."""
    source = source or world.store
    description = world.open().description
    place = look_at_place(source, description, target, adopt=adopt)
    report, _ = replicate(
        "second", source, description, place, repair=repair, hurts=hurts, clock=world.clock, progress=Silent()
    )
    return report


def names_in(store: ObjectStore) -> set[str]:
    """What is a part of the repository: the mark of a replica is none."""
    return {stored.name for stored in store.list_under("") if not stored.name.startswith(MARKS)}


def assert_same(world: World, target: MemoryStore) -> None:
    """Byte for byte."""
    assert names_in(target) == names_in(world.store)
    for name in names_in(target):
        assert target.read(name) == world.store.read(name)


def codes(findings: Any) -> list[str]:
    return [one.code for one in findings]


def problems_of(repository: Repository, world: World) -> list[Finding]:
    """What a full verification of this copy finds."""
    report = verify(repository, "full", objectives={}, sample_percent=100, clock=world.clock, progress=Silent())
    return [one for one in report.findings if one.level is Level.PROBLEM]


def restores_all(repository: Repository, world: World) -> list[Record]:
    """Every record that is there comes back bit for bit; returns them."""
    records = [one for _, one in repository.records() if isinstance(one, Record)]
    for record in records:
        with SnapshotReader(repository, record) as reader:
            read = {name: b"".join(reader.stream(stream)) for name, stream in reader.streams().items()}
        assert read == world.contents[record.snapshot], record
    return records
