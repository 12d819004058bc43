"""What describes the repository stays locked as long as what is stored now: prolonged once a month, and told when it could not be."""

from dataclasses import replace
from pathlib import Path

import pytest
from prune_kit import MovedClock, World

from lifeboat.operations.hold_locks import hold_locks
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.locking import LockPeriods
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_lock import LockTrial, ObjectLock


class Locking(MemoryStore):
    """Notes whose lock was prolonged; refuses when it is told to."""

    def __init__(self, clock: MovedClock) -> None:
        super().__init__(clock)
        self.object_lock: ObjectLock | None = ObjectLock("GOVERNANCE", LockPeriods().until)
        self.prolonged: list[str] = []
        self.refuses = False

    def prolong_lock(self, name: str) -> None:
        if self.refuses:
            raise StorageDenied("cannot lock it: the right s3:PutObjectRetention is missing", "")
        self.prolonged.append(name)

    def try_lock(self, name: str) -> LockTrial:
        return LockTrial(True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, make_store=Locking)


def prolonged(world: World) -> list[str]:
    """By what is done now, and nothing before."""
    store = world.store
    assert isinstance(store, Locking)
    store.prolonged.clear()
    hold_locks(world.open())
    return list(store.prolonged)


def test_each_month_all_that_describes_the_repository_is_prolonged_once(world: World) -> None:
    world.store.write("config/probe/abc/scratch", b"x")
    describing = sorted(name for name in world.names("config/") if "/probe/" not in name)
    assert len(describing) >= 2
    for _ in range(3):
        assert prolonged(world) == describing
        assert prolonged(world.after(hours=1)) == []
        world.after(days=31)
    world.store.write("config/writer-" + "a" * 32 + "-" + "b" * 64 + ".json", b"a new writer")
    assert len(prolonged(world)) == len(describing) + 1


def test_whoever_holds_a_key_goes_on_with_the_locks_of_the_ledger(world: World) -> None:
    """A writer may not even list it; without locks a thief could have everybody who was erased come back."""
    repository = world.open()
    entry = Ledger(repository).append(Kind.ERASURE, {"act": "record"}, world.clock.now())
    assert entry.name in prolonged(world)
    world.after(days=31)
    store = world.store
    assert isinstance(store, Locking)
    store.prolonged.clear()
    hold_locks(replace(world.open(), identity=None))
    assert store.prolonged and entry.name not in store.prolonged


def test_what_could_not_be_prolonged_is_told_and_tried_again(world: World) -> None:
    store = world.store
    assert isinstance(store, Locking)
    store.refuses = True
    (found,) = hold_locks(world.open())
    assert (found.level, found.code) == ("warning", "locks-not-prolonged") and "s3:PutObjectRetention" in found.message
    store.refuses = False
    assert prolonged(world.after(hours=1)) != []


def test_without_the_setting_nothing_is_asked(world: World) -> None:
    store = world.store
    assert isinstance(store, Locking)
    store.object_lock = None
    assert prolonged(world) == []
