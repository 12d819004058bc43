"""Which instants can be restored: what the picture says is what a person will get, no more."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.recovery_points import Base, base_of, holes_of, nearest, spans_of, ways_to
from lifeboat.repository.record import Record
from lifeboat.repository.segments import Stretch

LAST = 40
T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(number: int) -> ClusterTime:
    return ClusterTime(1_000_000 + number, 0)


def record(number: int = 0, **more: object) -> Record:
    fields: dict[str, object] = {
        "writer": "00" * 16,
        "object_name": f"snapshot-{number}",
        "snapshot": f"{number:032x}",
        "point": "p",
        "source": "mongodb",
        "class_": "short",
        "generation": "2026-11",
        "label": "host",
        "instant": at(number).instant,
        "one_instant": True,
        "started": T0,
        "finished": T0,
        "complete": True,
        "purpose": "backup",
        "root": bytes(32),
        "packs": (),
        "total_bytes": 1,
        "items": 1,
        "new_bytes": 1,
        "stored_bytes": 1,
        "software": "test",
    }
    return Record(**{**fields, **more})  # type: ignore[arg-type]


def exact(number: int) -> Base:
    return Base(record(number), at(number), at(number))


def stretch(after: int, through: int, chain: str = "a") -> Stretch:
    return Stretch("w", chain, at(after), at(through), ())


def by_hand(bases: list[Base], stretches: list[Stretch]) -> set[int]:
    """The same, second by second: an instant is a base's own, or there is a base before it and a stretch over all between."""
    numbers = [base.earliest.seconds - 1_000_000 for base in bases]
    found = set(numbers)
    for goal in range(LAST + 1):
        for base in numbers:
            if base <= goal and any(one.after <= at(base) and at(goal) <= one.through for one in stretches):
                found.add(goal)
    return found


moments = st.integers(0, LAST)
some_stretches = st.lists(
    st.tuples(moments, st.integers(1, 15), st.sampled_from("abc")).map(
        lambda one: stretch(one[0], one[0] + one[1], one[2])
    ),
    max_size=6,
)
some_bases = st.lists(moments, unique=True, max_size=6).map(lambda numbers: [exact(one) for one in sorted(numbers)])


@settings(max_examples=400)
@given(some_bases, some_stretches)
def test_what_is_called_restorable_is_what_a_second_by_second_count_says(
    bases: list[Base], stretches: list[Stretch]
) -> None:
    spans = spans_of(bases, stretches)
    drawn = {goal for goal in range(LAST + 1) if any(span.since <= at(goal) <= span.through for span in spans)}
    assert drawn == by_hand(bases, stretches)


@settings(max_examples=400)
@given(some_bases, some_stretches, moments)
def test_a_way_is_found_exactly_where_there_is_one_and_from_the_newest_base(
    bases: list[Base], stretches: list[Stretch], goal: int
) -> None:
    ways = list(ways_to(at(goal), bases, stretches, lambda base: base))
    assert bool(ways) == (goal in by_hand(bases, stretches))
    for base, over in ways:
        assert base.latest == at(goal) if over is None else over.covers(base.latest, at(goal))
    if ways:
        usable = [one for one in bases if goal in by_hand([one], stretches)]
        assert ways[0][0] == max(usable, key=lambda one: one.earliest)
    before, after = nearest(spans_of(bases, stretches), at(goal))
    if not ways:
        whole = by_hand(bases, stretches)
        assert (before is None) == (not any(one < goal for one in whole))
        assert before is None or before.through == at(max(one for one in whole if one < goal))
        assert after is None or after.since == at(min(one for one in whole if one > goal))


@settings(max_examples=300)
@given(some_bases, some_stretches)
def test_holes_lie_where_nothing_but_snapshots_can_be_restored(bases: list[Base], stretches: list[Stretch]) -> None:
    spans = spans_of(bases, stretches)
    archived = [span for span in spans if span.stretch]
    for hole in holes_of(spans, stretches, bases):
        until = hole.until or at(LAST)
        assert hole.after < until or hole.until is None
        between = [one for one in range(LAST + 1) if hole.after < at(one) < until]
        assert not any(span.since <= at(one) <= span.through for one in between for span in archived)
        assert hole.snapshots == len([one for one in between if at(one) in {base.earliest for base in bases}]) or (
            hole.until is None
        )


def test_without_the_key_the_second_of_a_snapshot_is_doubtful_as_a_whole() -> None:
    loose = base_of(record(10))
    assert loose is not None and (loose.earliest, loose.latest.seconds) == (at(10), at(10).seconds)
    (alone,) = spans_of([loose], [stretch(9, 10)])
    assert alone.stretch is None, "it may have been taken after the stretch ended"
    later = Stretch("w", "a", ClusterTime(at(10).seconds, 5), at(20), ())
    assert all(span.stretch is None for span in spans_of([loose], [later])), (
        "it may have been taken before the stretch began"
    )
    followed = [span for span in spans_of([loose], [stretch(9, 20)]) if span.stretch]
    assert [(span.since, span.through) for span in followed] == [(loose.latest, at(20))]


def test_the_time_of_a_snapshot_is_asked_for_only_where_a_way_may_lead_over_it() -> None:
    asked: list[int] = []

    def exactly(base: Base) -> Base:
        asked.append(base.earliest.seconds - 1_000_000)
        return base.exactly(base.earliest)

    bases = [one for number in range(1000) if (one := base_of(record(number)))]
    way = next(iter(ways_to(ClusterTime(at(900).seconds, 7), bases, [stretch(100, 950)], exactly)))
    assert way[0].record.snapshot == f"{900:032x}" and asked == [900]
    asked.clear()
    assert list(ways_to(at(970).before(), bases, [stretch(100, 950)], exactly)) == [] and asked == [969]


def test_imports_and_safety_snapshots_and_torn_ones_are_no_bases() -> None:
    assert base_of(record()) is not None
    for more in (
        {"purpose": "import"},
        {"purpose": "safety"},
        {"one_instant": False},
        {"complete": False},
        {"source": "files"},
    ):
        assert base_of(replace(record(), **more)) is None, more


def test_a_hole_says_how_many_snapshots_lie_in_it_and_whether_segments_were_lost() -> None:
    bases = [exact(5), exact(14), exact(16), exact(22)]
    over = [stretch(0, 10), stretch(20, 30)]
    (lost,) = holes_of(spans_of(bases, over), over, bases)
    assert (lost.after, lost.until, lost.snapshots, lost.same_chain) == (at(10), at(22), 2, True)
    over = [stretch(0, 10), stretch(20, 30, "b")]
    assert not holes_of(spans_of(bases, over), over, bases)[0].same_chain


def test_a_stretch_that_no_snapshot_stands_before_is_a_hole_that_is_still_open() -> None:
    over = [stretch(0, 10), stretch(20, 30, "b")]
    (open_hole,) = holes_of(spans_of([exact(5)], over), over, [exact(5)])
    assert (open_hole.after, open_hole.until, open_hole.before) == (at(10), None, over[1])
    (first,) = holes_of([], [stretch(3, 9)], [])
    assert (first.after, first.until) == (at(3), None)
