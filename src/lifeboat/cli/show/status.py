"""Am I safe?"""

from datetime import datetime

from rich.console import RenderableType
from rich.text import Text

from lifeboat.cli.show.backup import HEAD_SHOWN
from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_age, show_goal, show_moment_short
from lifeboat.cli.show.verify import say_rotation
from lifeboat.cli.show.words import count, short_id, typed_source
from lifeboat.foundation.finding import any_problem
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.replicas import ReplicaStatus
from lifeboat.operations.reports.standing import ArchiveStatus, SourceStatus, StatusReport

PROVING = "lifeboat verify --level full --max-minutes 20"


def draw_status(report: StatusReport, now: datetime) -> list[RenderableType]:
    rto = "not measured yet" if report.last_restore_seconds is None else show_seconds(report.last_restore_seconds)
    rows = [
        ("repository", report.repository),
        ("profile", f"{report.profile}, id {short_id(report.repository_id)}"),
        ("stored", "not to be seen from here" if report.stored_bytes is None else show_bytes(report.stored_bytes)),
        ("last restore took", rto),
        *_drills(report, now),
        ("last verify", _last_verify(report, now)),
        *_archives(report),
        *_replicas(report, now),
    ]
    table = columns("source", "newest", "age (RPO)", "goal", "snapshots", "proved", "state", right=("snapshots",))
    for one in report.sources:
        table.add_row(
            safe(typed_source(one.source)),
            show_moment_short(one.newest.instant, now) if one.newest else "none",
            _age(one),
            show_goal(one.objective_seconds),
            f"{one.snapshots:,}",
            _proved(one),
            text("good", GOOD) if one.meets_objective else text(_lateness(one), BAD),
        )
    drawn: list[RenderableType] = [facts(rows), "", table]
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    if unproved := [typed_source(one.source) for one in report.sources if one.snapshots and one.newest_proved is None]:
        drawn += ["", line(("stored, never proved", DOUBTFUL), f": {', '.join(unproved)}")]
    late = [typed_source(one.source) for one in report.sources if not one.meets_objective]
    drawn.append("")
    if late:
        drawn.append(line(("not safe", BAD), f": {', '.join(late)} could lose more than the goal allows"))
    elif any_problem(report.findings):
        drawn.append(line(("not safe", BAD), ": see the problem above"))
    else:
        drawn.append(line(("safe", GOOD), ": every source meets its goal"))
    if report.head:
        drawn.append(text(f"head {report.head[:HEAD_SHOWN]}", FAINT))
    if late:
        return drawn + next_steps((f"lifeboat backup {late[0] if len(late) == 1 else 'all'}", "close the gap now"))
    if report.last_restore_seconds is None:
        steps = [(_rehearsal(report), "a backup is proven by restoring it")]
        if unproved:
            steps.insert(0, (PROVING, "prove that it can be read, where the key is"))
        return drawn + next_steps(*steps)
    return drawn + next_steps((PROVING, "prove that it is whole: every night, where the key is"))


def _age(source: SourceStatus) -> str:
    if source.age_seconds is None:
        return ""
    age = show_age(source.age_seconds).removesuffix(" ago")
    return f"{age}, by the archive" if source.by_archive else age


def _archives(report: StatusReport) -> list[tuple[str, str | Text]]:
    """How far the archive reaches, one line for each machine that has one."""
    if not report.archives:
        has_database = any(typed_source(one.source) == "db" for one in report.sources)
        none = "none: between two snapshots nothing can be restored; `lifeboat stream` begins one"
        return [("archive", none)] if has_database else []
    several = len(report.archives) > 1
    return [(f"archive of {one.label}" if several else "archive", _archive(one)) for one in report.archives]


def _archive(one: ArchiveStatus) -> Text:
    if one.newest is None:
        return text("has no snapshot to begin from", DOUBTFUL)
    said = [f"every moment up to {show_age(one.lag_seconds or 0.0)}"]
    if one.gaps is not None:
        said.append("no gap in the last 7 days" if not one.gaps else f"{count(one.gaps, 'gap')} in the last 7 days")
    if one.runs_here is not None:
        said.append("the stream runs" if one.runs_here else "no stream runs on this machine")
    if one.by_memory:
        said.append("as this machine's stream remembers it")
    return text("; ".join(said), DOUBTFUL if one.stalled or one.gaps else GOOD)


