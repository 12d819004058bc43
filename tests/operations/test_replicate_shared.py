"""A second copy made by several shards is the one that one process makes; one that dies, or that comes twice, makes it no less right."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from drawn import drawn_seed
from prune_kit import World, some_bytes
from replica_kit import a_world, assert_same, copy, names_in, problems_of, restores_all

from lifeboat.foundation.progress import Silent
from lifeboat.operations.replicate.errors import ReplicaIsTheSource
from lifeboat.operations.replicate.order import Phase, phase_of
from lifeboat.operations.replicate.part import copy_part
from lifeboat.operations.replicate.places import look_at_place
from lifeboat.operations.shards import Shard
from lifeboat.repository.errors import NoRepository
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.replica import MARKS
from lifeboat.storage.faults import CrashAtCall, Killed, RecordingStore, When
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore


def part(world: World, target: ObjectStore, number: int, of: int = 4) -> tuple[int, int]:
    description = world.open().description
    place = look_at_place(world.store, description, target, adopt=False)
    shard = Shard(number, of, "r")
    return copy_part("second", world.store, description, place, shard, world.clock.now(), Silent())


def opened(world: World, target: MemoryStore, folder: Path) -> Repository:
    return open_repository(target, identity=world.owner, state=LocalState(folder, "elsewhere"), label="elsewhere")


def shared(names: set[str]) -> set[str]:
    return {name for name in names if phase_of(name) in (Phase.KEY, Phase.PACK)}


def test_sixty_four_shards_copy_each_pack_once_and_nothing_that_names_one(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = MemoryStore(world.clock)
    recording = RecordingStore(target)
    done = [part(world, recording, number, 64) for number in range(64)]
    written = Counter(name for name in recording.names("write") if not name.startswith(MARKS))
    assert set(written) == shared(names_in(world.store)) and set(written.values()) == {1}
    assert sum(objects for objects, _ in done) == len(written)
    report = copy(world, target)
    assert report.copied_objects == len(names_in(world.store)) - len(written)
    assert_same(world, target)


class Behind:
    """The replica is behind, and whole as far as it goes: so it must stay while shards die over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = a_world(folder)
        self.replica = MemoryStore(self.world.clock)
        copy(self.world, self.replica)
        for number in range(3):
            self.world.after(hours=1).take({"one": some_bytes(30_000, 50 + number)})

    def killed(self, nth: int, when: When) -> bool:
        """Four shards, until one dies at the nth write; False: none did."""
        target = self.replica.copy()
        crashing = CrashAtCall(target, nth, when, frozenset({"write"}))
        with suppress(Killed):
            for number in range(4):
                part(self.world, crashing, number)
        there = opened(self.world, target, self.folder / f"{when} {nth}")
        restores_all(there, self.world)
        assert problems_of(there, self.world) == [], nth
        copy(self.world, target)
        assert_same(self.world, target)
        return crashing.was_hit


def test_a_shard_killed_somewhere_leaves_a_replica_as_whole_as_it_was(tmp_path: Path) -> None:
    behind, chance = Behind(tmp_path), random.Random(drawn_seed())
    for when in When:
        assert behind.killed(chance.randrange(1, 8), when)


@pytest.mark.long
@pytest.mark.parametrize("when", list(When))
def test_a_shard_killed_at_any_write_leaves_a_replica_as_whole_as_it_was(tmp_path: Path, when: When) -> None:
    behind, nth = Behind(tmp_path), 1
    while behind.killed(nth, when):
        nth += 1
    assert nth > 8


def test_an_empty_place_is_no_repository_until_the_last_shard_is_through(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = MemoryStore(world.clock)
    for number in range(3):
        part(world, target, number)
    with pytest.raises(NoRepository):
        opened(world, target, tmp_path / "early")
    report = copy(world, target)  # of four only three came: the last one does what is missing
    assert report.missing_objects == 0
    assert_same(world, target)
    restores_all(opened(world, target, tmp_path / "late"), world)


def test_shards_that_begin_together_take_one_place_and_one_that_comes_twice_harms_nothing(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = MemoryStore(world.clock)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: part(world, target, number % 4), range(8)))
    assert shared(names_in(target)) == shared(names_in(world.store))
    copy(world, target)
    assert_same(world, target)


def test_the_repository_itself_is_no_place_for_a_shard_either(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    before = names_in(world.store)
    description = world.open().description
    place = look_at_place(world.store, description, world.store, adopt=True)
    with pytest.raises(ReplicaIsTheSource):
        copy_part("second", world.store, description, place, Shard(0, 2, "r"), world.clock.now(), Silent())
    assert {one.name for one in world.store.list_under("")} == before
