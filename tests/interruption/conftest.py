"""One server, and for each sweep an office whose data can be put back to how it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kill_points import StoreAhead
from mongod import private_server
from office import Office
from pymongo import MongoClient

import lifeboat.app.build as build
from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.storage.object_store import ObjectStore

KILLS_IN_SHORT = 2


@pytest.fixture(scope="session")
def server() -> Iterator[PrivateServer]:
    # What is streamed waits for an entry of the server's own, which comes every ten seconds otherwise.
    with private_server(parameters={"periodicNoopIntervalSecs": "1"}) as running:
        yield running


@pytest.fixture
def office(server: PrivateServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with MongoClient(server.uri) as client:
        made = Office(tmp_path, server.uri_for(None, None, "office"), client)
        real_open = build.open_store

        def open_ahead(*arguments: Any, **named: Any) -> ObjectStore:
            return StoreAhead(real_open(*arguments, **named), made.ahead)

        monkeypatch.setattr(build, "open_store", open_ahead)
        yield made
        client.drop_database("office")


@pytest.fixture(params=[KILLS_IN_SHORT, pytest.param(None, marks=pytest.mark.long)], ids=["some", "all"])
def at_most(request: pytest.FixtureRequest) -> int | None:
    """At how many points it is killed; None: at every one."""
    return request.param  # type: ignore[no-any-return]
