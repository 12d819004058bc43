"""What people write for an instant: the hour that is meant, or a clear sentence; never the hour beside it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.moments import MomentUnclear, pinned, read_moment, read_operation, writer_in

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-26T14:03:27+03:00",
        "2026-11-26T11:03:27Z",
        "2026-11-26 11:03:27Z",
        "20261126T110327Z",
        "3393 seconds ago",
        "3393 s ago",
        " 3393   sec  ago ",
    ],
)
def test_the_state_at_an_instant_is_what_came_before_its_second(text: str) -> None:
    at = int(datetime(2026, 11, 26, 11, 3, 27, tzinfo=UTC).timestamp())
    assert read_moment(text, NOW).goal == ClusterTime(at, 0)


def test_an_exact_cluster_time_is_taken_with_its_write() -> None:
    assert read_moment("1764000000.3", NOW).goal == ClusterTime(1764000000, 3)
    assert read_moment("newest", NOW).goal is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-26T11:03:27", "no time zone"),
        ("2026-11-26", "no time zone"),
        ("56 minutes 33 seconds ago", "cannot be read"),
        ("yesterday", "cannot be read"),
        ("", "cannot be read"),
        ("3 fortnights ago", "unknown unit"),
        ("2026-11-26T12:10:00Z", "still to come"),
        ("99999999999999 days ago", "before any database"),
        ("1764000000.99999999999", "cannot be read"),
        ("1969-01-01T00:00:00Z", "before any database"),
        ("2026-13-26T11:03:27Z", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_hint(text: str, said: str) -> None:
    with pytest.raises(MomentUnclear, match=said) as raised:
        read_moment(text, NOW)
    assert raised.value.hint


def test_the_hint_for_a_missing_zone_can_be_copied() -> None:
    with pytest.raises(MomentUnclear) as raised:
        read_moment("2026-11-26T11:03:27", NOW)
    assert read_moment(raised.value.hint.rpartition(" ")[2], NOW).goal is not None


@given(st.integers(0, 10**6), st.integers(-12 * 60, 14 * 60))
def test_any_zone_names_the_same_instant(seconds_ago: int, zone_minutes: int) -> None:
    instant = (NOW - timedelta(seconds=seconds_ago)).astimezone(timezone(timedelta(minutes=zone_minutes)))
    assert read_moment(instant.isoformat(), NOW).goal == read_moment(f"{seconds_ago} seconds ago", NOW).goal


def test_an_age_that_was_pinned_means_the_same_instant_later() -> None:
    said = pinned("10 minutes ago", NOW)
    later = NOW + timedelta(minutes=7)
    assert read_moment(said, later).goal == read_moment("10 minutes ago", NOW).goal
    for text in ("newest", "2026-11-26T11:03:27Z", "1764000000.3"):
        assert pinned(text, NOW) == text


def test_a_name_behind_a_time_says_whose_database_is_meant() -> None:
    for text in ("10 minutes ago", "newest", "2026-11-26T11:03:27Z", "1764000000.3"):
        assert read_moment(f"{text}@db1", NOW).goal == read_moment(text, NOW).goal
        assert writer_in(f"{text}@db1") == "db1" and writer_in(text) is None
    assert pinned("10 minutes ago@db1", NOW).endswith(".0@db1")
    assert read_operation("1764000000.3@db1") == ClusterTime(1764000000, 3)
