"""A server of 6.0 that is still held to the features of 5.0, as an upgrade leaves it, is backed up and restored."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mongod import private_server
from pymongo import MongoClient
from window_kit import WindowKit, held_now

from lifeboat.foundation.secret import Secret
from lifeboat.sources.mongodb.connect import connect
from lifeboat.sources.mongodb.errors import DatabaseUnsupported
from lifeboat.sources.mongodb.private_server import PrivateServer

ROLES = {"mayNotAsk": [], "mayAsk": [{"resource": {"cluster": True}, "actions": ["getParameter"]}]}


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server(authentication=True) as running, MongoClient(running.uri) as root:
        root.admin.command("setFeatureCompatibilityVersion", "5.0")
        root.shop.orders.insert_many({"_id": n} for n in range(100))
        everything = {"resource": {"db": "", "collection": ""}, "actions": ["find", "listCollections", "listIndexes"]}
        for role, more in ROLES.items():
            root.admin.command("createRole", role, privileges=[everything, *more], roles=[])
            root.admin.command("createUser", role, pwd="p", roles=[role, "readWriteAnyDatabase", "dbAdminAnyDatabase"])
        yield running


def test_it_is_read_as_a_server_of_5_is(server: PrivateServer, tmp_path: Path) -> None:
    kit = WindowKit(tmp_path)
    with MongoClient[dict[str, Any]](server.uri) as root, connect(Secret(server.uri_for("mayAsk", "p"))) as client:
        taken = kit.back_up(client, ["shop"])
        assert taken.record.one_instant
        for number, user in enumerate(ROLES):
            with connect(Secret(server.uri_for(user, "p"))) as restoring:
                kit.restore(taken, restoring, [f"shop=shop_copy{number}"])
            assert held_now(root, f"shop_copy{number}") == held_now(root, "shop")


def test_a_user_who_may_not_ask_is_told_why_it_cannot_be_read(server: PrivateServer, tmp_path: Path) -> None:
    with (
        connect(Secret(server.uri_for("mayNotAsk", "p"))) as client,
        pytest.raises(DatabaseUnsupported, match=r"features of MongoDB 5\.0") as raised,
    ):
        WindowKit(tmp_path).back_up(client, ["shop"])
    assert "setFeatureCompatibilityVersion" in raised.value.hint
