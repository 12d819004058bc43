"""The journal remembers what it was told, whoever else writes, and costs nothing but memory when its file is lost or damaged."""

import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lifeboat.journal.journal import KEPT_DAYS, REPORT_AT_MOST, Journal, is_gone, this_process
from lifeboat.journal.rows import RunRow, SizeRow

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite3")


def size(snapshot: str, when: datetime, source: str = "db", stored: int = 10) -> SizeRow:
    return SizeRow(snapshot, when, source, "app", 1000, 7, stored, True)


def test_a_run_is_told_as_it_went(journal: Journal) -> None:
    number = journal.begin_run("backup db", NOON, label="app", slot=NOON - HOUR, begun_by="schedule")
    (running,) = journal.runs()
    assert running.ended is None and running.status is None and running.process == this_process()
    journal.end_run(number, NOON + HOUR, status=12, error="storage-error", report={"snapshots": []})
    (over,) = journal.runs()
    assert (over.job, over.label, over.slot, over.began, over.ended, over.status, over.error, over.begun_by) == (
        "backup db",
        "app",
        NOON - HOUR,
        NOON,
        NOON + HOUR,
        12,
        "storage-error",
        "schedule",
    )
    assert over.report == {"snapshots": []} and over.seconds == 3600 and not over.is_good


def test_runs_are_chosen_by_job_time_and_number(journal: Journal) -> None:
    for hours, job in enumerate(("backup db", "backup files", "verify")):
        journal.end_run(journal.begin_run(job, NOON + hours * HOUR), NOON + hours * HOUR, status=0)
    assert [one.job for one in journal.runs()] == ["verify", "backup files", "backup db"]
    assert [one.job for one in journal.runs(job="backup*")] == ["backup files", "backup db"]
    assert [one.job for one in journal.runs(job="backup db")] == ["backup db"]
    assert [one.job for one in journal.runs(since=NOON + HOUR)] == ["verify", "backup files"]
    assert [one.job for one in journal.runs(limit=1)] == ["verify"]
    assert [one.job for one in journal.runs(number=1)] == ["backup db"]


def test_nobody_else_can_read_it(journal: Journal, tmp_path: Path) -> None:
    journal.begin_run("verify", NOON)
    holder = sqlite3.connect(tmp_path / "journal.sqlite3")
    holder.execute("SELECT COUNT(*) FROM runs").fetchone()
    journal.begin_run("verify", NOON)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    holder.close()


def test_a_run_whose_process_is_gone_is_ended_as_killed_and_no_other(journal: Journal, tmp_path: Path) -> None:
    code = "import sys; from datetime import *; from lifeboat.journal.journal import Journal; Journal(__import__('pathlib').Path(sys.argv[1]))"
    code += ".begin_run('backup db', datetime.now(UTC)); __import__('os').kill(__import__('os').getpid(), 9)"
    died = subprocess.run([sys.executable, "-c", code, str(tmp_path / "journal.sqlite3")], check=False)
    assert died.returncode == -signal.SIGKILL
    living = journal.begin_run("stream", NOON)
    (gone,) = journal.close_abandoned(NOON)
    assert gone.job == "backup db"
    assert {one.job: one.error for one in journal.runs()} == {"backup db": "killed", "stream": None}
    assert journal.runs(number=living)[0].ended is None
    assert journal.close_abandoned(NOON) == []


def test_a_process_of_another_host_is_not_taken_for_gone() -> None:
    assert not is_gone("elsewhere 1 5")
    host, number, began = this_process().rsplit(" ", 2)
    assert is_gone(f"{host} {number} {int(began) - 1}"), "its number was given to another process since"


def test_sizes_are_told_by_source_and_the_later_word_counts(journal: Journal) -> None:
    journal.record_size(size("b", NOON + HOUR))
    journal.record_size(size("a", NOON, stored=1))
    journal.record_size(size("a", NOON, stored=2))
    journal.record_size(size("c", NOON, "files"))
    assert [(one.snapshot, one.stored) for one in journal.sizes("db")] == [("a", 2), ("b", 10)]
    assert [one.snapshot for one in journal.sizes(since=NOON + HOUR)] == ["b"]


def test_an_alert_is_open_once_until_it_is_over(journal: Journal) -> None:
    alerts = journal.alerts
    said = {"rule": "late", "severity": "warning", "subject": "db"}
    assert alerts.open("late db", NOON, **said) and not alerts.open(
        "late db", NOON + HOUR, **{**said, "severity": "problem"}
    )
    alerts.told("late db", NOON)
    (row,) = alerts.open_alerts()
    assert (row.opened, row.severity, row.told, row.times_told) == (NOON, "problem", NOON, 1)
    closed = alerts.close("late db", NOON + 2 * HOUR)
    assert closed is not None and closed.number == row.number
    assert alerts.close("late db", NOON) is None and alerts.open_alerts() == []
    assert [one.number for one in alerts.recovered_untold()] == [row.number]
    alerts.recovery_told(row.number, NOON + 3 * HOUR)
    assert alerts.recovered_untold() == []
    assert alerts.open("late db", NOON + 4 * HOUR, **said), "it came back: that is a new one"
    assert [one.closed for one in alerts.history()] == [None, NOON + 2 * HOUR]


def test_values_are_kept(journal: Journal) -> None:
    assert journal.kept("slots") is None
    assert journal.keep("slots", {"db": 5})
    assert journal.kept("slots") == {"db": 5}


