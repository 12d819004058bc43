"""Files backed up and restored by four processes each, on a real S3 server, some of them killed: as one process would have done it."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest
from machine import KEY, Machine, tree_differences
from versitygw import RunningS3

from lifeboat.samples.uploads_tree import Shape, grow

OF = 4


def machine_with_files(folder: Path, **variables: str) -> Machine:
    folder.mkdir()
    said = {"UPLOADS_DIR": str(folder / "uploads"), "BACKUP_ENCRYPTION_KEY": KEY, **variables}
    machine = Machine(folder, {"LIFEBOAT_REPOSITORY": str(folder / "repository"), **said}, None, "")
    grow(machine.uploads, Shape(files=300, total_bytes=30_000_000))
    (machine.uploads / "first name").write_bytes(b"of one inode" * 9000)
    os.link(machine.uploads / "first name", machine.uploads / "second name")
    machine.run("init", "--yes")
    return machine


def share(number: int, run: str, *more: str) -> tuple[str, ...]:
    return ("backup", "files", "--shard", f"{number}/{OF}", "--shard-run", run, "--shard-wait", "3min", *more)


KILLED_WHILE_SAYING_SO = """
import os, signal, sys
from lifeboat.operations.shards import Board
Board.finish = lambda *said: os.kill(os.getpid(), signal.SIGKILL)
sys.argv = sys.argv[1:]
from lifeboat.cli.main import main
main()
"""
"""The command, killed between the end of the work and noting that it ended."""


def restored(machine: Machine, folder: Path) -> str:
    machine.run("restore", "files", "latest", "--to", str(folder))
    return tree_differences(machine.uploads, folder)


def on_s3(s3: RunningS3, bucket: str) -> dict[str, str]:
    s3.make_bucket(bucket, versioning=False)
    return {
        "LIFEBOAT_REPOSITORY": f"s3://{bucket}/production",
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        "AWS_REGION": s3.region,
        "AWS_ENDPOINT_URL": s3.endpoint_url,
    }


def killed_at_random(machine: Machine, run: str, draw: random.Random) -> str:
    """Four at once, one of those that do not gather killed and started again; what the last one says."""
    victim = draw.randrange(OF - 1)
    started = {number: machine.start(*share(number, run)) for number in range(OF)}
    time.sleep(draw.uniform(0.5, 2.5))
    started[victim].send_signal(signal.SIGKILL)
    if started[victim].wait() != 0:
        assert started[OF - 1].poll() is None, "nobody commits before the lost one is done again"
        assert f"shard {victim} of {OF} is done" in machine.run(*share(victim, run))
    for number in range(OF - 1):
        if number != victim:
            out, err = started[number].communicate(timeout=120)
            assert started[number].returncode == 0, out + err
    out, err = started[OF - 1].communicate(timeout=180)
    assert started[OF - 1].returncode == 0, out + err
    assert "stored whole" in out
    return out


def test_four_processes_one_killed_at_random_make_one_snapshot(s3: RunningS3, tmp_path: Path) -> None:
    machine = machine_with_files(tmp_path / "machine", **on_s3(s3, "four-backups"))
    draw = random.Random(3)
    killed_at_random(machine, "monday", draw)
    assert len(machine.snapshots("files")) == 1
    assert restored(machine, tmp_path / "back") == ""
    # Nothing changed: nothing is stored but the manifest's own few bytes.
    report = machine.json(*share(0, "tuesday"))
    assert report["did"].endswith("of which 0 B new")
    for number in (1, 2):
        machine.run(*share(number, "tuesday"))
    assert machine.json(*share(3, "tuesday"))["snapshots"][0]["new_bytes"] < 200_000
    # One process goes on from there, and finds all of it known.
    assert machine.json("backup", "files")["snapshots"][0]["new_bytes"] < 200_000
    assert "whole" in machine.run("verify", "--level", "full")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_killed_at_many_moments(s3: RunningS3, tmp_path: Path, seed: int) -> None:
    machine = machine_with_files(tmp_path / "machine", **on_s3(s3, f"four-backups-{seed}"))
    killed_at_random(machine, "monday", random.Random(seed))
    assert len(machine.snapshots("files")) == 1
    assert restored(machine, tmp_path / "back") == ""


def test_what_changes_between_the_shards_is_as_it_was_at_the_end(tmp_path: Path) -> None:
    machine = machine_with_files(tmp_path / "machine")
    for number in range(OF - 1):
        machine.run(*share(number, "busy"))
    (machine.uploads / "first name").write_bytes(b"of one inode, changed" * 5000)
    (machine.uploads / "after all of them").mkdir()
    (machine.uploads / "after all of them" / "new").write_text("new")
    gone = next(path for path in sorted(machine.uploads.rglob("*")) if path.is_file() and path.stat().st_nlink == 1)
    gone.unlink()
    machine.run(*share(OF - 1, "busy"))
    assert restored(machine, tmp_path / "back") == ""
    # Started again it tells what was stored, and stores no second snapshot.
    assert "stored whole" in machine.run(*share(OF - 1, "busy"))
    assert "as it was before" in machine.run(*share(0, "busy"))
    assert len(machine.snapshots("files")) == 1


def test_a_shard_that_is_missing_keeps_the_snapshot_from_being_made(tmp_path: Path) -> None:
    machine = machine_with_files(tmp_path / "machine")
    machine.run(*share(0, "lost"))
    last = ("backup", "files", "--shard", "3/4", "--shard-run", "lost", "--shard-wait", "1s")
    assert "1, 2" in machine.refuses(10, "shards-missing", *last)
    assert machine.snapshots("files") == []
    machine.refuses(10, "shard-refused", *share(3, "lost", "--keep", "other words than the first"))
    machine.refuses(2, "usage", "backup", "all", "--shard", "0/2", "--shard-run", "x")
    empty = machine.elsewhere(tmp_path / "another home")
    assert "without --shard" in empty.refuses(10, "no-writer-yet", *share(0, "lost"))


def test_killed_between_the_commit_and_saying_so_it_commits_no_second_snapshot(tmp_path: Path) -> None:
    machine = machine_with_files(tmp_path / "machine")
    for number in range(OF - 1):
        machine.run(*share(number, "late"))
    killed = machine.ends(*share(OF - 1, "late"), wrap=(sys.executable, "-c", KILLED_WHILE_SAYING_SO))
    assert killed.code == -signal.SIGKILL
    [committed] = machine.snapshots("files")
    report = machine.json(*share(OF - 1, "late"))
    assert [one["snapshot"] for one in report["snapshots"]] == [committed["snapshot"]]
    assert len(machine.snapshots("files")) == 1
    assert restored(machine, tmp_path / "back") == ""


def bring(number: int, run: str, snapshot: str, to: Path) -> tuple[str, ...]:
    shard = ("--shard", f"{number}/{OF}", "--shard-run", run, "--shard-wait", "3min")
    return ("restore", "files", snapshot, "--to", str(to), *shard)


def restored_by_four(machine: Machine, to: Path, draw: random.Random) -> None:
    snapshot = machine.snapshots("files")[0]["snapshot"]
    victim = draw.randrange(OF - 1)
    started = {number: machine.start(*bring(number, "back", snapshot, to)) for number in range(OF)}
    time.sleep(draw.uniform(0.5, 2.5))
    started[victim].send_signal(signal.SIGKILL)
    if started[victim].wait() != 0:
        assert started[OF - 1].poll() is None, "nobody finishes before the lost one is done again"
        assert f"shard {victim} of {OF} is done" in machine.run(*bring(victim, "back", snapshot, to))
    for number, process in started.items():
        out, err = process.communicate(timeout=180)
        assert number == victim or process.returncode == 0, out + err
    assert tree_differences(machine.uploads, to) == ""
    left = [path for path in to.rglob("*") if path.name.startswith(".lifeboat")]
    assert left == [], "nothing half written, and no mark"


def test_four_processes_one_killed_at_random_restore_the_tree(s3: RunningS3, tmp_path: Path) -> None:
    machine = machine_with_files(tmp_path / "machine", **on_s3(s3, "four-restores"))
    machine.run("backup", "files")
    restored_by_four(machine, tmp_path / "back", random.Random(5))
    # What four wrote is no measure of how fast one restores: all that the last one found there would count as his.
    assert (
        list((machine.folder / ".local").rglob("*rate*"))
        == list((machine.folder / ".local").rglob("last-restore*"))
        == []
    )
    machine.run("restore", "files", "latest", "--to", str(tmp_path / "by one"))
    assert len(list((machine.folder / ".local").rglob("*rate*"))) == 1
    # Started again, a shard finds nothing to do, and a finished tree is not touched.
    snapshot = machine.snapshots("files")[0]["snapshot"]
    (tmp_path / "back" / "first name").write_text("somebody works here already")
    for number in (0, OF - 1):
        assert "as it was before" in machine.run(*bring(number, "back", snapshot, tmp_path / "back"))
    assert (tmp_path / "back" / "first name").read_text() == "somebody works here already"


def test_what_a_killed_shard_had_half_written_goes_whoever_finishes_the_tree(tmp_path: Path) -> None:
    machine = machine_with_files(tmp_path / "machine")
    machine.run("backup", "files")
    snapshot, back = machine.snapshots("files")[0]["snapshot"], tmp_path / "back"
    machine.run(*bring(0, "given-up", snapshot, back))
    inside = next(path for path in sorted(back.rglob("*")) if path.is_dir())
    for folder in (back, inside):
        for name in (".lifeboat-partial", ".lifeboat-partial.2", ".lifeboat-partial.12"):
            (folder / name).write_bytes(b"half of a fi")
    machine.run("restore", "files", snapshot, "--to", str(back))
    assert tree_differences(machine.uploads, back) == ""
    assert [path for path in back.rglob("*") if path.name.startswith(".lifeboat")] == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_restores_killed_at_many_moments(s3: RunningS3, tmp_path: Path, seed: int) -> None:
    machine = machine_with_files(tmp_path / "machine", **on_s3(s3, f"four-restores-{seed}"))
    machine.run("backup", "files")
    restored_by_four(machine, tmp_path / "back", random.Random(seed))


def test_a_restore_in_place_is_not_shared_out(tmp_path: Path) -> None:
    machine = machine_with_files(tmp_path / "machine")
    machine.run("backup", "files")
    machine.refuses(
        2, "usage", "restore", "files", "latest", "--over-live", "--yes", "--shard", "0/2", "--shard-run", "x"
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    snapshot = machine.snapshots("files")[0]["snapshot"]
    machine.refuses(15, "target-not-empty", *bring(0, "x", snapshot, tmp_path / "full"))
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
