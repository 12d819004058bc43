"""Where a command's words go: a full disk under its output, a closed one, a reader that goes away; and its end, which loses none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")
KEY = "5e" * 32


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "contract").write_text("signed")
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")},
        "HOME": str(tmp_path),
        "LIFEBOAT_STATE": str(tmp_path / "state"),
        "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        "UPLOADS_DIR": str(tmp_path / "uploads"),
        "BACKUP_ENCRYPTION_KEY": KEY,
    }


def typed(line: str, environment: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """``lifeboat``, as a shell starts it, which redirects what stands behind it."""
    command = f"{sys.executable} -m lifeboat {line}"
    return subprocess.run(
        ["sh", "-c", command], env=environment, cwd=folder, capture_output=True, text=True, timeout=120
    )


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this machine")
def test_a_full_disk_under_the_output_is_said_and_what_was_done_stays(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert typed("init --yes", environment, tmp_path).returncode == 0
    for option in ("", " --json"):
        stored = typed(f"backup files{option} >/dev/full", environment, tmp_path)
        assert stored.returncode == 10, stored.stderr
        assert "no space left" in stored.stderr and "output-unwritable" in stored.stderr
        assert (
            "Traceback" not in stored.stderr and "bug" not in stored.stderr and "Exception ignored" not in stored.stderr
        )
    assert typed("backup files >/dev/full 2>&1", environment, tmp_path).returncode == 10
    assert typed("backup files 2>/dev/full", environment, tmp_path).returncode == 0
    assert len(json.loads(typed("snapshots --json", environment, tmp_path).stdout)["snapshots"]) == 4


def test_a_closed_output_and_a_reader_that_goes_away_change_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert typed("init --yes >&- 2>&-", environment, tmp_path).returncode == 0
    closed = typed("backup files >&-", environment, tmp_path)
    assert (closed.returncode, closed.stderr) == (0, "")
    left = typed("backup files --json | true", environment, tmp_path)
    assert "Traceback" not in left.stderr and "Exception ignored" not in left.stderr
    assert len(json.loads(typed("snapshots --json", environment, tmp_path).stdout)["snapshots"]) == 2


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this machine")
@pytest.mark.parametrize(
    ("line", "status"),
    [("--help", 10), ("--version", 10), ("audit export -", 10), ("export files -", 15), ("keygen --recipient", 10)],
)
def test_whatever_is_written_there_is_never_called_a_bug(
    environment: dict[str, str], tmp_path: Path, line: str, status: int
) -> None:
    assert typed("init --yes", environment, tmp_path).returncode == 0
    assert typed("backup files", environment, tmp_path).returncode == 0
    full = typed(f"{line} >/dev/full", environment, tmp_path)
    assert full.returncode == status and "no space left" in full.stderr, full.stderr
    for elsewhere in (" >/dev/full", " >&-", " | true", " | head -c 1"):
        said = typed(line + elsewhere, environment, tmp_path)
        assert "Traceback" not in said.stderr and "Exception ignored" not in said.stderr, said.stderr
    assert typed(line, environment, tmp_path).stdout


AT_THE_END = """
import atexit, os, sys, threading, time
from lifeboat.cli import main
def slow():
    time.sleep(0.5)
    os.write(1, b"thread ")
def register(run, arguments):
    threading.Thread(target=slow).start()
    atexit.register(lambda: sys.stdout.write("called "))
    sys.stdout.write("words ")
    return status
status = {status}
main.carry_out = register
class Torn:
    def __del__(self):
        os.write(1, b"torn apart")
main.kept = Torn()
main.main()
"""


@pytest.mark.parametrize("status", [0, 3, 15])
def test_it_ends_when_threads_have_and_all_who_asked_were_called_and_tears_nothing_apart(status: int) -> None:
    ended = subprocess.run([sys.executable, "-c", AT_THE_END.format(status=status)], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (status, "")
    assert sorted(ended.stdout.split()) == ["called", "thread", "words"], "in whichever order"


def test_the_end_without_a_status_is_pythons() -> None:
    program = AT_THE_END.format(status=0).replace("return status", "raise SystemError('unheard of')")
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1 and "unheard of" in ended.stderr
    assert "called " in ended.stdout and "words " in ended.stdout
