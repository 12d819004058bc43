"""How a collection differs between two instants."""

import shlex
from collections.abc import Iterator
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_age, show_moment
from lifeboat.cli.show.words import short_id
from lifeboat.operations.diff_report import LIVE, DiffEnd, DiffReport, DiffRow, FieldDifference

SHORTENED = " ... "
"""Where the middle of a long value is left out."""
_STYLES = {"added": GOOD, "removed": BAD, "changed": DOUBTFUL}


def draw_diff(report: DiffReport, now: datetime) -> list[RenderableType]:
    """The two instants, the counts, the first documents."""
    differing = report.added + report.removed + report.changed
    drawn: list[RenderableType] = [
        facts([("from", _end(report.since, now)), ("to", _end(report.until, now))]),
        "",
    ]
    of = f"{report.namespace}{' (of what fits the filter)' if report.filter is not None else ''}"
    if not differing:
        drawn.append(text(f"{of}: no document differs", GOOD))
    else:
        counted = f"{report.added:,} added, {report.removed:,} removed, {report.changed:,} changed"
        drawn.append(text(f"{of}: {counted}"))
    if report.rows:
        drawn += ["", *_rows(report.rows)]
    if differing > len(report.rows):
        drawn.append(text(f"... {differing - len(report.rows):,} more; --limit lists more of them", FAINT))
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    if report.removed + report.changed and report.since.uuid:
        drawn += next_steps((_put_back(report), "bring single ones back, after a look"))
    return drawn


def _end(end: DiffEnd, now: datetime) -> str:
    if end.text.lower() == LIVE:
        return "what is live"
    said = f"{show_moment(end.instant)} ({show_age((now - end.instant).total_seconds())}"
    said += f"; {end.cluster_time})" if end.cluster_time else ")"
    if end.snapshot is not None:
        said += f": db {short_id(end.snapshot)}{' and what happened since' if end.replayed else ''}"
    return said


def _put_back(report: DiffReport) -> str:
    """As it can be typed, of the first that can be brought back."""
    since = report.since
    candidates = [row.document for verdict in ("removed", "changed") for row in report.rows if row.verdict == verdict]
    document = next((one for one in candidates if SHORTENED not in one), "...")
    at = f"--at {since.cluster_time}" if since.cluster_time else short_id(since.snapshot or "")
    return (
        f"lifeboat restore db {at} --ns {report.namespace} --over-live --filter {shlex.quote(f'{{_id: {document}}}')}"
    )


def _rows(rows: tuple[DiffRow, ...]) -> Iterator[RenderableType]:
    table = columns("is", "_id", "what", fold=("_id", "what"))
    for row in rows:
        first, *more = [safe(_change(one)) for one in row.fields] or [safe(row.summary)]
        table.add_row(text(row.verdict, _STYLES.get(row.verdict, "")), safe(row.document), first)
        for words in more:
            table.add_row("", "", words)
    yield table


def _change(one: FieldDifference) -> str:
    if one.before is None and one.after is None:
        return one.path
    before, after = ("(none)" if value is None else value for value in (one.before, one.after))
    return f"{one.path}: {before} -> {after}"
