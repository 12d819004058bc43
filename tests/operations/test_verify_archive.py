"""Verification of the archive: what it says of a whole one, and that it says each thing that can be wrong with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from archive_kit import Streaming, archived, change, command, hours, segments
from prune_kit import World

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.verify.rolling import Limits, Unit, beside_each_other
from lifeboat.repository.names import KEYS, SEGMENTS, Source
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import new_chain
from lifeboat.repository.segments import StoredSegment
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Passing

DAYS = Rules(hourly=1, daily=2, window_days=3)
NOTHING = {"catalog": b"", "users": b"", "roles": b""}
"""A database without a collection."""
CREATE = {"create": "fresh", "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def stream(world: World) -> Streaming:
    """A day of archive after a snapshot, with changes, a command and a transaction in parts."""
    stream = Streaming(world)
    world.take(NOTHING, source=Source.MONGODB)
    for number in range(6):
        world.after(hours=4)
        stream.told(change(world, _id=number), change(world, "u", back=50), change(world, "d", back=40))
    world.after(hours=1)
    stream.told(change(world, _id="end"), parts=[[change(world, _id=1), change(world, _id=2)], [change(world, _id=3)]])
    world.after(minutes=5)
    stream.told(command(world, CREATE))
    world.after(minutes=5)
    stream.told()
    return stream


def codes(found: list[Finding], level: Level = Level.PROBLEM) -> list[str]:
    return sorted({one.code for one in found if one.level is level})


def test_a_whole_archive_is_whole_at_every_level(world: World, stream: Streaming) -> None:
    for level in ("structure", "sample", "full"):
        assert world.problems(level) == []
    report = world.verify("full")
    assert report.segments == len(archived(world)) == 11


def test_every_byte_counts(world: World, stream: Streaming) -> None:
    """Flipped anywhere, by name, a segment is found; what it leads to is named."""
    for stored in segments(world):
        raw = world.store.read(stored.name)
        for position in (3, 60, len(raw) // 2, len(raw) - 1):
            broken = bytearray(raw)
            broken[position] ^= 1
            world.store.delete(stored.name)
            world.store.write(stored.name, bytes(broken))
            found = [one for one in world.problems() if one.subject == stored.name]
            assert found and all(one.level is Level.PROBLEM and one.hurts for one in found), position
            world.store.delete(stored.name)
        world.store.write(stored.name, raw)
    world.clock.moment += timedelta(days=1)
    assert world.problems() == []


def test_a_cut_segment_is_found(world: World, stream: Streaming) -> None:
    stored = segments(world)[2]
    raw = world.store.read(stored.name)
    for length in (0, 40, 200, len(raw) - 1):
        world.store.delete(stored.name)
        world.store.write(stored.name, raw[:length])
        assert codes(world.problems()), length


def test_each_lost_segment_is_missed(world: World, stream: Streaming) -> None:
    for stored in segments(world):
        raw = world.store.read(stored.name)
        world.store.delete(stored.name)
        found = world.problems("structure")
        if stored.through == segments(world)[-1].through or stored.through > max(
            one.through for one in segments(world)
        ):
            assert found == [], "the newest may be withheld: nothing in the repository says that there was one"
        else:
            assert codes(found) == ["segment-missing"], stored
            assert found[0].hurts
        world.store.write(stored.name, raw)


def test_a_lost_data_key_is_missed_and_a_damaged_one_named(world: World, stream: Streaming) -> None:
    stored = segments(world)[0]
    key = f"{KEYS}{stored.generation}/{stored.data_key.hex()}"
    raw = world.store.read(key)
    world.store.delete(key)
    (found,) = [one for one in world.problems("structure") if one.subject == key]
    assert found.code == "data-key-missing" and "archive from" in found.hurts[0]
    world.store.write(key, raw[:-1] + bytes([raw[-1] ^ 1]))
    assert [one.subject for one in world.problems("structure")] == [key]


def test_a_gap_is_named_with_its_reason_and_is_no_problem(world: World, stream: Streaming) -> None:
    world.after(hours=2)
    stream.gap("the oplog had been overwritten")
    world.after(minutes=1)
    world.take(NOTHING, source=Source.MONGODB)
    world.after(hours=1)
    stream.told()
    (found,) = world.problems("structure")
    assert (found.code, found.level) == ("archive-gap", Level.WARNING)
    assert "the oplog had been overwritten" in found.message


def test_a_chain_that_no_snapshot_leads_into_restores_nothing(world: World, stream: Streaming) -> None:
    world.after(hours=2)
    stream.gap()
    world.after(hours=1)
    stream.told()
    (found,) = world.problems("structure")
    assert (found.code, found.level) == ("archive-without-base", Level.WARNING), "its snapshot may be under way"
    for _ in range(25):
        world.after(hours=1)
        stream.told()
    assert codes(world.problems("structure")) == ["archive-without-base"]


def test_what_prune_removed_is_not_missed_nor_what_a_killed_one_left(world: World) -> None:
    stream = Streaming(world)
    for _ in range(9):
        world.take(NOTHING, source=Source.MONGODB)
        hours(world, stream, 8, every=3)
    going = world.look(DAYS).archives[0].going
    assert len(going) > 8
    for stored in going[::2]:
        world.store.delete(stored.name)
    assert codes(world.problems("structure", DAYS)) == []
    for stored in going[1::2]:
        world.store.delete(stored.name)
    assert world.problems("structure", DAYS) == []
    longer = replace(DAYS, window_days=8)
    assert [one.code for one in world.problems("structure", longer)] == ["archive-begins-late"]
    first = min(segments(world), key=lambda one: one.after)
    second = next(one for one in segments(world) if one.after == first.through)
    for stored in (first, second):
        world.store.delete(stored.name)
    assert codes(world.problems("structure", longer)) == ["segment-missing"], "no prune ends between two snapshots"


def lie_names(stored: StoredSegment) -> list[tuple[str, str]]:
    """Names that a thief could put a segment under, and the finding on each."""
    return [
        (stored.name.replace(stored.chain, new_chain()), "object-damaged"),
        (stored.name.replace(stored.through.hex(), ClusterTime(2**32 - 2, 1).hex()), "object-damaged"),
        (stored.name.replace(stored.writer, "e" * 32), "segment-of-nobody"),
        (f"{SEGMENTS}{stored.generation}/{stored.data_key.hex()}/rubbish", "segment-misnamed"),
    ]


def test_what_a_thief_plants_is_named_and_made_good_by_removing_it(world: World, stream: Streaming) -> None:
    stored = segments(world)[3]
    raw = world.store.read(stored.name)
    for name, code in lie_names(stored):
        world.store.write(name, raw)
        found = [one for one in world.problems("structure") if one.subject == name]
        assert len(found) == 1 and found[0].hint, name
        assert found[0].code == code, name
        world.store.delete(name)
    assert world.problems("structure") == []


def test_a_million_planted_names_make_no_million_findings(world: World, stream: Streaming) -> None:
    stored = segments(world)[3]
    for _ in range(60):
        world.store.write(stored.name.replace(stored.chain, new_chain()), b"planted")
    found = world.problems("structure")
    assert len(found) < 30 and any("more of this kind" in one.message for one in found)


def test_a_segment_that_goes_on_from_another_history_is_found(world: World, stream: Streaming) -> None:
    world.after(minutes=5)
    stream.told(after=Edge(stream.reached, 2, b"\x09" * 32))
    assert codes(world.problems("structure")) == ["segment-contradicts"]


def _other_event(world: World) -> dict[str, Any]:
    return {"content": change(world, "d", "shop.other").to_bson()}


LIES: dict[str, Callable[[World], dict[str, Any]]] = {
    "another count": lambda world: {"events": 7},
    "other changes than the summary counts": _other_event,
    "a summary of nothing": lambda world: {"summary": b'{"counts":[],"databases":null,"first_wall":null,"format":1,"last_wall":null}\n'},
    "no summary": lambda world: {"summary": b"{}\n"},
    "no changes at all": lambda world: {"content": b"rubbish"},
    "changes of after its end": lambda world: {"content": change(world, back=-60).to_bson()},
    "changes of before its beginning": lambda world: {"content": change(world, back=90_000).to_bson()},
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_what_a_wrong_writer_signs_is_found_by_opening_it(world: World, stream: Streaming, lie: str) -> None:
    world.after(minutes=5)
    stored = stream.told(change(world), **LIES[lie](world))
    assert world.problems("structure") == []
    (found,) = world.problems("full")
    assert (found.subject, found.code, found.level) == (stored.name, "segment-damaged", Level.PROBLEM)
    (again,) = world.problems("sample")
    assert again.subject == stored.name


def test_changes_out_of_order_are_found(world: World, stream: Streaming) -> None:
    world.after(minutes=5)
    stored = stream.told(change(world, back=10), change(world, back=20))
    assert [one.subject for one in world.problems("full")] == [stored.name]


def test_a_command_that_the_summary_leaves_out_is_found(world: World, stream: Streaming) -> None:
    world.after(minutes=5)
    told = command(world, {"drop": "orders"})
    stored = stream.told(
        told, summary=b'{"counts":[],"databases":null,"first_wall":null,"format":1,"last_wall":null}\n'
    )
    (found,) = world.problems("full")
    assert found.subject == stored.name and "catalog" in found.message


def test_where_the_rights_end_at_names_that_is_said(world: World, stream: Streaming) -> None:
    class NoSegments(Passing):
        def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
            if name.startswith(SEGMENTS):
                raise StorageDenied("no right")
            return super().read(name, span)

    report = world.verify("structure", NoSegments(world.store))
    assert "archive-not-read" in {one.code for one in report.findings}
    assert not [one for one in report.findings if one.level is Level.PROBLEM]
    world.store.delete(segments(world)[3].name)
    report = world.verify("structure", NoSegments(world.store))
    assert codes(list(report.findings)) == ["segment-missing"]


def test_a_nightly_check_reads_packs_and_segments_alike(world: World, stream: Streaming) -> None:
    """However many segments come in every day, old packs are read again, and segments are not left out."""
    for number in range(5):
        world.after(minutes=5)
        world.take({"one": number.to_bytes(1, "big") * 9_000}, source=Source.FILES)
    packs = world.names("/pack/")
    watching = Watching(world.store)
    for night in range(16):
        for _ in range(30):
            world.after(minutes=20)
            stream.told(change(world, text="x" * 300, night=night))
        world.take(NOTHING, source=Source.MONGODB)
        total = sum(one.size_bytes for one in world.store.list_under(""))
        world.verify("full", watching, limits=Limits(max_bytes=total // 4))
    assert all(watching.whole.count(name) >= 2 for name in packs)
    assert sum(SEGMENTS in name for name in watching.whole) > 16 * 8


class Watching(Passing):
    """Notes what is read whole."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.whole: list[str] = []

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        if span is None:
            self.whole.append(name)
        return super().read(name, span)


def test_two_orders_are_merged_by_bytes_and_stay_in_order() -> None:
    packs = [Unit(f"files/pack/{n}", bytes([n]) * 32, 100) for n in range(5)]
    small = [Unit(f"mongodb/oplog/{n}", bytes([n]) * 32, 1) for n in range(100)]
    merged = beside_each_other(packs, small)
    assert [one for one in merged if one in packs] == packs and [one for one in merged if one in small] == small
    assert len(merged) == 105
    for number, one in enumerate(packs):
        assert abs(sum(other in small for other in merged[: merged.index(one)]) - 20 * number) <= 1
    assert beside_each_other(packs, []) == packs and beside_each_other([], small) == small
