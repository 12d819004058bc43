"""The calendar, the prediction and what is to be done: over years, against truths that are known; a copy of a report that was changed is told."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.app.drill_book import Book, FollowUpUnknown, ReportUnreadable
from lifeboat.app.drill_files import write_report
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import FilesSettings, RepositorySettings, Settings
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.operations.drill.book import EXERCISE, MEMORY, DrillSummary, DrillUnknown
from lifeboat.operations.drill.calendar import FULL, PEOPLE, RESTORE, Every, due_of
from lifeboat.operations.drill.content import from_content, to_content
from lifeboat.operations.drill.predict import predict
from lifeboat.operations.drill.report import DrillReport
from lifeboat.operations.drill.request import DrillRequest
from lifeboat.operations.drill.scenario import Scenario

DAY = 86_400.0
EVERY = Every(7 * DAY, 30 * DAY, 90 * DAY)
BEGAN = datetime(2024, 2, 1, tzinfo=UTC)


def drill(
    days: float, scenario: str = "server-loss", passed: bool = True, seconds: float = 60, size: int = 10**9
) -> DrillSummary:
    ended = BEGAN + timedelta(days=days)
    outcome = "passed" if passed else "failed"
    return DrillSummary(f"{int(days * 100):08x}", 1, scenario, outcome, ended, seconds, seconds, size, ("mongodb",))


def due_days(drills: list[DrillSummary]) -> dict[str, float]:
    return {
        one.what: (one.due - BEGAN).total_seconds() / DAY for one in due_of(drills, EVERY, BEGAN) if one.due is not None
    }


def test_what_was_never_done_is_due_an_interval_after_there_was_something_to_drill() -> None:
    assert due_days([]) == {RESTORE: 7, FULL: 30, PEOPLE: 90}
    assert all(one.due is None for one in due_of([], EVERY, None))


def test_a_drill_of_everything_counts_as_a_restore_and_not_the_other_way_round() -> None:
    assert due_days([drill(10)]) == {RESTORE: 17, FULL: 40, PEOPLE: 90}
    assert due_days([drill(10, "database-loss")]) == {RESTORE: 17, FULL: 30, PEOPLE: 90}
    assert due_days([drill(10, EXERCISE)]) == {RESTORE: 7, FULL: 30, PEOPLE: 100}


def test_what_failed_is_made_again_within_thirty_days_or_sooner() -> None:
    assert due_days([drill(10), drill(12, passed=False)])[FULL] == 40
    assert due_days([drill(10, EXERCISE), drill(11, EXERCISE, passed=False)])[PEOPLE] == 41
    assert due_days([drill(10), drill(12, passed=False), drill(13)])[FULL] == 43


@given(st.lists(st.floats(0, 1500), max_size=20).map(sorted))
def test_over_years_it_is_overdue_exactly_when_the_last_one_is_too_old(days: list[float]) -> None:
    drills = [drill(one) for one in days]
    for now in (0.0, 400.0, 1600.0):
        until = [one for one in drills if one.ended <= BEGAN + timedelta(days=now)]
        full = next(one for one in due_of(until, EVERY, BEGAN) if one.what == FULL)
        last = max((one.ended for one in until), default=BEGAN)
        moment = BEGAN + timedelta(days=now)
        assert full.is_overdue(moment) == (moment - last > timedelta(days=30))


@given(
    st.floats(0, 600),
    st.floats(1e-9, 1e-6),
    st.lists(st.integers(10**7, 10**12), min_size=1, max_size=8),
    st.integers(10**7, 10**12),
)
def test_the_prediction_meets_a_truth_that_is_a_line(fixed: float, rate: float, sizes: list[int], today: int) -> None:
    drills = [drill(n, seconds=fixed + rate * size, size=size) for n, size in enumerate(sizes)]
    found = predict(drills, today)
    assert found is not None and found.low <= found.seconds <= found.high and found.seconds >= 0
    if max(sizes) > 2 * min(sizes):
        assert found.seconds == pytest.approx(fixed + rate * today, rel=1e-3)


def test_one_drill_grows_with_the_size_and_says_that_it_is_unsure() -> None:
    found = predict([drill(1, seconds=100, size=10**9)], 2 * 10**9)
    assert found is not None and (found.seconds, found.drills) == (200, 1)
    assert found.low < 200 < found.high


def test_one_slow_drill_does_not_bend_it_and_failed_or_partial_ones_do_not_count() -> None:
    usual = [
        drill(n, seconds=10 + size / 1e8, size=size)
        for n, size in enumerate((10**9, 2 * 10**9, 4 * 10**9, 8 * 10**9, 16 * 10**9))
    ]
    slow = drill(9, seconds=3000, size=3 * 10**9)
    found = predict([*usual, slow], 10**10)
    assert found is not None and found.seconds == pytest.approx(110, rel=0.3) and found.high > 1000
    assert predict([drill(1, passed=False), drill(2, "database-loss"), drill(3, EXERCISE)], 10**9) is None
    assert predict([], 10**9) is None


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, DrillReport]:
    """A repository of files alone, with one drill in its ledger."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "uploads").mkdir()
    (folder / "uploads" / "a.txt").write_text("a" * 1000)
    made = Settings(
        state=folder / "state",
        repository=RepositorySettings(location=folder / "repository"),
        files=FilesSettings((folder / "uploads",)),
        key=Identity.generate().to_text(),
        folder=folder,
    )
    Lifeboat(made).initialise(guarded=False, new_key=None)
    Lifeboat(made).backup("files")
    report = Lifeboat(made).drilling().run(DrillRequest(Scenario.SERVER_LOSS, notify=False))
    assert report.outcome == "passed"
    return made, report


