"""Prune and the archive: what is needed for any moment of the window stays, and stays readable; the rest goes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from archive_kit import Streaming, archived, hours, reachable, read_back, segments
from prune_kit import World

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.prune.plan import Kind
from lifeboat.repository.names import KEYS, SEGMENTS, Source, segment_name
from lifeboat.repository.record import Record
from lifeboat.repository.segment_writing import new_chain
from lifeboat.repository.statements import Verb
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import CrashAtCall, Killed, Passing, When
from lifeboat.storage.object_store import StoredObject

FEW = Rules(hourly=1, daily=2, monthly=2, window_days=3)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def database(world: World, **more: object) -> Record:
    return world.take(source=Source.MONGODB, **more)  # type: ignore[arg-type]


def days(world: World, stream: Streaming, count: int, *, prune: bool = True) -> None:
    """Each with eight segments and a snapshot of the database at its end."""
    for _ in range(count):
        hours(world, stream, 8, every=3)
        database(world)
        if prune:
            world.prune(FEW)


def test_the_data_key_of_a_segment_outlives_its_month(world: World) -> None:
    """No index and no pack names it: only the segments' own names do."""
    world.after(days=29)
    database(world)
    stream = Streaming(world)
    hours(world, stream, 8)
    for _ in range(12):
        world.after(days=1).take()
        world.prune(FEW)
    assert len(segments(world)) == 8
    for stored in segments(world):
        assert read_back(world, stored) == stream.contents[stored.name]


def test_a_key_that_nothing_uses_goes_with_its_month(world: World) -> None:
    stream = Streaming(world)
    stored = stream.segment()
    for _ in range(50):
        world.after(days=1)
        database(world)
    world.store.delete(stored.name)
    key = f"{KEYS}{stored.generation}/{stored.data_key.hex()}"
    assert key in world.names()
    world.prune(FEW)
    assert key not in world.names()


def test_where_the_archive_may_not_be_listed_no_key_goes(world: World) -> None:
    class Hiding(Passing):
        def list_under(self, prefix: str) -> Iterator[StoredObject]:
            if prefix.startswith(SEGMENTS):
                raise StorageDenied("no right")
            return super().list_under(prefix)

    Streaming(world).segment()
    for _ in range(50):
        world.after(days=1)
        database(world)
    before = world.names(KEYS)
    with pytest.raises(StorageDenied):
        world.prune(FEW, store=Hiding(world.store))
    assert world.names(KEYS) == before


def test_any_moment_of_the_window_stays_within_reach_and_older_segments_go(world: World) -> None:
    """Six weeks, pruned every day: the counts alone would keep two days."""
    stream = Streaming(world)
    database(world)
    days(world, stream, 10)
    for day in range(32):
        days(world, stream, 1)
        for hour in range(day % 9, 3 * 24, 9):  # other ones each day
            assert reachable(world, world.clock.moment - timedelta(hours=hour)), hour
        oldest = min(one.through.instant for one in segments(world))
        assert oldest > world.clock.moment - timedelta(days=3 + 1 + 2), "nothing piles up"
    for stored in segments(world):
        assert read_back(world, stored) == stream.contents[stored.name]
    assert world.problems("structure", FEW) == []


def test_segments_do_not_wait_for_their_month_to_close(world: World) -> None:
    stream = Streaming(world)
    database(world)
    days(world, stream, 12)
    assert len(segments(world)) < 8 * 7
    assert world.clock.moment.month == 1


def test_a_base_is_kept_that_the_counts_would_let_go_and_says_why(world: World) -> None:
    stream = Streaming(world)
    database(world)
    days(world, stream, 7, prune=False)
    world.say(Verb.PROOF, *world.stored())
    plan = world.look(FEW)
    kept = [one for one in plan.judged if one.verdict.because == "base-of-the-archive"]
    assert len(kept) == 3, "one a day, and the one before the window; the newest two days are kept by rule"
    assert "3 days" in kept[0].verdict.reason
    for name in archived(world):
        world.store.delete(name)
    assert not [one for one in world.look(FEW).judged if one.verdict.because == "base-of-the-archive"]


def test_without_a_base_that_is_old_enough_everything_stays(world: World) -> None:
    stream = Streaming(world)
    days(world, stream, 3)
    world.after(hours=1)
    database(world)
    assert len(segments(world)) == 24
    (said,) = world.prune(FEW).archives
    assert said.base is None and said.segments == 24 and said.going == 0


@pytest.mark.parametrize("more", [{"complete": False}, {"purpose": "safety"}, {"purpose": "import"}])
def test_what_is_no_backup_of_one_instant_is_no_base(world: World, more: dict[str, object]) -> None:
    stream = Streaming(world)
    first = database(world)
    hours(world, stream, 8, every=3)
    database(world, **more)
    for _ in range(8):
        hours(world, stream, 8, every=3)
    (said,) = world.look(FEW).archives
    assert said.base is not None and said.base.record.snapshot == first.snapshot


