"""What a backup stored."""

from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_moment
from lifeboat.cli.show.words import count_items, short_id, typed_source
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.snapshots import BackupReport

HEAD_SHOWN = 16


def draw_backup(report: BackupReport, now: datetime) -> list[RenderableType]:
    numbers = ("size", "new", "stored", "took")
    table = columns("source", "snapshot", "content", *numbers, right=numbers, fold=("content",))
    for one in report.snapshots:
        table.add_row(
            safe(typed_source(one.source)),
            short_id(one.snapshot),
            safe(count_items(one.source, one.items)),
            show_bytes(one.bytes),
            show_bytes(one.new_bytes),
            show_bytes(one.stored_bytes),
            show_seconds(one.seconds),
        )
    drawn: list[RenderableType] = [table, ""]
    for one in report.snapshots:
        drawn.append(line((f"{typed_source(one.source)} ".ljust(8), FAINT), "as of ", show_moment(one.instant)))
        if not one.one_instant and one.source == "mongodb":
            drawn.append(line("        ", ("not one instant: what changed meanwhile may be half in it", DOUBTFUL)))
    if whole := [typed_source(one.source) for one in report.snapshots if one.snapshot_class == "long"]:
        said = "the month's copy, kept for years: it was stored whole, sharing nothing with the others"
        drawn.append(line((", ".join(whole).ljust(8), FAINT), said))
    found = [*report.findings, *(finding for one in report.snapshots for finding in one.findings)]
    if shown := draw_findings(found):
        drawn += ["", *shown]
    incomplete = [typed_source(one.source) for one in report.snapshots if not one.complete]
    if not report.snapshots:
        drawn += ["", text("nothing was stored", BAD)]
    elif incomplete:
        drawn += ["", text(f"stored, but incomplete: {', '.join(incomplete)}; what is missing stands above", BAD)]
    else:
        drawn += ["", line(("stored whole", GOOD), f"; recovery point {short_id(report.point)}")]
    if report.head:
        drawn.append(text(f"head {report.head[:HEAD_SHOWN]}, the fingerprint of all that is stored", FAINT))
    return drawn + next_steps(
        ("lifeboat verify --level sample", "read some of it back and check it"),
        ("lifeboat status", "am I safe now?"),
    )
