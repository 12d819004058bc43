"""Which point a drill takes: what belongs together, old copies as often as new ones, and none that lacks something while another does not."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.operations.drill.points import AGES, NothingToDrill, choose
from lifeboat.repository.names import Source
from lifeboat.repository.record import Record

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ALL = ("db", "files", "config")


def record(source: Source, hours: float, point: str = "", complete: bool = True, purpose: str = "backup") -> Record:
    at = NOW - timedelta(hours=hours)
    name = f"{source}-{hours}"
    return Record(
        *("ab" * 16, name, name, point or name, str(source), "short", "2026-11", "app", at, True, at, at),
        *(complete, purpose, b"", (), 1, 1, 1, 1, ""),
    )  # type: ignore[call-arg]


def first(_: int) -> int:
    return 0


def test_the_newest_point_is_whole_where_one_is_and_no_safety_copy() -> None:
    records = [
        record(Source.MONGODB, 1, complete=False),
        record(Source.MONGODB, 2),
        record(Source.MONGODB, 0.5, purpose="safety"),
        record(Source.FILES, 3, complete=False),
    ]
    chosen = choose(records, ALL, "latest", NOW, first).records
    assert {source: one.snapshot for source, one in chosen.items()} == {"db": "mongodb-2", "files": "files-3"}


def test_what_was_taken_together_comes_back_together_else_what_is_not_younger() -> None:
    together = [record(Source.MONGODB, 10, "p"), record(Source.FILES, 9.9, "p")]
    hourly = [record(Source.MONGODB, 5), record(Source.FILES, 6), record(Source.FILES, 4)]
    newest = choose([*together, *hourly], ALL, "latest", NOW, first).records
    assert (newest["db"].snapshot, newest["files"].snapshot) == ("mongodb-5", "files-6")
    oldest = choose([*together, *hourly], ALL, "oldest", NOW, first).records
    assert (oldest["db"].snapshot, oldest["files"].snapshot) == ("mongodb-10", "files-9.9")


@given(st.lists(st.floats(0, 24 * 400), min_size=1, max_size=60, unique=True), st.integers(0, 3), st.integers(0, 59))
def test_by_chance_every_age_is_as_likely_however_many_copies_it_has(hours: list[float], age: int, number: int) -> None:
    records = [record(Source.MONGODB, one) for one in hours]
    ages = {sum(timedelta(hours=one) > limit for limit in AGES) for one in hours}
    asked: list[int] = []

    def draw(among: int) -> int:
        asked.append(among)
        return (age if len(asked) == 1 else number) % among

    chosen = choose(records, ["db"], "random", NOW, draw)
    assert asked[0] == len(ages)
    assert chosen.records["db"] in records and "by chance" in chosen.words


def test_where_nothing_fits_it_says_so() -> None:
    with pytest.raises(NothingToDrill):
        choose([record(Source.MONGODB, 1)], ["files"], "latest", NOW, first)
    with pytest.raises(NothingToDrill):
        choose([], ALL, "oldest", NOW, first)
