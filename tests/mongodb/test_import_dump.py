"""What the official mongodump wrote comes in as a snapshot, and a restore of that brings back what was dumped, byte by byte."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from mongo_tools import MongoTools
from mongod import private_server
from mongodb_samples import Client, everything_in, fill
from pymongo import MongoClient
from zoo import build_zoo

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.finding import Level
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.reports.snapshots import ImportReport
from lifeboat.sources.mongodb.private_server import PrivateServer

ZOO = "zöo"


def started() -> PrivateServer:
    return private_server()


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


def restored(
    lifeboat: Lifeboat, report: ImportReport, other: tuple[PrivateServer, Client], name: str = ZOO
) -> dict[str, Any]:
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
    names = found.keys() | wanted.keys()
    return sorted(name for name in names if comparable(found.get(name)) != comparable(wanted.get(name)))


def comparable(held: Any) -> Any:
    """In a dump the indexes of a time-series have their fields in another order than the server's ``originalSpec``, and one that was
    hidden later is not: mongodump is not told.
    """
    indexes = {name: dict(one) for name, one in (held or {}).get("indexes", {}).items()}
    for one in indexes.values():
        if "originalSpec" in one:
            one["originalSpec"] = dict(one["originalSpec"])
            one.pop("hidden", None)
    return held and {**held, "indexes": indexes}


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(["--archive=D"], marks=pytest.mark.long),
        ["--archive=D", "--gzip", "--oplog"],
        pytest.param(["--out=D", "--oplog"], marks=pytest.mark.long),
        ["--out=D", "--gzip"],
    ],
    ids=" ".join,
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


class Writer:
    """Changes documents by every operator, in transactions too; makes and drops collections, indexes and views."""

    def __init__(self, client: Client, name: str) -> None:
        self.database = client[name]
        self.client = client
        self.number = 0

    def write(self, times: int) -> None:
        for _ in range(times):
            self.number += 1
            self.once(self.number)

    def once(self, number: int) -> None:
        orders, key = self.database.orders, number % 400
        orders.insert_one({"_id": f"new {number}", "list": [number], "in": {"a": number}, "number": 10_000 + number})
        orders.update_one(
            {"_id": f"new {number // 2}"}, {"$push": {"list": {"$each": [number], "$slice": -5}}, "$inc": {"in.a": 1}}
        )
        orders.update_one(
            {"_id": f"new {number // 3}"}, [{"$set": {"deep": {"n": number}, "text": "x" * (number % 50)}}]
        )
        orders.delete_one({"_id": f"new {number - 40}"})
        orders.replace_one({"_id": f"new {number - 7}"}, {"replaced": number, "number": 20_000 + number})
        self.database.log.insert_one({"line": number})
        self.database.weather.insert_one(
            {"at": datetime(2026, 2, 1, number % 24), "place": {"city": f"c{number % 3}"}, "n": number}
        )
        with self.client.start_session() as session, session.start_transaction():
            self.database.tickets.insert_one({"_id": 10_000 + number, "text": "t"}, session=session)
            self.database.sessions.update_one({"n": key % 50}, {"$set": {"touched": number}}, session=session)
        if number % 5 == 0:
            made = self.database[f"made {number % 15}"]
            made.drop()
            made.insert_many({"_id": n, "of": number} for n in range(3))
            made.create_index("of", name=f"of {number}")
            self.database.people.drop_indexes()
            self.database.people.create_index("age", name=f"age {number}")
            self.database.command("collMod", "people", validationLevel="moderate" if number % 2 else "off")
            self.measure_anew(number)
            self.database.drop_collection("view made")
            self.database.create_collection("view made", viewOn="orders", pipeline=[{"$match": {"number": number}}])

    def measure_anew(self, number: int) -> None:
        """Time-series are made, changed and dropped; one that was there before changes its indexes."""
        made = self.database[f"series {number % 15}"]
        made.drop()
        self.database.create_collection(made.name, timeseries={"timeField": "at", "metaField": "place"})
        made.create_index("place.city", name="early")
        made.insert_many({"at": datetime(2026, 3, n + 1), "place": {"city": n % 2}, "n": n} for n in range(6))
        made.create_index([("place.city", 1), ("at", -1)], name=f"late {number}")
        if number % 2:
            self.database.command("collMod", made.name, timeseries={"granularity": "minutes"})
        self.database.weather.drop_indexes()
        self.database.weather.create_index([("place.city", 1), ("at", 1)], name=f"city {number}")


def dump_under(writer: Writer, tools: MongoTools, server: PrivateServer, folder: Path, how: list[str]) -> Path:
    """A dump in whose midst there was writing: mongodump is held after its first collection, so that its oplog has all of that."""
    for attempt in range(10):
        place = folder / f"dump {attempt}"
        words = [word.replace("=D", f"={place}") for word in how]
        command = [str(tools.mongodump), f"--uri={server.uri}", "--oplog", "--numParallelCollections=1", *words]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as dumping:
            assert dumping.stderr is not None
            for line in dumping.stderr:
                if "done dumping shop." in line:
                    dumping.send_signal(signal.SIGSTOP)
                    break
            writer.write(30)
            held_in_time = dumping.poll() is None
            dumping.send_signal(signal.SIGCONT)
            rest = dumping.stderr.read()
        assert dumping.returncode == 0, rest
        # What it had said before it was held is read only now: were it at the oplog already, this try says nothing.
        if held_in_time and "done dumping shop." in rest:
            return place
    raise AssertionError("mongodump was too quick ten times")


OPLOG_WAYS = [pytest.param(["--archive=D", "--gzip"], marks=pytest.mark.long), ["--out=D"]]


@pytest.mark.parametrize("how", OPLOG_WAYS, ids=lambda how: " ".join(how))
def test_a_dump_with_its_oplog_is_that_of_the_oplogs_end(
    lifeboat: Lifeboat, other: tuple[PrivateServer, Client], mongo_tools: MongoTools, tmp_path: Path, how: list[str]
) -> None:
    with started() as server, MongoClient(server.uri) as client:
        fill(client, "shop", orders=3000)
        client.shop.create_collection("weather", timeseries={"timeField": "at", "metaField": "place"})
        writer = Writer(client, "shop")
        writer.write(60)
        dump = dump_under(writer, mongo_tools, server, tmp_path, how)
        report = lifeboat.import_dump(str(dump))
        assert report.changes and report.changes > 200 and report.snapshot.one_instant
        wanted = everything_in(client, "shop")
        assert differences(restored(lifeboat, report, other, "shop"), wanted) == []
        writer.write(3)
        assert len(differences(everything_in(client, "shop"), wanted)) > 3, "the comparison sees what the writer does"


@pytest.mark.parametrize("form", ["mongodump-archive", pytest.param("mongodump-dir", marks=pytest.mark.long)])
def test_our_own_export_comes_back_in_as_it_was(
    lifeboat: Lifeboat,
    source: tuple[PrivateServer, Client],
    other: tuple[PrivateServer, Client],
    before: dict[str, Any],
    tmp_path: Path,
    form: str,
) -> None:
    first = lifeboat_of(source[0], tmp_path)
    first.backup("db")
    first.export("db", form, str(tmp_path / "out"), compress=True)
    report = first.import_dump(str(tmp_path / "out"))
    imported, backed_up = (
        {one.name: (one.kind, one.items, one.bytes) for one in first.contents(snapshot)}
        for snapshot in (report.snapshot.snapshot, "latest")
    )
    assert imported == backed_up
    found = restored(first, report, other)
    assert found.keys() == before.keys()
    assert [name for name in before if found[name] != before[name] and not name.startswith("system.buckets.")] == []
    assert differences(found, before) == []


def lifeboat_of(server: PrivateServer, folder: Path) -> Lifeboat:
    environment = {
        "MONGODB_URI": server.uri_for(None, None, ZOO),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "LIFEBOAT_REPOSITORY": str(folder / "repository"),
        "LIFEBOAT_STATE": str(folder / "state"),
    }
    return Lifeboat(read_settings(None, environment, folder))


def test_one_database_with_its_users_and_through_the_command(
    source: tuple[PrivateServer, Client], mongo_tools: MongoTools, lifeboat: Lifeboat, tmp_path: Path
) -> None:
    command = [str(Path(sys.executable).with_name("lifeboat")), "import", "-", "--taken", "2026-03-01T04:00:00+01:00"]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        "LIFEBOAT_STATE": str(tmp_path / "state"),
    }
    dump = subprocess.run(
        [
            str(mongo_tools.mongodump),
            f"--uri={source[0].uri}",
            "--archive",
            f"--db={ZOO}",
            "--dumpDbUsersAndRoles",
            "--gzip",
        ],
        capture_output=True,
        check=True,
    ).stdout
    done = subprocess.run(command, input=dump, env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"2026-03-01 0" in done.stdout and b"lifeboat restore db " in done.stdout, done.stdout
    cut = subprocess.run(command[:3], input=dump[:-9], env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert cut.returncode == 13 and b"cut off" in cut.stderr and b"Traceback" not in cut.stderr
    [row] = lifeboat.snapshots()
    assert (row.purpose, row.keep) == ("import", "imported from standard input")
    # Nothing counts it as a backup, and released it goes by no rule of its own.
    assert all(one.newest is None for one in lifeboat.status().sources)
    assert lifeboat.release_snapshot(row.snapshot).keep is None
