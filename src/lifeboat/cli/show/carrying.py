"""What was carried into this month, what that saves, and why the rest was not."""

from collections.abc import Sequence

from rich.console import RenderableType

from lifeboat.cli.show.console import FAINT, GOOD, columns, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.words import typed_source
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.carrying import CarryReport, CarryRow


def draw_carried(report: CarryReport) -> list[RenderableType]:
    """For people."""
    if not report.rows and not report.findings:
        return [
            text(f"nothing to carry into {report.generation}: nobody has stored a backup in the last 8 days"),
            *next_steps(("lifeboat backup all", "take one")),
        ]
    drawn: list[RenderableType] = [
        text(f"into {report.generation}, by the store's clock", FAINT),
        "",
        _table(report.rows),
    ]
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    drawn += ["", *_what(report)]
    if report.dry_run and report.packs:
        return drawn + next_steps(("lifeboat carry-forward", "do it"))
    if report.packs:
        return drawn + next_steps(("lifeboat backup all", "the first backup of the month, on the writer's machine"))
    return drawn


def _table(rows: Sequence[CarryRow]) -> RenderableType:
    numbers = ("packs", "copied", "of it needed")
    table = columns(
        "source", "writer", "from", *numbers, "why not the rest", right=numbers, fold=("why not the rest", "writer")
    )
    for row in rows:
        table.add_row(
            safe(typed_source(row.source) + (", monthly" if row.snapshot_class == "long" else "")),
            safe(row.label),
            safe(row.from_generation + (", monthly" if row.from_class == "long" else "")),
            f"{row.packs:,}" + (" again" if row.again else ""),
            show_bytes(row.bytes),
            ("" if row.counted else "about ") + show_bytes(row.live_bytes),
            safe(_why(row)),
        )
    return table


def _why(row: CarryRow) -> str:
    if row.why and not row.left:
        return row.why
    left = "; ".join(f"{one.packs:,} ({show_bytes(one.bytes)}) {one.why}" for one in row.left)
    return f"{row.why}: {left}" if row.why else left


def _what(report: CarryReport) -> list[RenderableType]:
    if not report.packs:
        return [text("nothing is copied", GOOD)]
    would = "would be " if report.dry_run else ""
    need = "would not" if report.dry_run else "need not"
    drawn: list[RenderableType] = [
        text(
            f"{report.packs:,} pack{'' if report.packs == 1 else 's'} ({show_bytes(report.bytes)}) {would}copied and checked",
            GOOD,
        ),
        text(
            f"{show_bytes(report.live_bytes)} {need} be sealed and sent again by the next backups{_time(report.rows)}"
        ),
    ]
    if not report.prices:
        return drawn
    saved, copying, dead = (
        sum(dollars or 0.0 for dollars in column)
        for column in zip(
            *((row.dollars_saved, row.dollars_copying, row.dollars_dead) for row in report.rows), strict=True
        )
    )
    said = f"${copying:.2f} for copying in place of ${saved:.2f} for storing, and ${dead:.2f} of room for what is copied along and not needed"
    return [*drawn, text(f"{said}; {report.prices}", FAINT)]


def _time(rows: Sequence[CarryRow]) -> str:
    known = [row.seconds_saved for row in rows if row.packs and row.seconds_saved is not None]
    return f": {show_seconds(sum(known))}, as fast as they stored their largest" if known else ""
