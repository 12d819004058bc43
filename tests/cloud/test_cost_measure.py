"""How growth is read from records: fulls, changes, machines that stopped, and how sure it is."""

from datetime import UTC, date, datetime, timedelta

import pytest

from lifeboat.cloud.cost.lying import Lying
from lifeboat.operations.cost.measure import archive_growth, measure
from lifeboat.repository.names import Source
from lifeboat.repository.record import Record

NOW = datetime(2026, 6, 29, tzinfo=UTC)
DAY = timedelta(days=1)


def record(days_ago: float, stored: int, *, class_: str = "short", total: int = 1000, label: str = "shop") -> Record:
    at = NOW - DAY * days_ago
    return Record(
        writer=label,
        object_name="",
        snapshot=f"{label}-{class_}-{days_ago}",
        point="",
        source="files",
        class_=class_,
        generation=f"{at:%Y-%m}",
        label=label,
        instant=at,
        one_instant=True,
        started=at,
        finished=at,
        complete=True,
        purpose="backup",
        root=b"",
        packs=(),
        total_bytes=total,
        items=1,
        new_bytes=stored,
        stored_bytes=stored,
        software="",
    )


def measured(*records: Record):
    return measure(records, lambda one: one.label, NOW)


def test_the_first_of_a_month_is_a_full_and_the_rest_is_change():
    found = measured(record(28, 5000), *(record(day, 100) for day in range(27, 0, -1)), record(20, 5100, class_="long"))
    (growth,) = found.growths
    assert growth.source == Source.FILES
    assert growth.full_bytes == 5100
    # 27 days of 100 bytes, over 28 days
    assert growth.day_bytes == pytest.approx(2700 / 28)
    assert growth.runs_a_day == pytest.approx(29 / 28)
    assert "good" in found.words


def test_what_was_stored_of_this_month_is_not_stored_again():
    found = measured(record(3, 5000), record(2, 5000, class_="long"))
    assert found.begun.short == found.begun.long == {Source.FILES}
    older = measured(record(33, 5000))
    assert not older.begun.short


def test_more_data_makes_larger_fulls_and_is_not_counted_twice():
    (growth,) = measured(
        record(28, 1000, total=1000), *(record(day, 10, total=1000 + 10 * (28 - day)) for day in range(27, -1, -1))
    ).growths
    # Each day 10 bytes more of 1,280, whose full is 1,000: 10 x 1,000 / 1,280 a day; what is left is change
    assert growth.grows_a_day == pytest.approx(10 * 1000 / 1280)
    assert growth.day_bytes == pytest.approx(280 / 28 - growth.grows_a_day)


def test_little_history_says_so_and_a_machine_that_stopped_is_left_out():
    assert "rough" in measured(record(0.5, 100)).words and "12 hours" in measured(record(0.5, 100)).words
    assert "3 days" in measured(record(3, 100)).words
    assert measured(record(40, 100)).growths == ()
    assert "nothing was backed up lately" in measured().words
    both = measured(record(1, 100), record(1, 300, label="other"))
    assert sorted(one.full_bytes for one in both.growths) == [100, 300]


def test_segments_a_day_are_those_of_whole_days():
    lying = Lying(segments_by_day={NOW.date() - DAY: [1000, 10], NOW.date() - 2 * DAY: [3000, 30], NOW.date(): [1, 1]})
    archive = archive_growth(lying, NOW)
    assert archive is not None
    assert (archive.day_bytes, archive.objects_a_day) == (2000, 20)
    assert archive_growth(Lying(), NOW) is None
    assert archive_growth(Lying(segments_by_day={date(2026, 1, 1): [5, 5]}), NOW) is None
