"""Random histories of a repository and its replica: backups, months that pass, prunes, runs that are killed, a replica that follows prune or not."""

import random
from pathlib import Path

import pytest
from prune_kit import World, some_bytes
from replica_kit import copy, names_in, problems_of, restores_all

from lifeboat.foundation.progress import Silent
from lifeboat.operations.replicate.removing import follow_prune
from lifeboat.repository.create import store_rescue_kit
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Class
from lifeboat.repository.open_repository import open_repository
from lifeboat.repository.statements import Verb
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.retention.rules import Rules
from lifeboat.storage.faults import CrashAtCall, Killed, When
from lifeboat.storage.memory import MemoryStore

RULES = Rules(hourly=1, daily=2, monthly=1)
ACTS = {
    "take": 4,
    "month's copy": 1,
    "days pass": 5,
    "prune": 4,
    "replicate": 4,
    "killed": 3,
    "follow": 2,
    "follow, killed": 2,
}
"""How often each is drawn."""
STEPS = 45


@pytest.mark.parametrize("seed", [0, *(pytest.param(one, marks=pytest.mark.long) for one in range(1, 8))])
def test_whatever_happens_the_replica_is_whole_and_in_the_end_has_all(seed: int, tmp_path: Path) -> None:
    chance, world = random.Random(seed), World(tmp_path)
    store_rescue_kit(world.store, rescue_script(), README)
    target = MemoryStore(world.clock)
    world.take({"first": some_bytes(3_000, 99)})
    copy(world, target)
    followed = 0
    for step in range(STEPS):
        [act] = chance.choices(list(ACTS), list(ACTS.values()))
        before = names_in(target)
        _do(world, target, act, chance.randint(1, 18))
        followed += len(before - names_in(target))
        there = open_repository(
            target, identity=world.owner, state=LocalState(tmp_path / "elsewhere", "x"), label="elsewhere"
        )
        restores_all(there, world)
        assert problems_of(there, world) == [], (act, step)
        assert act.startswith("follow") or before <= names_in(target), act
    assert followed, "the replica never followed prune: nothing was tried"
    report = copy(world, target)
    assert report.findings == () and names_in(world.store) <= names_in(target)
    kept = {record.snapshot for record in world.stored()}
    assert kept <= {record.snapshot for record in restores_all(there, world)}


def _do(world: World, target: MemoryStore, act: str, number: int) -> None:
    world.after(minutes=61)
    if act == "take":
        world.take({"same": some_bytes(4_000, 1), "own": some_bytes(1_500, number)})
    elif act == "month's copy":
        world.take({"own": some_bytes(1_500, number)}, class_=Class.LONG)
    elif act == "days pass":
        world.after(days=number).take({"own": some_bytes(1_500, number + 10)})
        world.say(Verb.PROOF, *world.stored())
    elif act == "prune":
        world.prune(RULES)
    elif act == "replicate":
        copy(world, target)
    elif act == "killed":
        _killed(lambda store: copy(world, store), target, number, frozenset({"write", "list"}))
    elif act == "follow":
        follow_prune(world.store, world.open(target), RULES, Silent(), dry_run=False)
    else:
        _killed(
            lambda store: follow_prune(world.store, world.open(store), RULES, Silent(), dry_run=False),
            target,
            number,
            frozenset({"delete"}),
        )


def _killed(work: object, target: MemoryStore, nth: int, kinds: frozenset[str]) -> None:
    try:
        work(CrashAtCall(target, nth, When.AFTER, kinds))  # type: ignore[operator]
    except Killed:
        return
