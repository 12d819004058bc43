"""What rules do to an object, by examples worked out by hand from the S3 User Guide."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.cloud.lifecycle.course import GONE, HIDDEN, Event, class_at, course_of, due
from lifeboat.cloud.lifecycle.rules import (
    VARIES,
    WATERFALL,
    Lifecycle,
    LifecycleUnreadable,
    NoncurrentTransition,
    Rule,
    Transition,
    read_lifecycle,
    write_lifecycle,
)

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
MIB = 1 << 20


def day(number: int) -> datetime:
    return datetime(2026, 1, 16, tzinfo=UTC) + timedelta(days=number)


def test_days_are_rounded_up_to_midnight() -> None:
    # The User Guide's example: created 2014-01-15 10:30 UTC, 3 days: 2014-01-19 00:00.
    assert due(datetime(2014, 1, 15, 10, 30, tzinfo=UTC), 3) == datetime(2014, 1, 19, tzinfo=UTC)
    assert due(datetime(2014, 1, 15, tzinfo=UTC), 3) == datetime(2014, 1, 18, tzinfo=UTC)


def test_the_missions_course() -> None:
    rule = Rule(
        "long",
        transitions=(Transition("STANDARD_IA", 30), Transition("GLACIER", 365)),
        expire_days=2555,
        noncurrent_days=7,
    )
    events = course_of(Lifecycle((rule,)), "files/pack/long/2026-01/x", MIB, NOON)
    assert events == (
        Event(day(30), "STANDARD_IA"),
        Event(day(365), "GLACIER"),
        Event(day(2555), HIDDEN),
        Event(day(2562), GONE),
    )
    assert [class_at(events, day(n)) for n in (29, 30, 400, 2560, 3000)] == [
        *("STANDARD", "STANDARD_IA", "GLACIER", HIDDEN, GONE),
    ]


def test_without_versions_an_expiry_removes() -> None:
    assert course_of(Lifecycle((Rule("r", expire_days=3),)), "a", 1, NOON, versions_kept=False) == (
        Event(day(3), GONE),
    )


def test_with_versions_and_no_rule_for_them_the_bytes_stay_for_ever() -> None:
    assert course_of(Lifecycle((Rule("r", expire_days=3),)), "a", 1, NOON) == (Event(day(3), HIDDEN),)


def test_the_earliest_expiry_wins_and_a_later_move_never_happens() -> None:
    rules = (Rule("a", expire_days=40), Rule("b", expire_days=10, transitions=(Transition("GLACIER", 11),)))
    assert course_of(Lifecycle(rules), "a", MIB, NOON) == (Event(day(10), HIDDEN),)


def test_on_one_day_removal_comes_before_a_move_and_a_move_before_a_marker() -> None:
    rules = Lifecycle((Rule("b", expire_days=10, transitions=(Transition("GLACIER", 10),)),))
    assert course_of(rules, "a", MIB, NOON, versions_kept=False) == (Event(day(10), GONE),)
    events = course_of(rules, "a", MIB, NOON)
    assert events == (Event(day(10), "GLACIER"), Event(day(10), HIDDEN)) and events[1].kept_as == "GLACIER"


def test_from_one_zone_there_is_no_way_to_instant_retrieval() -> None:
    def moved(*classes: str) -> list[str]:
        rules = Lifecycle((Rule("a", transitions=tuple(Transition(one, 30 + n) for n, one in enumerate(classes))),))
        return [one.becomes for one in course_of(rules, "a", MIB, NOON)]

    assert moved("ONEZONE_IA", "GLACIER_IR", "GLACIER") == ["ONEZONE_IA", "GLACIER"]
    assert moved("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA") == [
        *("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA"),
    ]
    assert moved("INTELLIGENT_TIERING", "STANDARD_IA") == ["INTELLIGENT_TIERING"]
    same_day = Rule("a", transitions=(Transition("ONEZONE_IA", 30), Transition("GLACIER_IR", 30)))
    assert course_of(Lifecycle((same_day,)), "a", MIB, NOON) == (Event(day(30), "GLACIER_IR"),)


def test_hidden_bytes_move_and_go_by_the_rules_for_versions() -> None:
    moves = (NoncurrentTransition("GLACIER", 5), NoncurrentTransition("DEEP_ARCHIVE", 6, keep=1))
    rule = Rule("r", expire_days=3, noncurrent_transitions=moves, noncurrent_days=9)
    events = course_of(Lifecycle((rule,)), "a", MIB, NOON)
    assert [(one.at, one.becomes, one.kept_as) for one in events] == [
        (day(3), HIDDEN, "STANDARD"),
        (day(8), HIDDEN, "GLACIER"),
        (day(12), GONE, ""),
    ]
    keeping = Rule("r", expire_days=3, noncurrent_days=9, noncurrent_keep=1)
    assert course_of(Lifecycle((keeping,)), "a", MIB, NOON) == (Event(day(3), HIDDEN),)


def test_of_two_moves_on_one_day_the_lower_wins_and_nothing_comes_up_again() -> None:
    rules = (
        Rule("a", transitions=(Transition("STANDARD_IA", 30), Transition("GLACIER", 30))),
        Rule("b", transitions=(Transition("GLACIER_IR", 60),)),
    )
    assert course_of(Lifecycle(rules), "a", MIB, NOON) == (Event(day(30), "GLACIER"),)


def test_small_objects_are_not_moved_unless_a_rule_states_a_size() -> None:
    plain = Lifecycle((Rule("a", transitions=(Transition("GLACIER", 1),), expire_days=9),))
    assert course_of(plain, "a", 1000, NOON) == (Event(day(9), HIDDEN),)
    sized = Lifecycle((Rule("a", larger_than=10, transitions=(Transition("GLACIER", 1),)),))
    assert course_of(sized, "a", 1000, NOON) == (Event(day(1), "GLACIER"),)
    varies = Lifecycle(plain.rules, VARIES)
    assert course_of(varies, "a", 1000, NOON)[0] == Event(day(1), "GLACIER")


@pytest.mark.parametrize(
    "rule",
    [
        Rule("r", enabled=False, expire_days=1),
        Rule("r", prefix="files/", expire_days=1),
        Rule("r", tags=(("a", "b"),), expire_days=1),
        Rule("r", larger_than=MIB, expire_days=1),
        Rule("r", smaller_than=MIB, expire_days=1),
        Rule("r", noncurrent_days=1, abort_days=1, expire_marker=True),
    ],
)
def test_rules_that_do_not_mean_it(rule: Rule) -> None:
    assert course_of(Lifecycle((rule,)), "mongodb/pack/x", MIB, NOON) == ()


def test_a_rule_of_today_acts_from_today() -> None:
    events = course_of(Lifecycle((Rule("r", expire_days=3),)), "a", MIB, NOON, not_before=day(100))
    assert events == (Event(day(100), HIDDEN),)


def test_a_date() -> None:
    rule = Rule("r", expire_on=date(2027, 1, 1))
    assert course_of(Lifecycle((rule,)), "a", MIB, NOON) == (Event(datetime(2027, 1, 1, tzinfo=UTC), HIDDEN),)


NAMES = st.text("abc-", min_size=1, max_size=8)
DAYS = st.integers(0, 4000)
RULES = st.builds(
    Rule,
    id=NAMES,
    enabled=st.booleans(),
    prefix=st.sampled_from(["", "files/", "mongodb/pack/long/"]),
    tags=st.lists(st.tuples(NAMES, NAMES), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
    larger_than=st.none() | st.integers(0, 1 << 30),
    smaller_than=st.none() | st.integers(1, 1 << 30),
    transitions=st.lists(
        st.builds(Transition, st.sampled_from(WATERFALL[1:]), DAYS)
        | st.builds(Transition, st.sampled_from(WATERFALL[1:]), st.none(), st.dates(date(2020, 1, 1))),
        max_size=3,
    ).map(tuple),
    expire_days=st.none() | st.integers(1, 4000),
    noncurrent_transitions=st.lists(
        st.builds(NoncurrentTransition, st.sampled_from(WATERFALL[1:]), DAYS, st.integers(0, 5)), max_size=2
    ).map(tuple),
    noncurrent_days=st.none() | st.integers(1, 400),
    abort_days=st.none() | st.integers(1, 30),
)


@given(st.lists(RULES, max_size=4))
def test_rules_come_back_as_they_were_written(rules: list[Rule]) -> None:
    lifecycle = Lifecycle(tuple(rules))
    assert read_lifecycle(write_lifecycle(lifecycle)) == lifecycle


@given(st.lists(RULES, max_size=4), st.integers(0, 1 << 30), st.booleans())
def test_a_course_goes_down_and_forward(rules: list[Rule], size_bytes: int, versions: bool) -> None:
    events = course_of(Lifecycle(tuple(rules)), "mongodb/pack/long/x", size_bytes, NOON, versions_kept=versions)
    order = (*WATERFALL, HIDDEN, GONE)
    ranks = [order.index(one.becomes) for one in events]
    assert ranks == sorted(ranks) and ranks.count(order.index(GONE)) < 2
    assert all(a.at < b.at or b.becomes == HIDDEN for a, b in itertools.pairwise(events))
    assert all(one.at > NOON for one in events)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"Rules": {}},
        {"Rules": ["x"]},
        {"Rules": [{"Id": "x", "Status": "Enabled"}]},
        {"Rules": [{"ID": "x", "Expiration": {"Days": "soon"}}]},
        {"Rules": [{"ID": "x", "Transitions": [{"Days": 3}]}]},
        {"Rules": [{"ID": "x", "Expiration": {"day": 3}}]},
        {"Rules": [{"ID": "x", "Filter": {"ObjectAge": 3}}]},
    ],
)
def test_what_is_not_understood_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(LifecycleUnreadable):
        read_lifecycle(said)
