"""How the schedule of a folder stands: installed or not, what became of each job, whether anybody would be told."""

import socket
from datetime import datetime

from lifeboat.app.notify_settings import NotifySettings
from lifeboat.app.schedule_install import Scheduling
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.services.schedule.jobs import ARGUMENTS
from lifeboat.services.schedule.memory import is_silent

_INSTALL = "`lifeboat schedule install --notify-email YOU@EXAMPLE.COM`"


class JobRow(Value):
    """One job as it stands. Instants are ISO 8601, or None."""

    job: str
    command: str
    when: str
    began: str | None
    ended: str | None
    status: int | None
    good: str | None
    state: str
    """``good``, ``new`` (never ran), ``running``, ``failed``, ``killed``, ``silent``."""


class ScheduleStatus(Value):
    """The whole of it. Args: notices: Where they go. tested: When a test notice last arrived everywhere."""

    manager: str | None
    jobs: tuple[JobRow, ...]
    notices: tuple[str, ...]
    tested: str | None
    findings: tuple[Finding, ...]


def look_at_schedule(scheduling: Scheduling, notify: NotifySettings, now: datetime) -> ScheduleStatus:
    """Look at what is installed and remembered; asks neither systemd nor cron for more than whether it is still there."""
    installed = scheduling.installed_as()
    rows: list[JobRow] = []
    findings: list[Finding] = []
    if installed is None:
        message = "nothing is installed: backups happen only when somebody types them"
        findings.append(Finding(Level.WARNING, "schedule-missing", "schedule", message, _INSTALL))
    elif not scheduling.is_still_there():
        if installed["manager"] == "serve":
            message, hint = (
                "`lifeboat serve` does not run",
                "`lifeboat serve`; or have systemd keep it: `lifeboat schedule install systemd --serve`",
            )
        else:
            message, hint = f"what was installed for {installed['manager']} is not there any more", _INSTALL
        findings.append(Finding(Level.PROBLEM, "schedule-gone", "schedule", message, hint))
    for name, one in (installed or {}).get("jobs", {}).items():  # type: ignore[attr-defined]
        rows.append(_row(scheduling, name, one, str((installed or {})["at"]), now))
    for row in rows:
        if row.state in ("failed", "killed", "silent"):
            message = f"`lifeboat {row.command}` {_WORDS[row.state]}; it last ended well: {row.good or 'never'}"
            hint = f"`lifeboat {row.command}` by hand shows why; `lifeboat schedule status`"
            findings.append(Finding(Level.PROBLEM, f"job-{row.state}", row.job, message, hint))
    if installed and not findings:
        message = f"{installed['manager']} runs {', '.join(row.job for row in rows)}"
        findings.append(Finding(Level.OK, "schedule", "schedule", message))
    channels = tuple(channel.where for channel in notify.channels(socket.gethostname()))
    return ScheduleStatus(
        str(installed["manager"]) if installed else None,
        tuple(rows),
        channels,
        scheduling.memory.read().get("tested"),
        tuple(findings),
    )


def look_at_notices(status: ScheduleStatus, notify: NotifySettings) -> list[Finding]:
    """Whether somebody would be told, and whether that was ever tried."""
    if notify.trouble:
        return [Finding(Level.PROBLEM, one.code, "notices", one.message, one.hint) for one in notify.trouble]
    if not status.notices:
        message = "nobody is told when a backup fails"
        hint = "set LIFEBOAT_NOTIFY_EMAIL (and LIFEBOAT_SMTP_HOST) or LIFEBOAT_NOTIFY_WEBHOOK in .env"
        return [Finding(Level.WARNING, "nobody-to-tell", "notices", message, hint)]
    where = ", ".join(status.notices)
    if status.tested is None:
        message = f"{where}: it was never tried whether one arrives"
        return [Finding(Level.WARNING, "notices-untried", "notices", message, "`lifeboat schedule test-notice`")]
    return [Finding(Level.OK, "notices", "notices", f"{where}; tried {status.tested[:10]}")]


_WORDS = {
    "failed": "failed the last time",
    "killed": "was killed, or the machine went down, the last time",
    "silent": "has not ended well for too long",
}


def _row(scheduling: Scheduling, name: str, one: dict[str, object], installed: str, now: datetime) -> JobRow:
    job = scheduling.memory.job(name)
    every = float(str(one.get("every_seconds", 0)))
    if scheduling.memory.is_running(name):
        state = "running"
    elif job.was_killed:
        state = "killed"
    elif job.status:
        state = "failed"
    elif is_silent(scheduling.memory.last_good(name), installed, every, now):
        state = "silent"
    else:
        state = "good" if job.good else "new"
    command = " ".join(ARGUMENTS.get(name, (name,)))
    return JobRow(name, command, str(one.get("when", "")), job.began, job.ended, job.status, job.good, state)
