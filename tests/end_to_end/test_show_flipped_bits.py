"""Show 4 of the issue: one bit flipped in an object of every kind is named, and no restore writes what it spoilt."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from machine import Machine, copied_tree, fill_some, grow_some, read_database

KINDS = {
    "description": r"config/repository-",
    "registration of the writer": r"config/writer-",
    "rescue script": r"config/rescue-",
    "read me": r"config/README-",
    "data key": r"keys/",
    "pack of documents": r"mongodb/pack/",
    "pack of files": r"files/pack/",
    "pack of configuration": r"config/pack/",
    "index": r"catalog/.*/index-",
    "snapshot record": r"catalog/.*/snapshot-",
    "link of the chain": r"catalog/.*/link-",
    "proof": r"catalog/.*/proof-",
    "anchor of the record of acts": r"catalog/.*/audit-",
    "segment of the archive": r"mongodb/oplog/",
}


@pytest.fixture(scope="module")
def stored(make_machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    machine = make_machine(tmp_path_factory.mktemp("stored"))
    fill_some(machine.collections)
    grow_some(machine.uploads)
    (machine.folder / ".env").write_text("A=1\n")
    (machine.folder / ".env").chmod(0o600)
    machine.run("init", "--yes")
    machine.run("backup", "all")
    machine.run("stream", "--once")
    machine.collections["changed"].insert_one({"_id": 1})
    machine.run("stream", "--once")
    machine.run("verify", "--level", "full")
    return machine


def objects(machine: Machine) -> list[str]:
    return sorted(str(one.relative_to(machine.repository)) for one in machine.repository.rglob("*") if one.is_file())


def flipped(machine: Machine, name: str, folder: Path, at: float = 0.5) -> Machine:
    """The same machine with a copy of its repository in which one bit is wrong; it knows nothing of that."""
    shutil.copytree(machine.repository, folder / "repository")
    victim = folder / "repository" / name
    content = bytearray(victim.read_bytes())
    content[int(len(content) * at)] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(content)
    return machine.elsewhere(folder / "machine", LIFEBOAT_REPOSITORY=str(folder / "repository"))


def test_every_kind_of_object_is_tried(stored: Machine) -> None:
    kinds = {next((kind for kind, shape in KINDS.items() if re.match(shape, one)), one) for one in objects(stored)}
    assert kinds == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_verify_names_the_object_with_the_flipped_bit(stored: Machine, kind: str, tmp_path: Path) -> None:
    name = [one for one in objects(stored) if re.match(KINDS[kind], one)][-1]
    machine = flipped(stored, name, tmp_path)
    ended = machine.ends("verify", "--level", "full", "--json")
    # Without a description or a registration nothing can be opened: that is an error of the family "damaged".
    assert ended.code in (3, 14), ended.out + ended.err
    assert name in ended.out
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("kind", "sources"),
    [
        ("pack of documents", ["db"]),
        ("data key", ["db", "files"]),
        pytest.param("index", ["db", "files", "config"], marks=pytest.mark.long),
    ],
)
def test_a_restore_refuses_and_writes_nothing_wrong(
    stored: Machine, kind: str, sources: list[str], tmp_path: Path
) -> None:
    before = what_people_see(stored, stored.database)
    copy = f"{stored.database}_copy"
    refused = 0
    for number, name in enumerate(one for one in objects(stored) if re.match(KINDS[kind], one)):
        folder = tmp_path / str(number)
        folder.mkdir()
        machine = flipped(stored, name, folder)
        try:
            for source in sources:
                target = copy if source == "db" else str(folder / source)
                aside = machine.ends("restore", source, "--to", target, "--json")
                # An object can belong to another source: whoever needs it refuses, the others do their work.
                assert aside.code in (0, 14), (name, aside)
                refused += aside.code == 14
                if source == "db" and aside.code == 14:
                    machine.refuses(14, aside.error["code"], "restore", "db", "--over-live", "--yes")
            assert what_people_see(stored, stored.database) == before
            there = what_people_see(stored, copy)
            assert all(there[one] == before[one] for one in there)
        finally:
            stored.client.drop_database(copy)
        nothing_wrong_in(folder / "files", stored.uploads)
    assert refused >= len(sources), "each source has such an object, and a restore that needs it refuses"


def test_a_file_with_a_flipped_bit_is_not_written(stored: Machine, tmp_path: Path) -> None:
    packs = [one for one in objects(stored) if one.startswith("files/pack/")]
    pack = max(packs, key=lambda one: (stored.repository / one).stat().st_size)
    machine = flipped(stored, pack, tmp_path)
    told = machine.refuses(14, "seal-broken", "restore", "files", "latest", "--to", str(tmp_path / "files"))
    assert pack in told
    nothing_wrong_in(tmp_path / "files", stored.uploads)


def test_a_restore_over_live_files_with_a_flipped_bit_leaves_them_as_they_were(stored: Machine, tmp_path: Path) -> None:
    packs = [one for one in objects(stored) if one.startswith("files/pack/")]
    machine = flipped(stored, max(packs, key=lambda one: (stored.repository / one).stat().st_size), tmp_path)
    tree = copied_tree(stored.uploads, tmp_path / "as it was")
    try:
        (stored.uploads / "scan.pdf").write_bytes(b"overwritten by mistake")
        machine.refuses(14, "seal-broken", "restore", "files", "latest", "--over-live", "--yes")
        assert (stored.uploads / "scan.pdf").read_bytes() == b"overwritten by mistake"
    finally:
        copied_tree(tree, stored.uploads)


@pytest.mark.long
@pytest.mark.parametrize("at", [0.0, 0.05, 0.3, 0.999])
def test_a_bit_flipped_anywhere_in_any_object_is_named(stored: Machine, at: float, tmp_path: Path) -> None:
    for number, name in enumerate(objects(stored)):
        folder = tmp_path / str(number)
        folder.mkdir()
        ended = flipped(stored, name, folder, at).ends("verify", "--level", "full", "--json")
        assert ended.code in (3, 14) and name in ended.out, (name, ended)


def what_people_see(machine: Machine, database: str) -> dict[str, tuple[Any, ...]]:
    """Everything under its real name; what waits under a temporary one for the next run is nobody's data."""
    everything = read_database(machine.client, database, accounts=False)
    return {name: found for name, found in everything.items() if not name.startswith("lifeboat.tmp.")}


def nothing_wrong_in(written: Path, original: Path) -> None:
    """Each file that is there under its name has the right bytes."""
    for one in written.rglob("*"):
        if one.is_file() and not one.name.startswith(".lifeboat"):
            assert one.read_bytes() == (original / one.relative_to(written)).read_bytes(), one
