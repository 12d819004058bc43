"""``restore --undo``: after a restore over live data everything is as it was before, and what it had added is gone."""

import json
import time
from pathlib import Path

import pytest
from machine import (
    Machine,
    copied_tree,
    fill_some,
    grow_some,
    lose_database,
    lose_tree,
    read_database,
    tree_differences,
)


@pytest.fixture
def machine(make_machine, tmp_path: Path) -> Machine:
    made: Machine = make_machine(tmp_path / "machine")
    fill_some(made.collections)
    made.collections.command("createUser", "left since", pwd="x", roles=["read"])
    grow_some(made.uploads)
    made.run("init", "--yes")
    made.run("backup", "all")
    return made


def go_on_working(machine: Machine) -> None:
    """Change, add and remove in every way a day has."""
    live = machine.collections
    live["cases"].update_one({"_id": 1}, {"$set": {"text": "changed since"}})
    live["messages"].delete_many({"_id": {"$lt": 100}})
    live["clients"].drop()  # the restore will add it
    live["born later"].insert_one({"_id": 1})  # the snapshot has no such collection
    live["cases"].create_index("text", name="made later")
    live.command("createUser", "hired later", pwd="x", roles=["read"])
    live.command("dropUser", "left since")  # the restore will add it
    (machine.uploads / "contracts/2026/003.txt").write_text("changed since")
    (machine.uploads / "contracts/2026/004.txt").unlink()  # the restore will add it
    (machine.uploads / "uploaded later.txt").write_text("new")


def test_the_database_is_as_before_the_restore(machine: Machine) -> None:
    go_on_working(machine)
    before = read_database(machine.client, machine.database)
    machine.run("restore", "db", "latest", "--over-live", "--yes")
    restored = read_database(machine.client, machine.database)
    assert restored["cases"] != before["cases"] and "clients" in restored
    assert "left since" in str(restored["(users)"])
    machine.run("restore", "--undo", "--yes")
    assert read_database(machine.client, machine.database) == before


def test_the_files_are_as_before_the_restore(machine: Machine, tmp_path: Path) -> None:
    go_on_working(machine)
    before = copied_tree(machine.uploads, tmp_path / "before")
    machine.run("restore", "files", "latest", "--over-live", "--yes")
    assert (machine.uploads / "contracts/2026/004.txt").exists()
    assert (machine.uploads / "uploaded later.txt").exists(), "a restore in place deletes nothing"
    machine.run("restore", "--undo", "--yes")
    assert tree_differences(before, machine.uploads) == ""


def test_everything_is_as_before_a_restore_of_everything(machine: Machine, tmp_path: Path) -> None:
    first = machine.snapshots("mongodb")[0]["snapshot"]
    go_on_working(machine)
    machine.run("backup", "all")
    before, tree = read_database(machine.client, machine.database), copied_tree(machine.uploads, tmp_path / "before")
    machine.run("restore", "all", first, "--over-live", "--yes")
    machine.run("restore", "--undo", "--yes")
    assert read_database(machine.client, machine.database) == before
    assert tree_differences(tree, machine.uploads) == ""


def test_where_nothing_was_before_nothing_is_left(machine: Machine) -> None:
    lose_database(machine.client, machine.database)
    lose_tree(machine.uploads)
    machine.run("restore", "all", "--over-live", "--yes")
    machine.run("restore", "--undo", "--yes")
    assert read_database(machine.client, machine.database) == {"(users)": (), "(roles)": ()}
    assert [one for one in machine.uploads.rglob("*") if one.is_file()] == []
    machine.refuses(10, "nothing-to-undo", "restore", "--undo", "--yes")


@pytest.mark.parametrize("share", [0.8, *(pytest.param(n / 20, marks=pytest.mark.long) for n in range(6, 20))])
def test_a_killed_restore_and_a_killed_undo_still_lead_back(machine: Machine, tmp_path: Path, share: float) -> None:
    first = machine.snapshots("mongodb")[0]["snapshot"]
    restore = ("restore", "all", first, "--over-live", "--yes")
    go_on_working(machine)
    before, tree = read_database(machine.client, machine.database), copied_tree(machine.uploads, tmp_path / "before")
    began = time.monotonic()
    machine.run(*restore)
    undo_began = time.monotonic()
    machine.run("restore", "--undo", "--yes")
    ended = time.monotonic()
    kill_after(machine, share * (undo_began - began), *restore)
    if not restore_has_ended(machine):  # Killed after its last act it is done, and typed again it is another one.
        machine.run(*restore)
    kill_after(machine, share * (ended - undo_began), "restore", "--undo", "--yes")
    again = machine.ends("restore", "--undo", "--yes")
    assert again.code == 0 or "nothing-to-undo" in again.err, again
    assert read_database(machine.client, machine.database) == before
    assert tree_differences(tree, machine.uploads) == ""


def kill_after(machine: Machine, seconds: float, *arguments: str) -> None:
    run = machine.start(*arguments)
    time.sleep(seconds)
    run.kill()
    run.communicate()


def restore_has_ended(machine: Machine) -> bool:
    (notes,) = (machine.folder / ".local/state/lifeboat").glob("*/undo.json")
    return json.loads(notes.read_text()).get("unfinished") is None and bool(json.loads(notes.read_text())["jobs"])


def test_latest_after_a_restore_is_still_the_last_backup(machine: Machine) -> None:
    taken = machine.snapshots("mongodb")[0]["snapshot"]
    as_backed_up = read_database(machine.client, machine.database)
    go_on_working(machine)
    machine.run("restore", "db", "latest", "--over-live", "--yes", "--ns", f"{machine.database}.cases")
    machine.run("restore", "db", "latest", "--over-live", "--yes")
    # At three in the morning people type it twice: the second must not bring the mistake back.
    again = read_database(machine.client, machine.database)
    for name in ("cases", "clients", "messages", "checked", "recent"):
        assert again[name] == as_backed_up[name], (name, taken)
