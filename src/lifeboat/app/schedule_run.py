"""Run one job of the schedule and tell when it fails, when it works again, and when another one has gone silent.

Who tells what: a command that fails, crashes or is killed is told of by the run that started it. A run that is killed itself is told of by
systemd (``schedule tell``, started by ``OnFailure=``), and in any case by the next run of any job. A job that nobody starts any more is
told of by the runs of the others. A machine that is off tells nothing: that needs somebody outside.

Invariant: what could not be told stands in the log and in the exit status; a notice that fails never changes how the run ended.
"""

import socket
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from lifeboat.app.notify_settings import NotifySettings
from lifeboat.app.read_notify import find_state, read_notify
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.sizes import show_seconds
from lifeboat.services.notify.channel import NoticeNotSent
from lifeboat.services.notify.healthcheck import Healthcheck
from lifeboat.services.notify.notice import Kind, Notice
from lifeboat.services.notify.telling import Told, Troubles, send
from lifeboat.services.schedule.child import INTERRUPTED, STOPPED, Ended, Trouble, run_command
from lifeboat.services.schedule.jobs import ARGUMENTS
from lifeboat.services.schedule.memory import JobMemory, JobStillRuns, ScheduleMemory, is_silent
from lifeboat.services.schedule.told import BEGUN_BY, PROGRESS

Say = Callable[[str], None]
_TYPED = {"mongodb": "the database", "files": "the files", "config": "the configuration"}
_SOURCES = {"db": ("mongodb",), "files": ("files",), "all": ("mongodb", "files", "config")}


class NobodyToTell(SettingsError):
    """Neither an e-mail address nor a webhook is set."""

    code = "nobody-to-tell"


