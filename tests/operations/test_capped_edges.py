"""Capped collections that hold, or were read as, more than their cap takes: they come back all the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from mongod import MONGOD
from pymongo import MongoClient
from window_kit import Client, WindowKit, held_now

from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

LONG = "x" * 400_000


@pytest.fixture
def kit(tmp_path: Path) -> WindowKit:
    return WindowKit(tmp_path)


@pytest.fixture(scope="module", params=["a set", "a standalone"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    options = ServerOptions(nodes=1 if request.param == "a set" else 0)
    with PrivateServer(MONGOD, options) as running, MongoClient[dict[str, Any]](running.uri) as connected:
        yield connected


@pytest.fixture(autouse=True)
def empty(client: Client) -> None:
    for name in ("shop", "shop_copy"):
        client.drop_database(name)


def test_a_cap_made_smaller_than_what_it_holds_comes_back_with_all_it_holds(kit: WindowKit, client: Client) -> None:
    client.shop.create_collection("log", capped=True, size=1 << 20, max=1000)
    client.shop.log.insert_many({"_id": n, "text": "x" * 100} for n in range(500))
    client.shop.command("collMod", "log", cappedSize=4096, cappedMax=100)
    held = held_now(client, "shop")
    assert len(held["log"]["documents"]) == 500
    taken = kit.back_up(client, ["shop"])
    kit.restore(taken, client, renames=["shop=shop_copy"])
    assert held_now(client, "shop_copy") == held


def test_a_capped_collection_that_grew_while_it_was_read_comes_back(kit: WindowKit, client: Client) -> None:
    client.shop.create_collection("log", capped=True, size=24_000_000)
    client.shop.log.insert_many({"_id": n, "text": LONG} for n in range(58))
    added = iter(range(58, 1000))

    def after_block(entry: CollectionEntry) -> None:
        if entry.name == "log":
            client.shop.log.insert_many({"_id": next(added), "text": LONG} for _ in range(10))

    taken = kit.back_up(client, ["shop"], after_block)
    kit.restore(taken, client, renames=["shop=shop_copy"])
    came = [one["_id"] for one in client.shop_copy.log.find()]
    assert came == list(range(came[0], came[-1] + 1)) and came[-1] >= 57


def test_empty_timestamps_among_the_documents_of_a_capped_collection_keep_their_places(
    kit: WindowKit, client: Client
) -> None:
    client.shop.create_collection("log", capped=True, size=1 << 20)
    for n in range(40):
        stamp: dict[str, Any] = {"stamp": Timestamp(0, 0)} if n % 7 in (2, 3, 6) else {"text": "x"}
        client.shop.log.update_one({"_id": n}, [{"$replaceWith": {"$literal": {"_id": n, **stamp}}}], upsert=True)
    held = held_now(client, "shop")
    taken = kit.back_up(client, ["shop"])
    kit.restore(taken, client, renames=["shop=shop_copy"])
    assert held_now(client, "shop_copy") == held
