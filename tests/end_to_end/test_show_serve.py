"""The show: serve with five-second schedules, and the database killed under it and started again."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "services"))

from machine import Machine
from post import WebServer, web_server
from prometheus_client.parser import text_string_to_metric_families
from serve_kit import OFF, serving, settings, until

from lifeboat.sources.mongodb.private_server import PrivateServer


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


def test_backups_appear_the_stream_lags_seconds_and_a_killed_database_is_told_within_a_minute(
    set_machine: Machine, replica_set: PrivateServer, web: WebServer
) -> None:
    machine = set_machine
    machine.variables["MONGODB_URI"] += "&serverSelectionTimeoutMS=2000"
    settings(machine, **OFF | {"db": "every 5s", "all": "0 2 * * *"})
    with serving(machine, LIFEBOAT_NOTIFY_WEBHOOK=web.url) as served:
        until(lambda: len(machine.snapshots("mongodb")) >= 4)
        seen: list[float] = []

        def lags_seconds() -> bool:
            machine.collections["entries"].insert_one({"at": datetime.now(UTC)})
            time.sleep(2)
            seen.extend(lags(machine))
            return bool(seen) and min(seen) < 10

        until(lags_seconds, 60)
        print(f"the stream lags {min(seen):.1f} s")
        page = served.get("/metrics")[1]
        names = {family.name for family in text_string_to_metric_families(page)}
        assert "lifeboat_up" in names and len(names) > 5

        replica_set.kill()
        gone = time.monotonic()
        try:
            until(lambda: told(web, "backup db failed"), 60)
            print(f"told {time.monotonic() - gone:.1f} s after the database was killed")
            before = len(machine.snapshots("mongodb"))
        finally:
            replica_set.restart()
        until(lambda: told(web, "backup db works again"), 120)
        assert len(machine.snapshots("mongodb")) > before
        assert served.stop() == 0


def lags(machine: Machine) -> list[float]:
    archives = machine.json("status")["archives"]
    return [one["lag_seconds"] for one in archives if one["lag_seconds"] is not None]


def told(web: WebServer, words: str) -> bool:
    return any(words in str(one) for one in web.posted)
