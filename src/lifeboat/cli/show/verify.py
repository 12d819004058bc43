"""What a verification found."""

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, GOOD, facts, line, next_steps
from lifeboat.cli.show.findings import count_findings, draw_findings
from lifeboat.foundation.finding import Level
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports import VerifyReport

ABOUT_AGE = {"no-snapshot", "snapshot-too-old"}
"""Problems that a new backup solves; all others are damage."""

_DEEPER = {
    "age": ("structure", "is every object there that something names?"),
    "structure": ("sample", "read some chunks back and open them"),
    "sample": ("full", "read and open every chunk"),
}


def draw_verified(report: VerifyReport) -> list[RenderableType]:
    rows = [
        ("level", report.level),
        ("looked at", f"{report.snapshots:,} snapshots" + (f", {report.objects:,} objects" if report.objects else "")),
    ]
    if report.chunks or report.bytes_read:
        rows.append(("opened", f"{report.chunks:,} chunks, {show_bytes(report.bytes_read)} read"))
    rows.append(("took", show_seconds(report.seconds)))
    drawn: list[RenderableType] = [facts(rows)]
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    problems = {one.code for one in report.findings if one.level is Level.PROBLEM}
    if problems and problems <= ABOUT_AGE:
        drawn += ["", line(("too old or not there: ", BAD), count_findings(report.findings).plain)]
        return drawn + next_steps(("lifeboat backup all", "close the gap now"))
    if problems:
        drawn += ["", line(("not whole: ", BAD), count_findings(report.findings).plain)]
        return drawn + next_steps(
            ("lifeboat backup all --new-generation", "store everything anew, sharing nothing with what is damaged"),
            ("lifeboat snapshots", "which snapshots are not named above?"),
        )
    if report.level in ("sample", "full") and report.bytes_read and not report.chunks:
        # The hash in each name is right, which needs no key; nobody has looked inside.
        drawn += ["", line(("unopened", DOUBTFUL), ": every object read is the one its name says, but none was opened")]
        return drawn + next_steps((f"lifeboat verify --level {report.level}", "again where the key is"))
    drawn += ["", line(("whole", GOOD), f", as far as level {report.level} looks")]
    if report.level in _DEEPER:
        deeper, why = _DEEPER[report.level]
        drawn += next_steps((f"lifeboat verify --level {deeper}", why))
    return drawn
