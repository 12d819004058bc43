"""``lifeboat demo`` as a newcomer runs it: it shows what it claims, notices what is wrong, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

MEDDLED = Path(__file__).with_name("demo_meddled_with.py")
LIFEBOAT = str(Path(sys.executable).with_name("lifeboat"))
SMALL = ("--scale", "0.02")


class Place:
    """A folder for temporary files of a demo, and the processes that know it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *command: str) -> "subprocess.Popen[str]":
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LIFEBOAT_MONGOD") if name in os.environ}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder.parent,
            env={**kept, "TMPDIR": str(self.folder)},
        )

    def run(self, *command: str) -> tuple[int, str, str]:
        demo = self.start(*command)
        out, err = demo.communicate(timeout=120)
        return demo.returncode, out, err

    def leftovers(self) -> list[str]:
        """Files below the folder and processes that name it, after giving them a moment to go."""
        for _ in range(100):
            found = [str(one) for one in self.folder.rglob("*")] + self._processes()
            if not found:
                break
            time.sleep(0.1)
        return found

    def _processes(self) -> list[str]:
        named = []
        for one in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = one.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.folder) in words:
                named.append(words)
        return named


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield Place(folder)


def test_the_demo_brings_everything_back_and_leaves_nothing(place: Place) -> None:
    code, out, err = place.run(LIFEBOAT, "demo", *SMALL)
    assert (code, err) == (0, "")
    for said in ("RPO, measured", "RTO, measured", "everything came back", "named by verify, refused by restore"):
        assert said in out
    for typed in ("MONGODB_URI=", "UPLOADS_DIR=", "S3_BACKUP_BUCKET=", "lifeboat init --yes", "lifeboat backup all"):
        assert typed in out
    assert place.leftovers() == []


@pytest.mark.long
def test_the_demo_gives_programs_one_object_and_keeps_what_it_is_asked_to_keep(place: Place) -> None:
    kept = place.folder.parent / "look"
    code, out, err = place.run(LIFEBOAT, "demo", *SMALL, "--json", "--keep", str(kept))
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["equal"] and all(one["equal"] for one in report["comparisons"])
    assert report["damage"]["named"] and report["damage"]["refused"]
    assert report["damage"]["hurts"], "what the damage costs is said"
    assert report["second_backup"]["new_bytes"] < report["first_backup"]["new_bytes"] / 2
    assert 0 < report["rto_seconds"] < 60 and 0 <= report["rpo_seconds"] < 60
    # What was kept can be looked around in, and is not overwritten by the next one.
    code, out, err = place.run(LIFEBOAT, "--config", str(kept / "lifeboat.toml"), "snapshots", "--json")
    assert code == 0, err
    assert {one["source"] for one in json.loads(out)["snapshots"]} == {"mongodb", "files", "config"}
    assert (kept / "uploads").is_dir()
    assert place.leftovers() == []
    assert place.run(LIFEBOAT, "demo", *SMALL, "--keep", str(kept))[0] == 15


@pytest.mark.long
def test_the_demo_names_what_did_not_come_back(place: Place) -> None:
    code, out, _ = place.run(sys.executable, str(MEDDLED), "demo", *SMALL)
    assert code == 3
    assert out.count("DIFFERS") == 3 and "everything came back" not in out
    for named in (
        "invoices has as many documents, but not the same",
        "index of users is missing: email_unique",
        "differs in content",
        "differs in modified_ns",
        "'.env' is missing",
    ):
        assert named in out
    assert place.leftovers() == []


@pytest.mark.parametrize(
    ("number", "act"),
    [
        (signal.SIGKILL, "starting"),
        (signal.SIGINT, "backing up everything"),
        pytest.param(signal.SIGKILL, "backing up everything", marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, "backing up what changed", marks=pytest.mark.long),
        (signal.SIGTERM, "restoring"),
        (signal.SIGKILL, "restoring"),
        pytest.param(signal.SIGINT, "flipping", marks=pytest.mark.long),
    ],
)
def test_a_demo_that_is_stopped_leaves_nothing(place: Place, number: signal.Signals, act: str) -> None:
    demo = place.start(LIFEBOAT, "demo", *SMALL)
    assert demo.stdout is not None
    told = ""
    while act not in told:
        more = demo.stdout.read(1)
        assert more, f"the demo ended before {act!r}: {told}"
        told += more
    time.sleep(0.05)
    demo.send_signal(number)
    demo.communicate(timeout=30)
    assert demo.returncode == (-number if number == signal.SIGKILL else 130)
    assert place.leftovers() == []


def test_without_a_mongod_the_demo_says_what_to_do(place: Place) -> None:
    bare = place.folder.parent / "bare"
    bare.mkdir()
    hiding = (
        f"import shutil, sysconfig; shutil.which = lambda *_, **__: None; sysconfig.get_path = lambda *_: {str(bare)!r}"
    )
    run = f"import os; os.environ.pop('LIFEBOAT_MONGOD', 0); {hiding}; from lifeboat.cli.main import main; main()"
    code, _, err = place.run(sys.executable, "-c", run, "demo")
    assert code == 13
    assert "no mongod" in err and "make install" in err and "LIFEBOAT_MONGOD" in err
    assert place.leftovers() == []
