"""Killed at any moment, each live collection is the old one whole or the new one whole, and the next run finishes."""

import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mongodb_samples import Client, everything_in

from lifeboat.foundation.clock import SystemClock
from lifeboat.sources.mongodb.capture import capture
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.sources.mongodb.restore import carry_out
from lifeboat.sources.mongodb.restore_plan import plan_restore

CHILD = str(Path(__file__).with_name("restore_child.py"))
CLOCK = SystemClock()
MARKS = 2 * 4 + 1 + 1
"""Four collections are marked when compared and when armed, system.js once more, the view once."""


def make_old_and_new(client: Client, database: str) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """A database to be captured, then changed everywhere; returns old (live), new (captured), and the capture."""
    shop = client[database]
    shop.orders.insert_many({"_id": n, "text": "x" * 200} for n in range(4000))
    shop.orders.create_index("text")
    shop.users.insert_many({"_id": n} for n in range(10))
    shop.create_collection("log", capped=True, size=65536)
    shop.log.insert_many({"_id": n} for n in range(10))
    shop["system.js"].insert_one({"_id": "f", "value": "1"})
    shop.create_collection("some", viewOn="orders", pipeline=[{"$limit": 2}])
    new = everything_in(client, database)
    with capture(client, [database], clock=CLOCK) as captured:
        entries = [(each.database, each.name, each.kind, each.metadata) for each in captured.collections]
        blocks = {each.namespace: list(captured.blocks(each)) for each in captured.collections}
    shop.orders.drop_indexes()
    for name in ("orders", "users", "system.js"):
        shop[name].update_many({}, {"$set": {"value": "old"}})
    shop.log.drop()
    shop.log.insert_one({"old": True})
    shop.some.drop()
    shop.some.insert_one({"a": "collection under the view's name"})
    return everything_in(client, database), new, [entries, blocks, []]


def assert_old_or_new(held: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> None:
    for name in new:
        if name == "some" and name not in held:  # its documents wait aside, whole, for the view to stand
            [aside] = [found for found in held if found.startswith("lifeboat.old.")]
            assert held[aside]["documents"] == old[name]["documents"]
        else:
            assert held[name] in (old[name], new[name]), name


def restored_alone(held: dict[str, Any]) -> dict[str, Any]:
    assert not [name for name in held if is_ours(name)]
    return held


@pytest.fixture
def stage(client: Client, database: str, tmp_path: Path) -> Iterator[tuple[str, Any, Any, Any]]:
    old, new, kept = make_old_and_new(client, database)
    file = tmp_path / "kept"
    file.write_bytes(pickle.dumps(kept))

    def command(*more: str) -> list[str]:
        return [sys.executable, CHILD, str(file), *more]

    yield database, old, new, command


@pytest.mark.parametrize("target", [Target.OVER_LIVE, pytest.param(Target.EMPTY_PLACE, marks=pytest.mark.long)])
def test_killed_at_every_mark_each_collection_is_old_or_new_and_the_next_run_finishes(
    client: Client, server: PrivateServer, stage: Any, tmp_path: Path, target: Target
) -> None:
    database, old, new, command = stage
    if target is Target.EMPTY_PLACE:
        client.drop_database(database)
        old = dict.fromkeys(new)
    journal, died = tmp_path / "journal", 0
    for die_at in [1, 2] * MARKS + [0]:  # before the next mark is stored, and after
        run = subprocess.run(command(server.uri, target, str(journal), str(die_at)), capture_output=True, text=True)
        held = everything_in(client, database)
        if target is Target.OVER_LIVE:
            assert_old_or_new(held, old, new)
        else:
            assert all(held[name] == new[name] for name in held if not is_ours(name) and name != "system.js")
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL, run.stderr
        died += 1
    assert died == 2 * MARKS
    assert restored_alone(everything_in(client, database)) == new


@pytest.mark.parametrize("slice_", [1, 3, *(pytest.param(n / 4, marks=pytest.mark.long) for n in range(30))])
def test_killed_at_any_time_each_collection_is_old_or_new_and_the_next_run_finishes(
    client: Client, server: PrivateServer, stage: Any, tmp_path: Path, slice_: float
) -> None:
    database, old, new, command = stage
    journal = str(tmp_path / "journal")
    for _ in range(2):
        child = subprocess.Popen(command(server.uri, "over-live", journal), stdout=subprocess.PIPE, text=True)
        assert child.stdout and child.stdout.readline() == "begins\n"
        CLOCK.sleep(0.02 + 0.09 * slice_)
        child.kill()
        child.wait()
        child.stdout.close()
        assert_old_or_new(everything_in(client, database), old, new)
    subprocess.run(command(server.uri, "over-live", journal), check=True, capture_output=True)
    assert restored_alone(everything_in(client, database)) == new


def test_the_check_for_old_or_new_notices_a_mixture(client: Client, stage: Any) -> None:
    database, old, new, _ = stage
    client[database].users.delete_one({"_id": 3})
    with pytest.raises(AssertionError, match="users"):
        assert_old_or_new(everything_in(client, database), old, new)


def test_writers_and_readers_during_the_swap_meet_old_or_new_and_no_error(client: Client, database: str) -> None:
    orders = client[database].orders
    orders.insert_many({"_id": n, "v": "new"} for n in range(2000))
    with capture(client, [database], clock=CLOCK) as captured:
        entries = captured.collections
        blocks = {each.namespace: list(captured.blocks(each)) for each in entries}
    orders.update_many({}, {"$set": {"v": "old"}})
    troubles: list[object] = []
    stop = threading.Event()

    def read_and_write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                found = {each["_id"]: each["count"] for each in orders.aggregate([{"$sortByCount": "$v"}])}
                if found not in ({"old": 2000}, {"new": 2000}):
                    troubles.append(found)
                client[database].visits.insert_one({"number": number})
            except Exception as trouble:
                if getattr(trouble, "code", 0) != 175:  # a cursor open on the old collection ends with the swap
                    troubles.append(trouble)

    reading = threading.Thread(target=read_and_write)
    reading.start()
    for _ in range(3):
        plan = plan_restore(client, entries, target=Target.OVER_LIVE)
        carry_out(plan, client, lambda each: iter(blocks[each.namespace]), clock=CLOCK)
    stop.set()
    reading.join()
    assert troubles == []
    assert orders.count_documents({"v": "new"}) == 2000
