"""The schedule: what is to be installed, and how it stands."""

from datetime import datetime

from rich.console import RenderableType

from lifeboat.app.schedule_install import SchedulePlan
from lifeboat.app.schedule_status import ScheduleStatus
from lifeboat.cli.show.console import BAD, FAINT, GOOD, STRONG, columns, facts, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_moment_short

_STYLES = {"good": GOOD, "new": FAINT, "running": GOOD}


def plan_as_text(plan: SchedulePlan) -> str:
    """The files, ready to be written by somebody else, and the commands after them."""
    if list(plan.files) == ["crontab"]:
        return plan.files["crontab"]
    parts = [f"# ---- {path}\n{content}" for path, content in plan.files.items()]
    commands = "\n".join(f"# {' '.join(command)}" for command in plan.commands)
    return "\n".join(parts) + (f"\n# ---- then\n{commands}\n" if commands else "")


def draw_installed(plan: SchedulePlan, doubts: list[str]) -> list[RenderableType]:
    table = columns("job", "when", fold=("when",))
    for job, when in plan.jobs.items():
        table.add_row(safe(job), safe(when))
    first = next(iter(plan.files))
    where = "your crontab" if first == "crontab" else first if plan.manager == "cron" else "systemd"
    drawn: list[RenderableType] = [
        text(f"installed in {where}; it runs in {plan.folder} from now on", GOOD),
        "",
        table,
    ]
    drawn += [one for doubt in doubts for one in ("", text(f"do: {doubt}", BAD))]
    return drawn


def draw_schedule(status: ScheduleStatus, now: datetime) -> list[RenderableType]:
    rows = [
        ("installed", status.manager or "no"),
        ("notices", ", ".join(status.notices) or "nobody is told"),
        ("last tested", status.tested[:16].replace("T", " ") + " UTC" if status.tested else "never"),
    ]
    drawn: list[RenderableType] = [facts(rows)]
    if status.jobs:
        table = columns("job", "when", "last run", "last good", "state", fold=("when",))
        for job in status.jobs:
            table.add_row(
                text(job.job, STRONG),
                safe(job.when),
                _moment(job.ended or job.began, now),
                _moment(job.good, now),
                text(job.state, _STYLES.get(job.state, BAD)),
            )
        drawn += ["", table]
    if shown := draw_findings(status.findings):
        drawn += ["", *shown]
    steps = (
        []
        if status.notices
        else [("lifeboat schedule install --notify-email YOU@EXAMPLE.COM", "be told when one fails")]
    )
    steps += [("lifeboat schedule test-notice", "see whether a notice arrives")] if status.notices else []
    return drawn + next_steps(*steps, ("lifeboat status", "how old the newest copies are"))


def _moment(instant: str | None, now: datetime) -> str:
    return show_moment_short(datetime.fromisoformat(instant), now) if instant else "never"
