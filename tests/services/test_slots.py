"""When jobs are due, against the clocks that people have set."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeboat.services.schedule.slots import ScheduleUnreadable, Slots, zone_named

DAY = timedelta(days=1)


def slots_of_day(cron: str, zone: str, day: str) -> list[str]:
    """The slots of one day of that zone's calendar, as its clock shows them, with the offset."""
    slots, begin = Slots(cron, ZoneInfo(zone)), datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    shown, instant = [], begin.astimezone(UTC) - timedelta(seconds=1)
    while (instant := slots.first_after(instant)) < (begin + DAY).astimezone(UTC):
        shown.append(instant.astimezone(ZoneInfo(zone)).strftime("%H:%M%z"))
    return shown


@pytest.mark.parametrize(
    ("zone", "day", "cron", "expected"),
    [
        # A day that has no 02:30, and one that has two: once each.
        ("Europe/Berlin", "2026-03-29", "30 2 * * *", ["03:00+0200"]),
        ("Europe/Berlin", "2026-10-25", "30 2 * * *", ["02:30+0200"]),
        ("America/New_York", "2026-03-08", "30 2 * * *", ["03:00-0400"]),
        ("America/New_York", "2026-11-01", "30 1 * * *", ["01:30-0400"]),
        ("Australia/Lord_Howe", "2026-10-04", "15 2 * * *", ["02:30+1100"]),
        ("Australia/Lord_Howe", "2026-04-05", "45 1 * * *", ["01:45+1100"]),
        ("Asia/Riyadh", "2026-03-29", "30 2 * * *", ["02:30+0300"]),
        ("Africa/Casablanca", "2026-02-15", "30 2 * * *", ["02:30+0100"]),
    ],
)
def test_a_daily_job_runs_once_on_the_day_the_clock_is_changed(
    zone: str, day: str, cron: str, expected: list[str]
) -> None:
    assert slots_of_day(cron, zone, day) == expected


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Asia/Riyadh", "2026-10-25", 24),
    ],
)
def test_an_hourly_job_runs_every_real_hour_of_that_day(zone: str, day: str, hours: int) -> None:
    shown = slots_of_day("0 * * * *", zone, day)
    assert len(shown) == len(set(shown)) == hours


def test_half_an_hour_of_lord_howe_is_neither_lost_nor_run_twice() -> None:
    assert slots_of_day("*/20 * * * *", "Australia/Lord_Howe", "2026-10-04")[3:9] == [
        *("01:00+1030", "01:20+1030", "01:40+1030"),
        *("02:30+1100", "02:40+1100", "03:00+1100"),
    ]
    assert slots_of_day("*/20 * * * *", "Australia/Lord_Howe", "2026-04-05")[4:9] == [
        *("01:20+1100", "01:40+1100"),
        *("01:40+1030", "02:00+1030", "02:20+1030"),
    ]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 5 * * 0", ["Sun"]),
        ("0 5 * * 7", ["Sun"]),
        ("0 5 * * 1-5", ["Mon", "Tue", "Wed", "Thu", "Fri"]),
        ("0 5 * * 6-7", ["Sat", "Sun"]),
        ("0 5 * * sun", ["Sun"]),
        ("0 5 * * 5-0", ["Fri", "Sat", "Sun"]),
        ("0 5 * * 0/3", ["Sun", "Wed", "Sat"]),
    ],
)
def test_days_of_the_week_are_those_of_cron_and_not_of_a_library(cron: str, expected: list[str]) -> None:
    slots, instant, seen = Slots(cron, UTC), datetime(2026, 11, 1, tzinfo=UTC), []
    while (instant := slots.first_after(instant)) < datetime(2026, 11, 8, tzinfo=UTC):
        seen.append(instant.strftime("%a"))
    assert sorted(seen) == sorted(expected)


def test_a_day_of_the_month_beside_a_day_of_the_week_means_either_as_in_cron() -> None:
    slots, instant, days = Slots("0 0 13 * 5", UTC), datetime(2026, 11, 1, tzinfo=UTC), []
    while (instant := slots.first_after(instant)) < datetime(2026, 12, 1, tzinfo=UTC):
        days.append(instant.day)
    assert days == [6, 13, 20, 27]


@pytest.mark.parametrize(
    "text",
    [
        *("", "hourly", "* * * *", "* * * * * *", "61 * * * *", "0 2 30 2 *", "0 2 * * 8", "0 2 * * 5-2"),
        *("every 0s", "every year", "0 0 * * 1/0", "every 9999d"),
    ],
)
def test_a_time_that_cannot_be_read_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ScheduleUnreadable) as refused:
        Slots(text, UTC).last_until(datetime(2026, 1, 1, tzinfo=UTC))
    assert refused.value.hint


def test_a_zone_that_is_none_is_refused() -> None:
    assert zone_named("Asia/Riyadh") == ZoneInfo("Asia/Riyadh") and zone_named("") is not None
    for name in ("Mars/Olympus", "../../etc/passwd"):
        with pytest.raises(ScheduleUnreadable):
            zone_named(name)


CRONS = st.sampled_from(
    [
        *("0 * * * *", "30 2 * * *", "*/5 * * * *", "15,45 1-3 * * *", "0 0 1 * *", "30 5 * * 0", "0 0 29 2 *"),
        *("0 */2 * * *", "7 3 13 * 5", "every 5s", "every 90m"),
    ]
)
ZONES = st.sampled_from(["Asia/Riyadh", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"])
INSTANTS = st.datetimes(datetime(2009, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)) | st.integers(
    -8 * 3600, 8 * 3600
).map(lambda off: datetime(2026, 10, 25, tzinfo=UTC) + timedelta(seconds=off))


@settings(max_examples=300, deadline=None)
@given(CRONS, ZONES, INSTANTS)
def test_the_slots_before_and_after_an_instant_are_neighbours(cron: str, zone: str, instant: datetime) -> None:
    slots = Slots(cron, ZoneInfo(zone))
    before, after = slots.last_until(instant), slots.first_after(instant)
    assert before <= instant < after
    fresh = Slots(cron, ZoneInfo(zone))  # what is remembered between questions must not change an answer
    assert fresh.first_after(before) == after and fresh.last_until(after) == after
    assert fresh.last_until(after - timedelta(microseconds=1)) == before
