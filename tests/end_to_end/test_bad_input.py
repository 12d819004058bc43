"""The issue's table of bad input: each with its exit status, its code, a sentence that names the thing, and a hint."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import KEY, LIFEBOAT, PASSWORD, Machine, fill_some, grow_some, read_database
from skewed_s3 import skewed_s3
from versitygw import RunningS3

from lifeboat.sources.mongodb.private_server import PrivateServer

OTHER_KEY = "7a" * 32
NOBODY = 65534


@pytest.fixture(scope="module")
def machine(make_machine, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made: Machine = make_machine(tmp_path_factory.mktemp("bad"))
    fill_some(made.collections)
    grow_some(made.uploads)
    made.run("init", "--yes")
    made.run("backup", "all")
    return made


def test_a_wrong_key_is_told_from_a_malformed_one(machine: Machine) -> None:
    told = machine.refuses(11, "key-not-a-recipient", "restore", "db", "--to", "x", BACKUP_ENCRYPTION_KEY=OTHER_KEY)
    assert "another repository" in told
    machine.refuses(11, "key-malformed", "backup", "all", BACKUP_ENCRYPTION_KEY="changeme")


def test_a_missing_key_is_asked_for_by_name(machine: Machine, tmp_path: Path) -> None:
    told = machine.refuses(11, "key-missing", "restore", "db", "--to", "x", BACKUP_ENCRYPTION_KEY=None)
    assert "BACKUP_ENCRYPTION_KEY" in told
    elsewhere = machine.elsewhere(tmp_path / "elsewhere", BACKUP_ENCRYPTION_KEY=None)
    elsewhere.refuses(11, "writer-unknown", "backup", "all")


def test_the_key_of_another_repository_opens_nothing_of_this_one(
    make_machine, machine: Machine, tmp_path: Path
) -> None:
    other = make_machine(tmp_path / "other", BACKUP_ENCRYPTION_KEY=OTHER_KEY)
    other.uploads.mkdir()
    (other.uploads / "one").write_text("1")
    other.run("init", "--yes")
    other.run("backup", "files")
    other.refuses(
        11,
        "key-not-a-recipient",
        "restore",
        "files",
        "--to",
        str(tmp_path / "x"),
        LIFEBOAT_REPOSITORY=str(machine.repository),
    )
    assert not (tmp_path / "x").exists()


def test_nobody_answers_at_the_database_s_address(machine: Machine) -> None:
    uri = "mongodb://127.0.0.1:9/legal?serverSelectionTimeoutMS=500"
    assert "127.0.0.1:9" in machine.refuses(13, "database-unreachable", "backup", "db", MONGODB_URI=uri)


def test_a_wrong_password_is_named_and_not_repeated(machine: Machine, server: PrivateServer) -> None:
    uri = server.uri_for("owner", "not-the-passw0rd", machine.database)
    told = machine.refuses(13, "database-password-wrong", "backup", "db", MONGODB_URI=uri)
    assert "not-the-passw0rd" not in told


def test_a_missing_right_is_named(machine: Machine, server: PrivateServer) -> None:
    machine.client["admin"].command("createUser", "too weak", pwd=PASSWORD, roles=[{"role": "read", "db": "elsewhere"}])
    uri = server.uri_for("too weak", PASSWORD, machine.database)
    told = machine.refuses(13, "database-right-missing", "backup", "db", MONGODB_URI=uri)
    assert machine.database in told
    assert re.search(r"\b(find|listCollections|read|backup|\$?listCatalog)\b", told), told


def test_no_space_is_named_and_what_was_stored_stays_whole(make_machine, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small filesystem cannot be mounted here")
    try:
        machine = make_machine(tmp_path / "machine", LIFEBOAT_REPOSITORY=str(small / "repository"))
        machine.uploads.mkdir()
        (machine.uploads / "fits").write_bytes(os.urandom(1_000_000))
        machine.run("init", "--yes")
        machine.run("backup", "files")
        (machine.uploads / "does not").write_bytes(os.urandom(20_000_000))
        told = machine.refuses(12, "storage-full", "backup", "files")
        assert str(small) in told
        (machine.uploads / "does not").unlink()
        machine.run("verify", "--level", "full", MONGODB_URI=None)
        machine.run("backup", "files")
        # The target of a restore can be full as well.
        big = machine.elsewhere(tmp_path / "big", LIFEBOAT_REPOSITORY=str(tmp_path / "roomy"))
        (machine.uploads / "does not").write_bytes(os.urandom(20_000_000))
        big.run("init", "--yes")
        big.run("backup", "files")
        told = big.refuses(15, "target-full", "restore", "files", "--to", str(small / "back"))
        assert "does not" in told or str(small) in told
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.fixture
def on_s3(make_machine, s3: RunningS3, tmp_path: Path) -> Machine:
    made: Machine = make_machine(
        tmp_path / "on s3",
        LIFEBOAT_REPOSITORY="s3://no-such-bucket/x",
        AWS_ACCESS_KEY_ID=s3.access_key_id,
        AWS_SECRET_ACCESS_KEY=s3.secret_access_key,
        AWS_REGION=s3.region,
        AWS_ENDPOINT_URL=s3.endpoint_url,
    )
    return made


def test_a_missing_bucket_is_named(on_s3: Machine) -> None:
    assert "no-such-bucket" in on_s3.refuses(12, "bucket-missing", "init", "--yes")
    assert "no-such-bucket" in on_s3.refuses(12, "bucket-missing", "backup", "all")


def test_a_wrong_clock_is_named(on_s3: Machine) -> None:
    with skewed_s3() as address:
        told = on_s3.refuses(12, "clock-skewed", "snapshots", AWS_ENDPOINT_URL=address)
    assert "clock" in told


def test_a_newer_format_is_left_alone_and_says_what_to_do(machine: Machine, tmp_path: Path) -> None:
    for number, magic in enumerate((b"LBSN", b"LBIX")):
        folder = tmp_path / str(number)
        shutil.copytree(machine.repository, folder / "repository")
        for one in (folder / "repository").rglob("*"):
            if one.is_file() and one.read_bytes()[:4] == magic:
                written_by_a_newer(one)
        elsewhere = machine.elsewhere(folder / "machine", LIFEBOAT_REPOSITORY=str(folder / "repository"))
        ended = elsewhere.ends("verify", "--level", "full", "--json")
        assert ended.code == 3
        assert "newer-format" in ended.out, magic
        refused = elsewhere.ends("restore", "files", "--to", str(folder / "files"), "--json")
        assert refused.code != 0, magic
        if magic != b"LBSN":  # A record of a newer format is no snapshot to this version: there is none to restore.
            assert (refused.code, refused.error["code"]) == (14, "newer-format"), refused.error
        assert "Lifeboat" in refused.out or "lifeboat" in refused.out


def written_by_a_newer(one: Path) -> None:
    """Raise the version and give the object the name of its new content, as its writer would have."""
    content = bytearray(one.read_bytes())
    content[5] = 2
    one.chmod(0o600)
    one.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    one.rename(one.with_name(one.name[: -len(digest)] + digest))


def test_a_truncated_pack_is_named_by_verify_and_refused_by_restore(machine: Machine, tmp_path: Path) -> None:
    shutil.copytree(machine.repository, tmp_path / "repository")
    pack = max((tmp_path / "repository/files/pack").rglob("*"), key=lambda one: one.stat().st_size)
    os.truncate(pack, pack.stat().st_size // 2)
    cut = machine.elsewhere(tmp_path / "machine", LIFEBOAT_REPOSITORY=str(tmp_path / "repository"))
    findings = cut.json("verify", "--level", "structure", code=3)["findings"]
    assert [one["subject"] for one in findings if one["code"] == "pack-cut"] == [
        str(pack.relative_to(tmp_path / "repository"))
    ]
    ended = cut.ends("restore", "files", "--to", str(tmp_path / "files"), "--json")
    assert ended.code == 14 and pack.name in ended.out, ended


def test_an_empty_database_is_no_backup(make_machine, tmp_path: Path) -> None:
    empty = make_machine(tmp_path / "empty")
    empty.run("init", "--yes")
    told = empty.refuses(13, "database-empty", "backup", "db")
    assert empty.database in told
    assert empty.snapshots() == []


def test_a_document_of_sixteen_mebibytes_comes_back(make_machine, tmp_path: Path) -> None:
    machine = make_machine(tmp_path / "large")
    largest = 16 * 1024 * 1024 - 60
    machine.collections["large"].insert_many([{"_id": 1, "b": os.urandom(largest)}, {"_id": 2, "b": b"x" * largest}])
    before = read_database(machine.client, machine.database)
    machine.run("init", "--yes")
    machine.run("backup", "db")
    machine.collections["large"].drop()
    machine.run("restore", "db", "--over-live", "--yes")
    assert read_database(machine.client, machine.database) == before


def test_files_that_vanish_while_they_are_read_are_told_and_cost_nothing_else(make_machine, tmp_path: Path) -> None:
    machine = make_machine(tmp_path / "vanishing")
    folder = machine.uploads / "folder"
    folder.mkdir(parents=True)
    for number in range(3000):
        (folder / f"{number:05}").write_bytes(os.urandom(2000))
    machine.run("init", "--yes")
    backup = machine.start("backup", "files", "--json")

    def remove_while_it_runs() -> None:
        while backup.poll() is None:
            for one in sorted(folder.iterdir(), reverse=True)[:40]:
                one.unlink()

    remover = threading.Thread(target=remove_while_it_runs)
    remover.start()
    _, err = backup.communicate()
    remover.join()
    assert backup.returncode in (0, 4) and "Traceback" not in err, err
    machine.run("verify", "--level", "full", MONGODB_URI=None)
    machine.run("restore", "files", "--to", str(tmp_path / "back"))
    for one in folder.iterdir():
        assert (tmp_path / "back" / "folder" / one.name).read_bytes() == one.read_bytes()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own are closed to them."""
    folder = Path(tempfile.mkdtemp(prefix="lifeboat-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody() -> tuple[str, ...]:
    """What makes a command run as an ordinary user: root may read everything."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user to be refused as one")
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def test_an_unreadable_directory_is_named_and_the_rest_is_backed_up(
    make_machine, open_folder: Path, as_nobody: tuple[str, ...]
) -> None:
    machine = make_machine(open_folder / "machine")
    grow_some(machine.uploads)
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(machine.folder)], check=True)
    closed = machine.uploads / "contracts"
    closed.chmod(0)
    os.chown(closed, 0, 0)
    probe = subprocess.run([*as_nobody, LIFEBOAT, "--version"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("the installed command cannot be run by another user here")
    machine.ends("init", "--yes", wrap=as_nobody)
    ended = machine.ends("backup", "files", "--json", wrap=as_nobody)
    assert ended.code == 4, ended
    assert str(closed) in ended.out or "contracts" in ended.out
    machine.run("restore", "files", "--to", str(open_folder / "back"))
    assert (open_folder / "back" / "scan.pdf").read_bytes() == (machine.uploads / "scan.pdf").read_bytes()
    os.chown(machine.uploads, 0, 0)
    machine.uploads.chmod(0)
    told = machine.refuses(13, "files-root-missing", "backup", "files", wrap=as_nobody)
    assert str(machine.uploads) in told


def test_a_target_that_is_not_empty_is_refused_and_left_as_it_is(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    told = machine.refuses(15, "target-not-empty", "restore", "files", "--to", str(tmp_path))
    assert str(tmp_path) in told
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]
    taken = f"{machine.database}_taken"
    machine.client[taken]["cases"].insert_one({"_id": "mine"})
    try:
        told = machine.refuses(15, "target-not-empty", "restore", "db", "--to", taken)
        assert f"{taken}.cases" in told
        assert read_database(machine.client, taken).keys() == {"cases", "(users)", "(roles)"}
    finally:
        machine.client.drop_database(taken)


def test_an_uploads_folder_that_is_not_there_is_named(machine: Machine) -> None:
    told = machine.refuses(13, "files-root-missing", "backup", "files", UPLOADS_DIR="/nowhere/uploads")
    assert "/nowhere/uploads" in told


def test_a_key_in_the_settings_is_what_the_machine_was_made_with(machine: Machine) -> None:
    machine.run("snapshots", BACKUP_ENCRYPTION_KEY=KEY.upper())
