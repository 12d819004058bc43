"""One real server for all of these tests, one database and one repository in memory for each."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from mongod import MONGOD
from pymongo import MongoClient
from stream_kit import Client, StreamKit

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    options = ServerOptions(parameters={"periodicNoopIntervalSecs": "1"})
    with PrivateServer(MONGOD, options) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: PrivateServer) -> Iterator[Client]:
    with MongoClient(server.uri) as connected:
        yield connected


@pytest.fixture
def database(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"t{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    yield name
    client.drop_database(name)


@pytest.fixture
def kit(tmp_path: Path) -> StreamKit:
    return StreamKit(tmp_path)
