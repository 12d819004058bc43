"""From the command line: stored, never proved; proved by nights with a limit, or by a restore of all of it; healed after damage."""

import os
from pathlib import Path
from typing import Any

import pytest
from machine import KEY, Machine, fill_some, grow_some, tree_differences


def by_source(machine: Machine) -> dict[str, dict[str, Any]]:
    return {one["source"]: one for one in machine.json("status")["sources"]}


@pytest.fixture
def machine(make_machine: Any, tmp_path: Path) -> Machine:
    made: Machine = make_machine(tmp_path / "machine")
    fill_some(made.collections)
    grow_some(made.uploads)
    for number in range(3):
        (made.uploads / f"large{number}.bin").write_bytes(os.urandom(30_000_000))
    made.run("init", "--yes")
    made.run("backup", "all")
    return made


@pytest.mark.long
def test_nights_with_a_limit_prove_everything_and_a_machine_without_the_key_sees_it(
    machine: Machine, tmp_path: Path
) -> None:
    assert "stored, never proved: db, files" in machine.run("status")
    assert all(one["newest_proved"] is None and one["meets_objective"] for one in by_source(machine).values())
    reports = []
    for _ in range(9):
        report = machine.json("verify", "--level", "full", "--max-bytes", "40MB", "--max-minutes", "10")
        reports.append(report)
        assert report["bytes_read"] <= 40_000_000
        if report["stopped_by"] is None or not report["unproved"]:
            break
        assert report["stopped_by"] == "bytes" and report["rotation"]["never_checked_packs"]
    assert len(reports) >= 3 and report["unproved"] == 0
    assert all(one["proved_age_seconds"] < 600 for one in by_source(machine).values())
    assert all(one["proved"] for one in machine.snapshots())
    # Another machine with the key, and this one without: both read it out of the repository.
    other = machine.elsewhere(tmp_path / "other", BACKUP_ENCRYPTION_KEY=KEY)
    assert all(one["proved"] for one in other.snapshots())
    del machine.variables["BACKUP_ENCRYPTION_KEY"]
    assert all(one["newest_proved"] for one in by_source(machine).values())
    machine.run("backup", "files", BACKUP_ENCRYPTION_KEY=None)
    newest, *older = machine.snapshots("files")
    assert newest["proved"] is None and all(one["proved"] for one in older)
    hashed = machine.json("verify", "--level", "full")
    assert (hashed["chunks"], hashed["proved"], hashed["unproved"]) == (0, [], 1)
    assert hashed["rotation"]["checked_packs"] == hashed["rotation"]["packs"]


def test_a_restore_of_all_of_it_proves_it_and_a_part_does_not(machine: Machine, tmp_path: Path) -> None:
    machine.run("restore", "files", "latest", "--to", str(tmp_path / "part"), "--include", "*.bin")
    machine.run("restore", "db", "latest", "--to", f"{machine.database}_part", "--ns", f"{machine.database}.cases")
    counted = f"{machine.database}_counted"
    machine.run("restore", "db", "latest", "--to", counted, "--compare", "counts")
    assert not any(one["proved"] for one in machine.snapshots())
    machine.run("restore", "files", "latest", "--to", str(tmp_path / "whole"))
    assert [one["source"] for one in machine.snapshots() if one["proved"]] == ["files"]
    whole = f"{machine.database}_whole"
    machine.run("restore", "db", "latest", "--to", whole)
    assert {one["source"] for one in machine.snapshots() if one["proved"]} == {"files", "mongodb"}
    for name in (f"{machine.database}_part", counted, whole):
        machine.client.drop_database(name)


@pytest.mark.long
def test_a_flipped_bit_is_healed_by_the_next_backup(machine: Machine, tmp_path: Path) -> None:
    machine.run("verify", "--level", "full")
    for kind in ("files", "mongodb"):
        pack = max((machine.repository / kind / "pack").rglob("*"), key=lambda one: one.stat().st_size * one.is_file())
        pack.chmod(0o600)
        with pack.open("r+b") as file:
            file.seek(-100, os.SEEK_END)
            byte = file.read(1)
            file.seek(-100, os.SEEK_END)
            file.write(bytes([byte[0] ^ 1]))
    said = machine.run("verify", "--level", "full", code=3)
    assert "pack-damaged" in said and "lifeboat backup all\n" in said
    assert "stored, never proved: db, files" in machine.run("status")
    machine.run("backup", "all")
    healed = machine.run("verify", "--level", "full")
    assert "nothing is lost" in healed and "whole, as far as level full looks" in healed
    newest = [one for one in machine.snapshots() if one["proved"]]
    assert {one["source"] for one in newest} == {"files", "mongodb"}
    other = machine.elsewhere(tmp_path / "other", BACKUP_ENCRYPTION_KEY=KEY)
    other.run("restore", "files", "latest", "--to", str(tmp_path / "back"))
    assert tree_differences(machine.uploads, tmp_path / "back") == ""


def test_what_cannot_be_meant_is_refused_in_words(machine: Machine) -> None:
    for arguments, word in (
        (("--max-bytes", "10GB"), "--level full"),
        (("--level", "full", "--max-bytes", "much"), "10GB"),
        (("--max-bytes", "lots"), "10GB"),
        (("--max-bytes", ""), "10GB"),
        (("--level", "full", "--max-bytes", "9" * 400), "room for"),
        (("--level", "full", "--max-minutes", "0"), "max-minutes"),
    ):
        ended = machine.ends("verify", *arguments)
        assert ended.code == 2 and word in ended.err + ended.out, ended
