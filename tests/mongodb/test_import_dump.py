"""What the official mongodump wrote comes in as a snapshot, and a restore of that brings back what was dumped, byte by byte."""

import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mongo_tools import MongoTools
from mongodb_samples import Client, everything_in
from pymongo import MongoClient
from zoo import build_zoo

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.finding import Level
from lifeboat.operations.reports import ImportReport, RestoreRequest
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

ZOO = "zöo"


def started() -> PrivateServer:
    return PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), ServerOptions())


@pytest.fixture(scope="module")
def other() -> Iterator[tuple[PrivateServer, Client]]:
    """Where it is restored."""
    with started() as server, MongoClient(server.uri) as client:
        yield server, client


@pytest.fixture(scope="module")
def source() -> Iterator[tuple[PrivateServer, Client]]:
    with started() as server, MongoClient(server.uri) as client:
        build_zoo(client, ZOO)
        client[ZOO].command("createUser", "anna", pwd="p", roles=["read"])
        yield server, client


@pytest.fixture(scope="module")
def before(source: tuple[PrivateServer, Client]) -> dict[str, Any]:
    return everything_in(source[1], ZOO)


@pytest.fixture
def lifeboat(tmp_path: Path) -> Lifeboat:
    environment = {
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        "LIFEBOAT_STATE": str(tmp_path / "state"),
    }
    made = Lifeboat(read_settings(None, environment, tmp_path))
    made.initialise(guarded=False, new_key=None)
    return made


def mongodump(tools: MongoTools, server: PrivateServer, *how: str) -> None:
    done = subprocess.run(
        [str(tools.mongodump), f"--uri={server.uri}", *how], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def restored(lifeboat: Lifeboat, report: ImportReport, other: tuple[PrivateServer, Client], name: str = ZOO) -> dict[str, Any]:
    server, client = other
    client.drop_database(name)
    request = RestoreRequest(
        source="db", snapshot=report.snapshot.snapshot, to=server.uri_for(None, None, name), with_users=True
    )
    done = lifeboat.restore(request)
    problems = [one.message for one in done.findings if one.level is Level.PROBLEM]
    assert problems == []
    return everything_in(client, name)


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))


@pytest.mark.parametrize(
    "how", [["--archive=D"], ["--archive=D", "--gzip", "--oplog"], ["--out=D", "--oplog"], ["--out=D", "--gzip"]], ids=" ".join
)
def test_a_zoo_by_mongodump_comes_back_as_it_was(
    lifeboat: Lifeboat,
    source: tuple[PrivateServer, Client],
    other: tuple[PrivateServer, Client],
    before: dict[str, Any],
    mongo_tools: MongoTools,
    tmp_path: Path,
    how: list[str],
) -> None:
    mongodump(mongo_tools, source[0], *(word.replace("=D", f"={tmp_path / 'dump'}") for word in how))
    report = lifeboat.import_dump(str(tmp_path / "dump"))
    assert report.snapshot.complete and report.snapshot.one_instant == ("--oplog" in how)
    assert report.form == ("directory" if "--out=D" in how else "archive")
    other[1][ZOO].command("dropAllUsersFromDatabase")
    assert differences(restored(lifeboat, report, other), before) == []
    assert [one["user"] for one in other[1][ZOO].command("usersInfo")["users"]] == ["anna"]
