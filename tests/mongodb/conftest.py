"""One real mongod for each test process, one database for each test."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from mongod import MONGOD
from pymongo import MongoClient

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    """A one-node replica set whose TTL monitor runs every second."""
    options = ServerOptions(parameters={"ttlMonitorSleepSecs": "1"})
    with PrivateServer(MONGOD, options) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: PrivateServer) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient(server.uri) as connected:
        yield connected


@pytest.fixture
def database(client: MongoClient[dict[str, Any]], request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a database nobody else uses; dropped afterwards."""
    name = f"t{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    yield name
    for found in client.list_database_names():
        if found.startswith(name):
            client.drop_database(found)
