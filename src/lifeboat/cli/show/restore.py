"""A restore before it is done, and after."""

from collections import Counter
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_age, show_moment, show_point
from lifeboat.cli.show.retrieve import draw_retrieval
from lifeboat.cli.show.words import short_id, typed_source
from lifeboat.foundation.finding import any_problem
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.restores import ErasureReplayed, RestorePlanReport, RestoreReport

STEPS_AT_MOST = 60
NO_LISTS = "what will be restored is shown once its lists can be read; nothing is replaced before that"
_NUMBERS = ("items", "size")
_NAMES = ("what", "where", "restored", "compared")
_ACTION_STYLES = {"replace": DOUBTFUL, "leave": FAINT}


def draw_plan(plan: RestorePlanReport, now: datetime) -> list[RenderableType]:
    """Everything the restore would do, before any of it."""
    if plan.retrieval is not None and not plan.steps:
        return [_origin(plan, now), "", *draw_retrieval(plan.retrieval), "", text(NO_LISTS, FAINT)]
    moved = any(step.what != step.where for step in plan.steps)
    table = columns("action", "what", *["where"] * moved, "items", "size", right=_NUMBERS, fold=_NAMES)
    for step in plan.steps[:STEPS_AT_MOST]:
        table.add_row(
            text(step.action, _ACTION_STYLES.get(step.action, "")),
            safe(step.what),
            *[safe(step.where)] * moved,
            "" if step.items is None else f"{step.items:,}",
            show_bytes(step.bytes),
        )
    drawn: list[RenderableType] = [_origin(plan, now), "", table, *_left_out(len(plan.steps))]
    actions: Counter[str] = Counter()
    for step in plan.steps:
        # Of a tree its names are counted, of a database its collections.
        actions[step.action] += (step.items or 0) if step.where.startswith("/") else 1
    summary = ", ".join(f"{action} {number:,}" for action, number in actions.items())
    drawn += ["", text(f"{summary or 'nothing to do'}; {show_bytes(plan.total_bytes)} to read; {_duration(plan)}")]
    if plan.erasures:
        known = f"{plan.erasures:,} {'erasure' if plan.erasures == 1 else 'erasures'}"
        drawn.append(text(f"{known} will be replayed: what was erased on request does not come back"))
    if actions["replace"] and plan.safety_snapshot:
        drawn.append(
            text("replaced: what is there now is backed up first; `lifeboat restore --undo` goes back to it", DOUBTFUL)
        )
    elif actions["replace"]:
        drawn.append(text("replaced: the target is not empty, and without --over-live the restore is refused", BAD))
    if shown := draw_findings(list(dict.fromkeys(plan.findings))):
        drawn += ["", *shown]
    if plan.retrieval is not None:
        drawn += ["", text("not all of it can be read yet:", DOUBTFUL), *draw_retrieval(plan.retrieval)]
    return drawn


def draw_restored(report: RestoreReport, now: datetime, with_origin: bool) -> list[RenderableType]:
    """What was brought back, and how it was compared; the origin only if no plan has just shown it."""
    moved = any(part.what != part.where for part in report.parts)
    table = columns("restored", *["where"] * moved, "items", "size", "compared", right=_NUMBERS, fold=_NAMES)
    for part in report.parts[:STEPS_AT_MOST]:
        table.add_row(
            safe(part.what),
            *[safe(part.where)] * moved,
            f"{part.items:,}",
            show_bytes(part.bytes),
            safe(part.compared),
        )
    drawn: list[RenderableType] = [_origin(report, now), ""] if with_origin else []
    drawn += [table, *_left_out(len(report.parts))] if report.parts else []
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    total = show_bytes(sum(part.bytes for part in report.parts))
    verdict = ("restored, but it differs; see above", BAD) if any_problem(report.findings) else ("restored", GOOD)
    drawn += ["", line(verdict, f": {total} in {show_seconds(report.seconds)}")]
    drawn += [text(one) for one in erased_words(report)]
    if report.safety_snapshot:
        kept = short_id(report.safety_snapshot)
        drawn.append(text(f"what was there before is kept as snapshot {kept}"))
        if with_origin:  # It was an undo, and an undo is not undone.
            return drawn + next_steps(("lifeboat snapshots", "what it replaced is there, marked `before a restore`"))
        return drawn + next_steps(("lifeboat restore --undo", "go back to what was there before"))
    return drawn


def erased_words(report: RestoreReport) -> list[str]:
    """What the ledger of erasures kept from coming back, in words; nothing where it holds nothing."""
    number = report.erasures_looked_for
    if not number:
        return []
    known = f"{number:,} {'erasure' if number == 1 else 'erasures'}"
    if not report.erasures:
        return [f"{known} replayed: nothing of {'it' if number == 1 else 'them'} was in this copy"]
    ids = len({one.erasure for one in report.erasures})
    documents = sum(one.left_out for one in report.erasures if not one.where.startswith("/"))
    files = sum(one.left_out for one in report.erasures if one.where.startswith("/"))
    trimmed = sum(one.trimmed for one in report.erasures)
    parts = [
        f"{count:,} {word if count == 1 else word + 's'}"
        for count, word in ((documents, "document"), (files, "file"))
        if count
    ]
    of = f"of {ids:,} {'erasure' if ids == 1 else 'erasures'}"
    brought = (
        [f"{' and '.join(parts)} {of} {'was' if documents + files == 1 else 'were'} not brought back"] if parts else []
    )
    if trimmed:
        brought.append(f"fields of {trimmed:,} {'document' if trimmed == 1 else 'documents'} {of} were left out")
    return ["; ".join(brought), *(f"  {one.where}: erasure {one.erasure}, {_amount(one)}" for one in report.erasures)]


def _amount(one: ErasureReplayed) -> str:
    parts = [f"{one.left_out:,} left out"] if one.left_out else []
    parts += [f"{one.trimmed:,} without some fields"] if one.trimmed else []
    return ", ".join(parts)


def _duration(plan: RestorePlanReport) -> str:
    if plan.estimated_seconds is None:
        return "no restore measured yet, so no estimate of the time"
    return f"about {show_seconds(plan.estimated_seconds)}, as fast as the last one"


def _left_out(number: int) -> list[RenderableType]:
    if number <= STEPS_AT_MOST:
        return []
    return [text(f"... and {number - STEPS_AT_MOST:,} more; --json lists them all", FAINT)]


def _origin(report: RestorePlanReport | RestoreReport, now: datetime) -> RenderableType:
    rows = [
        (
            "from",
            f"{typed_source(one.source)} {short_id(one.snapshot)} of {one.label}, {show_moment(one.instant)} "
            f"({show_age((now - one.instant).total_seconds())})",
        )
        for one in report.snapshots
    ]
    if report.point is not None:
        rows.append(("as of", show_point(report.point, now)))
    return facts([*rows, ("to", report.target)])
