"""Killed by SIGKILL at any moment of a backup or a restore: earlier snapshots are whole, the next run finishes, and every
live collection and file is the old one or the new one.

Where the kills fall is drawn anew in each run, over the measured length of an undisturbed one; a failure names the moment.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from machine import Machine, copied_tree, fill_some, grow_some, lose_tree, read_database, tree_differences

KILLS = 3
MANY_KILLS = 30


@pytest.fixture(scope="module")
def machine(make_machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """With enough data that a backup and a restore take longer than their start."""
    made: Machine = make_machine(tmp_path_factory.mktemp("killed"))
    fill_some(made.collections, documents=4000)
    grow_some(made.uploads, files=300)
    made.run("init", "--yes")
    made.run("backup", "all")
    return made


# The short form of killing is the sweep over sampled points (tests/interruption), which misses none by chance.
@pytest.fixture(params=[pytest.param(one, marks=pytest.mark.long) for one in (KILLS, MANY_KILLS)])
def kills(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


def killed_after(machine: Machine, share: float, seconds: float, *arguments: str) -> str:
    """Run and kill after a share of the time an undisturbed run takes; says when."""
    run = machine.start(*arguments)
    time.sleep(share * seconds)
    run.kill()
    run.communicate(timeout=30)
    return f"{arguments} killed after {share * seconds:.3f} s of {seconds:.3f} s"


def shares(count: int) -> list[float]:
    """Spread over the whole run, each anywhere in its own part of it."""
    return [(number + int.from_bytes(os.urandom(4), "big") / 2**32) / count for number in range(count)]


def timed(machine: Machine, *arguments: str) -> float:
    began = time.monotonic()
    machine.run(*arguments)
    return time.monotonic() - began


def work_on(machine: Machine, number: int) -> None:
    machine.collections["messages"].insert_many({"_id": f"{number}/{n}", "text": "x" * 400} for n in range(300))
    (machine.uploads / f"upload {number}").write_bytes(os.urandom(400_000))


def test_a_killed_backup_leaves_earlier_ones_whole_and_the_next_one_finishes(
    machine: Machine, kills: int, tmp_path: Path
) -> None:
    seconds = timed(machine, "backup", "all")
    for number, share in enumerate(shares(kills)):
        known = {one["snapshot"] for one in machine.snapshots()}
        work_on(machine, number)
        moment = killed_after(machine, share, seconds, "backup", "all")
        listed = {one["snapshot"] for one in machine.snapshots()}
        assert known <= listed, moment
    machine.run("verify", "--level", "full")
    report = machine.json("backup", "all")
    assert all(one["complete"] for one in report["snapshots"])
    machine.run("verify", "--level", "full")
    machine.run("restore", "files", "latest", "--to", str(tmp_path / "files"))
    assert tree_differences(machine.uploads, tmp_path / "files") == ""


def test_a_killed_restore_over_live_data_leaves_each_collection_old_or_new(machine: Machine, kills: int) -> None:
    machine.run("backup", "db")
    snapshot = machine.snapshots("mongodb")[0]["snapshot"]
    new = what_people_see(machine)
    spoil(machine, 0)
    seconds = timed(machine, "restore", "db", snapshot, "--over-live", "--yes")
    for number, share in enumerate(shares(kills), 1):
        spoil(machine, number)
        old = what_people_see(machine)
        assert old != new
        moment = killed_after(machine, share, seconds, "restore", "db", snapshot, "--over-live", "--yes")
        there = what_people_see(machine)
        for name in old:
            # Between two steps a collection may have its new content and not yet its armed options; never other documents.
            assert there[name][2] in (old[name][2], new[name][2]), f"{name} is neither old nor new: {moment}"
        machine.run("restore", "db", snapshot, "--over-live", "--yes")
        assert what_people_see(machine) == new, moment
        assert no_temporaries(machine), moment
    machine.run("verify", "--level", "full")


def test_a_killed_restore_of_files_leaves_each_file_old_or_new(machine: Machine, kills: int, tmp_path: Path) -> None:
    machine.run("backup", "files")
    snapshot = machine.snapshots("files")[0]["snapshot"]
    new = copied_tree(machine.uploads, tmp_path / "new")
    seconds = timed(machine, "restore", "files", snapshot, "--to", str(tmp_path / "whole"))
    for number, share in enumerate(shares(kills)):
        aside = tmp_path / f"aside {number}"
        moment = killed_after(machine, share, seconds, "restore", "files", snapshot, "--to", str(aside))
        for file in (one for one in aside.rglob("*") if one.is_file() and not one.name.startswith(".lifeboat")):
            assert file.read_bytes() == (new / file.relative_to(aside)).read_bytes(), moment
        again = machine.ends("restore", "files", snapshot, "--to", str(aside))
        # Killed after its mark is gone a restore is a finished one, and what is finished is not written into;
        # between that and its last act lie the time and mode of the topmost folder.
        assert again.code in (0, 15), (moment, again)
        left = tree_differences(new, aside).splitlines()
        assert not [line for line in left if again.code == 0 or not line.endswith(" ./")], (moment, left)
        shutil.rmtree(aside)

        (machine.uploads / "contracts/2026/007.txt").write_text(f"spoilt {number}")
        (machine.uploads / "scan.pdf").write_bytes(b"spoilt")
        moment = killed_after(machine, share, seconds, "restore", "files", snapshot, "--over-live", "--yes")
        for name in ("contracts/2026/007.txt", "scan.pdf"):
            there = (machine.uploads / name).read_bytes()
            assert there in ((new / name).read_bytes(), b"spoilt", f"spoilt {number}".encode()), moment
        machine.run("restore", "files", snapshot, "--over-live", "--yes")
        assert tree_differences(new, machine.uploads) == "", moment
    lose_tree(machine.uploads)
    machine.run("restore", "files", snapshot, "--over-live", "--yes")
    assert tree_differences(new, machine.uploads) == ""


def spoil(machine: Machine, number: int) -> None:
    """Change every collection, so that old and new can be told apart."""
    for name in ("cases", "clients", "messages"):
        machine.collections[name].update_many({"_id": {"$type": "int"}}, {"$set": {"spoilt": number}})


def what_people_see(machine: Machine) -> dict[str, tuple[Any, ...]]:
    everything = read_database(machine.client, machine.database, accounts=False)
    return {name: found for name, found in everything.items() if not name.startswith("lifeboat.")}


def no_temporaries(machine: Machine) -> bool:
    return not [one for one in machine.collections.list_collection_names() if one.startswith("lifeboat.")]
