"""The first line, the pictures and the numbers, from facts alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from scene import NOW, Scene, alert, snapshots
from web_kit import Steps

from lifeboat.cli.show.file_progress import FileProgress
from lifeboat.foundation.finding import Finding, Level
from lifeboat.journal.rows import AlertRow, SizeRow
from lifeboat.services.schedule.memory import ScheduleMemory
from lifeboat.services.web.growth import growth_of
from lifeboat.services.web.pictures import growth_picture, timeline_picture, window_of
from lifeboat.services.web.verdict import Mood, Verdict, verdict_of
from lifeboat.services.web.words import prose, sentence, times

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def verdict(scene: Scene, alerts: list[AlertRow] | None = None, now: datetime = NOW) -> Verdict:
    return verdict_of(scene.seen(), alerts or [], now)


def test_all_is_well_and_it_says_what_would_be_lost_all_the_same() -> None:
    found = verdict(Scene(hours=30))
    assert found.mood is Mood.GOOD
    assert "30 s of the database, 12 h of the files and 12 h of the configuration" in found.sentence


def test_a_late_source_is_named_with_its_goal_and_what_to_type() -> None:
    found = verdict(Scene(hours=30, late=True))
    assert (found.mood, found.act) == (Mood.BAD, "lifeboat backup files")
    assert found.sentence == "The newest copy of the files is 2 d 4 h old, and the goal is 1 d."


def test_a_problem_or_a_critical_alert_is_never_safe() -> None:
    scene = Scene(hours=30)
    assert verdict(scene, [alert(1, "critical", NOW, "the last verification failed")]).mood is Mood.BAD
    seen = scene.seen()
    assert seen and seen.status
    problem = Finding(Level.PROBLEM, "pack-damaged", "files", "a pack is damaged", "lifeboat verify")
    status = replace(seen.status, findings=(problem,))
    found = verdict_of(replace(seen, status=status), [], NOW)
    assert (found.mood, found.sentence) == (Mood.BAD, "Files: a pack is damaged.")


def test_a_warning_is_safe_with_a_but() -> None:
    assert verdict(Scene(hours=30), [alert(1, "warning", NOW, "x")]).mood is Mood.DOUBTFUL
    assert verdict(Scene(hours=30), [alert(1, "info", NOW, "x")]).mood is Mood.GOOD


@pytest.mark.parametrize("minutes", [16, 600])
def test_an_old_look_is_no_answer(minutes: int) -> None:
    found = verdict(Scene(hours=30), now=NOW + minutes * MINUTE)
    assert found.mood is Mood.UNKNOWN and "has not answered since" in found.sentence


def test_a_repository_that_is_away_or_was_never_seen_is_not_safe_by_silence() -> None:
    assert verdict(Scene(hours=30, trouble="the bucket cannot be reached")).mood is Mood.UNKNOWN
    assert verdict(Scene(hours=30, never_seen=True)).mood is Mood.UNKNOWN


def test_a_repository_that_protects_nothing_is_not_safe() -> None:
    seen = Scene(hours=30).seen()
    assert seen and seen.status
    empty = replace(seen, status=replace(seen.status, sources=()))
    assert verdict_of(empty, [], NOW).mood is Mood.BAD


def test_pictures_stay_small_whatever_there_is_to_show() -> None:
    window = window_of(NOW)
    many = [window.since + n * timedelta(seconds=7) for n in range(80_000)]
    spans = [(one, one + timedelta(seconds=3)) for one in many]
    assert len(timeline_picture(window, NOW, "x", spans, spans, many)) < 400_000
    assert len(growth_picture([(one, float(n)) for n, one in enumerate(many)], "x")) < 20_000
    assert growth_picture([], "x") == growth_picture([(NOW, 1.0)], "x") == ""


def test_a_gap_of_seconds_is_seen_in_a_week() -> None:
    window = window_of(NOW)
    picture = timeline_picture(window, NOW, "a & <b>", [], [(NOW - DAY, NOW - DAY + timedelta(seconds=2))], [])
    assert 'class="gap"' in picture and "<b>" not in picture
    width = float(picture.partition('class="gap"')[2].partition('width="')[2].partition('"')[0])
    assert width >= 3


def test_what_began_an_hour_ago_is_shown_by_hours_and_the_rest_by_days() -> None:
    young, old = window_of(NOW, NOW - timedelta(hours=1)), window_of(NOW, NOW - 30 * DAY)
    assert (young.until - young.since, len(young.marks), young.by_days) == (DAY, 8, False)
    assert (old.until - old.since, len(old.marks), old.by_days) == (7 * DAY, 7, True)
    for window in (young, old):
        assert window.since <= NOW <= window.until
        assert [round(window.at(mark)) for mark in window.marks] == [
            round(1000 * n / len(window.marks)) for n in range(len(window.marks))
        ]


def test_the_peak_is_not_lost_among_many_sizes() -> None:
    points = [(NOW + n * MINUTE, 1.0) for n in range(5000)]
    points[2501] = (points[2501][0], 100.0)
    # The peak is at the top: 4 of 160 units are left above it.
    assert ",4.0 " in growth_picture(points, "x")


def test_sizes_come_from_what_is_stored_and_from_what_the_journal_remembers() -> None:
    rows = snapshots(NOW, 30)
    old = SizeRow("f" * 32, datetime(2026, 1, 1, tzinfo=UTC), "db", "shop-1", 5, 1, 5, True)
    same = SizeRow(rows[0].snapshot, NOW, "mongodb", "shop-1", 9, 9, 9, True)
    [database, files, config] = growth_of([old, same], rows, NOW)
    assert (database.name, database.since, database.newest) == ("db", old.time, rows[0].bytes)
    assert database.points == 31 and files.points == config.points == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [("a b.", "A b."), ("mongodb://x y", "mongodb://x y"), ("/etc/x is", "/etc/x is"), ("", ""), ("word", "Word")],
)
def test_only_words_begin_large(said: str, shown: str) -> None:
    assert sentence(said) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("is it there? `lifeboat doctor`", "Is it there? <code>lifeboat doctor</code>"),
        ("lifeboat verify --level full", "<code>lifeboat verify --level full</code>"),
        ("a <b> and `<i>`", "A &lt;b&gt; and <code>&lt;i&gt;</code>"),
        ("one ` alone", "One ` alone"),
        (None, ""),
    ],
)
def test_what_is_to_be_typed_is_set_apart(said: str | None, shown: str) -> None:
    assert prose(said) == shown


@pytest.mark.parametrize(
    ("cron", "shown"),
    [
        ("0 * * * *", "every hour"),
        ("0 2 * * *", "every day at 02:00"),
        ("*/15 * * * *", "every 15 minutes"),
        ("30 5 * * 0", "Sundays at 05:30"),
        ("0 0 1 * *", "cron 0 0 1 * *"),
        ("every 15m", "every 15m"),
    ],
)
def test_times_are_said_as_people_say_them(cron: str, shown: str) -> None:
    assert times(cron) == shown


def test_a_run_says_how_far_it_is_to_whoever_watches(tmp_path: Path) -> None:
    memory, clock = ScheduleMemory(tmp_path, tmp_path), Steps()
    with memory.changed():
        pass  # makes the folder
    with memory.progress_of("db") as path:
        assert memory.progress("db") == (None, None)
        progress = FileProgress(path, clock)
        progress.begin("reading", total_bytes=2000)
        clock.sleep(1)
        progress.advance(done_bytes=500)
        assert memory.progress("db") == ("reading: 500 B of 1.95 KiB", 25)
        path.write_text('{"doing"')
        assert memory.progress("db") == (None, None)
    assert not path.exists()
    gone = FileProgress(tmp_path / "gone" / "x", clock)
    gone.begin("the work does not notice that nobody can be told")
