"""Am I safe? An archive that is fresh keeps the objective; one that stands still, has a gap or no snapshot is told of."""

from datetime import timedelta
from pathlib import Path

import pytest
from timeline_kit import BEGIN, Archived, at

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.finding import Level, any_problem
from lifeboat.operations.doctor.archive import check_archive
from lifeboat.operations.reports.standing import ArchiveStatus, SourceStatus, StatusReport
from lifeboat.operations.status import status
from lifeboat.operations.stream.memory import Remembered, StreamMemory
from lifeboat.operations.timeline_report import look_at_timeline
from lifeboat.operations.verify.run import check_ages
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.segment_format import Edge
from lifeboat.repository.segment_writing import new_chain
from lifeboat.repository.segments import list_segments
from lifeboat.storage.errors import StorageDenied

HOUR = 3600
GOAL = {"mongodb": float(HOUR)}


@pytest.fixture
def archived(tmp_path: Path) -> Archived:
    return Archived(tmp_path)


def now_is(archived: Archived, second: float) -> None:
    archived.clock.moment = BEGIN + timedelta(seconds=second)


def look(
    archived: Archived, repository: Repository | None = None
) -> tuple[StatusReport, SourceStatus, ArchiveStatus | None]:
    report = status(repository or archived.opened(), GOAL, 86_400.0 * 30)
    return report, report.sources[0], report.archives[0] if report.archives else None


def codes(report: StatusReport) -> set[str]:
    return {one.code for one in report.findings} - {"same-machine", "not-proved"}


def test_a_fresh_archive_keeps_the_objective_though_the_snapshot_is_old(archived: Archived) -> None:
    archived.snapshot(at(10, 3))
    archived.stream(at(10, 3), at(5 * HOUR), 1800)
    now_is(archived, 5 * HOUR + 40)
    report, source, archive = look(archived)
    assert source.meets_objective and source.by_archive and source.age_seconds == 40
    assert archive is not None and archive.lag_seconds == 40 and archive.gaps == 0 and not archive.stalled
    assert codes(report) == set() and not any_problem(report.findings)
    assert [one.level for one in check_archive(archived.opened())] == [Level.OK]


def test_an_archive_that_stands_still_is_told_of_and_keeps_no_objective(archived: Archived) -> None:
    archived.snapshot(at(10, 3))
    archived.stream(at(10, 3), at(2 * HOUR), 1800)
    now_is(archived, 5 * HOUR)
    report, source, _ = look(archived)
    assert not source.meets_objective and source.age_seconds == 3 * HOUR
    assert codes(report) == {"snapshot-too-old", "archive-stands-still"}
    now_is(archived, 2 * HOUR + 1200)
    report, source, _ = look(archived)
    assert source.meets_objective and codes(report) == {"archive-stands-still"} and not any_problem(report.findings)


def test_a_snapshot_that_is_left_behind_by_days_is_told_of(archived: Archived) -> None:
    archived.snapshot(at(10))
    archived.stream(at(10), at(60 * HOUR), 6 * HOUR)
    now_is(archived, 60 * HOUR + 10)
    report, source, _ = look(archived)
    assert source.meets_objective and codes(report) == {"snapshot-behind-archive"}


def test_a_gap_is_told_of_for_a_week(archived: Archived) -> None:
    archived.snapshot(at(10))
    archived.stream(at(10), at(HOUR), 1800)
    archived.stream(at(2 * HOUR), at(9 * HOUR), 1800, chain=new_chain(), because="the oplog was overwritten")
    now_is(archived, 2 * HOUR)
    archived.snapshot(at(2 * HOUR, 5))
    now_is(archived, 9 * HOUR)
    report, _, archive = look(archived)
    assert archive is not None and archive.gaps == 1 and archive.gap_seconds == HOUR
    assert codes(report) == {"archive-gap"} and not any_problem(report.findings)
    now_is(archived, 8 * 24 * HOUR)
    assert "archive-gap" not in codes(look(archived)[0])


