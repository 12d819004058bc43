"""Single documents before they are put back, and after."""

from collections.abc import Iterator
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_age, show_moment, show_point
from lifeboat.cli.show.words import short_id
from lifeboat.foundation.finding import any_problem
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.documents import DocumentRow, DocumentsPlan, DocumentsReport, FoundDocuments

ROWS_AT_MOST = 50
_STYLES = {"gone": BAD, "changed": DOUBTFUL, "new": FAINT, "since": FAINT}
_UNTOUCHED = {
    "new": "not in the snapshot; stays as it is",
    "since": "in the snapshot with values that do not fit; stays as it is",
}


def draw_documents(plan: DocumentsPlan, now: datetime) -> list[RenderableType]:
    """What fits the filter, and how it differs from what is live."""
    one = plan.snapshot
    age = show_age((now - one.instant).total_seconds())
    origin = f"db {short_id(one.snapshot)}, {show_moment(one.instant)} ({age})"
    as_of = [] if plan.point is None else [("as of", show_point(plan.point, now))]
    drawn: list[RenderableType] = [facts([("from", origin), *as_of, ("to", plan.target)])]
    for found in plan.collections:
        drawn += ["", text(_counted(found))]
        if found.rows:
            drawn += ["", *_rows(found)]
    differing = sum(found.gone + found.changed for found in plan.collections)
    size = show_bytes(sum(found.bytes for found in plan.collections))
    if not differing:
        drawn += ["", text("nothing to put back: what fits the filter is live as it was stored", GOOD)]
    elif plan.safety_snapshot:
        drawn += [
            "",
            text(
                f"{differing:,} can be put back, {size}; nothing else is touched, and `lifeboat restore --undo` goes back"
            ),
        ]
    else:
        gone = sum(found.gone for found in plan.collections)
        drawn += ["", text(f"{gone:,} missing there can be written; what is there stays as it is")]
    if shown := draw_findings(plan.findings):
        drawn += ["", *shown]
    return drawn


def draw_put_back(report: DocumentsReport) -> list[RenderableType]:
    """How it went."""
    said = [f"{report.written:,} put back"]
    said += [f"{report.already:,} were so already"] if report.already else []
    said += [f"{report.skipped:,} skipped, changed since they were shown"] if report.skipped else []
    said += [f"{report.refused:,} not taken by the server"] if report.refused else []
    if not (report.written or report.already or report.skipped or report.refused):
        return [text("nothing was changed")]
    good = not any_problem(report.findings)
    drawn: list[RenderableType] = list(draw_findings(report.findings))
    drawn += [""] if drawn else []
    verdict = ("restored", GOOD) if good else ("not all of it is restored", BAD)
    drawn.append(line(verdict, f": {', '.join(said)}, each compared, in {show_seconds(report.seconds)}"))
    if report.safety_snapshot:
        drawn += next_steps(("lifeboat restore --undo", "take that back"))
    return drawn


def _counted(found: FoundDocuments) -> str:
    said = [f"{found.gone:,} gone", f"{found.changed:,} changed", f"{found.same:,} as stored"]
    if found.new is None:
        said.append("new ones not looked for: too many live documents fit")
    elif found.new:
        said.append(f"{found.new:,} new")
    if found.since:
        said.append(f"{found.since:,} that fit only since")
    where = f" (to {found.where})" if found.where != found.what else ""
    return f"{found.what}{where}: {', '.join(said)}"


def _rows(found: FoundDocuments) -> Iterator[RenderableType]:
    table = columns("", "is", "_id", "what", right=("",), fold=("_id", "what"))
    for row in found.rows[:ROWS_AT_MOST]:
        first, *more = _words(row)
        number = "" if row.number is None else str(row.number)
        table.add_row(number, text(row.verdict, _STYLES.get(row.verdict, "")), safe(row.document), first)
        for words in more:
            table.add_row("", "", "", words)
    yield table
    total = found.gone + found.changed + (found.new or 0) + found.since
    if total > ROWS_AT_MOST:
        yield text(f"... and {total - ROWS_AT_MOST:,} more; --json lists the first thousand", FAINT)


def _words(row: DocumentRow) -> list[str]:
    if row.verdict == "changed":
        return [safe(_change(one.path, one.live, one.stored)) for one in row.fields] or [""]
    return [safe(_UNTOUCHED.get(row.verdict, row.summary))]


def _change(path: str, live: str | None, stored: str | None) -> str:
    if live is None and stored is None:
        return path
    return f"{path}: live {'(none)' if live is None else live}, stored {'(none)' if stored is None else stored}"
