"""The sets of age rules: days that follow from what is kept, in a form that S3 takes, and nothing for what must stay."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.cloud.lifecycle.course import course_of
from lifeboat.cloud.lifecycle.presets import (
    MINIMUM_DAYS,
    NOTICE_DAYS,
    PRESETS,
    PresetMissing,
    archive_from,
    expiry_days,
    longest_days,
    own_ids,
    preset,
)
from lifeboat.cloud.lifecycle.rules import read_lifecycle, write_lifecycle
from lifeboat.retention.periods import begin_of, end_of
from lifeboat.retention.rules import Rules

MIB = 1 << 20


def test_the_missions_numbers_and_where_they_have_to_move() -> None:
    # 84 months and the month of writing are 2588 days at most, two of slack, ninety of notice.
    [rule] = [one for one in preset("mission", "", Rules(), 35).rules if one.id == "lifeboat-long-mongodb"]
    assert [(one.storage_class, one.days) for one in rule.transitions] == [("STANDARD_IA", 30), ("GLACIER", 365)]
    assert rule.expire_days == expiry_days(Rules()) == 2588 + 2 + 90
    assert rule.prefix == "mongodb/pack/long/" and rule.noncurrent_days == 35
    shorter = preset("mission", "", Rules(monthly=12), 35).rules[0]
    assert shorter.expire_days == 2555


def test_hours_and_cheapest() -> None:
    hours, cheapest = preset("hours", "", Rules(), 35).rules[0], preset("cheapest", "", Rules(), 35).rules[0]
    assert [(one.storage_class, one.days) for one in hours.transitions] == [("GLACIER_IR", 30)]
    assert [(one.storage_class, one.days) for one in cheapest.transitions] == [("DEEP_ARCHIVE", 31 + 30 + 2)]
    brief = preset("cheapest", "", Rules(monthly=1), 35).rules[0]
    assert not brief.transitions, "archived for less than what is billed at least"


@pytest.mark.parametrize(("months", "days"), [(1, 31), (2, 62), (12, 366), (13, 397), (84, 2557), (85, 2588)])
def test_months_in_days(months: int, days: int) -> None:
    assert longest_days(months) == days


@pytest.mark.parametrize("name", PRESETS)
def test_nothing_ages_but_long(name: str) -> None:
    lifecycle = preset(name, "shop/a", Rules(), 35)
    for key in (
        "keys/2026-01/" + "0" * 64,
        "catalog/w/2026-01/snapshot-" + "0" * 64,
        "config/repository-x.json",
        "mongodb/oplog/2026-01/k/x",
        "files/pack/short/2026-01/x",
    ):
        assert course_of(lifecycle, f"shop/a/{key}", MIB, datetime(2026, 1, 1, tzinfo=UTC)) == (), key
    for kept in ("keys/", "catalog/", "config/repository"):
        meant = [one for one in lifecycle.rules if f"shop/a/{kept}x".startswith(one.prefix)]
        assert all(one.noncurrent_days is None for one in meant), kept
    assert course_of(lifecycle, "shop/a/files/pack/long/2026-01/x", MIB, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", PRESETS)
def test_its_json_is_read_back(name: str) -> None:
    lifecycle = preset(name, "", Rules(), 35)
    assert read_lifecycle(write_lifecycle(lifecycle)) == lifecycle


def test_repositories_in_one_bucket_have_rules_of_their_own() -> None:
    places = ["", "shop", "shop/a", "shop.a", "shop-a", "x" * 300, "x" * 299 + "y", "أ"]
    ids = [one for place in places for one in own_ids(place)]
    assert len(ids) == len(set(ids)) and all(len(one) <= 255 and one.startswith("lifeboat-") for one in ids)


def test_a_set_that_nobody_knows() -> None:
    with pytest.raises(PresetMissing, match="best") as caught:
        preset("best", "", Rules(), 35)
    assert "mission, hours, cheapest" in caught.value.hint


@settings(max_examples=60)
@given(st.integers(0, 130), st.integers(0, 12), st.integers(2000, 2080), st.integers(1, 12))
def test_no_pack_goes_before_the_last_rule_lets_go(monthly: int, yearly: int, year: int, month: int) -> None:
    """Written on the first instant of its month, needed to the last of the month (year) that pushes its snapshot out."""
    begin = begin_of(f"{year:04d}-{month:02d}")
    months = year * 12 + month - 1 + monthly
    last = end_of(f"{months // 12:04d}-{months % 12 + 1:02d}")
    if yearly:
        last = max(last, end_of(f"{year + yearly:04d}-12"))
    for name in PRESETS:
        rule = preset(name, "", Rules(monthly=monthly, yearly=yearly), 35).rules[0]
        assert rule.expire_days is not None
        assert begin + timedelta(days=rule.expire_days) >= last + timedelta(days=NOTICE_DAYS)
        for one in rule.transitions:
            assert one.days is not None and one.days + MINIMUM_DAYS[one.storage_class] <= rule.expire_days


def test_archived_packs_are_of_old_copies() -> None:
    assert archive_from(30) >= 31 + 30
