"""A restore before it is done, and after."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_age, show_moment
from lifeboat.cli.show.words import short_id, typed_source
from lifeboat.foundation.finding import any_problem
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports import RestorePlanReport, RestoreReport, SnapshotRow

STEPS_AT_MOST = 60
_ACTION_STYLES = {"replace": DOUBTFUL, "leave": FAINT}


def draw_plan(plan: RestorePlanReport, now: datetime) -> list[RenderableType]:
    """Everything the restore would do, before any of it."""
    drawn: list[RenderableType] = [_origin(plan.snapshots, plan.target, now), ""]
    table = columns("action", "what", "where", "items", "size", right=("items", "size"), fold=("what", "where"))
    for step in plan.steps[:STEPS_AT_MOST]:
        table.add_row(
            text(step.action, _ACTION_STYLES.get(step.action, "")),
            safe(step.what),
            safe(step.where),
            "" if step.items is None else f"{step.items:,}",
            show_bytes(step.bytes),
        )
    drawn.append(table)
    if len(plan.steps) > STEPS_AT_MOST:
        drawn.append(text(f"... and {len(plan.steps) - STEPS_AT_MOST:,} more; --json lists them all", FAINT))
    actions = Counter(step.action for step in plan.steps)
    summary = ", ".join(f"{action} {number:,}" for action, number in actions.items())
    drawn += ["", text(f"{summary or 'nothing to do'}; {show_bytes(plan.total_bytes)} to read")]
    if actions["replace"]:
        how = (
            "what is there now is backed up first; `lifeboat restore --undo` goes back to it"
            if plan.safety_snapshot
            else "what is there now is NOT kept"
        )
        drawn.append(text(f"replaced: {how}", DOUBTFUL if plan.safety_snapshot else BAD))
    if shown := draw_findings(plan.findings):
        drawn += ["", *shown]
    return drawn


def draw_restored(report: RestoreReport, now: datetime, with_origin: bool) -> list[RenderableType]:
    """What was brought back, and how it was compared; the origin only if no plan has just shown it."""
    table = columns(
        "what", "where", "items", "size", "compared", right=("items", "size"), fold=("what", "where", "compared")
    )
    for part in report.parts[:STEPS_AT_MOST]:
        table.add_row(safe(part.what), safe(part.where), f"{part.items:,}", show_bytes(part.bytes), safe(part.compared))
    drawn: list[RenderableType] = [_origin(report.snapshots, report.target, now), ""] if with_origin else []
    drawn += [table] if report.parts else []
    if len(report.parts) > STEPS_AT_MOST:
        drawn.append(text(f"... and {len(report.parts) - STEPS_AT_MOST:,} more; --json lists them all", FAINT))
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    total = show_bytes(sum(part.bytes for part in report.parts))
    verdict = ("restored, but it differs; see above", BAD) if any_problem(report.findings) else ("restored", GOOD)
    drawn += ["", line(verdict, f": {total} in {show_seconds(report.seconds)}")]
    if report.safety_snapshot:
        kept = short_id(report.safety_snapshot)
        drawn.append(text(f"what was there before is kept as snapshot {kept}"))
        return drawn + next_steps(("lifeboat restore --undo", "go back to what was there before"))
    return drawn


def _origin(snapshots: Sequence[SnapshotRow], target: str, now: datetime) -> RenderableType:
    rows = [
        (
            "from",
            f"{typed_source(one.source)} {short_id(one.snapshot)}, {show_moment(one.instant)} "
            f"({show_age((now - one.instant).total_seconds())})",
        )
        for one in snapshots
    ]
    return facts([*rows, ("to", target)])
