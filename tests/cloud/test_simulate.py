"""The day-by-day simulator and the proof were written apart; random rules must bring both to the same end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_course import RULES

from lifeboat.cloud.lifecycle.course import GONE, HIDDEN, class_at, course_of, due
from lifeboat.cloud.lifecycle.future import Habit, cohorts
from lifeboat.cloud.lifecycle.presets import preset
from lifeboat.cloud.lifecycle.prove import FOR_EVER, Group, Place, eaten
from lifeboat.cloud.lifecycle.rules import ALL_128K, VARIES, Lifecycle, Rule, Transition, write_lifecycle
from lifeboat.cloud.lifecycle.simulate import Cohort, simulate
from lifeboat.retention.rules import Rules

MIB, GIB = 1 << 20, 1 << 30
START = datetime(2026, 1, 16, tzinfo=UTC)
LATER = Place("", Rules(), datetime(2026, 1, 15, 12, tzinfo=UTC))


def raw(lifecycle: Lifecycle) -> dict[str, Any]:
    return {**write_lifecycle(lifecycle), "TransitionDefaultMinimumObjectSize": lifecycle.minimum}


def test_known_answers_worked_out_by_hand() -> None:
    """Created on the 15th at noon: day n is due at the midnight that begins the (16 + n)th."""
    rule = Rule(
        "r", transitions=(Transition("STANDARD_IA", 30), Transition("GLACIER", 60)), expire_days=70, noncurrent_days=10
    )
    said = raw(Lifecycle((rule,)))
    made = datetime(2026, 1, 15, 12, tzinfo=UTC)
    cohort = Cohort("files/pack/long/2026-01/x", MIB, 3, made, START + timedelta(days=71), copies="a")
    years = simulate(said, [cohort], START, 90)
    assert [loss.at for loss in years.losses] == [datetime(2026, 3, 27, tzinfo=UTC)]  # 70 days, rounded up
    by_day = {one.at.strftime("%m-%d"): one for one in years.months}
    assert by_day["01-31"].bytes_in == {"STANDARD": 3 * MIB} and by_day["01-31"].at_once == 1
    assert by_day["02-28"].bytes_in == {"STANDARD_IA": 3 * MIB}
    assert by_day["03-31"].bytes_in == {"GLACIER": 3 * MIB} and by_day["03-31"].hidden_bytes == 3 * MIB
    assert by_day["04-16"].objects == 0, "gone ten days after it was hidden"
    group = Group("a", cohort.key, MIB, due(made, 0), 3, 3 * MIB, START + timedelta(days=71))
    assert [one.at for one in eaten(Lifecycle((rule,)), [group], made)] == [datetime(2026, 3, 27, tzinfo=UTC)]
    safe = Cohort(cohort.key, MIB, 3, made, START + timedelta(days=70))
    assert simulate(said, [safe], START, 90).losses == ()


KEYS = st.sampled_from(
    ["files/pack/long/2026-01/ab", "mongodb/pack/long/2026-01/cd", "mongodb/pack/short/2026-01/ab", "config/x"]
)
THINGS = st.tuples(
    KEYS,
    st.sampled_from([1, 5000, 131_071, 131_072, MIB, 24 * MIB]) | st.integers(1, GIB),
    st.integers(0, 86_400),
    st.none() | st.integers(0, 800),
    st.sampled_from(["STANDARD", "STANDARD_IA", "GLACIER_IR", "ONEZONE_IA"]),
)
DAYS = 420


@settings(max_examples=150, deadline=None)
@given(
    st.lists(RULES, max_size=4),
    st.lists(THINGS, min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([ALL_128K, VARIES]),
)
@example([Rule("a", expire_days=1)], [("config/x", 1, 0, None, "STANDARD")], True, ALL_128K)
@example([Rule("a", expire_days=1)], [("config/x", 1, 0, 0, "STANDARD")], True, ALL_128K)
@example(
    [Rule("a", expire_days=1)], [("config/x", 1, 1, 1, "STANDARD"), ("config/x", 1, 1, 2, "STANDARD")], True, ALL_128K
)
def test_proof_and_simulator_agree(
    rules: list[Rule], things: list[tuple[Any, ...]], versions: bool, minimum: str
) -> None:
    lifecycle = Lifecycle(tuple(rules), minimum)
    said, groups, made = raw(lifecycle), [], []
    for number, (key, size, second, needed_days, class_) in enumerate(things):
        created = datetime(2026, 1, 15, tzinfo=UTC) + timedelta(seconds=second)
        until = None if needed_days is None else START + timedelta(days=needed_days)
        made.append(Cohort(f"{key}{number}", size, 1, created, until, storage_class=class_))
        groups.append(Group("a", f"{key}{number}", size, due(created, 0), 1, size, until or FOR_EVER, class_))
    start = datetime(2026, 1, 15, tzinfo=UTC)
    lost = {one.cohort.key: one.at for one in simulate(said, made, start, DAYS, versions_kept=versions).losses}
    end = start + timedelta(days=DAYS)
    proved = {one.group.key: one.at for one in eaten(lifecycle, groups, start, versions_kept=versions) if one.at <= end}
    assert lost == proved


@settings(max_examples=100, deadline=None)
@given(st.lists(RULES, max_size=4), THINGS, st.booleans(), st.integers(0, DAYS))
def test_course_and_simulator_have_it_in_the_same_class(
    rules: list[Rule], thing: tuple[Any, ...], versions: bool, days: int
) -> None:
    key, size, second, _, class_ = thing
    created = datetime(2026, 1, 15, tzinfo=UTC) + timedelta(seconds=second)
    lifecycle = Lifecycle(tuple(rules))
    events = course_of(lifecycle, key, size, created, storage_class=class_, versions_kept=versions)
    start = datetime(2026, 1, 15, tzinfo=UTC)
    at = start + timedelta(days=days)
    last = simulate(
        raw(lifecycle),
        [Cohort(key, size, 1, created, start, storage_class=class_)],
        start,
        days,
        versions_kept=versions,
    ).months[-1]
    state = class_at(events, at, class_)
    kept_as = next((one.kept_as for one in reversed(events) if one.at <= at), class_)
    if created > at:
        return
    assert (last.objects == 0) == (state == GONE)
    assert (last.hidden_bytes > 0) == (state == HIDDEN)
    if state != GONE:
        assert last.bytes_in == {kept_as: size}


HABITS = [Habit("mongodb", 2 * GIB, 100 * MIB), Habit("files", 5 * GIB, 50 * MIB)]


@pytest.mark.parametrize(("name", "years"), [("mission", 9), ("hours", 2), ("cheapest", 2)])
def test_years_of_each_set_lose_nothing(name: str, years: int) -> None:
    lifecycle = preset(name, "", Rules(), 35)
    found = simulate(raw(lifecycle), cohorts(HABITS, [], LATER, years * 365), START, years * 365)
    assert found.losses == ()
    last = found.months[-2]
    assert last.lost == 0 and last.at_once + last.from_archive >= 2 * min(84, years * 12)
    assert (last.from_archive > 0) == (name != "hours")
    assert last.objects < 40_000, "prune removes"


def test_a_strangers_rule_loses_copies_and_is_seen_to() -> None:
    lifecycle = Lifecycle((*preset("mission", "", Rules(), 35).rules, Rule("tidy", expire_days=365)))
    years = simulate(raw(lifecycle), cohorts(HABITS, [], LATER, 800), START, 800)
    assert years.losses and years.losses[0].cohort.copies.endswith("monthly 2026-01") and years.months[-1].lost > 0


def test_when_backups_stop_a_brief_expiry_takes_the_last_copies() -> None:
    brief = Lifecycle((Rule("short", prefix="mongodb/pack/short/", expire_days=120),))
    going_on = simulate(raw(brief), cohorts(HABITS, [], LATER, 400), START, 400)
    assert going_on.losses == ()
    stopped = simulate(raw(brief), cohorts(HABITS, [], LATER, 400, stop_after=100), START, 400)
    assert stopped.losses, "what is kept while nothing newer comes was removed"
    ours = preset("mission", "", Rules(), 35)
    assert simulate(raw(ours), cohorts(HABITS, [], LATER, 400, stop_after=100), START, 400).losses == ()
