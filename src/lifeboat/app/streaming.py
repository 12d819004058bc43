"""The stream of one application's folder: built from the settings, with its snapshots taken by a command of its own, and its alarms told.

Nothing that passes ends it: a store or a server that is away when it starts is waited for as well.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from lifeboat import __version__
from lifeboat.app.build import build_client, build_repository
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.operations.stream.report import Outcome, StreamReport, StreamStatus, Watcher
from lifeboat.operations.stream.run import Stream, StreamOptions
from lifeboat.services.notify.notice import Kind, Notice
from lifeboat.services.notify.telling import Troubles, send
from lifeboat.services.schedule.child import ended

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
STOP_SECONDS = 20.0
TELL_AT_MOST_SECONDS = 30.0


class StreamRequest(Value):
    """Args:
    every_seconds: None: as the settings say.
    config, environment: As the command was called: with them the snapshots are taken.
    """

    every_seconds: float | None
    once: bool
    config: Path | None
    environment: Mapping[str, str]


class Streaming:
    def __init__(self, settings: Settings, clock: Clock, request: StreamRequest, watcher: Watcher) -> None:
        self._settings = settings
        self._clock = clock
        self._request = request
        self._watcher = Telling(watcher, settings, clock)

    def run(self, stop: threading.Event) -> StreamReport:
        try:
            return self._run(stop)
        finally:
            self._watcher.finish()

    def _run(self, stop: threading.Event) -> StreamReport:
        settings, request = self._settings, self._request
        snapshots = ChildSnapshot(settings.folder, request.config, request.environment)
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return self._run_once(snapshots, stop)
            except LifeboatError as error:
                # Before it has begun; afterwards it waits by itself.
                if request.once or not error.worth_retrying:
                    raise
                words = f"{error.message}; trying again in {pause:.0f} s"
                self._watcher.said(Finding(Level.WARNING, "stream-not-begun", error.code, words, error.hint))
                if stop.wait(pause):
                    return StreamReport(None, True, False, ())
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _run_once(self, snapshots: "ChildSnapshot", stop: threading.Event) -> StreamReport:
        settings, request = self._settings, self._request
        repository = build_repository(settings, self._clock)
        secret = repository.writer(repository.store.time_there())
        client, databases = build_client(settings)
        options = StreamOptions(
            software=f"lifeboat {__version__}",
            every_seconds=request.every_seconds or settings.stream.every_seconds,
            outage_seconds=settings.stream.outage_seconds,
            once=request.once,
        )
        with client:
            return Stream(
                repository,
                secret,
                client,
                databases,
                options,
                clock=self._clock,
                snapshots=snapshots,
                watcher=self._watcher,
                stop=stop,
                compression_level=settings.limits.compression_level,
            ).run()


class ChildSnapshot:
    """``lifeboat backup db`` as a process of its own: a crash or a lack of memory there does not take the stream with it."""

    def __init__(self, folder: Path, config: Path | None, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._config: Sequence[str] = ("--config", str(config)) if config else ()
        self._environment = environment
        self._child: subprocess.Popen[bytes] | None = None
        self._out: IO[bytes] | None = None

    def begin(self) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the child has ended)
        self._child = subprocess.Popen(
            # -P: a folder called lifeboat in the application's folder must not be taken for us.
            [sys.executable, "-P", "-m", "lifeboat", "backup", "db", "--json", *self._config],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env=dict(self._environment),
            # Ctrl-C at the terminal is for the stream, which then ends this one in its turn.
            start_new_session=True,
        )

    def outcome(self) -> Outcome | None:
        assert self._child is not None and self._out is not None
        code = self._child.poll()
        if code is None:
            return None
        self._out.seek(0)
        said = self._out.read()
        self._out.close()
        try:
            report = json.loads(said)
        except ValueError:
            report = {}
        trouble = ended(code, report if isinstance(report, dict) else {}).trouble
        return Outcome("") if trouble is None else Outcome(trouble.message, trouble.hint)

    def stop(self) -> None:
        """What was uploaded is not lost: the next backup goes on from it."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Telling:
    """Passes everything on, and tells of problems as the schedule does: each once an hour at most, and when it is over."""

    def __init__(self, watcher: Watcher, settings: Settings, clock: Clock) -> None:
        self._watcher = watcher
        self._settings = settings
        self._clock = clock
        self._troubles = Troubles({})
        self._mutex = threading.Lock()
        self._sending: list[threading.Thread] = []

    def moved(self, status: StreamStatus) -> None:
        self._watcher.moved(status)

    def said(self, finding: Finding) -> None:
        self._watcher.said(finding)
        if finding.level is Level.PROBLEM:
            with self._mutex:
                is_due = self._troubles.is_due(finding.code, self._clock.now())
            if is_due:
                self._tell(Kind.FAILED, finding)
        elif finding.level is Level.OK and finding.code in self._troubles.kept:
            with self._mutex:
                was_told = self._troubles.kept.pop(finding.code, None)
            if was_told:
                self._tell(Kind.WORKS_AGAIN, finding)

    def _tell(self, kind: Kind, finding: Finding) -> None:
        channels = self._settings.notify.channels(_machine())
        if not channels:
            return
        # A mail server that hangs must not hold up the archive.
        sending = threading.Thread(
            target=self._send, args=(kind, finding, channels), name="stream-telling", daemon=True
        )
        self._sending = [one for one in self._sending if one.is_alive()] + [sending]
        sending.start()

    def finish(self) -> None:
        """What is on its way is let out before the process ends."""
        for one in self._sending:
            one.join(TELL_AT_MOST_SECONDS)

    def _send(self, kind: Kind, finding: Finding, channels: Sequence[object]) -> None:
        now = self._clock.now()
        about = f"{self._settings.folder.name} on {_machine()}"
        title = f"stream ({finding.code})" if kind is Kind.FAILED else f"stream works again ({finding.code})"
        notice = Notice(
            kind, about, title, f"{finding.message} [{finding.code}]", _MEANS.get(finding.code, ""), finding.hint, now
        )
        told = send(notice, channels, self._clock)  # type: ignore[arg-type]
        if kind is Kind.FAILED and told.reached:
            with self._mutex:
                self._troubles.mark_told(finding.code, now)
        for failure in told.failures:
            words = f"nobody could be told by this way: {failure.message}"
            self._watcher.said(Finding(Level.WARNING, "stream-not-told", "notices", words, failure.hint))


_MEANS = {
    "stream-gap": "No instant inside the gap can be restored. Every one before it can, and every one after the snapshot that is being taken.",
    "stream-store-away": "Nothing is lost: the server's oplog holds what is not stored. Until the store is back, no newer instant can be restored.",
    "stream-database-away": "Nothing is lost: the archive holds everything up to the last moment that was read.",
    "stream-snapshot-failed": "What the archive holds after its gap is of use only with a snapshot after the gap.",
    "stream-oplog-ends-soon": "When the oplog overwrites what is not stored, the archive has a gap, and no instant in it can be restored.",
}


def _machine() -> str:
    return socket.gethostname() or os.uname().nodename or "unnamed"
