"""Processes that run jobs are ended with what began them, at whatever moment it is asked to: none is left behind with nobody to wait for it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lifeboat.app import in_application
from lifeboat.app.schedule_run import ScheduledRuns
from lifeboat.app.serve_children import JobRuns
from lifeboat.app.serving import Serving
from lifeboat.foundation.clock import SystemClock
from lifeboat.services.schedule import child
from lifeboat.services.schedule.memory import ScheduleMemory

PATIENCE_SECONDS = 60


@contextmanager
def as_the_command_hears_it() -> Iterator[None]:
    """A request to stop raises, as in ``lifeboat.cli.main``."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def sleeper(tmp_path: Path) -> dict[str, str]:
    """An environment in which every command of ours sleeps, and does not hear a request to stop."""
    package = tmp_path / "instead" / "lifeboat"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.environ.get('LIFEBOAT_SLOT'), file=open('began', 'w'), flush=True)\n"
        "time.sleep(600)\n"
    )
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(package.parent)}


def never_seen(job: str) -> tuple[None, timedelta]:
    return None, timedelta()


def until_it_began(folder: Path) -> str:
    for _ in range(PATIENCE_SECONDS * 20):
        if (folder / "began").exists() and (said := (folder / "began").read_text()):
            return said.strip()
        SystemClock().sleep(0.05)
    raise AssertionError("it never began")


def test_a_request_to_stop_that_comes_while_the_command_is_being_started_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class AskedMeanwhile(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__([sys.executable, "-c", "import time; time.sleep(600)"], **more)
            begun.append(self)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", AskedMeanwhile)
    try:
        with as_the_command_hears_it():
            came = child.run_command(("backup", "files"), tmp_path, dict(os.environ))
        assert came.trouble and came.trouble.code == child.STOPPED
        assert begun[0].poll() == -signal.SIGTERM, "it was left behind"
    finally:
        begun[0].kill()


def test_a_run_that_is_stopped_before_its_command_begins_is_not_told_of_as_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ScheduledRuns(None, {"LIFEBOAT_STATE": str(tmp_path)}, tmp_path, SystemClock(), print)

    def stopped(*words: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_ping", stopped)
    with pytest.raises(KeyboardInterrupt):
        runs.run("files", for_serve=True)
    job = runs.memory.job("files")
    assert not job.was_killed and job.status == child.INTERRUPTED


def test_a_run_knows_which_slot_it_is_for(tmp_path: Path, sleeper: dict[str, str]) -> None:
    slot = datetime(2026, 3, 4, 5, 30, tzinfo=UTC)
    runs = JobRuns(ScheduleMemory(tmp_path, tmp_path), None, sleeper, tmp_path, SystemClock(), never_seen)
    runs.begin("db", slot, 1)
    try:
        assert datetime.fromisoformat(until_it_began(tmp_path)) == slot
    finally:
        runs.kill()
    assert not runs.any_child()
    runs.start("files")
    assert not runs.any_child(), "one was begun after the end"


def test_what_runs_is_killed_even_while_the_schedule_itself_waits_for_a_store(
    tmp_path: Path, sleeper: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    runs = JobRuns(ScheduleMemory(tmp_path, tmp_path), None, sleeper, tmp_path, SystemClock(), never_seen)

    class Held(Serving):
        def __init__(self, *words: Any, **more: Any) -> None:
            self._runs, self._stream = runs, None

        def run(self, stop: threading.Event, begun: Any = None) -> None:
            begun(self)
            runs.start("files")
            held.wait(PATIENCE_SECONDS)

        def wake(self) -> None:
            """It hears nothing."""

    monkeypatch.setattr(in_application, "Serving", Held)
    monkeypatch.setattr(in_application, "STAND_BY_SECONDS", 0.1)
    backups = in_application.schedule_backups(folder=tmp_path, environment=sleeper, stop_seconds=0.1).start()
    try:
        until_it_began(tmp_path)
        assert runs.any_child()
        backups.stop()
        assert not runs.any_child(), "it was left behind"
    finally:
        held.set()
        runs.kill()
