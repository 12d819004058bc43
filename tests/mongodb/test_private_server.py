"""The private server starts, serves, survives a kill with its data, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mongod import MONGOD, private_server
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from lifeboat.sources.mongodb.errors import MongodFailed, MongodMissing
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod


def is_gone(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_acknowledged_data_survives_a_kill_and_nothing_survives_a_stop(tmp_path: Path) -> None:
    with PrivateServer(MONGOD, ServerOptions(authentication=True), within=tmp_path) as server:
        with MongoClient(server.uri) as client:
            client.shop.orders.insert_one({"_id": 1})
            assert client.admin.command("hello")["setName"] == "lifeboat"
        server.kill()
        server.restart()
        with MongoClient(server.uri) as client:
            assert client.shop.orders.find_one() == {"_id": 1}
        wrong = server.uri.replace("root:", "root:x")
        with MongoClient(wrong) as stranger, pytest.raises(OperationFailure, match="Authentication failed"):
            stranger.shop.orders.find_one()
        processes = server.process_ids
    assert not any(tmp_path.iterdir())
    assert all(is_gone(process) for process in processes)


def test_a_standalone_has_no_set_name() -> None:
    with private_server(nodes=0) as server, MongoClient(server.uri) as client:
        assert "setName" not in client.admin.command("hello")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_the_server_and_its_folder_go_with_their_parent(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path\n"
        "from lifeboat.sources.mongodb.private_server import PrivateServer\n"
        f"server = PrivateServer(Path({str(MONGOD)!r}))\n"
        "print(server.process_ids[0], flush=True); time.sleep(60)"
    )
    around = {**os.environ, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=around)
    assert parent.stdout
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while (not is_gone(child) or any(tmp_path.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert is_gone(child)
    assert not any(tmp_path.iterdir())


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(MongodMissing, match="/no/such/mongod"):
        find_mongod("/no/such/mongod")


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(MongodFailed, match="setParameter"):
        private_server(parameters={"noSuchParameter": "1"})
