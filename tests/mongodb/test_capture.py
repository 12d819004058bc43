"""What a capture holds is what the server held at T, whatever happened since; else it says so."""

import datetime
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson import SON
from mongod import MONGOD, private_server
from mongodb_samples import Client, add_expiry, everything_in, fill, fill_series
from pymongo import MongoClient

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Level
from lifeboat.sources.mongodb.capture import Capture, capture
from lifeboat.sources.mongodb.catalog import EXACT
from lifeboat.sources.mongodb.errors import CaptureMoved, CaptureTooSlow
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

CLOCK = SystemClock()


@pytest.fixture
def filled(client: Client, database: str) -> Iterator[str]:
    fill(client, database)
    yield database


@pytest.fixture
def small(client: Client, database: str) -> Iterator[str]:
    client[database].orders.insert_many({"n": n} for n in range(10))
    client[database].names.insert_one({"name": "Örjan"})
    yield database


def documents(captured: Capture, name: str) -> list[bytes]:
    [entry] = [entry for entry in captured.collections if entry.name == name]
    return [bytes(document.raw) for block in captured.blocks(entry) for document in raw_documents(block)]


def raw_documents(block: bytes) -> Any:
    return bson.decode_all(block, bson.CodecOptions(document_class=bson.raw_bson.RawBSONDocument))


def captured_everything(captured: Capture) -> dict[str, Any]:
    held = {}
    for entry in captured.collections:
        held[entry.name] = {"type": "view" if entry.kind == "view" else "collection", "options": dict(entry.options)}
        if entry.kind != "view":
            found = documents(captured, entry.name)
            held[entry.name]["documents"] = found if entry.kind == "capped" else sorted(found)
            held[entry.name]["indexes"] = {index["name"]: plain(index) for index in entry.indexes}
    return held


def plain(index: SON[str, Any]) -> dict[str, Any]:
    spelled_out = ("collation", {"locale": "simple"})
    return {
        key: SON(plain(value)) if key == "originalSpec" else value
        for key, value in index.items()
        if (key, value) != spelled_out
    }


