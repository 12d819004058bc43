"""``lifeboat serve``: one process that begins the jobs, keeps the stream running, and answers on the web.

It runs nothing itself: each job is a process of its own (``serve_children.py``), what is due is decided by pure rules
(``services/schedule``), so neither a crash of a backup nor a store that hangs ends it. Everything it has to remember is on disk before a
job begins: killed at any moment, the next start goes on.

Invariant: one serve for a folder on one machine; the lock dies with the process.
"""

import hashlib
import os
import select
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lifeboat.app.build import MACHINE_ID
from lifeboat.app.duties import STREAM, Duty, check_times, duties, timetable
from lifeboat.app.read_notify import find_state, notify_table
from lifeboat.app.read_settings import read_settings
from lifeboat.app.sd_notify import SystemdNotice
from lifeboat.app.serve_alerts import AlertLooks
from lifeboat.app.serve_children import JobRuns, StreamChild
from lifeboat.app.serve_facts import Facts
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import objectives, set_up
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.value import Value
from lifeboat.repository.roles import Role
from lifeboat.services.schedule.due import Timed
from lifeboat.services.schedule.loop import Jump, Loop
from lifeboat.services.schedule.memory import JobStillRuns, ScheduleMemory

SERVE = "serve"
LOOK_AT_STREAM_SECONDS = 2.0
ROLE_AGAIN_SECONDS = 60.0
MEASURE_AGAIN_SECONDS = 10.0
STOP_SECONDS = 60.0
"""A backup that is asked to stop ends its requests and its cursor; what was uploaded is not lost."""
ALIVE_SECONDS = 120.0
"""A loop that has not looked for so long hangs."""
Say = Callable[[str], None]