def _replicas(report: StatusReport, now: datetime) -> list[tuple[str, str | Text]]:
    """Each second copy and how far it is behind."""
    return [(f"replica {one.name}", _replica(one, now)) for one in report.replicas]


def _drills(report: StatusReport, now: datetime) -> list[tuple[str, str | Text]]:
    drills = report.drills
    if drills is None:
        return []
    late = [one.what for one in drills.due if one.is_overdue]
    if drills.last is None or drills.last_ended is None:
        said = "none yet; `lifeboat drill` shows whether everything comes back, and how fast"
    else:
        took = "" if drills.last_seconds is None else f", all back after {show_seconds(drills.last_seconds)}"
        ago = show_age((now - drills.last_ended).total_seconds())
        said = f"{drills.last_scenario} {drills.last_outcome} {ago}{took}"
    said += f"; overdue: {', '.join(late)}" if late else ""
    passed = drills.last_outcome == "passed" and not late
    rows: list[tuple[str, str | Text]] = [("last drill", text(said, GOOD if passed else DOUBTFUL))]
    if drills.predicted_seconds is not None:
        told = f"about {show_seconds(drills.predicted_seconds)} for all of it today, by {count(drills.predicted_from, 'drill')}"
        told += f"; {show_seconds(drills.rto_objective_seconds)} are allowed"
        rows.append(("RTO predicted", text(told, BAD if drills.is_too_slow else GOOD)))
    return rows


def _replica(one: ReplicaStatus, now: datetime) -> Text:
    if one.trouble is not None:
        return text("not to be seen from here; see below", DOUBTFUL)
    said = []
    if one.as_of is not None:
        said.append(f"complete as of {show_age((now - one.as_of).total_seconds())}")
    if one.missing_snapshots:
        said.append(
            f"{count(one.missing_snapshots, 'snapshot')} behind, the oldest by {show_seconds(one.lag_seconds or 0.0)}"
        )
    elif one.missing_snapshots is not None:
        said.append("every snapshot is in it")
    said += [
        f"newest {typed_source(row.source)} {'none' if row.there is None else show_moment_short(row.there, now)}"
        for row in one.newest
        if row.there != row.here
    ]
    if one.missing_objects:
        said.append(f"{count(one.missing_objects, 'object')} could not be copied")
    return text("; ".join(said), DOUBTFUL if one.problems or one.missing_objects else GOOD)


def _last_verify(report: StatusReport, now: datetime) -> str:
    last = report.last_verify
    if last is None:
        return f"never on this machine; `{PROVING}`"
    ago = (now - last.at).total_seconds()
    said = [f"{show_age(ago)}, level {last.level}{'' if last.with_key else ' without the key'}"]
    said.append("whole" if not last.problems else f"found {count(last.problems, 'problem')}")
    if last.rotation is not None:
        said.append(f"packs: {say_rotation(last.rotation, max(0.0, ago))}")
    return "; ".join(said)


def _proved(source: SourceStatus) -> Text:
    """The age of the newest proved snapshot."""
    if source.proved_age_seconds is None:
        return text("never", DOUBTFUL) if source.snapshots else text("")
    goal = source.proved_objective_seconds
    good = goal is None or source.proved_age_seconds <= goal
    return text(show_age(source.proved_age_seconds), GOOD if good else DOUBTFUL)


def _rehearsal(report: StatusReport) -> str:
    stored = [typed_source(one.source) for one in report.sources if one.newest]
    if "db" in stored or not stored:
        return "lifeboat restore db latest --to rehearsal"
    return f"lifeboat restore {stored[0]} latest --to /tmp/rehearsal"


def _lateness(source: SourceStatus) -> str:
    return "late" if source.newest else "no backup"
