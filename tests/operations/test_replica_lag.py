"""How far a second copy is behind: what this machine remembers, and what the catalogs say where it remembers nothing."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prune_kit import World, some_bytes
from replica_kit import a_world, copy, names_in

from lifeboat.operations.replicate.lag import Seen, behind_seconds, check_replicas, look_at, recall, remember, standing
from lifeboat.operations.reports.replicas import ReplicaStatus
from lifeboat.operations.status import status
from lifeboat.repository.local_state import LocalState
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Call, Passing
from lifeboat.storage.memory import MemoryStore

HOUR = 3600.0
DAY = 26 * HOUR


def told(world: World, seen: Seen) -> ReplicaStatus:
    report = status(world.open(), {}, DAY, [seen], DAY)
    [one] = report.replicas
    return one


def test_a_look_tells_which_snapshots_are_missing_and_for_how_long(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = MemoryStore(world.clock)

    nothing = told(world, look_at(world.store, target, "second"))
    assert nothing.missing_snapshots == 5 and nothing.lag_seconds == 3600 + 11 * 60
    assert all(row.there is None for row in nothing.newest)

    copy(world, target)
    same = told(world, look_at(world.store, target, "second"))
    assert (same.missing_snapshots, same.lag_seconds, same.trouble) == (0, 0.0, None)
    assert all(row.there == row.here for row in same.newest) and len(same.newest) == 2

    world.after(hours=1).take({"new": some_bytes(2_000, 7)})
    world.after(hours=2).take({"new": some_bytes(2_000, 8)})
    later = told(world, look_at(world.store, target, "second"))
    assert (later.missing_snapshots, later.lag_seconds) == (2, 2 * HOUR)
    assert [row.source for row in later.newest if row.there != row.here] == ["files"]


def test_without_a_key_the_names_alone_tell_it(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    seen = look_at(world.store, MemoryStore(world.clock), "second")

    one = standing(seen, [], world.clock.now())

    assert one.missing_snapshots == 5 and (one.lag_seconds or 0) > HOUR


def test_what_a_run_leaves_is_remembered_and_says_the_same(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    target = MemoryStore(world.clock)
    report = copy(world, target)
    state = LocalState(tmp_path / "state", "x")
    assert recall(state, "second", report.location) is None

    newest = max(stored.modified for stored in world.store.list_under("catalog/") if "snapshot-" in stored.name)
    remember(state, report, newest, 0)
    seen = recall(state, "second", report.location)
    assert seen is not None
    assert told(world, seen).missing_snapshots == 0
    world.after(hours=30).take({"new": some_bytes(2_000, 7)})
    one = told(world, seen)
    assert one.by_memory and one.missing_snapshots == 1 and one.lag_seconds == 0.0
    assert behind_seconds(one, world.clock.now()) == 30 * HOUR
    (state.directory / next(state.directory.glob("replica-*.json")).name).write_text("cut o")
    assert recall(state, "second", report.location) is None


def test_a_late_one_is_warned_of_and_one_that_cannot_be_seen_is_not_called_good(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    now = world.clock.now()
    good = ReplicaStatus("second", "there", now - timedelta(hours=25), 0.0, 0)

    def codes(one: ReplicaStatus) -> list[str]:
        return [finding.code for finding in check_replicas([one], DAY, now)]

    assert codes(good) == []
    assert codes(replace(good, as_of=now - timedelta(hours=27))) == ["replica-late"]
    assert codes(replace(good, as_of=None, lag_seconds=27 * HOUR)) == ["replica-late"]
    assert codes(replace(good, problems=2)) == ["replica-problems"]

    class Denied(Passing):
        def _around_list(self, call: Call, effect: object) -> object:  # type: ignore[override]
            raise StorageDenied("you may not list here")

    seen = look_at(world.store, Denied(world.store), "second")
    assert codes(told(world, seen)) == ["replica-not-seen"]
    assert told(world, seen).lag_seconds is None and told(world, seen).missing_snapshots is None


def test_a_replica_that_somebody_emptied_is_seen_by_the_next_look(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    copy(world, target := MemoryStore(world.clock))
    for name in names_in(target):
        target.delete(name)

    assert told(world, look_at(world.store, target, "second")).missing_snapshots == 5