def test_an_unproved_snapshot_does_not_move_what_a_proved_one_reaches(world: World) -> None:
    """A stolen writer can commit snapshots that open nothing: the archive after the newest proved one stays."""
    stream = Streaming(world)
    proved = database(world)
    world.say(Verb.PROOF, proved)
    days(world, stream, 10)
    assert len(segments(world)) == 80
    honest = next(one for one in world.stored() if one.finished == proved.finished + timedelta(days=6))
    world.say(Verb.PROOF, honest)
    world.prune(FEW)
    assert min(one.through.instant for one in segments(world)) >= honest.instant


def test_a_proof_of_long_ago_does_not_hold_the_archive_for_ever(world: World) -> None:
    stream = Streaming(world)
    world.say(Verb.PROOF, database(world))
    days(world, stream, 45)
    assert len(segments(world)) < 8 * 8


def test_parts_go_with_their_segment_and_half_written_ones_after_the_grace(world: World) -> None:
    stream = Streaming(world)
    database(world)
    world.after(hours=3)
    whole = stream.segment(b"end", parts=(b"begin ", b"middle "))
    world.after(hours=3)
    orphan = stream.part(b"the stream died here")
    days(world, stream, 3)
    assert read_back(world, whole) == b"begin middle end"
    assert orphan.name in archived(world)
    days(world, stream, 5)
    assert orphan.name not in archived(world)
    assert not [one for one in segments(world) if one.is_part]


def test_removal_begins_with_the_oldest_and_a_segment_goes_before_its_parts(world: World) -> None:
    stream = Streaming(world)
    database(world)
    for number in range(10):
        world.after(hours=12)
        stream.segment(b"end", parts=(b"begin",))
        if number == 2:
            world.after(minutes=1)
            database(world)
    for _ in range(5):
        world.after(days=1).take()
    world.after(hours=1)
    going = [one for one in world.look(FEW).removals if one.kind in (Kind.SEGMENT, Kind.PART)]
    assert [one.kind for one in going] == [Kind.SEGMENT] * 3 + [Kind.PART] * 3
    ends = [one.name.rsplit("/", 1)[-1] for one in going[:3]]
    assert ends == sorted(ends)


def test_prune_killed_at_any_removal_leaves_every_moment_and_goes_on(tmp_path: Path) -> None:
    nth = 0
    while True:
        nth += 1
        world = World(tmp_path / str(nth))
        stream = Streaming(world)
        database(world)
        world.after(days=1)
        stream.segment(b"end", parts=(b"begin ",))
        days(world, stream, 6, prune=False)
        try:
            world.prune(FEW, store=CrashAtCall(world.store, nth, When.AFTER, frozenset({"write", "delete"})))
        except Killed:
            for hour in range(3 * 24):
                assert reachable(world, world.clock.moment - timedelta(hours=hour))
            world.prune(FEW)
            assert world.prune(FEW).objects_removed == 0
            for stored in segments(world):
                assert read_back(world, stored) == stream.contents[stored.name]
        else:
            break
    assert nth > 8, "it was killed while it removed segments"


def test_a_machine_that_only_streams_goes_by_the_snapshots_of_its_name(world: World) -> None:
    database(world)
    world.after(hours=1)
    repository = world.open(label="streamer", as_label="host")
    repository.new_writer(world.clock.now())
    stream = Streaming(world, "streamer")
    days(world, stream, 12)
    assert 8 * 4 < len(segments(world)) < 8 * 7
    for hour in range(3 * 24):
        assert reachable(world, world.clock.moment - timedelta(hours=hour))


def test_the_archive_of_another_name_is_not_measured_by_these_snapshots(world: World) -> None:
    other = Streaming(world, "other")
    stream = Streaming(world)
    database(world)
    for _ in range(12):
        hours(world, other, 2, every=2)
        hours(world, stream, 2, every=10)
        database(world)
        world.prune(FEW)
    mine = stream.repository.writer(world.clock.now()).writer.hex()
    assert sum(one.writer != mine for one in segments(world)) == 24


def test_a_replaced_writers_segments_go_once_its_successors_snapshots_reach_far_enough(world: World) -> None:
    stream = Streaming(world)
    database(world)
    days(world, stream, 2)
    world.after(hours=1)
    database(world, new_writer=True)
    fresh = Streaming(world)
    days(world, fresh, 12)
    assert {one.chain for one in segments(world)} == {fresh.chain}