def test_a_capture_holds_every_document_option_and_index(client: Client, filled: str) -> None:
    everything = everything_in(client, filled)
    everything["tickets"]["indexes"] = {}  # invented by the listing: it comes back through the options
    with capture(client, [filled], clock=CLOCK) as captured:
        assert captured_everything(captured) == everything
        assert captured.consistent
        assert abs(captured.instant - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(seconds=30)
        assert not captured.findings


def test_writes_and_ddl_after_the_instant_are_not_in_it(client: Client, filled: str) -> None:
    everything = everything_in(client, filled)
    everything["tickets"]["indexes"] = {}
    with capture(client, [filled], clock=CLOCK) as captured:
        shop = client[filled]
        shop.orders.delete_many({})
        shop.orders.drop_index("compound")
        shop.names.insert_one({"name": "late"})
        shop.people.create_index("email")
        shop.command("collMod", "people", validator={})
        shop.cheap.drop()
        shop.later.insert_one({})
        assert captured_everything(captured) == everything


@pytest.mark.parametrize("what", ["drop", "rename", "recreate", "replace"])
def test_a_collection_that_goes_after_the_instant_is_never_an_empty_one(client: Client, small: str, what: str) -> None:
    shop = client[small]
    with capture(client, [small], clock=CLOCK) as captured:
        if what == "rename":
            shop.orders.rename("gone")
        elif what == "replace":
            shop.names.rename("orders", dropTarget=True)
        else:
            shop.orders.drop()
        if what == "recreate":
            shop.orders.insert_one({})
        with pytest.raises(CaptureMoved) as raised:
            documents(captured, "orders")
        assert raised.value.worth_retrying and f"{small}.orders" in raised.value.message
    with capture(client, [small], clock=CLOCK) as again:
        documents(again, "names" if what != "replace" else "orders")


@pytest.mark.parametrize("what", ["drop", "rename"])
def test_a_collection_that_goes_while_it_is_read_is_noticed(client: Client, database: str, what: str) -> None:
    client[database].big.insert_many({"text": "x" * 500_000} for _ in range(80))
    with capture(client, [database], clock=CLOCK) as captured:
        blocks = captured.blocks(captured.collections[0])
        next(blocks)
        if what == "drop":
            client[database].big.drop()
        else:
            client[database].big.rename("gone")
        with pytest.raises(CaptureMoved):
            list(blocks)


def test_documents_of_sixteen_mebibytes_come_whole(client: Client, database: str) -> None:
    largest = 16 * 1024 * 1024
    client[database].big.insert_many({"_id": n, "b": bytes(largest - 22)} for n in range(3))
    with capture(client, [database], clock=CLOCK) as captured:
        assert [len(document) for document in documents(captured, "big")] == [largest] * 3


def test_a_time_series_is_one_entry_and_its_raw_buckets(client: Client, database: str) -> None:
    fill_series(client, database, expireAfterSeconds=10**8, collation={"locale": "sv"})
    held = everything_in(client, database)
    seen, stored = held["weather"], held["system.buckets.weather"]
    with capture(client, [database], clock=CLOCK) as captured:
        client[database].weather.insert_one({"at": datetime.datetime(2020, 1, 1), "place": {}})
        client[database].weather.drop_indexes()
        client[database].command("collMod", "weather", timeseries={"granularity": "hours"})
        [entry] = captured.collections
        assert (entry.name, entry.kind) == ("weather", "timeseries")
        assert sorted(documents(captured, "weather")) == stored["documents"]
        assert dict(entry.options) == seen["options"]
        assert {index["name"]: plain(index) for index in entry.indexes} == seen["indexes"]
        assert {index["name"]: plain(index) for index in entry.bucket_indexes} == stored["indexes"]
        assert not captured.findings


def test_half_a_time_series_is_said_to_be_half(client: Client, database: str) -> None:
    fill_series(client, database)
    fill_series(client, database, "rain")
    for half in ("system.buckets.weather", "rain"):
        operation = {"op": "c", "ns": f"{database}.$cmd", "o": {"drop": half}}
        client.admin.command("applyOps", [operation])
    with capture(client, [database], clock=CLOCK) as captured:
        assert captured.collections == ()
        found = {(finding.code, finding.subject, finding.level) for finding in captured.findings[:2]}
    assert found == {("time-series-cut-off", f"{database}.{name}", Level.PROBLEM) for name in ("weather", "rain")}


def test_an_empty_database_is_said_to_be_empty(client: Client, database: str) -> None:
    with capture(client, [database], clock=CLOCK) as captured:
        assert captured.collections == ()
        assert [finding.code for finding in captured.findings] == ["database-empty"]


def test_an_unfinished_restore_is_not_backed_up_as_data(client: Client, database: str) -> None:
    client[database]["lifeboat.tmp.0123456789abcdef"].insert_one({})
    client[database]["lifeboat.tmp.mine"].insert_one({})
    with capture(client, [database], clock=CLOCK) as captured:
        assert [entry.name for entry in captured.collections] == ["lifeboat.tmp.mine"]
        assert [finding.code for finding in captured.findings] == ["restore-leftover"]


def test_no_database_named_means_all_but_the_servers_own(client: Client, small: str) -> None:
    with capture(client, None, clock=CLOCK) as captured:
        databases = {entry.database for entry in captured.collections}
    assert small in databases and not databases & {"admin", "local", "config"}


def test_metadata_reads_back_to_the_same_bytes(client: Client, filled: str) -> None:
    add_expiry(client, filled)
    with capture(client, [filled], clock=CLOCK) as captured:
        [people] = [entry for entry in captured.collections if entry.name == "people"]
        validator = client[filled].command("listCollections", filter={"name": "people"})
    expected = validator["cursor"]["firstBatch"][0]["options"]["validator"]
    assert bson.encode(people.options["validator"]) == bson.encode(expected)
    assert bson.encode(people.options, codec_options=EXACT)
    assert '"collectionName":"people"' in people.metadata and '"type":"collection"' in people.metadata


def test_a_capture_that_outlives_the_servers_history_says_so_with_the_remedy() -> None:
    options = ServerOptions(parameters={"minSnapshotHistoryWindowInSeconds": "1"})
    with PrivateServer(MONGOD, options) as server:
        client: Client = MongoClient(server.uri)
        with client, capture_after_writes(client) as captured, pytest.raises(CaptureTooSlow) as raised:
            for _ in range(100):
                client.shop.other.insert_one({"text": "x" * 1000})
                documents(captured, "orders")
                CLOCK.sleep(0.2)
        assert "minSnapshotHistoryWindowInSeconds" in raised.value.hint


def capture_after_writes(client: Client) -> Any:
    client.shop.orders.insert_many({"n": n} for n in range(10))
    CLOCK.sleep(1.5)  # 246 instead, were T close to the collection's birth
    client.shop.other.insert_one({})
    return capture(client, ["shop"], clock=CLOCK)


def test_a_standalone_is_captured_and_said_to_be_not_one_instant() -> None:
    with private_server(nodes=0) as server, MongoClient(server.uri) as client:
        fill(client, "shop", orders=50)
        everything = everything_in(client, "shop")
        everything["tickets"]["indexes"] = {}
        with capture(client, ["shop"], clock=CLOCK) as captured:
            assert captured_everything(captured) == everything
            assert not captured.consistent and captured.cluster_time is None
        [finding] = captured.findings
        assert finding.code == "not-one-instant" and "rs.initiate()" in finding.hint