class Wake:
    """Ends a wait from a signal handler or another thread. An ``Event`` may hold its lock when the handler comes; a pipe has none."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        os.set_blocking(self._out, False)
        os.set_blocking(self._in, False)

    def set(self) -> None:
        with suppress(BlockingIOError):  # full: nobody has looked for a long time, and he will
            os.write(self._in, b"!")

    def wait(self, seconds: float) -> None:
        if select.select([self._out], [], [], seconds)[0]:
            os.read(self._out, 4096)


class ServeRunsAlready(SettingsError):
    """Another ``lifeboat serve`` runs for this folder on this machine."""

    code = "serve-runs-already"


class JobState(Value):
    """A job of this machine, for the dashboard. Args: state: ``due``, ``done``, ``running``, or in more words what it waits for."""

    duty: Duty
    state: str
    next_at: datetime | None
    running: bool


class ServeState(Value):
    """How serve stands.

    Args:
        stream: The newest status of the stream, as ``lifeboat stream --json`` prints it; None before the first.
        stream_trouble: Why it does not run; None while it does, or where there is none.
        jumps: When the clock was set, and by how much: the newest ten.
    """

    since: datetime
    role: Role
    jobs: tuple[JobState, ...]
    elsewhere: tuple[Duty, ...]
    stream: Mapping[str, Any] | None
    stream_running: bool
    stream_trouble: str | None
    jumps: tuple[Jump, ...]
    looked: datetime


class Serving:
    """Args:
    config, environment, folder: As the command was called; jobs and stream are called the same way.
    settings: As they are now; None reads them.
    """

    def __init__(
        self,
        config: Path | None,
        environment: Mapping[str, str],
        folder: Path,
        clock: Clock,
        say: Say,
        settings: Settings | None = None,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._config = config
        self._environment = environment
        self.folder = folder
        self._clock = clock
        self._say = say
        self.settings = settings or read_settings(config, environment, folder)
        check_times(self.settings)
        self.memory = ScheduleMemory(find_state(environment, folder), folder)
        self._runs = JobRuns(self.memory, config, environment, folder, clock, self._seen)
        self._stream: StreamChild | None = None
        self._systemd = SystemdNotice(environment)
        self._facts = Facts(self.settings, clock, say)
        self._alerts = AlertLooks(lambda: self.settings, clock, say)
        self._role = Role.SIMPLE
        self._role_is_sure = False
        self._asked_role = 0.0
        self._in_a_set: bool | None = None
        self._jumps: list[Jump] = []
        self._stop_seconds = stop_seconds
        self.lock: int | None = None
        """Descriptor of the lock, while this is the one that serves."""
        self._since = clock.now()
        self._looked = clock.now()
        self._loop = Loop((), self._runs, clock, self._jumped)
        self._reload = False
        self._wake = Wake()
        self._wanted: set[str] = set()
        self._mutex = threading.Lock()
        self._measuring = threading.Lock()
        self._measured: tuple[float, bytes] | None = None

    def run(self, stop: threading.Event, begun: Callable[["Serving"], None] = lambda _: None) -> None:
        """Serve until ``stop`` is set, then end the jobs; raises ``ServeRunsAlready``.

        Args:
            begun: Called once this is the one that serves: the web server starts there.
        """
        try:
            with self.memory.alone(SERVE) as lock:
                self.lock = lock
                os.ftruncate(lock, 0)
                os.pwrite(lock, str(os.getpid()).encode(), 0)
                self._begin()
                begun(self)
                self._alerts.start()
                self._systemd.ready(f"{len(self._loop.jobs)} jobs")
                try:
                    while not stop.is_set():
                        self._look(stop)
                finally:
                    self._end()
        except JobStillRuns:
            raise ServeRunsAlready(
                f"{self._who_serves()} serves {self.folder} already",
                "one is enough: `lifeboat schedule status`; on another machine a second one may stand by",
            ) from None
        finally:
            self.lock = None

    def plan(self) -> list[Duty]:
        """What would run here, and what elsewhere; begins nothing."""
        self._role = self._facts.role() or self._remembered_role()
        self._in_a_set = self._facts.in_a_set()
        return self._duties()

    def metrics(self) -> bytes:
        """The page at ``/metrics``; asked more often than that, the same again: each look reads the repository."""
        from lifeboat.app.measuring import metrics_page

        with self._measuring:
            now = self._clock.monotonic()
            if self._measured is None or now - self._measured[0] > MEASURE_AGAIN_SECONDS:
                self._measured = now, metrics_page(self.settings, self._clock)
            return self._measured[1]

    def wake(self) -> None:
        """Look at once: something was asked of it, or it has to end."""
        self._wake.set()

    def reload(self) -> None:
        """Read the settings again at the next look; safe in a signal handler."""
        self._reload = True
        self._wake.set()

    def start_now(self, job: str) -> bool:
        """Begin a job now, for a person who asks; False when this machine does not do it."""
        with self._mutex:
            if job not in {one.name for one in self._loop.jobs}:
                return False
            self._wanted.add(job)
        self._wake.set()
        return True

    def is_alive(self) -> bool:
        return self._clock.now() - self._looked < timedelta(seconds=ALIVE_SECONDS)

    def is_ready(self) -> bool:
        return bool(self._loop.verdicts) or not self._loop.jobs

    def state(self) -> ServeState:
        """How it stands now; from any thread."""
        verdicts, running = self._loop.verdicts, set(self._runs.children)
        rows, elsewhere = [], []
        for duty in self._duties():
            verdict = verdicts.get(duty.job)
            if duty.here and duty.job != STREAM:
                runs = duty.job in running or bool(verdict and verdict.why == "running")
                why = verdict.why if verdict else "waits for its first look"
                rows.append(JobState(duty, "running" if runs else why, verdict.next_at if verdict else None, runs))
            elif not duty.here:
                elsewhere.append(duty)
        stream = self._stream
        return ServeState(
            since=self._since,
            role=self._role,
            jobs=tuple(rows),
            elsewhere=tuple(elsewhere),
            stream=stream.status if stream else None,
            stream_running=stream.is_running if stream else False,
            stream_trouble=stream.trouble if stream else None,
            jumps=tuple(self._jumps[-10:]),
            looked=self._looked,
        )

    def _begin(self) -> None:
        self._role = self._remembered_role()
        self._ask_role()
        self._say_what_is_served()
        self._remember()

    def _look(self, stop: threading.Event) -> None:
        self._looked = self._clock.now()
        self._systemd.alive()
        if self._reload:
            self._reload = False
            self._read_again()
        if not self._role_is_sure and self._clock.monotonic() - self._asked_role > ROLE_AGAIN_SECONDS:
            self._ask_role()
        with self._mutex:
            wanted, self._wanted = self._wanted, set()
        for job in wanted:
            self._runs.start(job)
        wait = self._loop.look()
        if self._stream is not None:
            self._stream.look()
            wait = min(wait, LOOK_AT_STREAM_SECONDS)
        if not stop.is_set():
            self._wake.wait(wait)

    def _end(self) -> None:
        """What runs is asked to end and waited for; nothing it has stored is lost either way."""
        self._systemd.stopping()
        self._alerts.stop()
        self._runs.ask_to_stop()
        if self._stream is not None:
            self._stream.ask_to_stop()
        until = self._clock.monotonic() + self._stop_seconds
        while self._clock.monotonic() < until:
            if not self._runs.any_child() and not (self._stream and self._stream.is_running):
                return
            self._systemd.alive()
            self._clock.sleep(0.05)
        self._say(
            f"what did not end within {self._stop_seconds:.0f} s is killed; the next run goes on from what it stored"
        )
        self.kill_what_runs()

    def kill_what_runs(self) -> None:
        """Without asking: for an end that cannot wait, from any thread."""
        self._runs.kill()
        if self._stream is not None:
            self._stream.kill()

    def _ask_role(self) -> None:
        self._asked_role = self._clock.monotonic()
        found = self._facts.role()
        if found is not None:
            self._role, self._role_is_sure = found, True
            with self.memory.changed() as said:
                said["role"] = str(found)
        self._in_a_set = self._facts.in_a_set()
        self._plan()

    def _plan(self) -> None:
        """Jobs and stream as the settings and the role have them; what runs is left alone."""
        jobs = timetable(self.settings, self._role, self._installation())
        self._runs.jobs = tuple(jobs)
        before, self._loop = self._loop, Loop(jobs, self._runs, self._clock, self._jumped)
        self._loop.go_on_from(before)
        streams = any(duty.job == STREAM and duty.here for duty in self._duties())
        if streams and self._stream is None:
            self._stream = StreamChild(
                self.memory, self._config, self._environment, self.folder, self._clock, self._say
            )
        elif not streams and self._stream is not None:
            self._stream.ask_to_stop()
            self._stream = None

    def _read_again(self) -> None:
        self._systemd.reloading(self._clock.monotonic())
        try:
            settings = read_settings(self._config, self._environment, self.folder)
            check_times(settings)
            facts = Facts(settings, self._clock, self._say)
            role = facts.role()
        except LifeboatError as error:
            self._say(f"the settings were not taken over: {error.message} [{error.code}]; do: {error.hint}")
        else:
            changed = settings != self.settings
            self.settings, self._facts = settings, facts
            self._role = role or self._role
            if changed and self._stream is not None:
                self._stream.ask_to_stop()  # and begun again, with the new ones
            self._plan()
            self._say_what_is_served()
            self._remember()
        self._systemd.ready(f"{len(self._loop.jobs)} jobs")

    def _duties(self) -> list[Duty]:
        return duties(self.settings, self._role, replica_set=self._in_a_set)

    def _seen(self, job: str) -> tuple[datetime | None, timedelta]:
        timed: Timed | None = next((one for one in self._loop.jobs if one.name == job), None)
        return self._facts.seen(timed) if timed else (None, timedelta())

    def _jumped(self, jump: Jump) -> None:
        self._jumps.append(replace(jump))
        del self._jumps[:-10]
        way = "set ahead, or the machine slept," if jump.by > timedelta() else "set back"
        self._say(f"the clock was {way} by {abs(jump.by).total_seconds():.0f} s; what is due is looked at anew")

    def _remembered_role(self) -> Role:
        """Until the store answers: as the last time, else by whether there is a key."""
        said = self.memory.read().get("role")
        if said in set(Role):
            return Role(said)
        return Role.WRITER if self.settings.key is None else Role.SIMPLE

    def _installation(self) -> str:
        try:
            machine = MACHINE_ID.read_text(encoding="ascii", errors="replace")
        except OSError:
            machine = socket.gethostname()
        return hashlib.sha256(f"{machine}\n{self.settings.state}\n{self.folder}".encode()).hexdigest()

    def _say_what_is_served(self) -> None:
        here = ", ".join(f"{job.name} ({job.slots.text})" for job in self._loop.jobs) or "nothing"
        self._say(f"runs as {self._role}: {here}{'; streams every change' if self._stream else ''}")
        for duty in self._duties():
            if not duty.here:
                self._say(f"{duty.job}: {duty.why}")

    def _remember(self) -> None:
        """So that `schedule status` and the jobs' watching each other know of it; timers that are installed as well stay what they are."""
        installed = self.memory.read().get("installed", {})
        if installed.get("manager") not in (None, SERVE):
            self._say(
                f"{installed['manager']} runs jobs in this folder as well: none is done twice, but `lifeboat schedule remove` makes it simpler"
            )
            return
        now = self._clock.now()
        rows = {
            job.name: {
                "every_seconds": job.slots.step_after(job.slots.last_until(now)).total_seconds(),
                "when": job.slots.text,
            }
            for job in self._loop.jobs
        }
        with self.memory.changed() as said:
            said["installed"] = {
                "manager": SERVE,
                "at": installed.get("at") or now.isoformat(),
                "files": [],
                "jobs": rows,
                "objectives": objectives(self.settings, set_up(self.settings)),
                "notify": notify_table(self._config, self._environment, self.folder),
            }

    def _who_serves(self) -> str:
        pid = self.memory.holder_of(SERVE)
        return f"process {pid}" if pid else "another process"