def test_a_planted_name_costs_nothing_that_is_needed(world: World) -> None:
    """Who may write to the archive can put any name there, in any writer's."""
    stream = Streaming(world)
    database(world)
    days(world, stream, 3)
    model = segments(world)[0]
    for name in (
        model.name.replace(model.after.hex(), "0" * 16),
        model.name.replace(model.through.hex(), "f" * 16),
        model.name.replace(model.chain, new_chain()).replace(model.writer, "e" * 32),
        model.name.replace(model.generation, "2026-99"),
        model.name.replace(model.generation, "2031-01"),
        f"{SEGMENTS}{model.generation}/{model.data_key.hex()}/rubbish",
    ):
        world.store.write(name, b"planted")
    days(world, stream, 40)
    for hour in range(3 * 24):
        assert reachable(world, world.clock.moment - timedelta(hours=hour), only=stream.contents)


def test_a_clock_that_ran_ahead_does_not_use_up_the_window(world: World) -> None:
    """Twenty days are too few to make the store's clock doubtful; but nobody has seen them pass."""
    stream = Streaming(world)
    database(world)
    days(world, stream, 5)
    before = archived(world)
    world.after(days=20)
    world.prune(FEW)
    assert len(before - archived(world)) <= 16, "a day and a half at most"
    world.after(days=-20)
    for hour in range(24):
        assert reachable(world, world.clock.moment - timedelta(hours=hour))


def test_a_database_whose_clock_is_years_behind_keeps_its_window(world: World) -> None:
    stream = Streaming(world, skew=timedelta(days=-900))
    for _ in range(8):
        hours(world, stream, 8, every=3)
        database(world, instant=world.clock.moment + stream.skew)
        world.prune(FEW)
    for hour in range(3 * 24):
        assert reachable(world, world.clock.moment + stream.skew - timedelta(hours=hour))


def test_what_can_go_later_is_told(world: World) -> None:
    stream = Streaming(world)
    database(world)
    days(world, stream, 6)
    total = sum(one.size_bytes for one in segments(world))
    plan = world.look(FEW)
    (said,) = plan.archives
    assert 0 < sum(count for _, count in said.later) < total, "the newest day has no later base yet"
    assert all(when > world.clock.moment for when, _ in said.later)


def test_a_refused_removal_stops_nothing_else(world: World) -> None:
    class Refusing(Passing):
        def delete(self, name: str) -> None:
            if name.startswith(SEGMENTS):
                raise StorageDenied("no right")
            super().delete(name)

    stream = Streaming(world)
    database(world)
    days(world, stream, 8, prune=False)
    report = world.prune(FEW, store=Refusing(world.store))
    assert [one.code for one in report.findings] == ["removal-refused"]
    assert len(segments(world)) == 64


def test_behind_a_gap_and_on_the_first_day_moments_stay_within_reach(world: World) -> None:
    """The first snapshot of a stretch is not the last of its day, and more hours came after it than the rules keep."""
    stream, rules = Streaming(world), Rules(hourly=2, daily=3, monthly=1, window_days=2)
    promised = []
    for _ in range(2):
        for _ in range(5):
            world.say(Verb.PROOF, world.take({"one": b"documents" * 9}, source=Source.MONGODB))
            hours(world, stream, 2, every=0.5)
            promised.append(world.clock.moment - timedelta(minutes=15))
        world.after(hours=1)
        stream.gap()
        world.after(minutes=1)
    forgotten = world.prune(rules).forgotten
    assert len(forgotten) == 5, "not those that lead into a stretch, or may, nor the newest two and the last of the day"
    assert all(reachable(world, moment) for moment in promised)
    world.after(days=4)
    for _ in range(3):
        world.after(days=1)
        world.say(Verb.PROOF, world.take({"one": b"documents" * 9}, source=Source.MONGODB))
        hours(world, stream, 1)
    assert len(world.prune(rules).forgotten) > 2, "once the window has passed they go like others"


def test_a_name_that_joins_two_stretches_hides_no_beginning(world: World) -> None:
    """Planted by whoever may write to the bucket; names are all that a custodian goes by."""
    stream, rules = Streaming(world), Rules(hourly=1, daily=3, monthly=1, window_days=2)
    world.say(Verb.PROOF, world.take({"one": b"documents" * 9}, source=Source.MONGODB))
    hours(world, stream, 1, every=0.5)
    before = stream.reached
    world.after(minutes=30)
    stream.gap()
    began = stream.reached
    for _ in range(3):
        world.after(minutes=1)
        world.say(Verb.PROOF, world.take({"one": b"documents" * 9}, source=Source.MONGODB))
        hours(world, stream, 1, every=0.5)
    moment = world.clock.moment - timedelta(minutes=70)
    real = {one.name for one in segments(world)}
    assert reachable(world, moment, real)
    [some] = [one for one in segments(world) if one.chain == stream.chain and one.after == began]
    after = ClusterTime(before.seconds - 3600, 1)
    planted = segment_name(
        some.generation, some.data_key.hex(), after.hex(), began.hex(), some.chain, some.writer, "0" * 64
    )
    world.store.write(planted, b"nothing")
    world.prune(rules)
    assert reachable(world, moment, real)
