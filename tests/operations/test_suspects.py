"""What a real server's oplog says of a disaster, found again; and the moment before it brings everything back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from mongod import emptied, private_server
from point_kit import PointKit
from window_kit import Client, end_of, held_now

from lifeboat.foundation.cluster_time import ClusterTime, read_words
from lifeboat.foundation.progress import Silent
from lifeboat.operations.find_suspects import OperationUnknown, SuspectsReport, before_op, find_suspects
from lifeboat.operations.suspects import Kind, Suspect
from lifeboat.repository.segments import list_segments
from lifeboat.sources.mongodb.landing_names import landing_name
from lifeboat.sources.mongodb.private_server import PrivateServer


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server(parameters={"minSnapshotHistoryWindowInSeconds": "3600"}) as running:
        yield running


@pytest.fixture
def client(server: PrivateServer) -> Iterator[Client]:
    with emptied(server) as connected:
        connected.shop.orders.insert_many([{"_id": n, "n": n} for n in range(400)])
        connected.shop.users.insert_many([{"_id": f"u{n}"} for n in range(30)])
        connected.shop.orders.create_index("n", name="by_n")
        yield connected


@pytest.fixture
def kit(tmp_path: Path) -> PointKit:
    return PointKit(tmp_path)


def look(kit: PointKit, client: Client, after: Timestamp, **more: Any) -> SuspectsReport:
    through = kit.archive(client, after, entries_each=60)
    since, until = ClusterTime(after.time, after.inc), ClusterTime(through.time, through.inc)
    return find_suspects(kit.repository, since, until, progress=Silent(), **more)


def of_kind(report: SuspectsReport, kind: Kind) -> list[Suspect]:
    return [one for one in report.suspects if one.kind is kind]


def test_a_dropped_database_is_one_suspect_and_comes_back_whole_from_the_moment_before_it(
    kit: PointKit, client: Client, scratch: str
) -> None:
    client.shop.create_collection("readings", timeseries={"timeField": "at"})
    client.shop.create_collection("few", viewOn="orders", pipeline=[{"$limit": 3}])
    after = end_of(kit, kit.back_up(client, None))
    client.shop.orders.update_one({"_id": 7}, {"$set": {"last": "write before it"}})
    truth = held_now(client, "shop")
    client.drop_database("shop")
    client.shop.orders.insert_one({"_id": "the application goes on"})
    report = look(kit, client, after)
    (suspect,) = of_kind(report, Kind.DROP_DATABASE)
    assert not of_kind(report, Kind.DROP), "its drops are part of it"
    assert suspect.namespaces[0] == "shop" and "shop.orders" in suspect.namespaces
    assert suspect.sentence == "database shop dropped: 3 collections, 430 documents, time series"
    assert "shop.readings" in suspect.namespaces and not any("system." in one for one in suspect.namespaces)
    for op in (suspect.op, suspect.through):
        time = read_words(op)
        assert time is not None
        goal = before_op(kit.repository, time)
        assert goal.words() == ClusterTime(*map(int, suspect.op.split("."))).before().words(), "before the first drop"
        assert kit.held_at(Timestamp(*goal), scratch, "shop") == truth


def test_collections_that_were_dropped_before_and_made_again_are_no_part_of_a_dropped_database(
    kit: PointKit, client: Client
) -> None:
    """Else the moment before it would be the one before the first of them, and what was written since would be lost."""
    after = end_of(kit, kit.back_up(client, None))
    for number in range(3):
        client.shop.scratch.insert_one({"_id": number})
        client.shop.scratch.drop()
    client.shop.scratch.insert_one({"_id": "last"})
    client.drop_database("shop")
    client.shop.orders.insert_one({"_id": "the application goes on"})
    report = look(kit, client, after)
    (suspect,) = of_kind(report, Kind.DROP_DATABASE)
    assert len(of_kind(report, Kind.DROP)) == 3 and suspect.namespaces.count("shop.scratch") == 1


def test_an_operation_that_the_archive_does_not_hold_is_refused(kit: PointKit, client: Client) -> None:
    after = end_of(kit, kit.back_up(client, None))
    client.shop.users.drop()
    (suspect,) = of_kind(look(kit, client, after), Kind.DROP)
    assert suspect.sentence == "shop.users dropped, with 30 documents" and suspect.documents == 30
    time = read_words(suspect.op)
    assert time is not None and before_op(kit.repository, time) == time.before()
    for wrong in (ClusterTime(time.seconds, time.increment + 1), ClusterTime(time.seconds + 100_000, 1)):
        with pytest.raises(OperationUnknown, match="no operation"):
            before_op(kit.repository, wrong)


def test_renames_replaced_collections_and_changed_shapes_are_told_apart(kit: PointKit, client: Client) -> None:
    after = end_of(kit, kit.back_up(client, None))
    shop = client.shop
    shop.users.rename("people")
    shop.people.aggregate([{"$out": "copy"}])
    shop.orders.aggregate([{"$limit": 5}, {"$out": "copy"}])
    shop.made.insert_one({})
    shop.made.rename("people", dropTarget=True)
    shop.command("collMod", "orders", validationLevel="moderate")
    shop.orders.drop_index("by_n")
    shop.create_collection("view", viewOn="orders")
    shop.view.drop()
    report = look(kit, client, after)
    assert [(one.kind, one.sentence, one.minor) for one in report.suspects] == [
        (Kind.RENAME, "shop.users renamed to shop.people", False),
        (Kind.REPLACE, "shop.copy replaced by $out; it held 30 documents", False),
        (Kind.REPLACE, "shop.people replaced: shop.made was renamed over it; it held 30 documents", False),
        (Kind.SHAPE, "shop.orders: its options were changed (validationLevel)", True),
        (Kind.SHAPE, "shop.orders: index by_n dropped", True),
        (Kind.SHAPE, "view shop.view dropped", True),
    ]
    assert [one.kind for one in look(kit, client, after, namespaces=["shop.copy"]).suspects] == [Kind.REPLACE]


def test_many_deletes_and_updates_have_their_count_their_examples_and_the_first_operation(
    kit: PointKit, client: Client, scratch: str
) -> None:
    after = end_of(kit, kit.back_up(client, None))
    client.shop.users.delete_one({"_id": "u3"})
    before = held_now(client, "shop")
    client.shop.orders.delete_many({"n": {"$gte": 100}})
    client.shop.users.delete_one({"_id": "u4"})
    report = look(kit, client, after)
    (suspect,) = report.suspects
    assert suspect.kind is Kind.DELETES and suspect.documents == 300 and suspect.examples == ("100", "101", "102")
    assert suspect.sentence.startswith("shop.orders: 300 documents deleted in ")
    time = read_words(suspect.op)
    assert time is not None
    assert kit.held_at(Timestamp(*before_op(kit.repository, time)), scratch, "shop") == before
    assert len(look(kit, client, after, least=1).suspects) >= 2, "the few are shown when they are asked for"
    assert look(kit, client, after, namespaces=["shop.users"]).suspects == ()


def test_a_transaction_that_deletes_many_is_one(kit: PointKit, client: Client) -> None:
    after = end_of(kit, kit.back_up(client, None))
    with client.start_session() as session, session.start_transaction():
        client.shop.orders.delete_many({"n": {"$lt": 250}}, session=session)
    client.shop.orders.update_many({}, [{"$set": {"wrong": True}}])
    (suspect,) = look(kit, client, after).suspects
    assert suspect.in_transaction and suspect.op == suspect.through
    assert suspect.sentence == "shop.orders: 250 documents deleted in one transaction"


def test_what_a_restore_by_lifeboat_did_is_named_as_such(kit: PointKit, client: Client) -> None:
    after = end_of(kit, kit.back_up(client, None))
    for name in ("orders", "users"):
        landing = landing_name(name)
        client.shop[landing].insert_one({})
        client.shop[landing].rename(name, dropTarget=True)
    client.shop[landing_name("left")].insert_one({})
    client.shop[landing_name("left")].drop()
    (suspect,) = look(kit, client, after).suspects
    assert suspect.kind is Kind.RESTORE and suspect.namespaces == ("shop.orders", "shop.users")
    assert suspect.sentence == "a restore by Lifeboat replaced shop.orders, shop.users"


def test_a_planted_segment_hides_nothing(kit: PointKit, client: Client) -> None:
    after = end_of(kit, kit.back_up(client, None))
    client.shop.users.drop()
    through = kit.archive(client, after, entries_each=60)
    stored = list_segments(kit.repository)[0]
    wide = f"{ClusterTime(after.time - 100, 1).hex()}-{ClusterTime(after.time + 1000, 1).hex()}"
    name = stored.name.replace(f"{stored.after.hex()}-{stored.through.hex()}", wide)
    kit.repository.store.write(name, kit.repository.store.read(stored.name))
    since, until = ClusterTime(after.time, after.inc), ClusterTime(through.time, through.inc)
    report = find_suspects(kit.repository, since, until, progress=Silent())
    assert [one.kind for one in report.suspects] == [Kind.DROP] and report.damaged == (name,)
    time = read_words(report.suspects[0].op)
    assert time is not None and before_op(kit.repository, time) == time.before()


def test_a_damaged_segment_hides_only_what_is_in_it(kit: PointKit, client: Client) -> None:
    after = end_of(kit, kit.back_up(client, None))
    client.shop.users.drop()
    middle = kit.archive(client, after)
    client.shop.orders.drop()
    kit.archive(client, middle)
    stored = sorted(kit.repository.store.list_under("mongodb/oplog/"), key=lambda one: one.name.split("/")[-1])
    raw = bytearray(kit.repository.store.read(stored[-1].name))
    raw[len(raw) // 3] ^= 1
    kit.repository.store.delete(stored[-1].name)
    kit.repository.store.write(stored[-1].name, bytes(raw))
    report = find_suspects(
        kit.repository, ClusterTime(after.time, 0), ClusterTime(after.time + 60, 0), progress=Silent()
    )
    assert [one.sentence for one in report.suspects] == ["shop.users dropped, with 30 documents"]
    assert report.damaged == (stored[-1].name,)
