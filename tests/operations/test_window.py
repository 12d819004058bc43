"""Backups that cannot be one snapshot read are one instant all the same: the truth at the recorded end, document for document."""

import datetime
import threading
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from window_kit import CLOCK, Client, WindowKit, differing, end_of, held_now, truth_at

from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.operations.backup_mongodb import DatabaseEmpty
from lifeboat.operations.verify.run import verify
from lifeboat.sources.mongodb.catalog import CollectionEntry

LONG = "x" * 400_000


@pytest.fixture
def kit(tmp_path: Path) -> WindowKit:
    return WindowKit(tmp_path)


class Once:
    """Does something at the first block of a collection that is read."""

    def __init__(self, name: str, act: Any) -> None:
        self._name, self._act, self._done = name, act, threading.Lock()
        self.times = 0

    def __call__(self, entry: CollectionEntry) -> None:
        with self._done:
            if entry.name == self._name and self.times == 0:
                self.times += 1
                self._act()


def details_of(kit: WindowKit, taken: Any) -> dict[str, Any]:
    with kit.reading(taken) as reader:
        return reader.details


def assert_restored_is_the_truth(kit: WindowKit, taken: Any, client: Client, database: str = "shop") -> list[Any]:
    truth = truth_at(client, database, end_of(kit, taken))
    parts, findings = kit.restore(taken, client, renames=[f"{database}={database}_copy"])
    assert not findings
    assert differing(truth, held_now(client, f"{database}_copy")) == {}
    return list(parts)


def fill(client: Client, name: str, count: int = 3000, text: str = "x" * 200) -> None:
    """``LONG`` texts: more than one block, so that something can happen in the middle of the reading."""
    client.shop[name].insert_many({"_id": n, "n": n, "text": text} for n in range(count))


def test_a_short_backup_without_capped_collections_reads_no_oplog(kit: WindowKit, client: Client) -> None:
    fill(client, "orders")
    taken = kit.back_up(client, ["shop"])
    with kit.reading(taken) as reader:
        assert "oplog" not in reader.streams() and "window" not in reader.details
    assert taken.record.one_instant and kit.progress.notes == []
    assert_restored_is_the_truth(kit, taken, client)


def test_a_capped_collection_is_of_the_same_instant_as_the_rest(kit: WindowKit, client: Client) -> None:
    fill(client, "orders")
    client.shop.create_collection("log", capped=True, size=65536, max=50)
    client.shop.log.insert_many({"_id": n, "line": "y" * 50} for n in range(40))
    client.shop.log.create_index("line")

    def meanwhile() -> None:
        client.shop.log.insert_many({"_id": n, "line": "z" * 60} for n in range(40, 65))
        client.shop.orders.delete_many({"_id": {"$lt": 100}})
        client.shop.orders.insert_one({"_id": "late"})

    taken = kit.back_up(client, ["shop"], Once("log", meanwhile))
    assert taken.record.one_instant and not taken.report.findings
    parts = assert_restored_is_the_truth(kit, taken, client)
    assert "changes replayed" in parts[0].compared
    report = verify(kit.repository, "full", objectives={}, sample_percent=100, clock=CLOCK, progress=kit.progress)
    assert [finding.code for finding in report.findings] == ["rescue-kit-missing"]


@pytest.mark.parametrize("what", ["drop", "rename", "recreate", "replace", "out", "cap", "drop database", "across"])
def test_a_collection_that_goes_while_it_is_read_is_followed(kit: WindowKit, client: Client, what: str) -> None:
    shop = client.shop
    fill(client, "events", 60, LONG)
    fill(client, "orders", 10)
    fill(client, "zebra", 10)

    def meanwhile() -> None:
        shop.events.update_many({"_id": {"$lt": 20}}, {"$set": {"seen": True}})
        if what == "drop":
            shop.events.drop()
        elif what == "rename":
            shop.events.rename("happenings")
            shop.happenings.insert_one({"_id": "new"})
        elif what == "recreate":
            shop.events.drop()
            shop.events.insert_one({"_id": "new"})
            shop.events.create_index("n")
        elif what == "replace":
            shop.orders.rename("events", dropTarget=True)
        elif what == "out":
            shop.events.aggregate([{"$match": {"n": {"$gt": 10}}}, {"$out": "events"}])
        elif what == "cap":
            shop.command("convertToCapped", "events", size=3_000_000)
            shop.events.insert_many({"_id": f"n{n}", "text": "y" * 90_000} for n in range(30))
        elif what == "drop database":
            client.drop_database("shop")
            shop.reborn.insert_one({"_id": 1})
        elif what == "across":
            client.admin.command("renameCollection", "shop.events", to="elsewhere.events")
        shop.later.insert_many({"_id": n} for n in range(5))
        shop.zebra.delete_one({"_id": 3})

    taken = kit.back_up(client, ["shop"], Once("events", meanwhile))
    assert taken.record.one_instant
    assert any("events" in note and "while it was read" in note for note in kit.progress.notes), kit.progress.notes
    assert_restored_is_the_truth(kit, taken, client)


