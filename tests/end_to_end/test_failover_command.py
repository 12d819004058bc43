"""The command itself, while the database under it changes its primary, is restarted, or stays away."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import KEY, Machine, fill_some, read_database
from mongod import MONGOD
from pymongo import MongoClient

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

pytestmark = pytest.mark.long
RESTORE = ("restore", "db", "latest", "--over-live", "--yes")


@pytest.fixture(params=[1, 3], ids=["one node", "three nodes"])
def shaky(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[PrivateServer, Machine]]:
    """A machine with a server of its own, backed up once and changed since."""
    options = ServerOptions(nodes=request.param, parameters={"shutdownTimeoutMillisForSignaledShutdown": "1000"})
    with (
        PrivateServer(MONGOD, options) as server,
        MongoClient(server.uri, w="majority") as client,
    ):
        (tmp_path / "uploads").mkdir()
        variables = {
            "MONGODB_URI": server.uri_for(None, None, "legal"),
            "UPLOADS_DIR": str(tmp_path / "uploads"),
            "BACKUP_ENCRYPTION_KEY": KEY,
            "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        }
        machine = Machine(tmp_path, variables, client, "legal")
        fill_some(machine.collections, 6_000)
        machine.collections.command("createUser", "clerk", pwd="p", roles=["readWrite"])
        machine.run("init", "--yes")
        machine.run("backup", "db")
        yield server, machine


def change_all(machine: Machine) -> None:
    for name in ("cases", "clients", "messages"):
        machine.collections[name].update_many({}, {"$set": {"changed": True}})
    machine.collections.recent.drop()
    machine.collections.since.insert_one({"_id": "not in the snapshot"})
    machine.collections.command("dropUser", "clerk")


def await_landing(machine: Machine, run: Any) -> None:
    """Until the first documents are there under a temporary name."""
    while run.poll() is None:
        for name in machine.collections.list_collection_names():
            if name.startswith("lifeboat.tmp.") and machine.collections[name].find_one():
                return
        time.sleep(0.01)
    raise AssertionError(run.communicate())


def number_of_primary(server: PrivateServer, machine: Machine) -> int:
    primary: Any = machine.client.primary
    return server.ports.index(primary[1])


@pytest.mark.parametrize("what", ["step down", "kill", "terminate", "freeze"])
def test_restore_and_undo_end_by_themselves(shaky: tuple[PrivateServer, Machine], what: str) -> None:
    server, machine = shaky
    wanted = read_database(machine.client, "legal")
    change_all(machine)
    changed = read_database(machine.client, "legal")
    for arguments, expected in ((RESTORE, wanted), (("restore", "--undo", "--yes"), changed)):
        run = machine.start(*arguments)
        await_landing(machine, run)
        hit(server, machine, what)
        out, err = run.communicate(timeout=240)
        assert run.returncode == 0, out + err
        assert "Traceback" not in err
        held = read_database(machine.client, "legal")
        assert {name: held.get(name) for name in expected} == expected
        assert not [name for name in held if name.startswith("lifeboat.")]


@pytest.mark.parametrize("seed", range(8))
def test_hit_at_any_time_the_safety_snapshot_included(shaky: tuple[PrivateServer, Machine], seed: int) -> None:
    server, machine = shaky
    chance = random.Random(seed)
    wanted = read_database(machine.client, "legal")
    change_all(machine)
    run = machine.start(*RESTORE)
    time.sleep(chance.uniform(0.5, 6))
    if run.poll() is None:
        hit(server, machine, chance.choice(["step down", "kill", "terminate", "freeze"]))
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, out + err
    held = read_database(machine.client, "legal")
    assert {name: held.get(name) for name in wanted} == wanted
    assert not [name for name in held if name.startswith("lifeboat.")]


def hit(server: PrivateServer, machine: Machine, what: str) -> None:
    number = number_of_primary(server, machine)
    process = server.process_ids[number]
    if what == "step down":
        machine.client.admin.command("replSetStepDown", 3, secondaryCatchUpPeriodSecs=1, force=True)
    elif what == "kill":
        server.kill(number)
        time.sleep(1)
        server.restart(number)
    elif what == "terminate":
        os.kill(process, signal.SIGTERM)
        server.restart(number)
    else:
        os.kill(process, signal.SIGSTOP)
        time.sleep(4)
        os.kill(process, signal.SIGCONT)


def test_a_database_that_stays_away_ends_it_in_one_sentence_and_the_same_command_finishes(
    shaky: tuple[PrivateServer, Machine],
) -> None:
    server, machine = shaky
    wanted = read_database(machine.client, "legal")
    change_all(machine)
    run = machine.start(*RESTORE)
    await_landing(machine, run)
    server.kill()
    out, err = run.communicate(timeout=240)
    assert run.returncode == 13, out + err
    assert "[database-away]" in err and "type the same command again" in " ".join(err.split())
    assert "Traceback" not in err
    server.restart()
    machine.run(*RESTORE)
    held = read_database(machine.client, "legal")
    assert {name: held.get(name) for name in wanted} == wanted
    assert not [name for name in held if name.startswith("lifeboat.")]


def test_stopped_while_the_database_is_away_it_ends_at_once(shaky: tuple[PrivateServer, Machine]) -> None:
    server, machine = shaky
    change_all(machine)
    run = machine.start(*RESTORE)
    await_landing(machine, run)
    frozen = server.process_ids
    for process in frozen:
        os.kill(process, signal.SIGSTOP)
    time.sleep(2)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)  # far less than the patience
    for process in frozen:
        os.kill(process, signal.SIGCONT)
    assert run.returncode == 130, out + err
    assert "Traceback" not in err
