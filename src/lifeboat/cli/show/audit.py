"""The record of acts, and what is wrong with it."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_age, show_moment_short
from lifeboat.cli.show.words import count, short_id
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.audit_reports import AuditExport, AuditReport, AuditRow


def draw_verified(report: AuditReport, now: datetime) -> list[RenderableType]:
    rows = [("log", f"{report.log}, {count(report.entries, 'line')}")]
    if report.not_anchored:
        rows.append(
            (
                "not anchored",
                f"{count(report.not_anchored, 'line')}, until the next command that reaches the repository",
            )
        )
    for one in report.writers:
        if one.newest is not None:
            words = f"{count(one.anchors, 'anchor')} with {one.entries:,} entries, the newest {show_age((now - one.newest).total_seconds())}"
            rows.append((safe(one.label), words))
    problems = [one for one in report.findings if one.level is Level.PROBLEM]
    drawn: list[RenderableType] = [facts(rows)]
    if report.findings:
        drawn += ["", *draw_findings(report.findings)]
    if not problems:
        doubts = bool(report.findings)
        words = (
            "nothing was changed, as far as could be looked at"
            if doubts
            else "nothing was changed, moved, removed or put there"
        )
        return [*drawn, "", line((words, DOUBTFUL if doubts else GOOD))]
    steps = [("lifeboat audit export audit.jsonl", "keep it as it is, before anybody goes on")]
    return [
        *drawn,
        "",
        line((f"the record is not as it was written: {count(len(problems), 'finding')}", BAD)),
        *next_steps(*steps),
    ]


def draw_rows(
    rows: Sequence[AuditRow], left_out: int, findings: Sequence[Finding], now: datetime
) -> list[RenderableType]:
    drawn: list[RenderableType] = [*draw_findings(findings), *([""] if findings else [])]
    if not rows:
        return [*drawn, text("nothing of that is recorded")]
    table = columns("when", "who", "from", "what", "result", fold=("what",))
    for one in rows:
        table.add_row(
            show_moment_short(one.time, now), safe(one.who), safe(_where(one)), safe(_what(one)), _result(one)
        )
    drawn.append(table)
    if left_out:
        drawn += ["", text(f"{left_out:,} older ones: --all", FAINT)]
    return drawn


def draw_exported(report: AuditExport) -> list[RenderableType]:
    said = f"{report.entries:,} entries and {count(report.anchors, 'anchor')} in {report.out}"
    return [
        *draw_findings(report.findings),
        text(said),
        text("how to check it without Lifeboat: docs/format.md, section 16", FAINT),
    ]


def _where(row: AuditRow) -> str:
    return row.origin if row.label in ("", row.origin.partition(" ")[0]) else f"{row.label}: {row.origin}"


def _what(row: AuditRow) -> str:
    snapshots = row.subject.get("snapshots", ())
    named = ", ".join(short_id(str(one)) for one in snapshots[:3]) if isinstance(snapshots, list | tuple) else ""
    return (
        f"{row.words} ({named})" if named and not any(str(one)[:8] in row.words for one in snapshots[:3]) else row.words
    )


def _result(row: AuditRow) -> str:
    if row.phase == "begun":
        return "began"
    if row.status == 0:
        return "done"
    return f"{row.error or 'exit status'} ({row.status})"
