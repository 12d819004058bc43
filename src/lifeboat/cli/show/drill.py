"""A drill for people: its phases as they end, and what it came to."""

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, FAINT, GOOD, columns, facts, indented, line, next_steps, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.drill.report import DrillReport, Outcome, Phase

DIFFERENCES_SHOWN = 10
_MOODS = {Outcome.PASSED: GOOD, Outcome.FAILED: BAD, Outcome.STOPPED: BAD}
_SIGNS = {"done": "✓", "failed": "✗", "skipped": "-"}


def phase_line(phase: Phase) -> str:
    """One line, when it has ended."""
    name = f"  {phase.name}" if phase.inside else phase.name
    seconds = "" if phase.outcome == "skipped" else show_seconds(phase.seconds)
    return f"{_SIGNS.get(phase.outcome, ' ')} {name:<20} {seconds:>9}  {phase.said}".rstrip()


def draw_drill(report: DrillReport) -> list[RenderableType]:
    measures = report.measures
    drawn: list[RenderableType] = [
        text(""),
        line((f"Drill {report.drill}: {report.outcome}", _MOODS[report.outcome]), f" ({report.scenario})"),
    ]
    rows = [
        ("restored", f"{show_bytes(report.restored_bytes)}, {report.chosen}"),
        ("RTO", _against(measures.rto_seconds, measures.rto_objective_seconds, measures.meets_rto)),
    ]
    if measures.technical_seconds is not None and measures.technical_seconds != measures.rto_seconds:
        rows.append(("of it technical", show_seconds(measures.technical_seconds)))
    rows += [
        (f"RPO {one.source}", _against(one.seconds, one.objective_seconds, one.meets_objective))
        for one in measures.lost
    ]
    differing = [one for one in report.compared if not one.is_equal]
    items = sum(one.items for one in report.compared)
    if report.compared:
        told = "all as they were" if not differing else f"{len(differing)} of {len(report.compared)} parts differ"
        rows.append(("compared", f"{items:,} documents and files: {told}"))
    if report.checked:
        passed = sum(one.passed for one in report.checked)
        rows.append(("checks", f"{passed} of {len(report.checked)} passed"))
    if report.wiped:
        rows.append(("wiped", "yes" if all(one.is_gone for one in report.wiped) else "NO: see below"))
    if report.ledger_number is not None:
        rows.append(("report", f"signed, entry {report.ledger_number} of the ledger"))
    drawn.append(indented(facts(rows), 2))
    drawn += _wrong(report)
    drawn += draw_findings(report.findings) if report.findings else []
    return drawn + _next(report)


def _wrong(report: DrillReport) -> list[RenderableType]:
    told = [one for part in report.compared for one in part.differences]
    more = sum(part.more for part in report.compared) + max(0, len(told) - DIFFERENCES_SHOWN)
    drawn: list[RenderableType] = []
    if told:
        table = columns("not as it was", "what", "detail", fold=("what", "detail"))
        for one in told[:DIFFERENCES_SHOWN]:
            table.add_row(text(one.code, BAD), text(one.subject), text(one.detail))
        drawn += [text(""), table]
    if more:
        drawn.append(text(f"and {more:,} more: `lifeboat report drill {report.drill}`", FAINT))
    for check in report.checked:
        if not check.passed:
            drawn.append(line((f"check {check.name} failed: ", BAD), f"{check.said} (expected: {check.expected})"))
    return drawn


def _against(seconds: float | None, objective: float, meets: bool) -> str:
    if seconds is None:
        return f"not reached (objective {show_seconds(objective)})"
    return f"{show_seconds(seconds)} ({'within' if meets else 'ABOVE'} the objective of {show_seconds(objective)})"


def _next(report: DrillReport) -> list[RenderableType]:
    shown = (f"lifeboat report drill {report.drill}", "the whole report, as a page that prints")
    if report.outcome is Outcome.PASSED:
        return next_steps(shown)
    return next_steps(
        shown, (f"lifeboat drill follow-up add {report.drill}", "what is to be done about it, by whom, until when")
    )
