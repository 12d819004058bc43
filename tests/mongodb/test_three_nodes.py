"""A set of three nodes changes its primary in the middle: the restore goes on, and nothing is lost or doubled."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from bson import Timestamp
from mongod import private_server
from mongodb_samples import Client, everything_in
from pymongo import MongoClient, WriteConcern
from pymongo.errors import PyMongoError
from test_restore import Kept

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.replay import Place, replay
from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.sources.mongodb.restore import carry_out
from lifeboat.sources.mongodb.restore_plan import plan_restore
from lifeboat.sources.mongodb.target_server import TargetServer

pytestmark = pytest.mark.long
CLOCK = SystemClock()


@pytest.mark.parametrize("what", ["step down", "kill"])
def test_a_change_of_primary_in_the_middle_of_a_restore_costs_nothing(what: str) -> None:
    with private_server(nodes=3) as server, MongoClient(server.uri) as client:
        client.shop.orders.insert_many({"_id": n, "text": "x" * 1000} for n in range(20_000))
        client.shop.orders.create_index("text")
        before, kept = everything_in(client, "shop"), Kept(client, "shop")
        client.shop.orders.delete_many({"_id": {"$gt": 5}})
        started = threading.Event()

        def chunks(entry: CollectionEntry) -> Iterator[bytes]:
            for block in kept.read_chunks(entry):
                yield block
                started.set()
                CLOCK.sleep(0.2)

        changing = threading.Thread(target=lambda: (started.wait(), change_primary(server, client, what)))
        changing.start()
        plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
        report = carry_out(plan, client, chunks, clock=CLOCK)
        changing.join()
        assert report.documents == 20_000
        assert everything_in(client, "shop") == before


def change_primary(server: PrivateServer, client: Client, what: str) -> None:
    if what == "kill":
        primary: Any = client.primary
        server.kill(server.ports.index(primary[1]))
        return
    with contextlib.suppress(PyMongoError):
        client.admin.command("replSetStepDown", 5, force=True)


def test_an_empty_timestamp_that_is_replayed_is_one_on_every_node() -> None:
    """Secondaries of 6.0 take it for "now" in a document that replaces another."""
    document = {"_id": 1, "stamp": Timestamp(0, 0), "rest": 1}
    change = Change(Timestamp(9, 1), bytes(8), "u", "a.c", bytes(16), bson.encode(document), bson.encode({"_id": 1}))
    with private_server(nodes=3) as server, MongoClient(server.uri) as client:
        client.a.get_collection("c", write_concern=WriteConcern(w=3)).insert_one({"_id": 1, "before": 1})
        replay(TargetServer(client), {bytes(16): Place("a", "c", in_order=False)}, [change.to_bson()], Silent())
        client.a.get_collection("end", write_concern=WriteConcern(w=3)).insert_one({})
        for port in server.ports:
            with MongoClient("127.0.0.1", port, directConnection=True) as node:
                assert node.a.c.find_one() == document
