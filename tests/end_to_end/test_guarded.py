"""The guarded profile: a machine without the key makes incremental backups; another one with the key brings them back."""

import os
from pathlib import Path

import pytest
from machine import KEY, Machine, fill_some, grow_some, lose_database, read_database, tree_differences


@pytest.fixture(scope="module")
def guarded(make_machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = make_machine(tmp_path_factory.mktemp("guarded"))
    fill_some(machine.collections)
    grow_some(machine.uploads)
    machine.run("init", "--guarded", "--yes")
    del machine.variables["BACKUP_ENCRYPTION_KEY"]
    machine.run("backup", "all")
    return machine


def test_a_writer_without_the_key_backs_up_only_what_changed(guarded: Machine) -> None:
    (guarded.uploads / "new.bin").write_bytes(os.urandom(50_000))
    report = guarded.json("backup", "all")
    by_source = {one["source"]: one for one in report["snapshots"]}
    assert by_source["files"]["complete"] and by_source["mongodb"]["complete"]
    assert 50_000 <= by_source["files"]["new_bytes"] < 200_000 < by_source["files"]["bytes"]
    assert by_source["mongodb"]["new_bytes"] < by_source["mongodb"]["bytes"] / 2


def test_the_key_is_nowhere_on_the_machine_that_writes(guarded: Machine) -> None:
    for file in guarded.folder.rglob("*"):
        if file.is_file() and guarded.repository not in file.parents:
            content = file.read_bytes()
            assert KEY.encode() not in content and bytes.fromhex(KEY) not in content, file


def test_a_stolen_writer_reads_nothing_back(guarded: Machine, tmp_path: Path) -> None:
    guarded.refuses(11, "key-missing", "restore", "files", "latest", "--to", str(tmp_path / "stolen"))
    guarded.refuses(11, "key-missing", "restore", "db", "latest", "--over-live", "--yes")
    assert not (tmp_path / "stolen").exists()


def test_another_machine_with_the_key_brings_it_all_back(guarded: Machine, tmp_path: Path) -> None:
    guarded.run("backup", "all")
    before = read_database(guarded.client, guarded.database)
    lose_database(guarded.client, guarded.database)
    other = guarded.elsewhere(tmp_path / "other", BACKUP_ENCRYPTION_KEY=KEY)
    other.run("restore", "db", "latest", "--over-live", "--yes")
    assert read_database(guarded.client, guarded.database) == before
    other.run("restore", "files", "latest", "--to", str(tmp_path / "files"))
    assert tree_differences(guarded.uploads, tmp_path / "files") == ""
    other.run("verify", "--level", "full")
    # The first machine goes on as if nothing had been: restoring elsewhere took nothing from it.
    guarded.run("backup", "all")
    guarded.run("verify", "--level", "structure")
