"""Prune on a real S3 server: what is deleted there, what is left, and a bucket whose policy refuses to delete."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from versitygw import RunningS3

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("operations", "storage")]

from prune_kit import MovedClock, World, some_bytes
from stores_on_servers import store_on

from lifeboat.foundation.clock import SystemClock
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Passing
from lifeboat.storage.object_store import Content, StoredObject
from lifeboat.storage.retrying import RetryingStore

RULES = Rules(hourly=1, daily=2, monthly=1)


class OnS3(Passing):
    """A bucket whose months pass as the test tells: the bytes are the server's, the times are ours."""

    def __init__(self, server: RunningS3, bucket: str, clock: MovedClock) -> None:
        super().__init__(RetryingStore(store_on(server, bucket, "backups"), SystemClock()))
        self.clock = clock
        self.written: dict[str, datetime] = {}

    def write(self, name: str, content: Content) -> None:
        super().write(name, content)
        self.written[name] = self.clock.now()

    def copy_within(self, name: str, to_name: str) -> str | None:
        told = super().copy_within(name, to_name)
        self.written[to_name] = self.clock.now()
        return told

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        for stored in super().list_under(prefix):
            yield StoredObject(stored.name, stored.size_bytes, self.written[stored.name])

    def time_there(self) -> datetime:
        return self.clock.now()


@pytest.mark.parametrize("versioning", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_month_is_pruned_on_a_real_server(s3: RunningS3, tmp_path: Path, versioning: bool) -> None:
    bucket = f"pruned-{versioning}".lower()
    s3.make_bucket(bucket, versioning=versioning)
    world = World(tmp_path, make_store=lambda clock: OnS3(s3, bucket, clock))  # type: ignore[arg-type, return-value]
    for day in range(16):
        world.take({"own": some_bytes(3_000, day), "same": some_bytes(3_000, 99)})
        world.after(days=2)
    world.say(Verb.PROOF, *world.stored())
    assert len(world.prune(RULES).forgotten) == 14
    world.after(days=8)
    kept = world.take({"own": some_bytes(3_000, 50)})
    assert [one.code for one in world.problems()] == []

    class ReadOnly(Passing):
        def delete(self, name: str) -> None:
            raise StorageDenied("the right s3:DeleteObject is missing")

    refused = world.prune(RULES, store=ReadOnly(world.store))
    assert [one.code for one in refused.findings] == ["removal-refused"]
    report = world.prune(RULES)
    assert report.snapshots_removed == 14 and report.findings == ()
    assert [one.code for one in world.problems()] == []
    world.restores()
    assert kept.snapshot in {one.snapshot for one in world.stored()}
    assert world.prune(RULES).objects_removed == 0
