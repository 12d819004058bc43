"""Any moment after a snapshot comes back as it was: document for document, with its options, indexes and views."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import SON, Binary, Timestamp
from mongo_tools import MongoTools
from mongod import private_server
from point_kit import PointKit, now_of
from pymongo import DeleteOne, InsertOne, MongoClient, UpdateOne
from window_kit import Client, differing, end_of, held_now, truth_at

from lifeboat.app.points import open_point
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.export import export
from lifeboat.operations.timeline import MomentNotCovered
from lifeboat.repository.segment_writing import new_chain
from lifeboat.repository.segments import list_segments
from lifeboat.sources.mongodb.private_server import PrivateServer

REMEMBERS = {"minSnapshotHistoryWindowInSeconds": "3600"}


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server(parameters=REMEMBERS) as running:
        yield running


@pytest.fixture
def kit(tmp_path: Path) -> PointKit:
    return PointKit(tmp_path)


Moment = tuple[Timestamp, dict[str, Any]]


def moment(client: Client) -> Moment:
    """Now, and what there is."""
    now = now_of(client)
    views = [one for one in client.shop.list_collections() if one["type"] == "view"]
    return now, {**truth_at(client, "shop", now), "views": {one["name"]: one["options"] for one in views}}


def same(kit: PointKit, scratch: str, then: Moment) -> None:
    goal, truth = then
    held = kit.held_at(goal, scratch, "shop")
    with MongoClient[dict[str, Any]](scratch) as other:
        views = [one for one in other.shop.list_collections() if one["type"] == "view"]
    assert {one["name"]: one["options"] for one in views} == truth["views"]
    assert differing({name: one for name, one in truth.items() if name != "views"}, held) == {}


def fill(client: Client) -> None:
    shop = client.shop
    shop.orders.insert_many([{"_id": n, "n": n, "tags": ["a"], "in": {"x": n}} for n in range(200)])
    shop.orders.create_index("n", unique=True, name="by_n")
    shop.create_collection("log", capped=True, size=4096, max=20)
    shop.log.insert_many([{"_id": n, "line": "x" * 40} for n in range(30)])
    shop.create_collection("readings", timeseries={"timeField": "at", "metaField": "where"})
    shop.create_collection("recent", viewOn="orders", pipeline=[{"$match": {"n": {"$gt": 100}}}])


def change(client: Client, turn: int) -> None:
    """Every kind of change, another for each turn."""
    shop = client.shop
    shop.orders.bulk_write(
        [
            InsertOne({"_id": f"t{turn}", "n": 10_000 + turn}),
            UpdateOne(
                {"_id": turn}, {"$set": {"in.x": -1, "at": [turn]}, "$push": {"tags": {"$each": ["b"], "$slice": -3}}}
            ),
            UpdateOne({"_id": turn + 1}, [{"$set": {"tags": {"$reverseArray": "$tags"}, "e": "$$REMOVE"}}]),
            DeleteOne({"_id": 100 + turn}),
        ]
    )
    with client.start_session() as session, session.start_transaction():
        shop.orders.update_one({"_id": turn}, {"$inc": {"paid": 1}}, session=session)
        shop.orders.insert_one({"_id": f"in a transaction {turn}", "n": 20_000 + turn}, session=session)
    shop.log.insert_many([{"_id": 100 + turn * 10 + n, "line": "y" * 40} for n in range(5)])
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=turn)
    shop.readings.insert_many([{"at": begin + timedelta(seconds=n), "where": "hall", "v": n} for n in range(20)])


def test_every_moment_between_two_snapshots_comes_back_as_it_was(kit: PointKit, client: Client, scratch: str) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    moments = []
    for turn in range(4):
        change(client, turn)
        moments.append(moment(client))
    client.shop.orders.delete_many({})
    kit.archive(client, end_of(kit, taken), entries_each=17)
    for then in moments:
        same(kit, scratch, then)


def test_a_moment_within_a_segment_ends_there_and_the_newest_takes_all(
    kit: PointKit, client: Client, scratch: str
) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    change(client, 1)
    before = moment(client)
    client.shop.orders.delete_many({})
    kit.archive(client, end_of(kit, taken), entries_each=100_000)
    assert len(list_segments(kit.repository)) == 1
    same(kit, scratch, before)
    assert kit.held_at(None, scratch, "shop")["orders"]["documents"] == []


def test_what_was_made_changed_renamed_and_dropped_meanwhile_is_as_it_was(
    kit: PointKit, client: Client, scratch: str
) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    shop = client.shop
    moments: list[Moment] = []

    def then(act: Any) -> None:
        act()
        change(client, len(moments))
        moments.append(moment(client))

    then(lambda: shop.made.insert_many([{"_id": n, "k": n % 3} for n in range(50)]))
    then(
        lambda: shop.made.create_index([("k", 1), ("_id", -1)], partialFilterExpression={"k": {"$gt": 0}}, name="part")
    )
    then(lambda: shop.made.rename("renamed"))
    then(lambda: shop.orders.aggregate([{"$match": {"n": {"$lt": 50}}}, {"$out": "renamed"}]))
    then(lambda: shop.command("collMod", "orders", validator={"n": {"$exists": True}}, validationLevel="moderate"))
    then(lambda: shop.orders.drop_index("by_n"))
    then(lambda: shop.create_collection("by_name", viewOn="orders", pipeline=[{"$sort": {"n": 1}}]))
    then(lambda: shop.drop_collection("recent"))
    then(lambda: (shop.drop_collection("log"), shop.create_collection("log", capped=True, size=8192)))
    hourly = {"timeField": "at", "metaField": "where", "granularity": "hours"}
    then(lambda: (shop.drop_collection("readings"), shop.create_collection("readings", timeseries=hourly)))
    kit.archive(client, end_of(kit, taken), entries_each=40)
    client.drop_database("shop")
    for then in moments:
        same(kit, scratch, then)


def test_a_database_that_was_dropped_is_whole_at_the_last_write_before(
    kit: PointKit, client: Client, scratch: str
) -> None:
    fill(client)
    taken = kit.back_up(client, ["shop"])
    change(client, 3)
    before = moment(client)
    client.drop_database("shop")
    kit.archive(client, end_of(kit, taken))
    same(kit, scratch, before)


def test_overlapping_segments_and_large_transactions_in_parts_count_once(
    kit: PointKit, client: Client, scratch: str
) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    start = end_of(kit, taken)
    with client.start_session() as session, session.start_transaction():
        client.shop.create_collection("in_it", session=session)
        client.shop.in_it.insert_many([{"_id": n} for n in range(300)], session=session)
        client.shop.orders.update_many({"_id": {"$lt": 50}}, {"$inc": {"n": 50_000}}, session=session)
    middle = moment(client)
    change(client, 2)
    end = moment(client)
    kit.archive(client, start, middle[0], part=64)
    kit.archive(client, start, end[0], part=100, entries_each=3)
    for then in (middle, end):
        same(kit, scratch, then)


def test_a_collection_made_again_under_its_old_uuid_has_nothing_of_the_former(
    kit: PointKit, client: Client, scratch: str
) -> None:
    client.shop.things.insert_many([{"_id": n, "old": True} for n in range(20)])
    taken = kit.back_up(client, None)
    client.shop.things.insert_one({"_id": "late", "old": True})
    (listed,) = client.shop.list_collections(filter={"name": "things"})
    client.shop.things.drop()
    again = {
        "op": "c",
        "ns": "shop.$cmd",
        "ui": Binary(bytes(listed["info"]["uuid"]), 4),
        "o": SON([("create", "things")]),
    }
    client.admin.command({"applyOps": [again]})
    client.shop.things.insert_one({"_id": "new"})
    then = moment(client)
    kit.archive(client, end_of(kit, taken))
    same(kit, scratch, then)


def test_one_collection_under_another_name_and_nothing_else(kit: PointKit, client: Client, scratch: str) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    change(client, 5)
    client.shop.orders.rename("sales")
    goal = now_of(client)
    kit.archive(client, end_of(kit, taken))
    truth = truth_at(client, "shop", goal)
    held = kit.held_at(goal, scratch, "shop", namespaces=["shop.sales"], renames=["shop.sales=shop.was_sales"])
    assert differing({"was_sales": truth["sales"]}, held) == {}


def test_a_gap_is_never_bridged_and_the_nearest_moments_are_named(kit: PointKit, client: Client, scratch: str) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    change(client, 1)
    first = kit.archive(client, end_of(kit, taken))
    change(client, 2)
    lost = now_of(client)
    change(client, 3)
    kit.chain = new_chain()
    kit.archive(client, lost)
    with pytest.raises(MomentNotCovered, match="nearest before") as raised:
        kit.restore_at(lost, client)
    assert f"{first.time}.{first.inc}" in raised.value.hint
    later = kit.back_up(client, None)
    change(client, 4)
    then = moment(client)
    kit.archive(client, end_of(kit, later))
    same(kit, scratch, then)


def test_a_missing_segment_stops_the_restore_before_anything_is_written(
    kit: PointKit, client: Client, scratch: str
) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    change(client, 1)
    goal = kit.archive(client, end_of(kit, taken), entries_each=5)
    gone = list_segments(kit.repository)[2]
    kit.repository.store.delete(gone.name)
    with pytest.raises(LifeboatError), MongoClient(scratch) as other:
        other.drop_database("shop")
        kit.restore_at(goal, other)
    with MongoClient(scratch) as other:
        assert other.shop.list_collection_names() == []


@pytest.mark.parametrize("form", ["mongodump-archive", "mongodump-dir"])
def test_the_official_mongorestore_brings_a_moment_back(
    kit: PointKit, client: Client, scratch: str, tmp_path: Path, mongo_tools: MongoTools, form: str
) -> None:
    fill(client)
    taken = kit.back_up(client, None)
    client.shop.made.insert_many([{"_id": n} for n in range(30)])
    client.shop.made.create_index("k", sparse=True)
    change(client, 1)
    client.shop.orders.rename("sales")
    assert client.shop.sales.update_many({}, {"$set": {"sold": True}, "$unset": {"tags": 1}}).modified_count
    then = moment(client)
    client.drop_database("shop")
    kit.archive(client, end_of(kit, taken))
    out = tmp_path / "out"
    with ExitStack() as stack:
        point = open_point(kit.repository, ClusterTime(then[0].time, then[0].inc), stack)
        report = export(point, form, str(out), progress=kit.progress)
    assert report.has_oplog
    source = [f"--archive={out}"] if form == "mongodump-archive" else [f"--dir={out}"]
    with MongoClient[dict[str, Any]](scratch) as other:
        other.drop_database("shop")
        told = [str(mongo_tools.mongorestore), f"--uri={scratch}", "--drop", "--oplogReplay", *source]
        done = subprocess.run(told, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        held = held_now(other, "shop")
    truth = {name: one for name, one in then[1].items() if name != "views"}
    assert sorted(truth.pop("log")["documents"]) == sorted(held.pop("log")["documents"]), "its order is mongorestore's"
    assert differing(truth, held) == {}


def test_a_snapshot_taken_amid_an_out_is_a_base_as_any_other(kit: PointKit, client: Client, scratch: str) -> None:
    """What the server is making under a temporary name is out of sight, and in place minutes later."""
    fill(client)
    first = kit.back_up(client, None)
    shop = client.shop
    making: Any = SON([("create", "tmp.agg_out.1"), ("temp", True)])
    client.admin.command({"applyOps": [{"op": "c", "ns": "shop.$cmd", "o": making}]})
    shop["tmp.agg_out.1"].insert_many([{"_id": n} for n in range(40)])
    before = moment(client)
    amid = kit.back_up(client, None)
    client.admin.command("renameCollection", "shop.tmp.agg_out.1", to="shop.totals")
    after = moment(client)
    kit.archive(client, end_of(kit, first))
    assert end_of(kit, amid) >= before[0]
    assert "totals" in after[1] and "totals" not in before[1]
    for then in (before, after):
        same(kit, scratch, then)
    with ExitStack() as stack:
        assert open_point(kit.repository, ClusterTime(after[0].time, after[0].inc), stack).record == amid.record