def test_a_backup_longer_than_the_history_window_is_of_its_end(kit: WindowKit, client: Client) -> None:
    fill(client, "orders", 60, LONG)
    fill(client, "people", 2000)
    client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=1)
    try:

        def meanwhile() -> None:
            for n in range(30):
                client.shop.orders.update_one({"_id": n}, {"$inc": {"n": 1}, "$set": {"a.b": n}})
                client.shop.people.replace_one({"_id": n}, {"_id": n, "stamp": Timestamp(1, n)})
                CLOCK.sleep(0.15)

        taken = kit.back_up(client, ["shop"], Once("orders", meanwhile))
    finally:
        client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=300)
    assert any("history" in note for note in kit.progress.notes)
    assert "window" in details_of(kit, taken)
    assert taken.record.one_instant
    assert_restored_is_the_truth(kit, taken, client)


def test_transactions_of_every_size_count_at_their_commit(kit: WindowKit, client: Client) -> None:
    fill(client, "orders", 500)
    client.shop.create_collection("log", capped=True, size=4096)
    client.shop.log.insert_one({})
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def large() -> None:
        with client.start_session() as session, session.start_transaction():
            for n in range(25):
                client.shop.orders.insert_one({"_id": f"large{n}", "text": "z" * 1_000_000}, session=session)
            begun.set()
            go.wait()
            client.shop.orders.update_one({"_id": "large3"}, {"$set": {"text": "short"}}, session=session)
            client.shop.orders.delete_one({"_id": "large4"}, session=session)
        ended.set()

    thread = threading.Thread(target=large)
    thread.start()
    begun.wait()

    def meanwhile() -> None:
        go.set()
        ended.wait()
        with client.start_session() as session, session.start_transaction():
            client.shop.orders.insert_one({"_id": "small"}, session=session)
            client.shop.made_inside.insert_one({"_id": "small"}, session=session)
        with client.start_session() as session:
            session.start_transaction()
            client.shop.orders.insert_one({"_id": "never"}, session=session)
            session.abort_transaction()
        client.admin.command(
            "applyOps",
            [
                {"op": "i", "ns": "shop.orders", "o": {"_id": "by applyOps"}},
                {"op": "d", "ns": "shop.orders", "o": {"_id": 7}},
            ],
        )

    taken = kit.back_up(client, ["shop"], Once("orders", meanwhile))
    thread.join()
    parts = assert_restored_is_the_truth(kit, taken, client)
    assert [part.items for part in parts if part.what == "shop.orders"] == [500 + 24 + 2 - 1]


def test_time_series_are_followed_bucket_by_bucket(kit: WindowKit, client: Client) -> None:
    client.shop.create_collection("weather", timeseries={"timeField": "at", "metaField": "place"})
    start = datetime.datetime(2026, 1, 1)
    client.shop.weather.insert_many(
        {"at": start + datetime.timedelta(seconds=n), "place": n % 3, "t": n} for n in range(1000)
    )
    client.shop.create_collection("log", capped=True, size=4096)
    client.shop.log.insert_one({})

    def meanwhile() -> None:
        client.shop.weather.insert_many(
            {"at": start + datetime.timedelta(seconds=n * 7), "place": n % 4, "t": n} for n in range(1500)
        )
        client.shop.weather.delete_many({"place": 1})

    taken = kit.back_up(client, ["shop"], Once("log", meanwhile))
    names = {entry["name"] for entry in client.shop.list_collections()}
    assert "weather" in names
    assert_restored_is_the_truth(kit, taken, client)


def test_one_collection_of_a_window_is_restored_alone_and_renamed(kit: WindowKit, client: Client) -> None:
    fill(client, "orders", 1000)
    fill(client, "people", 1000)
    client.shop.create_collection("log", capped=True, size=4096)
    client.shop.log.insert_one({})
    taken = kit.back_up(client, ["shop"], Once("log", lambda: client.shop.orders.delete_many({"_id": {"$lt": 10}})))
    truth = truth_at(client, "shop", end_of(kit, taken))
    kit.restore(taken, client, renames=["shop.orders=back.old_orders"], namespaces=["shop.orders"])
    assert differing({"old_orders": truth["orders"]}, held_now(client, "back")) == {}


def test_damage_to_the_stored_changes_is_found_and_stops_a_restore(kit: WindowKit, client: Client) -> None:
    fill(client, "orders", 100)
    client.shop.create_collection("log", capped=True, size=4096)
    client.shop.log.insert_one({})
    taken = kit.back_up(client, ["shop"], Once("log", lambda: client.shop.orders.delete_many({"_id": {"$lt": 10}})))
    with kit.reading(taken) as reader:
        [(chunk, _)] = reader.chunk_list(reader.streams()["oplog"])
        place = reader.place_of(chunk)
        assert place is not None
    objects: Any = kit.repository.store._objects  # type: ignore[attr-defined]
    [name] = [one for one in objects if one.endswith(place.pack.hex())]
    content, written = objects[name]
    at = place.row.offset + place.row.sealed_bytes // 2
    objects[name] = (content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :], written)
    report = verify(kit.repository, "full", objectives={}, sample_percent=100, clock=CLOCK, progress=kit.progress)
    [damaged] = [finding for finding in report.findings if finding.code == "pack-damaged"]
    assert any("what changed while it was read" in hurt for hurt in damaged.hurts), damaged.hurts
    with pytest.raises(RepositoryDamaged):
        kit.restore(taken, client, renames=["shop=shop_copy"])
    assert not [name for name in client.shop_copy.list_collection_names() if "lifeboat" not in name]


def test_a_database_that_is_dropped_while_it_is_read_is_no_backup_of_nothing(kit: WindowKit, client: Client) -> None:
    fill(client, "events", 60, LONG)
    with pytest.raises(DatabaseEmpty):
        kit.back_up(client, ["shop"], Once("events", lambda: client.drop_database("shop")))
