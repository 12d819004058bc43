"""The keep rules: a table of examples, and what holds for every history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from lifeboat.retention.candidate import Candidate
from lifeboat.retention.due import long_is_due
from lifeboat.retention.periods import GRACE, closes, end_of, lock_end
from lifeboat.retention.rules import LONG, SHORT, Rules, RulesKeepNothing
from lifeboat.retention.succession import Life, counted_together
from lifeboat.retention.verdicts import AHEAD, Because, judge
from lifeboat.retention.window import begin_of_window

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def candidate(
    finished: datetime | str,
    *,
    key: str = "",
    label: str = "host",
    source: str = "mongodb",
    class_: str = SHORT,
    complete: bool = True,
    safety: bool = False,
    proved: bool = True,
    kept: str | None = None,
    released: datetime | None = None,
    not_proved_until: datetime = LONG_AGO,
    archived: bool = False,
) -> Candidate:
    moment = at(finished) if isinstance(finished, str) else finished
    key = key or f"{label} {source} {class_} {moment.isoformat()}"
    return Candidate(
        key,
        label,
        source,
        class_,
        moment,
        complete,
        safety,
        proved,
        kept,
        released,
        not_proved_until,
        archived=archived,
    )


def kept_of(candidates: list[Candidate], rules: Rules, now: datetime = NOW) -> list[str]:
    by_key = {one.key: one for one in candidates}
    return [f"{by_key[one.key].finished:%m-%d %H:%M}" for one in judge(candidates, rules, now) if one.kept]


EXAMPLES = [
    # (what it shows, rules, finished, what is kept)
    (
        "the last of each hour",
        Rules(hourly=2, daily=0),
        ["2026-11-23 12:20", "2026-11-23 12:05", "2026-11-23 11:40", "2026-11-23 11:01", "2026-11-23 10:59"],
        ["11-23 12:20", "11-23 11:40"],
    ),
    (
        "hours without a backup do not count: after an outage the newest 2 hours that have one",
        Rules(hourly=2, daily=0),
        ["2026-11-23 12:20", "2026-11-20 09:00", "2026-11-20 08:00"],
        ["11-23 12:20", "11-20 09:00"],
    ),
    (
        "hours and days together",
        Rules(hourly=1, daily=3),
        [
            "2026-11-23 12:00",
            "2026-11-23 11:00",
            "2026-11-22 23:59",
            "2026-11-22 00:00",
            "2026-11-21 10:00",
            "2026-11-20 10:00",
        ],
        ["11-23 12:00", "11-22 23:59", "11-21 10:00"],
    ),
    (
        "a day ends at midnight UTC, wherever the machine is",
        Rules(hourly=0, daily=2),
        ["2026-11-23 00:00", "2026-11-22 23:59", "2026-11-22 23:58"],
        ["11-23 00:00", "11-22 23:59"],
    ),
    (
        "weeks begin on Monday",
        Rules(hourly=0, daily=0, weekly=2),
        ["2026-11-23 10:00", "2026-11-22 10:00", "2026-11-16 10:00", "2026-11-15 10:00"],
        ["11-23 10:00", "11-22 10:00"],
    ),
]


@pytest.mark.parametrize(("shows", "rules", "finished", "kept"), EXAMPLES, ids=[one[0] for one in EXAMPLES])
def test_the_examples_of_the_documentation(shows: str, rules: Rules, finished: list[str], kept: list[str]) -> None:
    assert kept_of([candidate(one) for one in finished], rules) == kept


def test_a_year_of_hourly_backups_under_the_rules_that_nobody_set() -> None:
    moment, short = NOW, []
    while moment > NOW - timedelta(days=365):
        short.append(candidate(moment))
        moment -= timedelta(hours=1)
    verdicts = judge(short, Rules(), NOW)
    kept = [one for one in verdicts if one.kept]
    # 24 hours, and the last of each of 35 days: the newest is both, and so is the last of yesterday.
    assert len(kept) == 24 + 33
    long = [candidate(NOW - timedelta(days=31 * n), class_=LONG) for n in range(120)]
    assert sum(one.kept for one in judge(long, Rules(), NOW)) == 84


@pytest.mark.parametrize(
    ("one", "because", "reason"),
    [
        (candidate("2026-11-01", kept="before migration"), Because.ON_PURPOSE, "kept on purpose: before migration"),
        (
            candidate("2026-12-01"),
            Because.FUTURE,
            "from the future: finished 2026-12-01 by the store's clock, which says 2026-11-23",
        ),
        (
            candidate("2026-10-01", proved=False, not_proved_until=at("2027-01-04")),
            Because.NOT_PROVED,
            "not proved yet: kept until 2027-01-04",
        ),
        (candidate("2026-11-01", safety=True), Because.SAFETY, "taken before a restore: kept until 2026-12-01"),
        (candidate("2026-10-01", safety=True), Because.SAFETY_OVER, "taken before a restore, more than 30 days ago"),
        (
            candidate("2026-10-01", released=at("2026-11-20")),
            Because.RELEASED,
            "released on 2026-11-20: kept until 2026-11-27",
        ),
        (candidate("2026-10-01", released=at("2026-11-01")), Because.BEYOND, "not the last of any of the newest hour"),
        (candidate("2026-10-01", class_=LONG), Because.BEYOND, "no rule keeps snapshots of class long"),
    ],
)
def test_a_verdict_says_why(one: Candidate, because: Because, reason: str) -> None:
    newer = candidate("2026-11-23 12:00")
    verdict = judge([newer, one], Rules(hourly=1, daily=0, monthly=0), NOW)[1]
    assert (verdict.because, verdict.reason) == (because, reason)
    assert verdict.kept is not (because in (Because.BEYOND, Because.SAFETY_OVER))


def test_words_for_what_the_rules_keep() -> None:
    said = [
        one.reason
        for one in judge([candidate(NOW - timedelta(hours=n)) for n in range(4)], Rules(hourly=3, daily=0), NOW)
    ]
    assert said == [
        "the newest of its source",
        "number 2 of the newest 3 hours",
        "number 3 of the newest 3 hours",
        "not the last of any of the newest 3 hours",
    ]


def test_what_nobody_proved_never_pushes_out_what_was_proved() -> None:
    proved = [candidate(NOW - timedelta(days=30, hours=n)) for n in range(3)]
    forged = [candidate(NOW - timedelta(minutes=n * 7), proved=False, key=f"forged {n}") for n in range(500)]
    verdicts = {one.key: one for one in judge([*forged, *proved], Rules(hourly=3, daily=1), NOW)}
    assert [verdicts[one.key].reason for one in proved] == [
        "the newest proved",
        "number 2 of the newest 3 hours with a proved one",
        "number 3 of the newest 3 hours with a proved one",
    ]


def test_a_snapshot_that_lacks_something_does_not_take_the_place_of_one_that_does_not() -> None:
    whole = candidate("2026-11-23 12:01")
    lacking = candidate("2026-11-23 12:02", complete=False)
    newer = candidate("2026-11-23 13:00", complete=False)
    now = at("2026-11-23 13:10")
    verdicts = judge([newer, lacking, whole], Rules(hourly=2, daily=0), now)
    assert [one.reason for one in verdicts] == [
        "the newest of its source",
        "not the last of any of the newest 2 hours",
        "the newest that lacks nothing",
    ]


def test_a_writer_that_was_replaced_keeps_nothing_of_its_own() -> None:
    """Both writers carry one label, so the hours of the old one fall out as those of the new one come."""
    old = [candidate(NOW - timedelta(days=90, hours=n), key=f"old {n}") for n in range(24)]
    new = [candidate(NOW - timedelta(hours=n), key=f"new {n}") for n in range(24)]
    assert {one.key for one in judge([*old, *new], Rules(daily=0), NOW) if one.kept} == {one.key for one in new}


def test_who_takes_another_s_place_carries_on_and_who_lives_beside_it_does_not() -> None:
    first = Life("a" * 32, "host", at("2026-01-01"), at("2026-05-01"))
    replaced = Life("b" * 32, "host", at("2026-05-02"), at("2026-11-20"))
    beside = Life("c" * 32, "host", at("2026-03-01"), at("2026-11-20"))
    other = Life("d" * 32, "other", at("2026-03-01"), at("2026-11-20"))
    assert set(counted_together([replaced, first, other]).values()) == {"host", "other"}
    names = counted_together([replaced, first, beside])
    assert names["a" * 32] == names["b" * 32] == "host (aaaaaaaa)"
    assert names["c" * 32] == "host (cccccccc)"


def test_rules_that_keep_nothing_are_refused() -> None:
    with pytest.raises(RulesKeepNothing):
        Rules(hourly=0, daily=0).check()
    Rules(monthly=0).check()
    assert not Rules(monthly=0).takes_long


def test_when_generations_end_and_close() -> None:
    assert end_of("2026-11") == end_of("2026-11.3") == at("2026-12-01")
    assert end_of("2026-12") == at("2027-01-01")
    assert closes("2026-11") == at("2026-12-08")
    assert lock_end("2026-11") == at("2027-01-05")
    assert lock_end("9999-12") < datetime.max.replace(tzinfo=UTC)
    assert lock_end("2026-11", 8) == at("2026-12-09")
    assert lock_end("9999-12", 3650) == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken", "long_this_month", "due"),
    [
        ([], False, False),
        (["2026-11-22 13:00"], False, False),
        (["2026-11-22 12:30"], False, True),
        (["2026-11-23 12:00", "2026-10-01"], False, True),
        (["2026-10-01"], True, False),
        (["2027-01-01"], False, False),
    ],
)
def test_the_month_s_copy_is_due_after_a_day_and_once(taken: list[str], long_this_month: bool, due: bool) -> None:
    assert long_is_due(NOW, [at(one) for one in taken], long_this_month) is due


MOMENTS = st.integers(-3 * 365 * 24 * 4, 30 * 4).map(lambda quarters: NOW + timedelta(minutes=15 * quarters))
CANDIDATES = st.lists(
    st.builds(
        candidate,
        MOMENTS,
        key=st.uuids().map(str),
        label=st.sampled_from(["host", "other"]),
        source=st.sampled_from(["mongodb", "files"]),
        class_=st.sampled_from([SHORT, LONG]),
        complete=st.booleans(),
        safety=st.booleans(),
        proved=st.booleans(),
        kept=st.sampled_from([None, None, None, "before migration"]),
        released=st.one_of(st.none(), MOMENTS),
        not_proved_until=MOMENTS,
        archived=st.booleans(),
    ),
    max_size=60,
    unique_by=lambda one: one.key,
)
RULES = st.builds(
    Rules,
    hourly=st.integers(1, 5),
    daily=st.integers(0, 5),
    weekly=st.integers(0, 3),
    monthly=st.integers(0, 4),
    yearly=st.integers(0, 2),
    window_days=st.integers(1, 9),
)


@given(CANDIDATES, RULES)
@settings(max_examples=100, deadline=None)
def test_what_holds_for_every_history(candidates: list[Candidate], rules: Rules) -> None:
    verdicts = {one.key: one for one in judge(candidates, rules, NOW)}
    assert list(verdicts) == [one.key for one in candidates], "complete, and in order"
    assert all(one.reason for one in verdicts.values())
    past = [one for one in candidates if not one.safety and one.finished <= NOW + AHEAD]
    for label, source in {(one.label, one.source) for one in past}:
        group = [one for one in past if (one.label, one.source) == (label, source)]
        for some in (group, [one for one in group if one.proved], [one for one in group if one.complete]):
            if some:
                assert verdicts[max(some, key=lambda one: (one.finished, one.key)).key].kept
    for one in candidates:
        if one.kept is not None or one.finished > NOW + AHEAD:
            assert verdicts[one.key].kept
    kept = [one for one in candidates if verdicts[one.key].kept]
    again = {one.key: one for one in judge(kept, rules, NOW)}
    assert again == {one.key: verdicts[one.key] for one in kept}, "what goes changes nothing for what stays"


@given(CANDIDATES, RULES, CANDIDATES)
@settings(max_examples=60, deadline=None)
def test_nothing_that_is_not_proved_costs_a_proved_snapshot_its_place(
    candidates: list[Candidate], rules: Rules, forged: list[Candidate]
) -> None:
    proved = [one for one in candidates if one.proved]
    alone = {one.key for one in judge(proved, rules, NOW) if one.kept}
    among = {
        one.key for one in judge([*proved, *(replace(one, proved=False) for one in forged)], rules, NOW) if one.kept
    }
    lost = {one.key: one for one in proved if one.key in alone - among}
    # Only for being the newest of all, or the newest whole one, can another take its place; the rules keep theirs.
    for one in lost.values():
        assert one.released is None or one.released + GRACE <= NOW
        beside = [other for other in proved if (other.label, other.source) == (one.label, one.source)]
        assert any(other.finished >= one.finished for other in beside if other is not one), "not the newest proved"


@given(CANDIDATES, RULES)
@settings(max_examples=100, deadline=None)
def test_nothing_stays_for_ever(candidates: list[Candidate], rules: Rules) -> None:
    """Ten years on, only the rules, a purpose or being the newest keep anything."""
    later = NOW + timedelta(days=3650)
    reasons = {one.because for one in judge(candidates, rules, later) if one.kept}
    assert reasons <= {
        Because.ON_PURPOSE,
        Because.NEWEST,
        Because.NEWEST_WHOLE,
        Because.NEWEST_PROVED,
        Because.RULE,
        Because.RULE_PROVED,
        Because.BASE,
    }


@given(CANDIDATES, RULES)
@settings(max_examples=100, deadline=None)
def test_every_moment_of_the_window_keeps_a_base_of_its_day_or_of_the_one_before(
    candidates: list[Candidate], rules: Rules
) -> None:
    """By hand, moment by moment: the newest base before it may go, but not without one of the same day that is later, or an older one."""
    kept = {one.key for one in judge(candidates, rules, NOW) if one.kept}
    fit = [one for one in candidates if one.archived and one.complete and not one.safety]
    begin = NOW - rules.window
    for label, source in {(one.label, one.source) for one in fit}:
        group = [one for one in fit if (one.label, one.source) == (label, source)]
        for hour in range(rules.window_days * 24):
            moment = begin + timedelta(hours=hour)
            if any(one.finished <= moment for one in group):
                assert any(one.finished <= moment and one.key in kept for one in group)


def test_time_that_the_store_did_not_witness_passes_a_day_at_a_time() -> None:
    daily = [NOW - timedelta(days=n) for n in range(30, -1, -1)]
    week = timedelta(days=7)
    assert begin_of_window(NOW, week, daily) == NOW - week
    assert begin_of_window(NOW + timedelta(days=20), week, daily) == NOW - timedelta(days=6)
    assert begin_of_window(NOW, week, []) == NOW - week
    assert begin_of_window(NOW, week, [NOW + timedelta(minutes=4)]) == NOW - week
