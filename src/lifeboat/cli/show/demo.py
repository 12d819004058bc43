"""What the demonstration showed."""

from typing import TYPE_CHECKING

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, GOOD, STRONG, columns, facts, line, next_steps, text, unbroken
from lifeboat.foundation.sizes import show_bytes, show_seconds

if TYPE_CHECKING:
    from lifeboat.app.demo import DemoReport


def draw_demo(report: "DemoReport") -> list[RenderableType]:
    whole = report.data_bytes + report.file_bytes
    rows = [
        (
            "protected",
            f"{report.documents:,} documents in {report.collections} collections with {report.indexes} indexes "
            f"({show_bytes(report.data_bytes)}), {report.files:,} files ({show_bytes(report.file_bytes)})",
        ),
        ("first backup", _backup(report.first_backup_seconds, whole, report.first_stored_bytes)),
        (
            "second backup",
            _backup(report.second_backup_seconds, None, report.second_stored_bytes) + " (what had changed)",
        ),
        ("verified", f"every chunk read and opened in {show_seconds(report.verify_seconds)}"),
        ("lost", ", ".join(report.lost)),
        ("RTO, measured", f"{show_seconds(report.restore_seconds)} from the order to the comparison"),
        ("RPO, measured", f"{show_seconds(report.lost_seconds)}: age of the newest copy when everything was lost"),
    ]
    table = columns("compared", "with what was lost", fold=("with what was lost",))
    for one in report.comparisons:
        told = line(("equal", GOOD), f": {one.content}") if one.equal else line(("DIFFERS", BAD), f": {one.content}")
        table.add_row(text(one.what), told)
    drawn: list[RenderableType] = [facts(rows), "", table, ""]
    drawn.append(
        line(("everything came back", GOOD), ", equal to what was lost")
        if report.equal
        else line(("not everything came back", BAD), "; see above")
    )
    if report.kept:
        drawn += ["", unbroken(f"kept in {report.kept}; its settings: {report.kept}/lifeboat.toml", STRONG)]
        return drawn + next_steps(
            (f"lifeboat --config {report.kept}/lifeboat.toml snapshots", "look around"),
            ("lifeboat init", "now for your own data: asks four questions"),
        )
    return drawn + next_steps(
        ("lifeboat init", "now for your own data: asks four questions"),
        ("lifeboat backup all", "the first backup of it"),
    )


def _backup(seconds: float, read_bytes: int | None, stored_bytes: int) -> str:
    rate = f", {show_bytes(read_bytes / seconds)}/s" if read_bytes and seconds else ""
    return f"{show_seconds(seconds)}{rate}, {show_bytes(stored_bytes)} stored, encrypted"
