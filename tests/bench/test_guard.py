"""What each file costs is counted in calls, not in seconds: the same on any machine, however busy.

A count of twice as many files less that of once as many leaves what files cost, without what starting costs. The bounds are a seventh above what
was counted when they were set: who passes one either found a reason, or made a million files slower for nothing.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.operations.reports.restores import RestoreRequest

FILES = 300
SMALL = 700
"""Bytes of a file: many share a chunk."""
MB = 1 << 20


def calls(act: Callable[[], object]) -> int:
    """How often Python or C was called in this thread."""
    count = 0

    def see(frame: object, event: str, argument: object) -> None:
        nonlocal count
        if event in ("call", "c_call"):
            count += 1

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def shop(folder: Path, files: int, size: int) -> Lifeboat:
    """Files of two seconds ago, which are recognised by their times the next time."""
    uploads = folder / "uploads"
    uploads.mkdir(parents=True)
    for number in range(files):
        path = uploads / f"{number:06}.json"
        path.write_bytes(os.urandom(size))
    variables = {
        "HOME": str(folder),
        "LIFEBOAT_STATE": str(folder / "state"),
        "LIFEBOAT_REPOSITORY": str(folder / "repository"),
        "UPLOADS_DIR": str(uploads),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
    }
    lifeboat = Lifeboat(read_settings(None, variables, folder))
    lifeboat.initialise(guarded=False, new_key=None)
    return lifeboat


def counted(folder: Path, files: int, size: int) -> dict[str, int]:
    lifeboat = shop(folder, files, size)
    found = {"first backup": calls(lambda: lifeboat.backup("files"))}
    _grow_old(folder / "uploads")
    lifeboat.backup("files")
    found["unchanged"] = calls(lambda: lifeboat.backup("files"))
    to = str(folder / "restored")
    found["restore"] = calls(lambda: lifeboat.restore(RestoreRequest("files", "latest", to, over_live=False)))
    found["verify"] = calls(lambda: lifeboat.verify("full"))
    return found


def _grow_old(uploads: Path) -> None:
    """A change time cannot be set: wait until no file is fresh any more."""
    newest = max(path.stat().st_ctime for path in uploads.iterdir())
    time.sleep(max(0.0, newest + 2.1 - time.time()))


def each(folder: Path, files: int, size: int) -> dict[str, float]:
    counted(folder / "first", 20, size)  # what is loaded and looked up once is not theirs
    once, twice = counted(folder / "once", files, size), counted(folder / "twice", 2 * files, size)
    return {act: (twice[act] - once[act]) / files for act in once}


AT_MOST = {"first backup": 124, "unchanged": 15, "restore": 80, "verify": 46}
"""Counted on 2026-11-28: 109, 13, 73 and 39."""


@pytest.fixture(scope="module")
def of_small_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    return each(tmp_path_factory.mktemp("guard"), FILES, SMALL)


@pytest.mark.parametrize("act", AT_MOST)
def test_a_small_file_costs_no_more_calls_than_it_did(of_small_files: dict[str, float], act: str) -> None:
    assert 1 < of_small_files[act] <= AT_MOST[act], f"{act}: {of_small_files[act]:.1f} calls for each file"


def test_the_count_notices_one_call_more() -> None:
    def act(more: bool) -> Callable[[], None]:
        return lambda: [(len(""), more and len("")) for _ in range(100)] and None

    assert calls(act(True)) - calls(act(False)) == 100
