"""The command: what it says, and through a pipe."""

import subprocess
import sys
from pathlib import Path

import pytest

from lifeboat.cli.show.export import take_in
from lifeboat.operations.reports.snapshots import ExportReport

LIFEBOAT = str(Path(sys.executable).with_name("lifeboat"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An application's folder with a few uploads and one snapshot of them."""
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a.txt").write_text("the contract")
    (tmp_path / ".env").write_text(
        f"UPLOADS_DIR=uploads\nLIFEBOAT_REPOSITORY={tmp_path}/copies\nBACKUP_ENCRYPTION_KEY={'5e' * 32}\n"
    )
    (tmp_path / ".env").chmod(0o600)
    assert lifeboat(tmp_path, "init", "--yes").returncode == 0
    assert lifeboat(tmp_path, "backup", "files").returncode == 0
    return tmp_path


def lifeboat(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.run([LIFEBOAT, *arguments], cwd=folder, env=environment, capture_output=True, check=False)


def test_an_export_goes_through_a_pipe_into_tar_and_says_nothing_on_the_way(folder: Path) -> None:
    done = lifeboat(folder, "export", "files", "-")
    assert (done.returncode, done.stderr) == (0, b"")

    listed = subprocess.run(["tar", "-xO", "a.txt"], input=done.stdout, capture_output=True, check=False)
    assert listed.stdout == b"the contract"


def test_an_export_to_a_file_says_how_to_take_it_in_and_is_for_its_owner_alone(folder: Path) -> None:
    done = lifeboat(folder, "export", "files", "out.tar")
    assert done.returncode == 0, done.stderr
    assert b"tar --xattrs -xpf out.tar" in done.stdout and b"not encrypted" in done.stdout
    assert (folder / "out.tar").stat().st_mode & 0o777 == 0o600
    again = lifeboat(folder, "export", "files", "out.tar")
    assert again.returncode == 15 and b"is there already" in again.stderr and b"Traceback" not in again.stderr


def test_what_mongorestore_must_be_told_is_told() -> None:
    def report(form: str, has_oplog: bool) -> ExportReport:
        return ExportReport(None, form, "my dump", 1, has_oplog)  # type: ignore[arg-type]

    assert take_in(report("mongodump-archive", False), False) == "mongorestore --uri=... --archive='my dump'"
    assert take_in(report("mongodump-dir", True), True) == "mongorestore --uri=... --gzip --oplogReplay 'my dump'"
