"""Drills on real servers: what did not come back is found and named, nothing live is touched, nothing of it stays."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from machine import Machine, fill_some, grow_some, read_database
from mongod import private_server
from pymongo import MongoClient

from lifeboat.crypto.identity import Identity
from lifeboat.sources.mongodb.private_server import PrivateServer

HOOK = """
import os, sys
from pathlib import Path
from pymongo import MongoClient
database = MongoClient(os.environ["LIFEBOAT_DRILL_URI"])[{database!r}]
{act}
"""
FAULTS = {
    "document-changed": "database.cases.update_one({'_id': 7}, {'$set': {'name': 'another'}})",
    "document-missing": "database.cases.delete_one({'_id': 8})",
    "document-extra": "database.cases.insert_one({'_id': 'planted'})",
    "collection-missing": "database.drop_collection('messages')",
    "collection-extra": "database.create_collection('planted')",
    "index-missing": "database.clients.drop_index('some')",
    "options-differ": "database.command('collMod', 'checked', validator={})",
    "user-missing": "database.command('dropUser', 'app')",
    "file-missing": "next(p for p in sorted(Path(os.environ['LIFEBOAT_DRILL_FILES']).rglob('*.txt'))).unlink()",
}


@pytest.fixture(scope="module")
def stored(make_machine: Any, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine: Machine = make_machine(tmp_path_factory.mktemp("stored"))
    fill_some(machine.collections)
    machine.client[machine.database].command("createUser", "app", pwd="secret", roles=["readWrite"])
    grow_some(machine.uploads)
    (machine.uploads / "one.txt").write_text("one")
    machine.run("init", "--yes")
    machine.run("backup", "all")
    return machine


@pytest.fixture(scope="module")
def staging() -> Iterator[PrivateServer]:
    """An empty server that somebody gave for drills."""
    with private_server() as running:
        yield running


def hook(machine: Machine, folder: Path, act: str) -> str:
    path = folder / "hook.py"
    path.write_text(HOOK.format(database=machine.database, act=act))
    return f"{sys.executable} {path}"


def drill(machine: Machine, *more: str, code: int = 0, **variables: str | None) -> dict[str, Any]:
    found: dict[str, Any] = machine.json("drill", "--no-notice", *more, code=code, **variables)
    return found


def named(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["code"], one["subject"]) for part in report["compared"] for one in part["differences"]]


def left_of(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


def test_all_of_it_comes_back_and_nothing_stays(stored: Machine, tmp_path: Path) -> None:
    before = read_database(stored.client, stored.database)
    report = drill(stored, "--dir", str(tmp_path))
    assert report["outcome"] == "passed"
    assert report["scenario"] == "server-loss"
    assert {one["name"] for one in report["phases"]} >= {
        *("plan", "preflight", "provision", "fetch", "decrypt", "restore", "compare", "measure", "wipe"),
    }
    assert {one["what"] for one in report["compared"]} >= {str(stored.uploads), f"{stored.database}.cases", "users"}
    assert sum(one["items"] for one in report["compared"]) > 1200
    assert 0 < report["measures"]["rto_seconds"] < report["measures"]["rto_objective_seconds"]
    assert {one["source"] for one in report["measures"]["lost"]} == {"db", "files"}
    assert all(one["is_gone"] for one in report["wiped"])
    assert left_of(tmp_path) == []
    assert report["ledger_number"] is not None
    assert read_database(stored.client, stored.database) == before


def test_each_planted_fault_is_found_named_and_nothing_else(stored: Machine, tmp_path: Path) -> None:
    """All in one copy: each of them is named, and no others but what they bring along."""
    report = drill(stored, "--hook", hook(stored, tmp_path, "\n".join(FAULTS.values())), "--dir", str(tmp_path), code=3)
    assert report["outcome"] == "failed"
    assert {code for code, _ in named(report)} == set(FAULTS) | {"attributes-differ"}  # of the folder a file went from
    subjects = dict(named(report))
    assert subjects["document-changed"] == f"{stored.database}.cases _id 7"
    assert subjects["document-missing"] == f"{stored.database}.cases _id 8"
    assert subjects["document-extra"] == f'{stored.database}.cases _id "planted"'
    assert subjects["user-missing"] == f"user {stored.database}.app"
    assert report["measures"]["rto_seconds"] is None


def test_a_restore_slower_than_the_objective_is_a_problem(stored: Machine, tmp_path: Path) -> None:
    settings = tmp_path / "strict.toml"
    settings.write_text('[objectives]\nrto = "0.1s"\n')
    report = drill(stored, "--scenario", "database-loss", "--config", str(settings), code=3)
    assert "rto-missed" in [one["code"] for one in report["findings"]]
    assert report["outcome"] == "failed"


@pytest.mark.long
def test_a_given_server_must_be_another_one_and_empty_and_is_empty_again(
    stored: Machine, staging: PrivateServer
) -> None:
    source = stored.variables["MONGODB_URI"]
    by_another_name = source.replace("127.0.0.1", "localhost")
    loss = ("drill", "--no-notice", "--scenario", "database-loss")
    before = stored.json("drill", "list")["drills"]
    assert "is the server that is protected" in stored.refuses(15, "staging-refused", *loss, "--to", by_another_name)
    client: MongoClient[dict[str, Any]] = MongoClient(staging.uri)
    client["somebody"]["s"].insert_one({})
    held = stored.refuses(15, "staging-refused", *loss, "--to", "env:STAGING", STAGING=staging.uri)
    assert "holds databases: somebody" in held
    stored.refuses(15, "staging-refused", *loss, "--dir", "/no/such/folder")
    assert stored.json("drill", "list")["drills"] == before, "what could not be made is no drill"
    client.drop_database("somebody")
    report = drill(stored, "--scenario", "database-loss", "--to", "env:STAGING", STAGING=staging.uri)
    assert report["outcome"] == "passed"
    assert set(client.list_database_names()) <= {"admin", "local", "config"}
    assert report["wiped"][0]["is_gone"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_it_leaves_nothing(
    stored: Machine, staging: PrivateServer, tmp_path: Path, number: signal.Signals
) -> None:
    slow = hook(stored, tmp_path, "import time; print('there', flush=True); time.sleep(60)")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = stored.start(
        "drill", "--no-notice", "--to", "env:STAGING", "--dir", str(scratch), "--hook", slow, STAGING=staging.uri
    )
    client: MongoClient[dict[str, Any]] = MongoClient(staging.uri)
    wait_for(lambda: stored.database in client.list_database_names() and left_of(scratch) != [])
    wait_for(lambda: client[stored.database]["messages"].estimated_document_count() > 0)
    run.send_signal(number)
    run.communicate(timeout=60)
    wait_for(lambda: left_of(scratch) == [])
    wait_for(lambda: set(client.list_database_names()) <= {"admin", "local", "config"})


def test_with_nothing_but_the_place_and_the_key(stored: Machine, tmp_path: Path) -> None:
    """On a machine that has neither settings nor state nor the database."""
    bare = stored.elsewhere(tmp_path / "bare", MONGODB_URI=None, UPLOADS_DIR=None)
    for name in ("MONGODB_URI", "UPLOADS_DIR"):
        bare.variables.pop(name, None)
    report = drill(bare, "--scenario", "server-loss")
    assert report["outcome"] == "passed"
    assert {one["source"] for one in report["snapshots"]} == {"mongodb", "files"}


@pytest.mark.long
def test_the_second_key_holder_alone(make_machine: Any, tmp_path: Path) -> None:
    second = Identity.generate()
    machine: Machine = make_machine(tmp_path / "app")
    (machine.folder / "lifeboat.toml").write_text(f'[repository]\nrecipients = ["{second.recipient.to_text()}"]\n')
    fill_some(machine.collections, documents=20)
    machine.run("init", "--yes")
    machine.run("backup", "db")
    key = tmp_path / "second.key"
    key.write_text(second.to_text().reveal())
    key.chmod(0o600)
    report = drill(machine, "--scenario", "key-holder-lost", "--key-file", str(key))
    assert report["outcome"] == "passed"
    assert report["key"] == second.recipient.fingerprint_short
    same = tmp_path / "same.key"
    same.write_text(machine.variables["BACKUP_ENCRYPTION_KEY"])
    said = machine.refuses(10, "drill-unclear", "drill", "--scenario", "key-holder-lost", "--key-file", str(same))
    assert "used every day" in said


def test_before_a_time_and_one_collection(stored: Machine, tmp_path: Path) -> None:
    time.sleep(1.1)
    before = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    time.sleep(1.1)
    stored.collections["cases"].update_many({}, {"$set": {"text": "encrypted"}})
    stored.run("backup", "db")
    report = drill(stored, "--scenario", "ransomware", "--before", before)
    assert report["outcome"] == "passed"
    assert {one["source"] for one in report["snapshots"]} == {"mongodb", "files"}
    assert all(one["seconds"] >= 0 for one in report["measures"]["lost"])
    one = drill(stored, "--scenario", "bad-deploy", "--before", before, "--ns", f"{stored.database}.cases")
    assert [part["what"] for part in one["compared"]] == [f"{stored.database}.cases"]
    said = stored.refuses(10, "drill-unclear", "drill", "--scenario", "ransomware")
    assert "--before" in said


def test_the_report_is_written_and_prints_what_was_found(stored: Machine, tmp_path: Path) -> None:
    stored.run(
        *("drill", "--no-notice", "--scenario", "database-loss", "--out", str(tmp_path / "out")),
        *("--hook", hook(stored, tmp_path, FAULTS["document-changed"])),
        code=3,
    )
    (page,) = (tmp_path / "out").glob("*.html")
    (report,) = (tmp_path / "out").glob("*.json")
    assert f"{stored.database}.cases _id 7" in page.read_text()
    assert json.loads(report.read_text())["outcome"] == "failed"


def wait_for(reached: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.long
def test_of_a_standalone_the_newest_snapshot_is_drilled(make_machine: Any, tmp_path: Path) -> None:
    """It has no moments: what it has is a snapshot that is not one instant."""
    machine: Machine = make_machine(tmp_path / "app")
    with private_server(nodes=0) as alone, MongoClient(alone.uri) as client:
        client["shop"]["orders"].insert_many([{"_id": n} for n in range(10)])
        machine.variables["MONGODB_URI"] = alone.uri_for(None, None, "shop")
        machine.run("init", "--yes")
        machine.run("backup", "db")
        report = drill(machine, "--scenario", "server-loss")
    assert report["outcome"] == "passed"
    assert [one["items"] for one in report["compared"] if one["what"] == "shop.orders"] == [10]
