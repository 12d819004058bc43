"""Show 4 of the issue: somebody at a terminal, from disaster to restored; and the same on a machine that knows nothing."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from machine import KEY, Machine, copied_tree, fill_some, grow_some, read_database
from person import Person


@pytest.fixture
def office(set_machine: Machine) -> Machine:
    """A machine with an archive, so that any moment can be restored."""
    grow_some(set_machine.uploads)
    set_machine.run("backup", "all")
    set_machine.run("stream", "--once")
    set_machine.collections["cases"].insert_one({"_id": "the last one", "name": "entered late"})
    set_machine.run("stream", "--once")
    return set_machine


def environment(machine: Machine, **more: str) -> dict[str, str]:
    return {"HOME": str(machine.folder), "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **machine.variables, **more}


def state_of(folder: Path) -> dict[str, str]:
    return {
        str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }


def test_from_a_dropped_database_to_restored(office: Machine) -> None:
    before = read_database(office.client, office.database)
    time.sleep(1.1)
    office.client.drop_database(office.database)
    office.run("stream", "--once")
    untouched = state_of(office.repository)
    with Person(office.folder, environment(office), "emergency", real=True) as person:
        person.sees("What happened?")
        person.types("database")  # no number: asked again, in words
        person.sees("a number from 1 to")
        person.types("1")
        person.sees("so that it does not grow")
        person.sees("stop the application")
        person.types("")
        person.sees("everything is gone")
        person.sees("1.")
        person.sees("What is to be undone?")
        assert state_of(office.repository) == untouched
        person.types("")
        person.sees("lifeboat restore db --before-op")
        assert state_of(office.repository) == untouched
        person.sees("Type RESTORE")
        person.types("RESTORE")
        person.sees("restored")
        person.sees("What is left")
        person.sees("72 hours")
        assert person.leaves() == 0
    assert read_database(office.client, office.database) == before


def test_nothing_is_changed_without_the_word(office: Machine) -> None:
    shutil.rmtree(office.uploads)
    untouched = state_of(office.folder)
    with Person(office.folder, environment(office), "emergency", "--what", "files-gone", real=True) as person:
        person.sees("Enter goes on")
        person.types("")
        person.sees("is not there")
        person.sees("lifeboat restore files")
        person.sees("nothing is done yet")
        person.sees("Type RESTORE")
        person.types("yes")
        person.sees("nothing was changed")
        assert person.leaves() == 0
    assert not office.uploads.exists()
    assert state_of(office.folder) == untouched
    printed = office.json("emergency", "--what", "files-gone", "--print-only")
    assert printed["proposal"]["words"].startswith("lifeboat restore files")
    assert state_of(office.folder) == untouched


def test_on_a_machine_that_knows_nothing_but_what_is_typed(office: Machine, tmp_path: Path) -> None:
    before, files = read_database(office.client, office.database), copied_tree(office.uploads, tmp_path / "kept")
    uri, uploads = office.variables["MONGODB_URI"], str(office.uploads)
    office.client.drop_database(office.database)
    shutil.rmtree(office.uploads)
    bare = tmp_path / "bare"
    bare.mkdir()
    known = {"HOME": str(bare), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    with Person(bare, known, "emergency", "--what", "server-gone", real=True) as person:
        person.sees("Where are they?")
        person.types("s3://")
        person.sees("Where are they?")
        person.types(str(tmp_path / "nowhere"))
        person.sees("The key itself")
        person.types("not a key")
        person.sees("Enter goes on")
        person.types("")
        person.sees("once more")
        person.sees("Where are they?")
        person.types(str(office.repository))
        person.sees("The key itself")
        person.types(KEY)
        person.sees("MongoDB URI")
        person.types(uri)
        person.sees("Folder of the uploads")
        person.types(uploads)
        person.sees("everything is gone")
        person.sees("lifeboat restore all --at newest --over-live")
        person.sees("Type RESTORE")
        person.types("restore")
        person.sees("in capital letters")
        person.types("RESTORE")
        person.sees("What is live now")
        person.sees("holds about what the copy does")
        person.sees("What is left")
        assert person.leaves() == 0
        assert KEY not in person.screen and uri not in person.screen
    assert read_database(office.client, office.database) == before
    assert same_tree(office.uploads, files)
    written = [one for one in bare.rglob("*") if one.is_file() and KEY.encode() in one.read_bytes()]
    assert written == []


def same_tree(one: Path, other: Any) -> bool:
    import subprocess

    done = subprocess.run(
        ["rsync", "-aHAXn", "--checksum", "--delete", "-i", f"{one}/", f"{other}/"], capture_output=True, text=True
    )
    return done.returncode == 0 and done.stdout.strip() == ""


@pytest.mark.long
def test_who_changed_the_data_by_mistake_gets_it_beside_the_live_data(office: Machine) -> None:
    time.sleep(1.1)
    assert office.json("emergency", "--what", "data-wrong", "--print-only", code=3)["proposal"]["request"] is None
    office.collections["cases"].insert_many([{"_id": n, "name": f"more {n}"} for n in range(1000, 3000)])
    office.run("backup", "db")
    office.run("stream", "--once")
    time.sleep(1.1)
    office.collections["cases"].delete_many({})
    office.run("stream", "--once")
    printed = office.json("emergency", "--what", "data-wrong", "--print-only")
    proposal = printed["proposal"]
    assert "--to" in proposal["words"] and "--over-live" not in proposal["words"]
    assert f"--ns {office.database}.cases" in proposal["words"]
    assert office.json("emergency", "--print-only")["proposal"]["words"] == proposal["words"]


@pytest.mark.long
def test_files_that_somebody_encrypted_and_the_second_copy(office: Machine, tmp_path: Path) -> None:
    good = office.json("snapshots")["snapshots"]
    whole = next(one["snapshot"] for one in good if one["source"] == "files")
    for one in office.uploads.rglob("*"):
        if one.is_file() and not one.is_symlink():
            one.write_bytes(b"encrypted")
    office.run("backup", "files")
    printed = office.json("emergency", "--what", "files-gone", "--print-only")["proposal"]
    assert whole[:8] in printed["words"] and any("taken after the loss" in one for one in printed["why"])

    second = tmp_path / "second"
    (office.folder / "lifeboat.toml").write_text(f'[[replica]]\nname = "riyadh"\nlocation = "{second}"\n')
    office.run("replicate", "riyadh")
    office.repository.rename(tmp_path / "unreachable")
    lost = office.ends("emergency", "--what", "files-gone", "--print-only")
    assert lost.code != 0 and "lifeboat emergency --replica riyadh" in lost.err
    printed = office.json("emergency", "--what", "files-gone", "--print-only", "--replica", "riyadh")
    assert printed["proposal"]["words"].endswith("--replica riyadh")
    assert str(second) in printed["situation"]["repository"]


def test_control_c_at_the_key_leaves_nothing_behind(tmp_path: Path) -> None:
    known = {"HOME": str(tmp_path), "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    with Person(tmp_path, known, "emergency", "--what", "server-gone", real=True) as person:
        person.sees("Where are they?")
        person.types(str(tmp_path / "copies"))
        person.sees("The key itself")
        person.presses_control_c()
        person.sees("nothing was changed")
        assert person.leaves() == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_one_lost_collection_comes_back_alone(office: Machine) -> None:
    lost = list(office.collections["clients"].find().sort("_id", 1))
    time.sleep(1.1)
    office.collections["clients"].drop()
    office.collections["cases"].insert_one({"_id": "after the drop", "name": "entered afterwards"})
    office.run("stream", "--once")
    words = office.json("emergency", "--what", "database-gone", "--print-only")["proposal"]["words"]
    assert f"--ns {office.database}.clients --over-live" in words and "--before-op" in words
    office.run(*words.split()[1:], "--yes")
    assert list(office.collections["clients"].find().sort("_id", 1)) == lost
    assert office.collections["cases"].find_one({"_id": "after the drop"}) is not None


def test_who_may_only_read_is_told_everything(make_machine: Callable[..., Machine], tmp_path: Path) -> None:
    machine = make_machine(tmp_path / "shop")
    fill_some(machine.collections, 20)
    machine.run("init", "--yes")
    machine.run("backup", "db")
    machine.client[machine.database].command("createUser", "looker", pwd="p4ss", roles=["read"])
    machine.collections["clients"].drop()
    where = machine.variables["MONGODB_URI"].partition("@")[2].partition("/")[0]
    uri = f"mongodb://looker:p4ss@{where}/{machine.database}?authSource={machine.database}"
    untouched = state_of(machine.folder)
    printed = machine.json("emergency", "--what", "database-gone", "--print-only", MONGODB_URI=uri)
    assert printed["situation"]["database"]["trouble"] is None
    assert f"--ns {machine.database}.clients --over-live" in printed["proposal"]["words"]
    assert state_of(machine.folder) == untouched
