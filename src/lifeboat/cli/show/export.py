"""What was exported, and how to take it in elsewhere."""

import shlex
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import facts, next_steps, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_moment_short
from lifeboat.cli.show.words import count_items, short_id
from lifeboat.operations.reports.snapshots import ExportReport


def draw_exported(report: ExportReport, compressed: bool, now: datetime) -> list[RenderableType]:
    row = report.snapshot
    rows = [
        ("snapshot", f"{short_id(row.snapshot)}, {show_moment_short(row.instant, now)}"),
        ("written", f"{report.out} ({report.form})"),
        ("content", count_items(row.source, report.items)),
    ]
    shown = draw_findings(report.findings, with_good=True)
    drawn: list[RenderableType] = [
        facts(rows),
        *([""] if shown else []),
        *shown,
        "",
        text("it is not encrypted: keep it as you keep the data itself"),
    ]
    return drawn + next_steps((take_in(report, compressed), _about(report)))


def _about(report: ExportReport) -> str:
    if report.form == "tar":
        return "unpack it here; -C FOLDER for another place"
    return "take it in; --drop replaces what is there"


def take_in(report: ExportReport, compressed: bool) -> str:
    """The command with which another tool reads it."""
    out = shlex.quote(report.out)
    if report.form == "tar":
        return f"tar --xattrs -xpf {out}"
    words = ["mongorestore", "--uri=..."]
    words += ["--gzip"] * compressed + ["--oplogReplay"] * report.has_oplog
    words.append(f"--archive={out}" if report.form == "mongodump-archive" else out)
    return " ".join(words)
