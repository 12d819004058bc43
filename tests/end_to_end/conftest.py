"""One server with access control and one S3 for all; a machine with the application for each test that asks for one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from machine import KEY, PASSWORD, Client, Machine, fill_some
from mongod import MONGOD, private_server
from pymongo import MongoClient
from versitygw import RunningS3, versitygw_for_tests

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

sys.path.append(str(Path(__file__).parents[1] / "plan"))  # what the mission wants in the plan

MakeMachine = Callable[..., Machine]


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    with private_server(authentication=True) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: PrivateServer) -> Iterator[Client]:
    with MongoClient(server.uri, tz_aware=True) as connected:
        connected["admin"].command("createUser", "owner", pwd=PASSWORD, roles=["root"])
        yield connected


@pytest.fixture(scope="session")
def s3() -> Iterator[RunningS3]:
    with versitygw_for_tests() as running:
        yield running


@pytest.fixture(scope="session")
def make_machine(server: PrivateServer, client: Client) -> Iterator[Callable[..., Machine]]:
    """Returns ``make(folder, **more_variables)``; the database of each is dropped at the end."""
    made: list[Machine] = []

    def make(folder: Path, **more: str) -> Machine:
        database = f"legal{len(made)}"
        variables = {
            "MONGODB_URI": server.uri_for("owner", PASSWORD, database),
            "UPLOADS_DIR": str(folder / "uploads"),
            "BACKUP_ENCRYPTION_KEY": KEY,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            **more,
        }
        folder.mkdir(exist_ok=True)
        machine = Machine(folder, variables, client, database)
        made.append(machine)
        return machine

    with ExitStack() as stack:
        stack.callback(lambda: [client.drop_database(one.database) for one in made])
        yield make


@pytest.fixture(scope="session")
def replica_set() -> Iterator[PrivateServer]:
    """A server whose changes can be streamed."""
    options = ServerOptions(parameters={"periodicNoopIntervalSecs": "1"})
    with PrivateServer(MONGOD, options) as running:
        yield running


@pytest.fixture
def set_machine(make_machine: MakeMachine, tmp_path: Path, replica_set: PrivateServer) -> Iterator[Machine]:
    """A machine with something to protect, a repository, and a replica set of its own database."""
    made: Machine = make_machine(tmp_path / "shop")
    host = replica_set.uri.partition("//")[2].partition("/")[0]
    with MongoClient(replica_set.uri, tz_aware=True) as client:
        made.client, made.database = client, f"serve{abs(hash(str(tmp_path))) % 10**9}"
        made.variables["MONGODB_URI"] = f"mongodb://{host}/{made.database}?replicaSet=lifeboat"
        made.uploads.mkdir()
        (made.uploads / "a.pdf").write_bytes(b"a" * 1000)
        fill_some(made.collections, 20)
        made.run("init", "--yes")
        yield made
