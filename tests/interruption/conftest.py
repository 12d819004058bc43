"""One server, and for each sweep an office whose data can be put back to how it was."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office
from pymongo import MongoClient

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

KILLS_IN_SHORT = 5


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    with PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), ServerOptions()) as running:
        yield running


@pytest.fixture
def office(server: PrivateServer, tmp_path: Path) -> Iterator[Office]:
    with MongoClient(server.uri) as client:
        yield Office(tmp_path, server.uri_for(None, None, "office"), client)
        client.drop_database("office")


@pytest.fixture(params=[KILLS_IN_SHORT, pytest.param(None, marks=pytest.mark.long)], ids=["some", "all"])
def at_most(request: pytest.FixtureRequest) -> int | None:
    """At how many points it is killed; None: at every one."""
    return request.param  # type: ignore[no-any-return]