def test_a_report_survives_being_put_down(office: tuple[Settings, DrillReport]) -> None:
    settings_, report = office
    content = json.loads(json.dumps(to_content(report)))
    assert from_content(content) == report
    assert from_content({**content, "of a newer Lifeboat": 1}) == report
    assert Book(settings_, SystemClock()).report(report.drill[:4]).compared == report.compared
    with pytest.raises(DrillUnknown):
        Book(settings_, SystemClock()).report("zz")


def test_a_copy_that_was_changed_is_told(office: tuple[Settings, DrillReport], tmp_path: Path) -> None:
    settings_, report = office
    book = Book(settings_, SystemClock())
    for path in write_report(report, tmp_path):
        assert book.check(path).is_the_same, path
        text = path.read_text()
        assert "passed" in text
        path.write_text(text.replace("passed", "failed", 1))
        assert not book.check(path).is_the_same
    other = tmp_path / "letter.html"
    other.write_text("<p>dear auditor</p>")
    with pytest.raises(ReportUnreadable):
        book.check(other)


def test_status_knows_the_drill_and_reads_it_once(office: tuple[Settings, DrillReport]) -> None:
    settings_, report = office
    standing = Lifeboat(settings_).status().drills
    assert standing is not None and standing.last == report.drill and standing.predicted_seconds is not None
    state = Lifeboat(settings_).repository().state
    (state.directory / MEMORY).write_text("{broken")
    assert Lifeboat(settings_).status().drills == standing
    assert state.read_json(MEMORY)


def test_what_is_to_be_done_stays_until_somebody_says_what_was_done(office: tuple[Settings, DrillReport]) -> None:
    settings_, report = office
    book = Book(settings_, SystemClock())
    kept = book.add_follow_up(report.drill[:5], "index of clients", "Omar", date(2026, 1, 2))
    assert (kept.drill, kept.closed) == (report.drill, None)
    assert kept.is_overdue(datetime(2026, 1, 3, tzinfo=UTC)) and not kept.is_overdue(datetime(2026, 1, 2, tzinfo=UTC))
    closed = book.close_follow_up(kept.id[:4], "built by the release")
    assert closed.closed is not None and not closed.is_overdue(datetime(2030, 1, 1, tzinfo=UTC))
    with pytest.raises(FollowUpUnknown):
        book.close_follow_up(kept.id, "again")
    with pytest.raises(DrillUnknown):
        book.add_follow_up("zz", "x", "y", None)
    summary = book.exercise("on paper", "Noura", "all", True, "", 45)
    assert summary.scenario == EXERCISE and summary.seconds == 2700
