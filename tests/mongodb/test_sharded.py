"""Parts of a sharded cluster are refused: what they hold is not the database, and what is written to them is not found again.

Limits: no ``mongos`` is at hand, so the router itself is untried; a shard and a config server are real ones.
"""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from mongod import MONGOD
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from lifeboat.foundation.clock import SystemClock
from lifeboat.sources.mongodb.capture import capture
from lifeboat.sources.mongodb.errors import DatabaseUnsupported
from lifeboat.sources.mongodb.server_facts import look_at_server

Client = MongoClient[dict[str, Any]]
ROOT = "root-of-this-test"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Client, Callable[[], None]]]:
    """A set that may become a shard, a config server, and what makes it one."""
    with ExitStack() as stack:
        key = tmp_path_factory.mktemp("key") / "key"
        key.write_text("ab" * 32)
        key.chmod(0o600)
        shard, shard_port = start(stack, "shard", "--shardsvr", tmp_path_factory.mktemp("shard"), key)
        config, _ = start(stack, "config", "--configsvr", tmp_path_factory.mktemp("config"), key)

        def join() -> None:
            majority = {"w": "majority"}
            config.admin.command("_configsvrAddShard", f"shard/127.0.0.1:{shard_port}", writeConcern=majority)
            until(lambda: shard.admin.command("shardingState")["enabled"])

        yield shard, config, join


def start(stack: ExitStack, name: str, role: str, folder: Path, key: Path) -> tuple[Client, int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(MONGOD), role, "--replSet", name, "--port", str(port)]
    command += ["--dbpath", str(folder), "--bind_ip", "127.0.0.1", "--nounixsocket", "--keyFile", str(key)]
    command += ["--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "50", "--logpath", str(folder / "log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.kill)
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    config = {"_id": name, "members": members, **({"configsvr": True} if role == "--configsvr" else {})}
    with MongoClient[dict[str, Any]]("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500) as first:
        until(lambda: first.admin.command("replSetInitiate", config))
        until(lambda: first.admin.command("hello")["isWritablePrimary"])
        first.admin.command("createUser", "root", pwd=ROOT, roles=["root", "__system"])
    client = MongoClient[dict[str, Any]](
        "127.0.0.1", port, directConnection=True, username="root", password=ROOT, serverSelectionTimeoutMS=20_000
    )
    stack.callback(client.close)
    return client, port


def until(done: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except PyMongoError:
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_shard_is_refused_once_it_belongs_to_a_cluster_and_a_config_server_always(
    cluster: tuple[Client, Client, Callable[[], None]],
) -> None:
    shard, config, join = cluster
    shard.shop.orders.insert_one({"_id": 1})
    assert look_at_server(shard).set_name == "shard", "a set that may become a shard is a set like any other"
    with capture(shard, None, clock=SystemClock()) as captured:
        assert [one.namespace for one in captured.collections] == ["shop.orders"]
    with pytest.raises(DatabaseUnsupported, match="config server"):
        look_at_server(config)

    join()
    with (
        pytest.raises(DatabaseUnsupported, match="is a shard of a sharded cluster"),
        capture(shard, None, clock=SystemClock()),
    ):
        pass
    host, port = shard.address or ("", 0)
    shard.admin.command("createUser", "few", pwd="few", roles=[{"role": "readWrite", "db": "shop"}])
    with (
        MongoClient[dict[str, Any]](host, port, directConnection=True, username="few", password="few") as few,
        pytest.raises(DatabaseUnsupported, match="is a shard"),
    ):
        look_at_server(few)
