"""Kill an action at every point, or at some, each time from the same beginning, and look at what is left."""

import multiprocessing
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import kill_points
from bare import BARE
from kill_points import Doing

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["kill_points"])
CHILD_SECONDS = 240


@dataclass
class Swept:
    """What a sweep did. Args: points: as an undisturbed run passed them; killed: where it was really killed."""

    action: str
    points: list[str]
    killed: list[str] = field(default_factory=list)
    chosen: int = 0
    """How many points it was to be killed at."""
    finished_first: int = 0
    """Runs that were done before they came to the chosen point: threads do not always take the same way."""


def run_whole(doing: Doing) -> list[str]:
    """Let it run to its end; returns the points it passed."""
    assert _run(replace(doing, kill_at=None)) == 0, f"{doing.action} does not even run undisturbed"
    return doing.log.read_text(errors="surrogateescape").splitlines()


def sweep(
    doing: Doing,
    begin: Callable[[], None],
    look: Callable[[str], None],
    *,
    told: list["Swept"],
    at_most: int | None = None,
) -> Swept:
    """Kill at every point (or at ``at_most``, drawn anew each time), each time after ``begin``.

    Args:
        look: Called with the point's name after each kill; fails when something was lost. It also finishes the work.
        told: Gets the sweep at once, so that a failed one is told too.
    """
    begin()
    swept = Swept(doing.action, run_whole(doing))
    told.append(swept)
    chosen = list(range(1, len(swept.points) + 1))
    if at_most is not None and at_most < len(chosen):
        # One anywhere in each part of the run: a plain draw leaves gaps.
        part = len(chosen) / at_most
        chosen = [min(len(chosen), 1 + int((n + random.SystemRandom().random()) * part)) for n in range(at_most)]
    swept.chosen = len(chosen)
    for nth in chosen:
        begin()
        code = _run(replace(doing, kill_at=nth))
        passed = doing.log.read_text(errors="surrogateescape").splitlines()
        if code == 0:
            assert len(passed) < nth, f"survived point {nth}"
            swept.finished_first += 1
            continue
        assert code == -signal.SIGKILL, f"{doing.action} ended by itself with {code} at point {nth}: {passed[-3:]}"
        assert len(passed) == nth
        swept.killed.append(passed[-1])
        look(f"{doing.action}, killed at point {nth} of {len(swept.points)}: {passed[-1]}")
    return swept


def _run(doing: Doing) -> int:
    child = _context.Process(target=kill_points.run, args=(doing,))
    child.start()
    child.join(CHILD_SECONDS)
    if child.exitcode is None:
        child.kill()
        child.join()
        raise AssertionError(f"{doing.action} hangs at point {doing.kill_at}")
    return child.exitcode


class Beginning:
    """Folders as they were: copied away once, copied back before each kill."""

    def __init__(self, aside: Path, *folders: Path) -> None:
        self._aside = aside
        self._folders = folders
        for number, folder in enumerate(folders):
            if folder.exists():
                shutil.copytree(folder, aside / str(number), symlinks=True)

    def bring_back(self) -> None:
        for number, folder in enumerate(self._folders):
            shutil.rmtree(folder, ignore_errors=True)
            if (self._aside / str(number)).exists():
                shutil.copytree(self._aside / str(number), folder, symlinks=True)


@contextmanager
def told(record_property: Callable[[str, object], None]) -> Iterator[list[Swept]]:
    """Hand sweeps over to the closing lines of the test run."""
    sweeps: list[Swept] = []
    try:
        yield sweeps
    finally:
        for one in sweeps:
            record_property("swept", f"{one.action}|{len(one.points)}|{len(one.killed)}")


def environment_of(folder: Path, uri: str) -> dict[str, Any]:
    return {
        "MONGODB_URI": uri,
        "UPLOADS_DIR": str(folder / "uploads"),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "LIFEBOAT_REPOSITORY": str(folder / "repository"),
        "LIFEBOAT_STATE": str(folder / "state"),
        "HOME": str(folder),
        **BARE,
    }
