"""Two restores at once into one place: one of them fails, and the other does not hold documents of both."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient, monitoring
from window_kit import WindowKit, held_now

from lifeboat.sources.mongodb.errors import LandingDiffers
from lifeboat.sources.mongodb.private_server import PrivateServer


class Stop(monitoring.CommandListener):
    """Holds the first command of a name until it is let go."""

    def __init__(self, command: str) -> None:
        self._command = command
        self.reached, self.free = threading.Event(), threading.Event()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name == self._command and not self.reached.is_set():
            self.reached.set()
            assert self.free.wait(60)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def restore(kit: WindowKit, taken: Any, uri: str, stop: Stop) -> None:
    with MongoClient[dict[str, Any]](uri, event_listeners=[stop]) as client:
        kit.restore(taken, client, ["shop=shop_copy"])


def test_a_late_write_of_one_restore_does_not_reach_what_the_other_has_compared(
    server: PrivateServer, tmp_path: Path
) -> None:
    kit, inserting, renaming = WindowKit(tmp_path), Stop("insert"), Stop("renameCollection")
    with MongoClient[dict[str, Any]](server.uri) as client, ThreadPoolExecutor(2) as both:
        snapshots = []
        for first in (0, 1000):
            client.drop_database("shop")
            client.shop.orders.insert_many({"_id": n} for n in range(first, first + 100))
            snapshots.append(kit.back_up(client, ["shop"]))
        slow = both.submit(restore, kit, snapshots[0], server.uri, inserting)
        assert inserting.reached.wait(60)
        quick = both.submit(restore, kit, snapshots[1], server.uri, renaming)
        assert renaming.reached.wait(60)  # landed and compared
        inserting.free.set()
        with pytest.raises(LandingDiffers, match="replaced meanwhile") as raised:
            slow.result()
        assert "another restore" in raised.value.hint
        renaming.free.set()
        quick.result()
        assert held_now(client, "shop_copy") == held_now(client, "shop")