class ScheduledRuns:
    """The runs of the jobs in one folder.

    Args:
        config: The settings file named on the command line, if any.
        say: Hears what goes to the log, one line each.
    """

    def __init__(
        self, config: Path | None, environment: Mapping[str, str], folder: Path, clock: Clock, say: Say
    ) -> None:
        self._config = config
        self._environment = environment
        self._folder = folder
        self._clock = clock
        self._say = say
        self.memory = ScheduleMemory(find_state(environment, folder), folder)

    def run(self, name: str, *, for_serve: bool = False) -> int:
        """Run the job's command, remember how it ended, tell; returns the command's exit status.

        Args:
            for_serve: ``lifeboat serve`` begins it: being stopped by it is no trouble, it begins it again.
        """
        try:
            with self.memory.alone(name) as lock:
                with self.memory.job_changed(name) as job:
                    killed, since = job.was_killed, job.began
                    job.began, job.ended, job.status, job.told = self._now().isoformat(), None, None, True
                if killed:
                    words = f"the run that began {_shown(since)} never came to its end: it was killed, or the machine went down"
                    self._tell_trouble(name, Trouble("run-killed", words, "a new run has just begun"))
                try:
                    self._ping(name, Healthcheck.start)
                    ended = self._run_command(name, lock)
                except KeyboardInterrupt:
                    # Before its command began, or by Ctrl-C: whoever did it knows. It was not killed, and must not be told of as such.
                    self._remember(name, Ended(INTERRUPTED, {}, Trouble(STOPPED, "it was stopped from outside", "")))
                    raise
                self._remember(name, ended)
                said = ended.trouble.message if ended.trouble else ""
                self._ping(name, (lambda check: check.fail(said)) if ended.trouble else Healthcheck.success)
        except JobStillRuns:
            job = self.memory.job(name)
            self._say(f"{name}: left out, the run that began {_shown(job.began)} is not over")
            self._tell_of_silence("", running=name)
            return 0
        if ended.trouble and for_serve and ended.trouble.code == STOPPED:
            self._say(f"{name}: stopped with the program; what was uploaded is not lost")
        elif ended.trouble:
            self._tell_trouble(name, ended.trouble)
        else:
            self._tell_recovery(name)
        self._tell_of_silence(name)
        return ended.status

    def _run_command(self, name: str, lock: int) -> Ended:
        config = ("--config", str(self._config)) if self._config else ()
        with self.memory.progress_of(name) as progress:
            # Whoever began it for somebody (the dashboard) has said so already.
            environment = {BEGUN_BY: "schedule", **self._environment, PROGRESS: str(progress)}
            return run_command((*ARGUMENTS[name], *config), self._folder, environment, [lock])

    def tell(self, name: str) -> int:
        """Tell of a run that failed and may not have been able to tell itself; started by systemd's ``OnFailure=``."""
        job = self.memory.job(name)
        if self.memory.is_running(name):
            return 0
        if job.was_killed:
            words = f"the run that began {_shown(job.began)} was killed before it could tell"
            hint = "was the machine out of memory, or did the run hang? `journalctl -u 'lifeboat-*' -n 50`"
            with self.memory.job_changed(name) as job:
                job.ended, job.status, job.told = self._now().isoformat(), 130, False
            told = self._tell_trouble(name, Trouble("run-killed", words, hint))
        elif job.status and not job.told:
            told = self._tell_trouble(name, Trouble("failed", f"it ended with exit status {job.status}", "see the log"))
        elif not job.status:
            hint = (
                "`journalctl -u 'lifeboat-*' -n 50` says why; `lifeboat schedule install systemd` writes the units anew"
            )
            told = self._tell_trouble(name, Trouble("not-started", "systemd could not start it", hint))
        else:
            return 0
        return 0 if told else 1

    def test_notice(self) -> Told:
        """Send a notice that says it is only a test; raises ``NobodyToTell``."""
        notice = self._notice(
            Kind.TEST, "test notice", "Somebody tried whether notices arrive. This one did.", "Nothing is wrong.", ""
        )
        settings = self.notify_settings()
        for error in settings.trouble:
            raise error
        if not (channels := settings.channels(_machine())):
            raise NobodyToTell(
                "neither an e-mail address nor a webhook is set",
                "set LIFEBOAT_NOTIFY_EMAIL (and LIFEBOAT_SMTP_HOST) or LIFEBOAT_NOTIFY_WEBHOOK in .env",
            )
        told = send(notice, channels, self._clock)
        with self.memory.changed() as said:
            said["tested"] = self._now().isoformat() if not told.failures else None
        return told

    def notify_settings(self) -> NotifySettings:
        remembered = self.memory.read().get("installed", {}).get("notify")
        return read_notify(self._config, self._environment, self._folder, remembered)

    def _ping(self, name: str, how: Callable[[Healthcheck], None]) -> None:
        """Let somebody outside know, who tells when nothing is heard any more."""
        check = self.notify_settings().healthcheck(name)
        if check is not None:
            try:
                how(check)
            except NoticeNotSent as error:
                self._say(f"{error.message} [{error.code}]; do: {error.hint}")

    def _remember(self, name: str, ended: Ended) -> None:
        now = self._now().isoformat()
        with self.memory.job_changed(name) as job:
            job.ended, job.status, job.told = now, ended.status, ended.trouble is None
            job.good = now if ended.trouble is None else job.good
        rows = ended.report.get("snapshots")
        with self.memory.changed() as said:
            for row in rows if isinstance(rows, list) and ended.report.get("point") else ():
                said.setdefault("sources", {})[row["source"]] = row["instant"]

    def _tell_trouble(self, name: str, trouble: Trouble) -> bool:
        """Say it in the log; tell it if it is due. Returns whether nobody is left in the dark."""
        first_line, _, more = trouble.message.partition("\n")
        do = f"; do: {' '.join(trouble.hint.split())}" if trouble.hint else ""
        self._say(f"{name} failed: {first_line}{' ...' if more else ''} [{trouble.code}]{do}")
        now = self._now()
        with self.memory.job_changed(name) as job:
            due = Troubles(job.troubles).is_due(trouble.code, now)
        if not due:
            self._mark(name, trouble.code, None)
            return True
        typed = " ".join(ARGUMENTS[name])
        command = f"cd {self._folder} && lifeboat {typed}"
        notice = self._notice(
            Kind.FAILED,
            f"{typed} failed ({trouble.code})",
            f"`lifeboat {typed}` failed at {now:%Y-%m-%d %H:%M} UTC on {_machine()}:\n{trouble.message} [{trouble.code}]",
            self._meaning(name),
            f"{trouble.hint}\nThen, by hand: {command}\nThe same trouble is told once an hour at most, and when it is over.",
        )
        told = self._send(notice)
        if told:
            self._mark(name, trouble.code, now)
        return told

    def _tell_recovery(self, name: str) -> None:
        """Say that it works again to those who heard that it did not; forgotten only when they were told."""
        job = self.memory.job(name)
        troubles = Troubles(job.troubles)
        if not troubles.open:
            return
        typed = " ".join(ARGUMENTS[name])
        if troubles.told:
            codes = ", ".join(code for code, at in job.troubles.items() if at)
            happened = f"`lifeboat {typed}` ended well at {self._now():%Y-%m-%d %H:%M} UTC. Before: {codes}."
            if not self._send(
                self._notice(Kind.WORKS_AGAIN, f"{typed} works again", happened, self._meaning(name), "")
            ):
                return
        with self.memory.job_changed(name) as job:
            Troubles(job.troubles).close()

    def _tell_of_silence(self, just_ran: str, running: str = "") -> None:
        """Tell of jobs that should have ended well long ago, and of which nobody was told."""
        said = self.memory.read()
        installed = said.get("installed", {})
        for name, one in installed.get("jobs", {}).items():
            job = self.memory.job(name)
            failing = any(code != "silent" for code in job.troubles)
            if name == just_ran or name not in ARGUMENTS or (failing and name != running):
                continue
            good = self.memory.last_good(name)
            if is_silent(good, installed["at"], one["every_seconds"], self._now()):
                last = f"last ended well {_shown(good)}" if good else "has never ended well"
                words = f"it {last}, and should every {show_seconds(one['every_seconds'])}"
                hint = "is the timer or the crontab still there? `lifeboat schedule status`"
                if name == running:
                    words, hint = (
                        f"{words}; a run hangs since {_shown(job.began)}",
                        "what does it wait for? `ps -ef | grep lifeboat`",
                    )
                self._tell_trouble(name, Trouble("silent", words, hint))

    def _send(self, notice: Notice) -> bool:
        settings = self.notify_settings()
        for error in settings.trouble:
            self._say(f"notices: {error.message} [{error.code}]; do: {error.hint}")
        channels = settings.channels(_machine())
        if not channels:
            self._say("nobody was told: neither an e-mail address nor a webhook is set [nobody-to-tell]")
            return False
        told = send(notice, channels, self._clock)
        for error in told.failures:
            self._say(f"could not be told: {error.message} [{error.code}]; do: {error.hint}")
        for where in told.reached:
            self._say(f"told by {where}")
        return bool(told.reached)

    def _mark(self, name: str, code: str, told_at: datetime | None) -> None:
        with self.memory.job_changed(name) as job:
            job.told = True
            if told_at:
                Troubles(job.troubles).mark_told(code, told_at)

    def _meaning(self, name: str) -> str:
        """What it means for somebody who has to restore now."""
        if name == "prune":
            return "Nothing is lost: what should have gone is still stored, and the repository only grows."
        said, lines = self.memory.read(), []
        wanted = _SOURCES.get(name) or tuple(said.get("sources", {}))
        goals = said.get("installed", {}).get("objectives", {})
        for source in wanted:
            if source not in said.get("sources", {}) and source not in goals:
                continue
            lines.append(self._age(source, said, goals.get(source)))
        if name == "verify":
            lines.insert(0, "What was named may not come back whole; everything else does.")
        return "\n".join(lines) or "As far as this machine remembers, there is no backup yet: everything could be lost."

    def _age(self, source: str, said: dict[str, Any], goal: float | None) -> str:
        instant = said.get("sources", {}).get(source)
        if instant is None:
            return f"No backup of {_TYPED[source]} was made by the schedule yet."
        moment = datetime.fromisoformat(instant)
        age = show_seconds((self._now() - moment).total_seconds())
        against = f"; the goal is {show_seconds(goal)}" if goal else ""
        return f"The newest copy of {_TYPED[source]} is of {moment:%Y-%m-%d %H:%M} UTC: what is {age} old or younger would be lost{against}."

    def _notice(self, kind: Kind, title: str, happened: str, means: str, to_do: str) -> Notice:
        return Notice(kind, f"{self._folder.name} on {_machine()}", title, happened, means, to_do, self._now())

    def _now(self) -> datetime:
        return self._clock.now()


def last_run(job: JobMemory) -> str:
    """In words, for a table."""
    if job.began is None:
        return "never"
    return _shown(job.ended or job.began)


def _machine() -> str:
    return socket.gethostname() or "unnamed"


def _shown(instant: str | None) -> str:
    return f"{datetime.fromisoformat(instant):%Y-%m-%d %H:%M} UTC" if instant else "never"
