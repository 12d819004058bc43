"""One server for the tests of a file, another to restore to, and a client that finds the first one empty.

A file that needs a server of another kind has fixtures of the same names.
"""

from collections.abc import Iterator

import pytest
from mongod import emptied, private_server
from window_kit import Client

from lifeboat.sources.mongodb.private_server import PrivateServer


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as running:
        yield running


@pytest.fixture(scope="module")
def scratch() -> Iterator[str]:
    with private_server() as running:
        yield running.uri


@pytest.fixture
def client(server: PrivateServer) -> Iterator[Client]:
    with emptied(server) as connected:
        yield connected
