"""The proof of promise 4: what it must refuse, what it must let pass, and that nothing is ever eaten without ninety days' notice."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.cloud.errors import CloudDenied, CloudNotOffered
from lifeboat.cloud.lifecycle.bucket import BucketRules
from lifeboat.cloud.lifecycle.course import GONE, HIDDEN, class_at, course_of, due
from lifeboat.cloud.lifecycle.presets import NOTICE_DAYS, PRESETS, preset
from lifeboat.cloud.lifecycle.prove import (
    FOR_EVER,
    NOTICE,
    Group,
    Place,
    deeper_prefixes,
    eaten,
    is_finer,
    needed_days,
    promised,
    prove,
    restorable_at_once_days,
    size_cuts,
)
from lifeboat.cloud.lifecycle.rules import Lifecycle, Rule, Transition
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.age_needs import needed_until
from lifeboat.operations.doctor.lifecycle import check_lifecycle
from lifeboat.retention.candidate import Candidate
from lifeboat.retention.rules import Rules
from lifeboat.retention.verdicts import judge

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
PLACE = Place("shop", Rules(), NOW)
MIB = 1 << 20
LONG, SHORT = "shop/files/pack/long/2026-05/ab", "shop/mongodb/pack/short/2026-06/cd"


def group(key: str, until: datetime, **parts: object) -> Group:
    one = Group("/".join(key.split("/")[1:4]), key, 24 * MIB, datetime(2026, 6, 1, tzinfo=UTC), 3, 72 * MIB, until)
    return replace(one, hurts=("snapshot 1234abcd: files of shop, 2026-05-02 02:00",), **parts)  # type: ignore[arg-type]


def problems(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in found if one.level is Level.PROBLEM]


@pytest.mark.parametrize("name", PRESETS)
def test_our_sets_touch_nothing(name: str) -> None:
    groups = [group(LONG, promised("long", NOW, Rules()) + NOTICE), group(SHORT, NOW + NOTICE)]
    assert prove(preset(name, "shop", Rules(), 35), groups, PLACE) == []
    assert (
        prove(
            preset(name, "shop", Rules(monthly=3, yearly=9), 35), [], replace(PLACE, rules=Rules(monthly=3, yearly=9))
        )
        == []
    )


def test_what_is_kept_on_purpose_no_expiry_may_end() -> None:
    [found] = prove(preset("mission", "shop", Rules(), 35), [group(LONG, FOR_EVER)], PLACE)
    assert (
        found.code == "age-rule-eats"
        and "kept on purpose" in found.message
        and found.subject == "age rule lifeboat-shop-long-files"
    )
    assert found.hurts == ("snapshot 1234abcd: files of shop, 2026-05-02 02:00",)


def test_the_day_it_goes_is_told_and_whether_bytes_stay() -> None:
    rules = Lifecycle((Rule("tidy", prefix="shop/files/", expire_days=40),))
    found = prove(rules, [group(LONG, NOW + NOTICE)], replace(PLACE, locked=True))
    assert problems(found) == [("age-rule-eats", "age rule tidy"), ("age-rule-too-soon", "age rule tidy")]
    assert "hides 3 packs of files/pack/long (72 MiB) from 2026-07-11" in found[0].message
    assert "Object Lock keeps the bytes" in found[0].message
    [gone, _] = prove(rules, [group(LONG, NOW + NOTICE)], replace(PLACE, versions_kept=False))
    assert "removes 3 packs" in gone.message
    [late, _] = prove(Lifecycle((replace(rules.rules[0], expire_days=2),)), [group(LONG, NOW + NOTICE)], PLACE)
    assert "now" in late.message


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (Rule("r", prefix="shop/keys/", expire_days=9999), "age-rule-reaches"),
        (Rule("r", prefix="shop/catalog/ab", expire_days=9999), "age-rule-reaches"),
        (Rule("r", prefix="shop/ledger/", expire_days=9999), "age-rule-reaches"),
        (Rule("r", prefix="", expire_days=9999), "age-rule-reaches"),
        (Rule("r", prefix="shop/config/", expire_on=date(2030, 1, 1)), "age-rule-reaches"),
        (Rule("r", prefix="shop/", transitions=(Transition("GLACIER", 900),)), "age-rule-reaches"),
        (Rule("r", prefix="shop/mongodb/pack/short/", expire_days=120), "age-rule-too-soon"),
        (Rule("r", prefix="shop/mongodb/pack/long/", expire_days=2555), "age-rule-too-soon"),
        (Rule("r", prefix="shop/mongodb/oplog/", expire_days=30), "age-rule-too-soon"),
        (Rule("r", prefix="shop/mongodb/pack/short/2026-07/", expire_days=30), "age-rule-too-soon"),
        (Rule("r", prefix="shop/files/", larger_than=MIB, expire_days=30), "age-rule-too-soon"),
        (Rule("r", prefix="shop/files/pack/long/", expire_on=date(2099, 1, 1)), "age-rule-too-soon"),
    ],
)
def test_rules_that_are_refused_although_nothing_is_stored_yet(rule: Rule, code: str) -> None:
    assert code in [one for one, _ in problems(prove(Lifecycle((rule,)), [], PLACE))]
    assert prove(Lifecycle((replace(rule, enabled=False),)), [], PLACE) == []


@pytest.mark.parametrize(
    "rule",
    [
        Rule("r", prefix="other/", expire_days=1),
        Rule("r", prefix="shopping/", expire_days=1),
        Rule("r", prefix="shop/config/probe/", expire_days=1),
        Rule("r", prefix="shop/mongodb/pack/short/2020-01/", expire_days=1),
        Rule("r", prefix="shop/mongodb/pack/short/", expire_days=160),
        Rule("r", prefix="shop/", transitions=(Transition("STANDARD_IA", 30),)),
        Rule("r", prefix="shop/", expire_marker=True, abort_days=1),
        Rule("r", prefix="shop/files/", larger_than=1 << 40, expire_days=1),
        Rule("r", prefix="shop/files/pack/", noncurrent_days=1),
    ],
)
def test_rules_that_hurt_nobody(rule: Rule) -> None:
    assert prove(Lifecycle((rule,)), [], PLACE) == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (Rule("r", prefix="shop/keys/", noncurrent_days=9), "age-rule-old-versions"),
        (Rule("r", prefix="shop/", tags=(("a", "b"),), expire_days=1), "age-rule-by-tags"),
        (
            Rule("r", prefix="shop/files/pack/long/", transitions=(Transition("GLACIER", 30),)),
            "age-rule-archives-early",
        ),
    ],
)
def test_what_is_only_doubtful_is_a_warning(rule: Rule, code: str) -> None:
    [found] = prove(Lifecycle((rule,)), [], PLACE)
    assert (found.level, found.code) == (Level.WARNING, code)


def test_copies_that_must_be_at_hand_are_in_no_archive() -> None:
    at_hand = group(LONG, NOW + NOTICE, at_once_until=NOW + NOTICE)
    rules = Lifecycle((Rule("r", prefix="shop/files/pack/long/", transitions=(Transition("GLACIER", 63),)),))
    [found] = prove(rules, [at_hand], PLACE)
    assert (
        found.level is Level.WARNING
        and "3 packs (72 MiB)" in found.message
        and "from 2026-08-03 on in GLACIER" in found.message
    )
    [there] = prove(Lifecycle(), [replace(at_hand, storage_class="DEEP_ARCHIVE")], PLACE)
    assert "are in DEEP_ARCHIVE" in there.message
    assert prove(preset("mission", "shop", Rules(), 35), [at_hand], PLACE) == []


def test_days_until_archive() -> None:
    assert restorable_at_once_days(preset("mission", "shop", Rules(), 35), "shop") == 365 - 31 - 2
    assert restorable_at_once_days(preset("cheapest", "shop", Rules(), 35), "shop") == 30
    assert restorable_at_once_days(preset("hours", "shop", Rules(), 35), "shop") is None


def test_a_store_without_age_rules_is_said_to_have_none() -> None:
    def refuse() -> BucketRules:
        raise CloudNotOffered("no")

    [found] = check_lifecycle(refuse, lambda rules, there: [], "shop")
    assert found.level is Level.OK and "no age rules" in found.message


def test_who_may_not_look_is_warned_unless_he_only_writes() -> None:
    def refuse() -> BucketRules:
        raise CloudDenied("no", "", "s3:GetLifecycleConfiguration")

    [found] = check_lifecycle(refuse, lambda rules, there: [], "shop")
    assert found.level is Level.WARNING and "s3:GetLifecycleConfiguration" in found.message
    [found] = check_lifecycle(refuse, lambda rules, there: [], "shop", only_writes=True)
    assert found.level is Level.OK and "where the key is" in found.message


def test_promises_in_days() -> None:
    at = datetime(2026, 3, 5, tzinfo=UTC)
    assert promised("long", at, Rules()) == datetime(2033, 4, 1, tzinfo=UTC)
    assert promised("long", at, Rules(monthly=0, yearly=2)) == datetime(2029, 3, 1, tzinfo=UTC)
    assert promised("short", at, Rules()) == at + timedelta(days=36)
    assert promised("short", at, Rules(weekly=8)) == at + timedelta(days=63)
    assert needed_days("long", Rules()) == 2588 + 90 and needed_days("short", Rules()) == 31 + 36 + 90


def test_groups_are_as_fine_as_rules_ask_for() -> None:
    plain = Lifecycle((Rule("a", prefix="x/", larger_than=5, smaller_than=99),))
    assert size_cuts([plain]) == [6, 99, 131_072]
    assert deeper_prefixes([plain, Lifecycle((Rule("b", prefix="x/y"),))], "x/") == ("x/y",)
    assert not is_finer([plain], [plain]) and is_finer([Lifecycle((Rule("b", smaller_than=7),))], [plain])


DAY = timedelta(days=1)


@settings(max_examples=25, deadline=None)
@given(
    expire=st.integers(1, 320),
    gaps=st.lists(st.integers(1, 40), min_size=1, max_size=14),
    proofs=st.lists(st.booleans(), min_size=14, max_size=14),
    rules=st.builds(
        Rules, hourly=st.just(2), daily=st.integers(1, 4), weekly=st.integers(0, 2), monthly=st.integers(0, 3)
    ),
)
def test_nothing_that_is_kept_is_eaten_without_notice(
    expire: int, gaps: list[int], proofs: list[bool], rules: Rules
) -> None:
    """Backups come when they like, are proved or not, and stop: whatever an age rule then takes of what is kept was a problem on each of the
    ninety days before, or since it was written.
    """
    lifecycle = Lifecycle((Rule("r", expire_days=expire),))
    at, taken = datetime(2026, 1, 3, 2, tzinfo=UTC), []
    for number, gap in enumerate(gaps):
        class_ = "long" if rules.monthly and number % 3 == 0 else "short"
        taken.append(
            Candidate(str(number), "shop", "files", class_, at, True, False, proofs[number], None, None, at + 60 * DAY)
        )
        at += gap * DAY
    told: dict[str, set[datetime]] = {}
    day = datetime(2026, 1, 4, tzinfo=UTC)
    for _ in range(sum(gaps) + 330):
        there = [one for one in taken if one.finished <= day]
        for verdict, one in zip(judge(there, rules, day), there, strict=True):
            if not verdict.kept:
                continue
            until = needed_until(verdict.because, one.class_, one.finished, rules, day)
            seen = eaten(lifecycle, [Group("a", one.key, MIB, due(one.finished, 0), 1, MIB, until)], day)
            if seen:
                told.setdefault(one.key, set()).add(day)
            if class_at(course_of(lifecycle, one.key, MIB, one.finished), day) in (HIDDEN, GONE):
                since = max(one.finished, due(one.finished, expire) - NOTICE_DAYS * DAY)
                asked = [past for past in told.get(one.key, ()) if since <= past <= day]
                days = (day - due(since, 0)).days + 1
                assert len(asked) >= days - 1, (one, day)
        day += DAY