def test_what_the_repository_tells_is_filled_in_once_and_never_beside_what_was_seen(journal: Journal) -> None:
    assert journal.lacks_history
    journal.record_size(size("seen", NOON))
    told = [
        (name, RunRow(0, "backup db", "app", None, when, when + HOUR, 0, None, None, "", "repository"))
        for name, when in (("seen", NOON), ("unseen", NOON), ("ancient", NOON - timedelta(days=500)))
    ]
    sizes = [size(name, run.began, stored=99) for name, run in told]
    assert journal.fill_in(told, sizes, NOON) == 1
    assert journal.fill_in(told, sizes, NOON) == 0
    assert not journal.lacks_history
    assert [(one.job, one.begun_by) for one in journal.runs()] == [("backup db", "repository")]
    assert {one.snapshot: one.stored for one in journal.sizes()} == {"seen": 10, "unseen": 99}


def test_it_does_not_grow_for_ever(journal: Journal) -> None:
    journal.begin_run("verify", NOON - timedelta(days=KEPT_DAYS + 1))
    journal.record_size(size("old", NOON - timedelta(days=KEPT_DAYS + 1)))
    kept = journal.begin_run("verify", NOON)
    journal.end_run(kept, NOON, status=0, report={"much": "x" * REPORT_AT_MOST})
    assert [one.number for one in journal.runs()] == [kept]
    assert journal.sizes() == []
    assert len(json.dumps(dict(journal.runs()[0].report or {}))) < 100


@pytest.mark.parametrize("damage", ["empty page", "text", "random bytes", "cut", "tables gone"])
def test_a_damaged_file_is_moved_aside_and_begun_anew(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "journal.sqlite3"
    journal = Journal(path)
    for _ in range(200):
        journal.begin_run("verify", NOON)
    content = path.read_bytes()
    chance = random.Random(7)
    if damage == "empty page":
        path.write_bytes(content[:4096] + bytes(4096) * 8 + content[4096 * 9 :])
    elif damage == "text":
        path.write_text("once upon a time\n" * 1000)
    elif damage == "random bytes":
        path.write_bytes(content[:100] + chance.randbytes(len(content) - 100))
    elif damage == "cut":
        path.write_bytes(content[:5000])
    else:
        connection = sqlite3.connect(path)
        connection.execute("DROP TABLE alerts")
        connection.close()
    assert journal.runs(limit=1) == [] or damage == "tables gone"
    journal.alerts.open_alerts()
    assert journal.trouble is None
    assert any("damaged" in note for note in journal.notes)
    assert (tmp_path / "journal.sqlite3.damaged").exists()
    assert journal.lacks_history
    assert journal.begin_run("verify", NOON) == 1
    assert len(journal.runs()) == 1


def test_whatever_byte_is_damaged_nothing_is_raised(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    first = Journal(path)
    for hours in range(30):
        first.end_run(first.begin_run("verify", NOON + hours * HOUR), NOON, status=0, report={"a": hours})
        first.record_size(size(str(hours), NOON))
    whole = path.read_bytes()
    chance = random.Random(3)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        for left in tmp_path.iterdir():
            left.unlink()
        path.write_bytes(damaged)
        journal = Journal(path)
        journal.runs(), journal.sizes(), journal.alerts.history(), journal.kept("x")
        journal.end_run(journal.begin_run("backup db", NOON), NOON, status=0)


def test_a_file_of_a_newer_lifeboat_is_left_alone(journal: Journal, tmp_path: Path) -> None:
    journal.begin_run("verify", NOON)
    connection = sqlite3.connect(tmp_path / "journal.sqlite3")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    assert journal.begin_run("verify", NOON) == 0
    assert "newer" in str(journal.trouble)
    assert not (tmp_path / "journal.sqlite3.damaged").exists()


def test_where_nothing_can_be_written_nothing_is_remembered_and_nothing_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "journal.sqlite3")
    number = journal.begin_run("verify", NOON)
    journal.end_run(number, NOON, status=0)
    journal.record_size(size("a", NOON))
    assert journal.alerts.open("late", NOON, rule="late", severity="warning", subject="db"), (
        "better told twice than never"
    )
    assert number == 0 and journal.runs() == [] and not journal.keep("a", 1) and journal.trouble


def test_on_a_full_disk_nothing_is_raised_and_the_next_run_is_noted_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        journal = Journal(folder / "journal.sqlite3")
        assert journal.begin_run("verify", NOON)
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        for _ in range(50):
            journal.end_run(journal.begin_run("backup db", NOON), NOON, status=0, report={"x": "y" * 5000})
        assert journal.trouble is not None
        filler.unlink()
        assert journal.begin_run("prune", NOON)
        assert journal.runs()[0].job == "prune" and journal.notes == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


WRITE_MANY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from lifeboat.journal.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    got = journal.begin_run("backup db", datetime.now(UTC), label=sys.argv[3])
    assert got, journal.trouble
    journal.end_run(got, datetime.now(UTC), status=0, report={"number": number})
    journal.alerts.open("same", datetime.now(UTC), rule="r", severity="s", subject="x")
"""


def test_many_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE_MANY, str(path), "10", str(nth)]) for nth in range(12)]
    assert [one.wait(120) for one in writers] == [0] * 12
    journal = Journal(path)
    assert len(journal.runs()) == 120 and all(one.is_good for one in journal.runs())
    assert len(journal.alerts.history()) == 1


def test_a_writer_killed_at_any_moment_leaves_a_whole_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    chance = random.Random(1)
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITE_MANY, str(path), "100000", "killed"])
        time.sleep(0.4 + chance.random() * 0.4)
        writer.kill()
        writer.wait()
        journal = Journal(path)
        journal.runs(limit=5)
        assert journal.trouble is None and journal.notes == []
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
    assert len(journal.runs(limit=10**6)) > 10
    assert len([one for one in journal.runs(limit=10**6) if one.ended is None]) <= 6
    assert os.listdir(tmp_path).count("journal.sqlite3.damaged") == 0
