"""What a machine runs out of, for real: room, descriptors, memory, rights to write, the right time, time itself.

Whatever it is: a clear sentence or a finished job, nothing earlier lost, and the same command succeeds once the limit is gone.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from machine import Machine, Outcome, copied_tree, fill_some, grow_some, read_database, tree_differences

Tried = Callable[[str, int], None]
STOP_SECONDS = float(os.environ.get("LIFEBOAT_STOP_SECONDS", "3600"))
MEMORY_BYTES = 400_000_000
PEAK_AT_MOST = 300 * 1024 * 1024
CLOCK_CODES = {"store-clock-doubtful", "snapshot-from-the-future"}
DOCUMENTED = {2, 3, 4, 10, 11, 12, 13, 14, 15}
"""Exit statuses of the overview, with what they mean."""


def needs(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        message = f"needs the program {program}"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return str(found)


@contextmanager
def mounted(where: Path, *options: str) -> Iterator[Path]:
    """A file system of its own, there as long as this lasts."""
    where.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", *options, str(where)], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield


def grown(where: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=400m", str(where)], check=True)


@pytest.fixture
def machine(make_machine: Any, tmp_path: Path) -> Machine:
    made: Machine = make_machine(tmp_path / "shop")
    made.uploads.mkdir()
    grow_some(made.uploads)
    made.uri = made.variables.pop("MONGODB_URI")  # type: ignore[attr-defined]  (only where a test is about the database)
    return made


def with_database(machine: Machine, documents: int) -> None:
    machine.variables["MONGODB_URI"] = machine.uri  # type: ignore[attr-defined]
    fill_some(machine.collections, documents)


def begun(machine: Machine) -> Path:
    """A first backup, and what it holds."""
    machine.run("init", "--yes")
    machine.first = machine.json("backup", "files")["snapshots"][0]["snapshot"]  # type: ignore[attr-defined]
    return copied_tree(machine.uploads, machine.folder.parent / "first")


def said_well(ended: Outcome) -> None:
    """It went well, or it says in words what went wrong."""
    assert "Traceback" not in ended.out + ended.err, ended.out + ended.err
    assert ended.code == 0 or ended.code in DOCUMENTED, ended
    if ended.code:
        assert "error" in ended.err or "problem" in ended.out or ended.code in (3, 4), ended.out + ended.err


def first_is_whole(machine: Machine, first: Path) -> None:
    out = machine.folder.parent / "back"
    shutil.rmtree(out, ignore_errors=True)
    machine.run("restore", "files", machine.first, "--to", str(out), "--yes")  # type: ignore[attr-defined]
    assert tree_differences(first, out) == ""


def goes_on(machine: Machine) -> None:
    machine.run("backup", "files")
    out = machine.folder.parent / "newest"
    shutil.rmtree(out, ignore_errors=True)
    machine.run("restore", "files", "latest", "--to", str(out), "--yes")
    assert tree_differences(machine.uploads, out) == ""
    machine.run("verify", "--level", "full")


@pytest.mark.long
def test_no_room_in_the_repository(machine: Machine, tmp_path: Path, tried: Tried) -> None:
    with mounted(machine.repository, "-t", "tmpfs", "-o", "size=6m", "none"):
        first = begun(machine)
        (machine.uploads / "video").write_bytes(os.urandom(8_000_000))
        assert "space" in machine.refuses(12, "storage-full", "backup", "files")
        first_is_whole(machine, first)
        grown(machine.repository)
        goes_on(machine)
    tried("limits", 1)


@pytest.mark.long
@pytest.mark.parametrize("place", ["state", "temporary"])
def test_no_room_for_memory_or_scratch(machine: Machine, tmp_path: Path, place: str, tried: Tried) -> None:
    first = begun(machine)
    (machine.uploads / "more").write_bytes(os.urandom(500_000))
    small = tmp_path / "small"
    variable = {"state": "LIFEBOAT_STATE", "temporary": "TMPDIR"}[place]
    with mounted(small, "-t", "tmpfs", "-o", "size=256k", "none"):
        (small / "filler").write_bytes(bytes(250_000))
        machine.variables[variable] = str(small)
        for typed in (
            ("backup", "files"),
            ("snapshots",),
            ("verify",),
            ("restore", "files", "--to", str(tmp_path / place), "--yes"),
        ):
            said_well(machine.ends(*typed))
        (small / "filler").unlink()
        grown(small)
        first_is_whole(machine, first)
        goes_on(machine)
    tried("limits", 4)


def test_no_room_where_files_come_back(machine: Machine, tmp_path: Path, tried: Tried) -> None:
    first = begun(machine)
    target = tmp_path / "target"
    with mounted(target, "-t", "tmpfs", "-o", "size=2m", "none"):
        ended = machine.ends("restore", "files", "--to", str(target), "--yes")
        said_well(ended)
        assert ended.code != 0
        for one in target.rglob("*"):
            if one.is_file() and not one.is_symlink() and ".lifeboat" not in str(one.relative_to(target)):
                assert one.read_bytes() == (first / one.relative_to(target)).read_bytes(), f"half of {one}"
        grown(target)
        machine.run("restore", "files", "--to", str(target), "--yes", "--resume")
        assert tree_differences(first, target) == ""
    tried("limits", 1)


@pytest.mark.long
@pytest.mark.parametrize("most", [40, 24, 64])
def test_few_descriptors(machine: Machine, tmp_path: Path, most: int, tried: Tried) -> None:
    wrap = (needs("prlimit"), f"--nofile={most}")
    with_database(machine, 50)
    first = begun(machine)
    acts = [
        ("backup", "all"),
        ("verify", "--level", "full"),
        ("restore", "files", "--to", str(tmp_path / "few"), "--yes"),
    ]
    for typed in acts:
        said_well(machine.ends(*typed, wrap=wrap))
    first_is_whole(machine, first)
    goes_on(machine)
    tried("limits", len(acts))


LONG = pytest.mark.long


@pytest.mark.parametrize(
    "what", ["repository", *(pytest.param(one, marks=LONG) for one in ("state", "uploads", "temporary"))]
)
def test_nothing_may_be_written(machine: Machine, tmp_path: Path, what: str, tried: Tried) -> None:
    first = begun(machine)
    state = machine.folder / "state"
    machine.variables["LIFEBOAT_STATE"] = str(state)
    machine.run("backup", "files")
    (machine.uploads / "later").write_text("later")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    machine.variables["TMPDIR"] = str(scratch)
    folder = {"repository": machine.repository, "state": state, "uploads": machine.uploads, "temporary": scratch}[what]
    with read_only(folder):
        backup = machine.ends("backup", "files")
        said_well(backup)
        assert (backup.code == 0) or what in ("repository", "state"), backup.out + backup.err
        back = machine.ends("restore", "files", "--to", str(tmp_path / "back"), "--yes")
        said_well(back)
        assert back.code == 0 or what == "state", "what can be read comes back"
    first_is_whole(machine, first)
    goes_on(machine)
    tried("limits", 2)


@pytest.mark.parametrize(
    "jump", ["+10y", *(pytest.param(one, marks=LONG) for one in ("-1d", "+1h", "-1h", "+1d", "-2y"))]
)
def test_a_clock_that_is_wrong_for_a_while_costs_nothing(
    machine: Machine, tmp_path: Path, jump: str, tried: Tried
) -> None:
    wrap = (needs("faketime"), "-f", jump)
    first = begun(machine)
    machine.run("verify", "--level", "full")
    (machine.uploads / "meanwhile").write_text("meanwhile")
    for typed in (("backup", "files"), ("prune", "--yes"), ("verify", "--level", "full"), ("status",)):
        said_well(machine.ends(*typed, wrap=wrap))
    pruned = machine.ends("prune", "--yes", "--json")
    assert json.loads(pruned.out)["objects_removed"] == 0, "a clock has removed something"
    assert {one["code"] for one in json.loads(pruned.out)["findings"]} <= CLOCK_CODES, pruned.out
    first_is_whole(machine, first)
    (machine.uploads / "after").write_text("after")
    goes_on_but_for_the_clock(machine)
    tried("limits", 4)


def goes_on_but_for_the_clock(machine: Machine) -> None:
    """As ``goes_on``; that a snapshot is from the future may be told."""
    taken = machine.json("backup", "files")["snapshots"][0]["snapshot"]
    out = machine.folder.parent / "newest"
    shutil.rmtree(out, ignore_errors=True)
    machine.run("restore", "files", taken, "--to", str(out), "--yes")
    assert tree_differences(machine.uploads, out) == ""
    ended = machine.ends("verify", "--level", "full", "--json")
    assert ended.code in (0, 3) and "Traceback" not in ended.err
    bad = {one["code"] for one in json.loads(ended.out)["findings"] if one["level"] == "problem"}
    assert bad <= {"same-machine", "snapshot-from-the-future", "snapshot-too-old", "no-snapshot"}, bad


@pytest.mark.parametrize("seconds", [2.0, pytest.param(STOP_SECONDS, marks=pytest.mark.long)])
def test_stopped_in_the_midst_it_goes_on(machine: Machine, tmp_path: Path, seconds: float, tried: Tried) -> None:
    """As when a laptop sleeps: a backup, and a restore of a database."""
    with_database(machine, 300)
    first = begun(machine)
    machine.run("backup", "db")
    stored = read_database(machine.client, machine.database, accounts=False)
    (machine.uploads / "video").write_bytes(os.urandom(30_000_000))
    runs = [
        machine.start("backup", "files"),
        machine.start("restore", "db", "--to", f"{machine.database}_back", "--yes"),
    ]
    time.sleep(0.9)
    for run in runs:
        run.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    for run in runs:
        run.send_signal(signal.SIGCONT)
    for run in runs:
        out, err = run.communicate(timeout=240)
        assert run.returncode == 0 or "Traceback" not in out + err, out + err
        assert run.returncode in {0, *DOCUMENTED}
    if runs[1].returncode:
        machine.run("restore", "db", "--to", f"{machine.database}_back", "--yes", "--resume")
    assert read_database(machine.client, f"{machine.database}_back", accounts=False) == stored
    machine.client.drop_database(f"{machine.database}_back")
    first_is_whole(machine, first)
    goes_on(machine)
    tried("limits", 2)


@pytest.mark.long
def test_memory_stays_below_its_bound(machine: Machine, tmp_path: Path, tried: Tried) -> None:
    """The peak of a backup and a restore of 400 MB, as the system counts it."""
    timer = (needs("time"), "-v", "-o", str(tmp_path / "usage"))
    machine.run("init", "--yes")
    chunk = os.urandom(1 << 20)
    with open(machine.uploads / "large", "wb") as file:
        for number in range(MEMORY_BYTES >> 20):
            file.write(number.to_bytes(4, "big") + chunk[4:])
    for typed in (
        ("backup", "files"),
        ("restore", "files", "--to", str(tmp_path / "back"), "--yes"),
        ("verify", "--level", "full"),
    ):
        ended = machine.ends(*typed, wrap=timer)
        assert ended.code == 0, ended.out + ended.err
        line = next(one for one in (tmp_path / "usage").read_text().splitlines() if "Maximum resident" in one)
        peak = int(line.rsplit(" ", 1)[-1]) * 1024
        assert peak < PEAK_AT_MOST, f"{typed}: {peak / 1e6:.0f} MB"
    tried("limits", 3)


def test_the_checks_see_what_they_are_for(machine: Machine, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        said_well(Outcome(1, "", "Traceback (most recent call last)"))
    with pytest.raises(AssertionError):
        said_well(Outcome(1, "", "something"))
    first = begun(machine)
    with ExitStack() as stack:
        stack.enter_context(mounted(tmp_path / "probe", "-t", "tmpfs", "-o", "size=64k", "none"))
        with pytest.raises(OSError):
            (tmp_path / "probe" / "x").write_bytes(bytes(200_000))
    (first / "scan.pdf").write_bytes(b"other")
    with pytest.raises(AssertionError):
        first_is_whole(machine, first)
