"""A restore that replays, killed before or after any of its writes, is finished by the next run to the same documents."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, monitoring
from window_kit import Client, WindowKit, differing, end_of, held_now, truth_at

from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.private_server import PrivateServer

WRITES = frozenset(
    {"insert", "update", "delete", "create", "createIndexes", "drop", "renameCollection", "collMod", "applyOps"}
)


class Killed(BaseException):
    """As a signal would: nothing under test can swallow it."""


class KillsAtWrite(monitoring.CommandListener):
    """Dies at the nth write to the server, just before it is sent or just after it was carried out."""

    def __init__(self, nth: int, before: bool) -> None:
        self._left, self._before = nth, before
        self.writes = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            self.writes += 1
            self._left -= 1
            if self._left == 0 and self._before:
                raise Killed

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        if event.command_name in WRITES and self._left == 0 and not self._before:
            self._left = -1
            raise Killed

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def a_window(kit: WindowKit, client: Client) -> Any:
    shop = client.shop
    shop.orders.insert_many({"_id": n, "n": n} for n in range(300))
    shop.orders.create_index("n", unique=True)
    shop.people.insert_many({"_id": n} for n in range(50))
    shop.create_collection("log", capped=True, size=8192, max=30)
    shop.log.insert_many({"_id": n, "t": "x" * 50} for n in range(30))
    shop.create_collection("weather", timeseries={"timeField": "at", "metaField": "place"})
    start = datetime.datetime(2026, 1, 1)
    shop.weather.insert_many({"at": start + datetime.timedelta(seconds=n), "place": n % 3, "t": n} for n in range(60))
    shop.create_collection("first", viewOn="orders", pipeline=[{"$limit": 1}])
    done: list[bool] = []

    def meanwhile(entry: CollectionEntry) -> None:
        if entry.name != "orders" or done:
            return
        done.append(True)
        shop.log.insert_many({"_id": n, "t": "y" * 60} for n in range(30, 50))
        # Each gives its number to another: with the unique index there already, no order of writes could be taken.
        shop.orders.delete_one({"_id": 0})
        for n in range(1, 100):
            shop.orders.update_one({"_id": n}, {"$inc": {"n": -1}})
        shop.people.delete_many({"_id": {"$lt": 25}})
        shop.weather.insert_many({"at": start + datetime.timedelta(hours=n), "place": n % 2, "t": n} for n in range(40))

    return kit.back_up(client, ["shop"], meanwhile)


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.long, id="every"), pytest.param(7, id="some")])
def test_killed_at_any_write_the_next_run_finishes_to_the_truth(
    server: PrivateServer, tmp_path: Path, every: int
) -> None:
    kit = WindowKit(tmp_path)
    with MongoClient[dict[str, Any]](server.uri) as client:
        for name in ("shop", "shop_copy"):
            client.drop_database(name)
        taken = a_window(kit, client)
        truth = truth_at(client, "shop", end_of(kit, taken))
        counting = KillsAtWrite(0, before=True)
        with MongoClient[dict[str, Any]](server.uri, event_listeners=[counting]) as watched:
            kit.restore(taken, watched, renames=["shop=shop_copy"])
        assert differing(truth, held_now(client, "shop_copy")) == {}
        assert counting.writes > 20
        killed = 0
        for nth in range(1, counting.writes + 1, every):
            for before in (True, False):
                client.drop_database("shop_copy")
                with MongoClient[dict[str, Any]](server.uri, event_listeners=[KillsAtWrite(nth, before)]) as watched:
                    try:
                        kit.restore(taken, watched, renames=["shop=shop_copy"])
                    except Killed:
                        killed += 1
                kit.restore(taken, client, renames=["shop=shop_copy"])
                assert differing(truth, held_now(client, "shop_copy")) == {}, (nth, before)
        assert killed >= 2 * (counting.writes // every) - 4, "the sweep did not sweep"
