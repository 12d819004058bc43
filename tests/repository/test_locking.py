"""Until when an object is locked: whatever a restore needs, as long as the packs are."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lifeboat.repository import names
from lifeboat.repository.locking import LEAST_DAYS, LockPeriods, generation_in
from lifeboat.retention.periods import GRACE, closes, generation_of, lock_end

SHA, WRITER = "c" * 64, "d" * 32
NOW = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)


def of_generation(month: str) -> list[str]:
    return [
        names.key_name(month, SHA),
        names.index_name(WRITER, month, SHA),
        names.snapshot_name(WRITER, month, SHA),
        names.link_name(WRITER, month, 1, SHA),
        names.statement_name("proof", WRITER, month, SHA),
        *(names.pack_name(source, class_, month, SHA) for source in names.Source for class_ in names.Class),
    ]


DESCRIBING = [
    names.description_name(SHA),
    names.registration_name(WRITER, SHA),
    names.rescue_name(SHA),
    names.readme_name(SHA),
    names.ledger_name(1, "erasure", SHA),
]
SEGMENT = names.segment_name("2026-11", SHA, "1", "2", "3", WRITER, SHA)


def test_all_that_a_restore_needs_is_locked_until_one_day_and_scratch_is_not() -> None:
    until = {LockPeriods().until(name, lambda: NOW) for name in (*of_generation("2026-11"), *DESCRIBING)}
    assert until == {datetime(2027, 1, 5, tzinfo=UTC)}
    assert LockPeriods().until(SEGMENT, lambda: NOW) == NOW + timedelta(days=7) + GRACE
    assert LockPeriods(window_days=30).until(SEGMENT, lambda: NOW) == NOW + timedelta(days=30) + GRACE
    assert LockPeriods().until(f"{names.PROBES}abc/once", lambda: NOW) is None


def test_the_day_follows_from_the_name_and_not_from_when_it_is_written() -> None:
    for name in of_generation("2026-11"):
        days = {LockPeriods().until(name, lambda at=at: NOW + timedelta(days=at)) for at in range(-20, 35)}
        assert days == {lock_end("2026-11")}
        # A proof or a forget of an old month, said when its lock is over, is not refused for a day in the past.
        assert LockPeriods().until(name, lambda: lock_end("2026-11")) is None


def test_what_lies_in_no_generation_is_not_taken_for_one() -> None:
    for name in (
        "keys/2026-13/x",
        "keys/9x/x",
        "catalog/x/2026-11",
        "files/pack/short/2026-00/x",
        "other/pack/short/2026-11/x",
        "",
    ):
        assert generation_in(name) is None
    assert generation_in("files/pack/short/2026-11.2/x") == "2026-11.2"


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2080, 1, 1)),
    st.integers(LEAST_DAYS, 400),
    st.integers(1, 400),
    st.integers(0, 6),
)
def test_no_lock_is_longer_than_the_limit_in_the_buckets_policy_and_none_is_over_before_its_month_closes(
    begun: datetime, days: int, window_days: int, late_days: int
) -> None:
    """A run belongs to the month in which it begins, and may commit until that is closed."""
    begun = begun.replace(tzinfo=UTC)
    periods, generation = LockPeriods(days, window_days), generation_of(begun)
    wrote = min(begun + timedelta(days=late_days), closes(generation) - timedelta(seconds=1))
    for name in (*of_generation(generation), *DESCRIBING, SEGMENT):
        until = periods.until(name, lambda: wrote)
        assert until is not None and until - wrote <= timedelta(days=periods.longest_days)
        if name not in (*DESCRIBING, SEGMENT):
            assert until > closes(generation)
