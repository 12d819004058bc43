"""Prune killed before and after every call of the store: what is kept is whole, verify is clean, the next prune ends where it would have."""

import shutil
from pathlib import Path

import pytest
from prune_kit import World, some_bytes

from lifeboat.repository.names import Class
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Verb
from lifeboat.repository.writing import RunAborted
from lifeboat.retention.rules import Rules
from lifeboat.storage.faults import CrashAtCall, Killed, RecordingStore, When

RULES = Rules(hourly=1, daily=2, monthly=1)


def a_month_old_world(folder: Path) -> tuple[World, set[str]]:
    """A world in which the next prune does all that prune can do: forgets, takes back, and removes records, packs, indexes, keys, statements."""
    world = World(folder)
    kept = world.take({"one": some_bytes(6_000, 1)}, keep="before migration")
    long = world.after(hours=1).take({"one": some_bytes(3_000, 1)}, class_=Class.LONG)
    taken: list[Record] = []
    for day in range(6):
        world.after(days=1)
        taken.append(world.take({"one": some_bytes(6_000, 1), "own": some_bytes(2_000, 100 + day)}))
    with pytest.raises((Killed, RunAborted)):
        world.take(
            {"lost": some_bytes(20_000, 99)}, store=CrashAtCall(world.store, 4, When.AFTER, frozenset({"write"}))
        )
    world.say(Verb.PROOF, *taken[:2])
    world.say(Verb.PROOF, *taken, long)
    world.after(days=20)
    world.prune(RULES)
    more = [world.after(days=3).take({"own": some_bytes(2_000, 200 + n)}) for n in range(5)]
    world.say(Verb.PROOF, *more)
    # As if the rules had been stricter once: these are taken back.
    world.say(Verb.FORGET, more[-1])
    return world, {kept.snapshot}


def test_a_prune_killed_at_any_call_hurts_nothing_and_the_next_one_finishes(tmp_path: Path) -> None:
    world, kept_on_purpose = a_month_old_world(tmp_path / "made")
    original = world.store
    recording = RecordingStore(original.copy())
    world.store = recording.inner  # type: ignore[assignment]
    whole = world.prune(RULES, store=recording)
    after = {name for name in world.names() if not is_statement(name)}
    left = {record.snapshot for record in world.stored()}
    kinds = {call.kind for call in recording.calls}
    assert kinds == {"list", "read", "write", "delete"}
    deleted = recording.names("delete")
    for part in ("/snapshot-", "files/pack/", "/index-", "keys/", "/proof-"):
        assert any(part in name for name in deleted), f"the sweep would not kill at {part}"
    assert whole.forgotten and whole.taken_back and kept_on_purpose <= left

    swept = 0
    writes_and_deletes = len(recording.names("write")) + len(deleted)
    for when in When:
        nth = 1
        while True:
            world.store = original.copy()
            crashing = CrashAtCall(world.store, nth, when, frozenset({"write", "delete"}))
            try:
                world.prune(RULES, store=crashing)
            except Killed:
                swept += 1
            if not crashing.was_hit:
                break
            assert world.problems("structure") == [], (when, nth)
            standing = world.open().standings()
            world.restores([one for one in world.stored() if one.snapshot in left])
            for record in world.stored():
                gone_soon = standing.get(record.object_name[-64:])
                assert record.snapshot in left or (gone_soon is not None and gone_soon.forgotten), (when, nth)
            report = world.prune(RULES)
            assert report.findings == ()
            assert {name for name in world.names() if not is_statement(name)} == after, (when, nth)
            assert world.problems("structure") == [], (when, nth)
            nth += 1
    assert swept == 2 * writes_and_deletes > 20, "the sweep really swept"
    world.restores([one for one in world.stored() if one.snapshot in left])
    assert world.problems() == []
    shutil.rmtree(tmp_path, ignore_errors=True)


def test_nothing_goes_before_all_that_names_it(tmp_path: Path) -> None:
    world, _ = a_month_old_world(tmp_path)
    recording = RecordingStore(world.store)
    world.prune(RULES, store=recording)
    order = [
        number
        for name in recording.names("delete")
        for number, part in enumerate(("/snapshot-", "/pack/", "/index-", "keys/", "/proof-"))
        if part in name and ("catalog/" in name or number in (1, 3))
    ]
    assert order == sorted(order) and set(order) == {0, 1, 2, 3, 4}
    calls = [call.kind for call in recording.calls]
    assert calls.index("write") < calls.index("delete"), "what is forgotten is said before anything goes"


def is_statement(name: str) -> bool:
    return name.startswith("catalog/") and name.rsplit("/", 1)[-1].startswith(("forget-", "release-"))
