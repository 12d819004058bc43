"""What was imported, and what to do with it."""

from rich.console import RenderableType

from lifeboat.cli.show.console import facts, next_steps
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_moment
from lifeboat.cli.show.words import count, count_items, short_id
from lifeboat.operations.reports.snapshots import ImportReport


def draw_imported(report: ImportReport) -> list[RenderableType]:
    taken = report.snapshot
    one = short_id(taken.snapshot)
    rows = [
        ("snapshot", f"{one}, {show_moment(taken.instant)}"),
        ("from", f"{'standard input' if report.dump == '-' else report.dump} ({report.form})"),
        ("content", f"{count(report.collections, 'collection')}, {count_items(taken.source, taken.items)}"),
    ]
    if report.changes is None:
        rows.append(("instant", "collections were dumped one after the other: no oplog came along (mongodump --oplog)"))
    else:
        rows.append(("oplog", f"{count(report.changes, 'change')}: all is of one instant once restored"))
    rows.append(("kept", f"until `lifeboat snapshots {one} --release`; latest never means it"))
    steps = next_steps(
        (f"lifeboat restore db {one} --to restored_copy", "bring it back beside the live data, compared"),
        (f"lifeboat snapshots {one}", "look inside"),
    )
    return [facts(rows), *draw_findings(taken.findings), *steps]