def test_an_archive_without_a_snapshot_counts_for_nothing(archived: Archived) -> None:
    archived.stream(at(10), at(HOUR), 1800)
    now_is(archived, HOUR)
    report, source, archive = look(archived)
    assert archive is not None and archive.newest is None and not source.meets_objective
    assert codes(report) >= {"archive-without-snapshot", "no-snapshot"}


def test_another_machines_archive_hides_not_that_this_one_stands_still(archived: Archived) -> None:
    archived.snapshot(at(10))
    other = archived.opened(label="db2")
    archived.secret, archived.repository = other.writer(archived.clock.now()), other
    archived.snapshot(at(20))
    archived.stream(at(10), at(5 * HOUR), 1800)
    now_is(archived, 5 * HOUR + 5)
    _, source, _ = look(archived)
    assert not source.meets_objective, "db1 is judged by its own"
    _, source, _ = look(archived, archived.opened(label="db2"))
    assert source.meets_objective


class Unlisted:
    """The store as a guarded writer sees it: the archive may be written, not listed."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def list_under(self, prefix: str) -> object:
        if prefix.startswith("mongodb/") or not prefix:
            raise StorageDenied("may not be listed", "does a policy refuse it?")
        return self._inner.list_under(prefix)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_who_may_not_list_the_archive_goes_by_what_its_stream_remembers(archived: Archived) -> None:
    archived.snapshot(at(10))
    now_is(archived, 5 * HOUR)
    repository = archived.without_key(Unlisted(archived.store))  # type: ignore[arg-type]
    assert not look(archived, repository)[1].meets_objective
    memory = StreamMemory(repository.state, archived.secret.writer.hex())
    edge = Edge(at(5 * HOUR - 20), 1, bytes(32))
    left = Remembered(archived.secret.writer.hex(), "rs0", "0" * 16, edge, "x", None, BEGIN, None)
    memory.save(left)
    report, source, archive = look(archived, repository)
    assert archive is not None and archive.by_memory and archive.gaps is None and archive.lag_seconds == 20
    assert source.meets_objective and source.by_archive
    memory.save(Remembered(left.writer, "rs0", left.chain, edge, "x", None, BEGIN, ClusterTime(1, 1)))
    report, source, archive = look(archived, repository)
    assert archive is not None and archive.newest is None and not source.meets_objective
    assert "archive-without-snapshot" in codes(report)


def test_without_an_archive_all_is_as_it_was(archived: Archived) -> None:
    record = archived.snapshot(at(10))
    now_is(archived, 5 * HOUR)
    report, source, archive = look(archived)
    assert archive is None and not source.by_archive and codes(report) == {"snapshot-too-old"}
    assert [one.code for one in check_ages([record], GOAL, archived.clock.now())] == ["snapshot-too-old"]
    (none,) = check_archive(archived.opened())
    assert none.level is Level.OK and "`lifeboat stream`" in none.message


@pytest.mark.parametrize("ahead", [60, 40 * HOUR])
def test_a_planted_name_keeps_no_alarm_silent(archived: Archived, ahead: int) -> None:
    archived.snapshot(at(10))
    archived.stream(at(10), at(2 * HOUR), 1800)
    newest = max(list_segments(archived.repository), key=lambda one: one.through)
    now_is(archived, 5 * HOUR)
    wide = f"{newest.after.hex()}-{at(5 * HOUR + ahead).hex()}"
    name = newest.name.replace(f"{newest.after.hex()}-{newest.through.hex()}", wide)
    archived.store.write(name, archived.store.read(newest.name))
    report, source, archive = look(archived)
    assert archive is not None and archive.lag_seconds == 3 * HOUR and not source.meets_objective
    assert "archive-stands-still" in codes(report)
    assert look_at_timeline(archived.opened()).histories[0].lag_seconds == 3 * HOUR
