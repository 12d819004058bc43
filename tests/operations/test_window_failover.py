"""A window is restored while the primary dies, steps down or freezes: at the end it holds the truth of its end."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mongod import private_server
from pymongo import MongoClient
from test_window_killed import a_window
from window_kit import Client, Noting, WindowKit, differing, end_of, held_now, truth_at

from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.landing_names import landing_name
from lifeboat.sources.mongodb.private_server import PrivateServer

sys.path.append(str(Path(__file__).parents[1] / "mongodb"))

from unrest import Moment, make_trouble

QUICK = {"shutdownTimeoutMillisForSignaledShutdown": "1000"}


@pytest.fixture(scope="module")
def three() -> Iterator[PrivateServer]:
    with private_server(nodes=3, parameters=QUICK) as running:
        yield running


COMMANDS = {"create": 6, "insert": 6, "aggregate": 7, "update": 12, "delete": 5, "createIndexes": 1, "drop": 9}
SHORT = [("kill", "update", 8), ("kill", "aggregate", 5), ("step down", "aggregate", 6), ("freeze", "delete", 2)]
LONG = [
    (what, command, nth)
    for what in ("kill", "step down", "freeze")
    for command, times in COMMANDS.items()
    for nth in range(1, times + 1)
]


@pytest.mark.parametrize(
    "troubles", [pytest.param(SHORT, id="some"), pytest.param(LONG, id="all", marks=pytest.mark.long)]
)
def test_a_window_comes_back_whatever_happens_to_the_primary(
    three: PrivateServer, tmp_path: Path, troubles: list[tuple[str, str, int]]
) -> None:
    kit = WindowKit(tmp_path)
    with MongoClient[dict[str, Any]](three.uri) as client:
        client.drop_database("shop")
        taken = a_window(kit, client)
        truth = truth_at(client, "shop", end_of(kit, taken))
        failed = {}
        for trouble in troubles:
            if said := _restore_through(kit, taken, client, three, truth, *trouble):
                failed[trouble] = said
        assert not failed


def _restore_through(
    kit: WindowKit,
    taken: Any,
    client: Client,
    server: PrivateServer,
    truth: Any,
    what: str,
    command: str,
    nth: int,
    first: Callable[[], object] = lambda: None,
) -> Any:
    client.drop_database("shop_copy")
    moment = Moment(command, nth)
    with (
        MongoClient[dict[str, Any]](server.uri, event_listeners=[moment]) as watched,
        ThreadPoolExecutor(1) as beside,
    ):
        restoring = beside.submit(kit.restore, taken, watched, ["shop=shop_copy"])
        while not moment.reached.wait(0.05) and not restoring.done():
            pass
        if moment.reached.is_set():
            first()
            make_trouble(server, what, moment.struck.set)
        try:
            restoring.result()
        except Exception as failure:
            return repr(failure)
    client.admin.command("ping")
    return differing(truth, held_now(client, "shop_copy"))


def test_a_capped_collection_is_put_in_order_while_the_primary_dies(three: PrivateServer, tmp_path: Path) -> None:
    """Where it is read from beside the live data, to be copied: a cursor does not outlive its node."""
    kit = WindowKit(tmp_path)
    with MongoClient[dict[str, Any]](three.uri) as client:
        client.drop_database("shop")
        client.shop.create_collection("log", capped=True, size=1 << 20)
        client.shop.log.insert_many({"_id": n} for n in range(400))
        done: list[bool] = []

        def meanwhile(entry: CollectionEntry) -> None:
            if not done:
                done.append(True)
                client.shop.log.insert_many({"_id": n} for n in range(400, 500))

        taken = kit.back_up(client, ["shop"], meanwhile)
        truth = truth_at(client, "shop", end_of(kit, taken))
        assert not _restore_through(kit, taken, client, three, truth, "kill", "getMore", 2)


def test_a_change_refused_after_the_server_was_away_is_replayed_once_more(three: PrivateServer, tmp_path: Path) -> None:
    """As if an order sent before it froze had been carried out beside the same order given again."""
    kit = WindowKit(tmp_path)
    with MongoClient[dict[str, Any]](three.uri) as client:
        client.drop_database("shop")
        taken = a_window(kit, client)
        truth = truth_at(client, "shop", end_of(kit, taken))
        landed = client.shop_copy[landing_name("orders")]

        class Mending(Noting):
            def note(self, message: str) -> None:
                super().note(message)
                if "once more" in message:
                    landed.drop_indexes()

        kit.progress = Mending()

        def in_the_way() -> None:
            landed.create_index("n", unique=True)

        assert not _restore_through(kit, taken, client, three, truth, "kill", "delete", 1, in_the_way)
        assert any("once more" in note for note in kit.progress.notes)
