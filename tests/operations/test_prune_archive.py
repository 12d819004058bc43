"""Prune and the archive: what is needed for any moment of the window stays, and stays readable."""

from pathlib import Path

import pytest
from archive_kit import Streaming, hours, read_back, segments
from prune_kit import World

from lifeboat.repository.names import KEYS, Source
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Passing

FEW = Rules(hourly=1, daily=2, monthly=2)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_data_key_of_a_segment_outlives_its_month(world: World) -> None:
    """No index and no pack names it: only the segments' own names do."""
    world.after(days=29)
    stream = Streaming(world)
    world.take(source=Source.MONGODB)
    hours(world, stream, 30)
    for _ in range(12):
        world.after(days=1).take(source=Source.MONGODB)
        world.prune(FEW)
    assert segments(world)
    for stored in segments(world):
        assert read_back(world, stored) == stream.contents[stored.name]


def test_a_key_that_nothing_uses_goes_with_its_month(world: World) -> None:
    stream = Streaming(world)
    stored = stream.segment()
    for _ in range(50):
        world.after(days=1).take(source=Source.MONGODB)
    world.store.delete(stored.name)
    key = f"{KEYS}{stored.generation}/{stored.data_key.hex()}"
    assert key in world.names()
    world.prune(FEW)
    assert key not in world.names()


def test_where_the_archive_may_not_be_listed_no_key_goes(world: World) -> None:
    class Hiding(Passing):
        def list_under(self, prefix: str):  # type: ignore[no-untyped-def]
            if prefix.startswith("mongodb/oplog"):
                raise StorageDenied("no right")
            return super().list_under(prefix)

    Streaming(world).segment()
    for _ in range(50):
        world.after(days=1).take(source=Source.MONGODB)
    before = world.names(KEYS)
    with pytest.raises(StorageDenied):
        world.prune(FEW, store=Hiding(world.store))
    assert world.names(KEYS) == before
