"""Two servers for each test file that asks: one under load, one to restore to. Helpers of tests/operations can be imported."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "operations"))

from proof import SOURCE, TARGET

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

MONGOD = find_mongod(os.environ.get("LIFEBOAT_MONGOD"))


@pytest.fixture
def source() -> Iterator[PrivateServer]:
    with PrivateServer(MONGOD, ServerOptions(parameters=SOURCE)) as running:
        yield running


@pytest.fixture
def target() -> Iterator[PrivateServer]:
    with PrivateServer(MONGOD, ServerOptions(parameters=TARGET)) as running:
        yield running
