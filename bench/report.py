"""Runs, kept as JSON and shown as tables: medians, the least and the most in brackets, and how many times as long as Lifeboat.

The ratio is one thing throughout: the tool's median divided by Lifeboat's in the same run; above 1 Lifeboat is the better one.
"""

import json
import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Measured

OURS = "lifeboat"
STORED, MEMORY = "stored", "peak memory"
NOTEWORTHY_SETTLING = 0.1
"""Of a step's seconds: so much more until the disk has what it wrote is told."""


@dataclass
class Row:
    """One tool in one comparison: every run of every step.

    Args:
        missing: Why it is not here.
        failed: What it did instead of its work; it has no figures then.
    """

    tool: str
    missing: str = ""
    failed: str = ""
    runs: dict[str, list[Measured]] = field(default_factory=dict)
    stored_bytes: list[int] = field(default_factory=list)

    def value(self, what: str) -> float | None:
        """The median in seconds, or in bytes for what is stored; of memory the highest peak; None where there is no figure."""
        if self.missing or self.failed:
            return None
        if what == STORED:
            return statistics.median(self.stored_bytes) if self.stored_bytes else None
        if what == MEMORY:
            return max((run.peak_bytes for runs in self.runs.values() for run in runs), default=None)
        runs = self.runs.get(what)
        return statistics.median(run.seconds for run in runs) if runs else None

    def shown(self, what: str) -> str:
        """As a reader sees it: ``7.0 s (6.3–8.4)`` or ``1486 MB``."""
        value = self.value(what)
        if value is None:
            return "–"
        if what in (STORED, MEMORY):
            return f"{value / 1e6:.0f} MB"
        seconds = [run.seconds for run in self.runs[what]]
        digits = 1 if value >= 1 else 2
        spread = f" ({min(seconds):.{digits}f}–{max(seconds):.{digits}f})" if len(seconds) > 1 else ""
        return f"{value:.{digits}f} s{spread}"

    def processor(self, what: str) -> str:
        """``6.1 + 3.2 s``: its own processor time, and the servers'."""
        runs = self.runs[what]
        own = f"{statistics.median(run.processor_seconds for run in runs):.1f}"
        served = statistics.median(run.server_seconds for run in runs)
        return f"{own} + {served:.1f} s" if served else f"{own} s"


@dataclass
class Comparison:
    """One table. Args: shape: what goals know it by."""

    shape: str
    title: str
    data_bytes: int
    columns: Sequence[str]
    rows: list[Row]
    size: str = "small"
    when: str = ""

    def ours(self) -> Row:
        return next(row for row in self.rows if row.tool == OURS)

    def ratio(self, row: Row, what: str) -> float | None:
        """How many times Lifeboat's."""
        ours, theirs = self.ours().value(what), row.value(what)
        return theirs / ours if ours and theirs is not None else None

    def as_markdown(self) -> str:
        head = ["", *self.columns, STORED, MEMORY]
        lines = [f"## {self.title}", "", line_of(head), line_of(["---"] * len(head))]
        lines += [line_of([row.tool, *(self._cell(row, what) for what in head[1:])]) for row in self._present()]
        lines += ["", *(f"Not here: {row.tool}: {row.missing}." for row in self.rows if row.missing)]
        lines += [f"Failed, so without a figure: {row.tool}: {row.failed}" for row in self.rows if row.failed]
        return "\n".join(lines).rstrip() + "\n"

    def as_json(self) -> dict[str, Any]:
        rows = [
            {
                "tool": row.tool,
                "missing": row.missing,
                "failed": row.failed,
                "stored_bytes": row.stored_bytes,
                "runs": {step: [run.as_json() for run in runs] for step, runs in row.runs.items()},
            }
            for row in self.rows
        ]
        about = {"shape": self.shape, "size": self.size, "when": self.when, "title": self.title}
        return {**about, "data_bytes": self.data_bytes, "columns": list(self.columns), "rows": rows}

    def _present(self) -> list[Row]:
        return [row for row in self.rows if not row.missing and not row.failed]

    def _cell(self, row: Row, what: str) -> str:
        shown, ratio = row.shown(what), self.ratio(row, what)
        if shown == "–":
            return shown
        parts = [shown] + ([f"**{times(ratio)}**"] if ratio is not None and row.tool != OURS else [])
        if what not in (STORED, MEMORY):
            parts.append(f"CPU {row.processor(what)}")
            settling = statistics.median(run.settling_seconds for run in row.runs[what])
            parts += (
                [f"on disk {settling:.1f} s later"] if settling > NOTEWORTHY_SETTLING * (row.value(what) or 0) else []
            )
        return ", ".join(parts)


def comparison_from(found: dict[str, Any]) -> Comparison:
    rows = [
        Row(
            row["tool"],
            row["missing"],
            row["failed"],
            {step: [Measured(**run) for run in runs] for step, runs in row["runs"].items()},
            row["stored_bytes"],
        )
        for row in found["rows"]
    ]
    names = ("shape", "title", "data_bytes", "columns")
    return Comparison(*(found[name] for name in names), rows, found["size"], found["when"])


def times(ratio: float) -> str:
    """Cut, not rounded: what misses a goal never looks as if it reached it."""
    hundredths = math.floor(ratio * 100 + 1e-9)
    return f"{hundredths // 100} ×" if hundredths >= 1000 else f"{hundredths / 100:.2f} ×"


def line_of(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GB, Python {platform.python_version()}"
    )


def write(comparisons: Sequence[Comparison], folder: Path, name: str) -> str:
    """Store both forms and return the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (
        f"{machine()}. Medians of all repeats, least and most in brackets, then how many times Lifeboat's; CPU: processor time of the tool "
        "(+ of the servers it asked); on disk: how long the system still wrote what the tool did not wait for; warm file cache.\n\n"
    )
    text += "\n".join(comparison.as_markdown() for comparison in comparisons)
    (folder / f"{name}.md").write_text(text)
    as_json = {"machine": machine(), "comparisons": [comparison.as_json() for comparison in comparisons]}
    (folder / f"{name}.json").write_text(json.dumps(as_json, indent=1))
    return text
