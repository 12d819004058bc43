"""Am I safe?"""

from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.backup import HEAD_SHOWN
from lifeboat.cli.show.console import BAD, FAINT, GOOD, columns, facts, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_age, show_goal, show_moment_short
from lifeboat.cli.show.words import short_id, typed_source
from lifeboat.foundation.finding import any_problem
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports import SourceStatus, StatusReport


def draw_status(report: StatusReport, now: datetime) -> list[RenderableType]:
    rto = "not measured yet" if report.last_restore_seconds is None else show_seconds(report.last_restore_seconds)
    rows = [
        ("repository", report.repository),
        ("profile", f"{report.profile}, id {short_id(report.repository_id)}"),
        ("stored", show_bytes(report.stored_bytes)),
        ("last restore took", rto),
    ]
    table = columns("source", "newest", "age (RPO)", "goal", "snapshots", "state", right=("snapshots",))
    for one in report.sources:
        table.add_row(
            safe(typed_source(one.source)),
            show_moment_short(one.newest.instant, now) if one.newest else "none",
            "" if one.age_seconds is None else show_age(one.age_seconds).removesuffix(" ago"),
            show_goal(one.objective_seconds),
            f"{one.snapshots:,}",
            text("good", GOOD) if one.meets_objective else text(_lateness(one), BAD),
        )
    drawn: list[RenderableType] = [facts(rows), "", table]
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    late = [typed_source(one.source) for one in report.sources if not one.meets_objective]
    drawn.append("")
    if late:
        drawn.append(line(("not safe", BAD), f": {', '.join(late)} could lose more than the goal allows"))
    elif any_problem(report.findings):
        drawn.append(line(("not safe", BAD), ": see the problem above"))
    else:
        drawn.append(line(("safe", GOOD), ": every source is younger than its goal"))
    if report.head:
        drawn.append(text(f"head {report.head[:HEAD_SHOWN]}", FAINT))
    if late:
        return drawn + next_steps((f"lifeboat backup {late[0] if len(late) == 1 else 'all'}", "close the gap now"))
    if report.last_restore_seconds is None:
        return drawn + next_steps((_rehearsal(report), "a backup is proven by restoring it"))
    return drawn + next_steps(("lifeboat verify --level sample", "prove that it is whole"))


def _rehearsal(report: StatusReport) -> str:
    stored = [typed_source(one.source) for one in report.sources if one.newest]
    if "db" in stored or not stored:
        return "lifeboat restore db latest --to rehearsal"
    return f"lifeboat restore {stored[0]} latest --to /tmp/rehearsal"


def _lateness(source: SourceStatus) -> str:
    return "late" if source.newest else "no backup"
