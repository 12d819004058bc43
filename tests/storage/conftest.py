"""What the tests of stores share: a real S3 server, stores on it, and a clock that can be set."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "servers"))

from stores_on_servers import store_on
from versitygw import versitygw_for_tests


class SetClock:
    """A clock that stands until it is moved, and remembers every pause."""

    def __init__(self, start=None):
        self.time = start or datetime(2026, 10, 1, 12, tzinfo=UTC)
        self.slept_seconds = []

    def now(self):
        return self.time

    def monotonic(self):
        return self.time.timestamp()

    def sleep(self, seconds):
        self.slept_seconds.append(seconds)
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture(scope="session")
def s3_server():
    with versitygw_for_tests() as server:
        server.make_bucket("plain")
        server.make_bucket("versioned", versioning=True)
        yield server


@pytest.fixture
def s3_store(s3_server, request):
    """A store in a prefix of its own."""
    return store_on(s3_server, "plain", "test-" + request.node.name.replace("[", "-").rstrip("]")[:60])
