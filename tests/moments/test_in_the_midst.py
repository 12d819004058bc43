"""A snapshot taken in the midst of somebody's ``$out`` is a base like any other: what comes into sight afterwards is whole."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from point_kit import PointKit, now_of
from proof import empty
from pymongo import MongoClient
from truth import Client, Truth, TruthTeller, differences, restored
from workload import Workload

from lifeboat.sources.mongodb.private_server import PrivateServer

SLOWLY = "function (id) { if (id == 399) sleep(4000); return 1 }"


@contextmanager
def an_out_under_way(client: Client) -> Iterator[str]:
    """Gives the name of what it is making, with some of its documents in it already."""
    made = {"$function": {"body": SLOWLY, "args": ["$_id"], "lang": "js"}}
    pipeline = [{"$sort": {"_id": 1}}, {"$set": {"out": made}}, {"$out": "target"}]
    running = threading.Thread(target=lambda: client.shop.docs.aggregate(pipeline))
    running.start()
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            making = [name for name in client.shop.list_collection_names() if name.startswith("tmp.agg_out")]
            if making and client.shop[making[0]].find_one():
                break
            time.sleep(0.02)
        yield making[0]
    finally:
        running.join()


def truth_of(client: Client, uri: str) -> Truth:
    workload = Workload(uri, 1)
    return TruthTeller(client, workload.ddl_gate, workload.capped_gate).at_rest()


def test_what_an_out_was_making_while_the_snapshot_was_taken_is_whole_afterwards(
    source: PrivateServer, target: PrivateServer, tmp_path: Path
) -> None:
    kit = PointKit(tmp_path)
    with MongoClient[dict[str, Any]](source.uri) as client, MongoClient[dict[str, Any]](target.uri) as other:
        # More than one batch, so that the beginning is written while the end is still being made.
        client.shop.docs.insert_many({"_id": n, "text": "x" * 60_000} for n in range(400))
        client.shop.target.insert_one({"_id": "old"})
        client.shop.target.create_index("out")
        since = now_of(client)
        with an_out_under_way(client) as making:
            meanwhile = truth_of(client, source.uri)
            taken = kit.back_up(client, None)
            assert making in client.shop.list_collection_names()
        client.shop.target.update_one({"_id": 5}, {"$set": {"after": 1}})
        afterwards = truth_of(client, source.uri)
        assert afterwards.held["shop.target"].documents == 400
        kit.archive(client, since, afterwards.at)
        kit.restore_at(afterwards.at, other)
        assert differences(afterwards, restored(other)) == []
        # Of the snapshot itself it is no part.
        empty(other)
        kit.restore(taken, other)
        assert differences(meanwhile, restored(other), ["shop"]) == []
        assert other.shop.target.find_one() == {"_id": "old"}
