"""Two servers for each test file that asks: one under load, one to restore to. Helpers of tests/operations can be imported."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mongod import private_server

sys.path.insert(0, str(Path(__file__).parents[1] / "operations"))

from proof import SOURCE, TARGET

from lifeboat.sources.mongodb.private_server import PrivateServer


@pytest.fixture
def source() -> Iterator[PrivateServer]:
    with private_server(parameters=SOURCE) as running:
        yield running


@pytest.fixture
def target() -> Iterator[PrivateServer]:
    with private_server(parameters=TARGET) as running:
        yield running
