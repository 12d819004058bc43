"""Turn runs into a JSON file and a Markdown table: medians, with the least and the most in brackets."""

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import Measured

MIB = 1024 * 1024


@dataclass
class Row:
    """One tool in one comparison: every run of every step."""

    tool: str
    missing: str = ""
    runs: dict[str, list[Measured]] = field(default_factory=dict)
    stored_bytes: list[int] = field(default_factory=list)


@dataclass
class Comparison:
    """One table."""

    title: str
    data_bytes: int
    columns: Sequence[str]
    rows: list[Row]

    def as_markdown(self) -> str:
        head = ["", *self.columns, "stored", "peak memory"]
        lines = [f"## {self.title}", "", _line(head), _line(["---"] * len(head))]
        lines += [_line(self._cells(row)) for row in self.rows if not row.missing]
        lines += ["", *(f"Not here: {row.tool}: {row.missing}." for row in self.rows if row.missing)]
        return "\n".join(lines).rstrip() + "\n"

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "data_bytes": self.data_bytes,
            "rows": [
                {
                    "tool": row.tool,
                    "missing": row.missing,
                    "stored_bytes": row.stored_bytes,
                    "runs": {step: [run.as_json() for run in runs] for step, runs in row.runs.items()},
                }
                for row in self.rows
            ],
        }

    def _cells(self, row: Row) -> list[str]:
        peak = max(run.peak_bytes for runs in row.runs.values() for run in runs)
        steps = [self._step(row.runs.get(column)) for column in self.columns]
        return [row.tool, *steps, f"{statistics.median(row.stored_bytes) / 1e6:.0f} MB", f"{peak / MIB:.0f} MiB"]

    def _step(self, runs: list[Measured] | None) -> str:
        if not runs:
            return "–"
        seconds = [run.seconds for run in runs]
        middle = statistics.median(seconds)
        spread = f" ({min(seconds):.1f}–{max(seconds):.1f})" if len(seconds) > 1 else ""
        return f"{middle:.1f} s{spread}, {self.data_bytes / middle / 1e6:.0f} MB/s"


def write(comparisons: Sequence[Comparison], folder: Path, name: str) -> str:
    """Store both forms and return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.system()} {platform.machine()}, {_cores()} cores, Python {platform.python_version()}"
    text = f"{machine}. Medians of all repeats, least and most in brackets; warm file cache.\n\n"
    text += "\n".join(comparison.as_markdown() for comparison in comparisons)
    (folder / f"{name}.md").write_text(text)
    as_json = {"machine": machine, "comparisons": [comparison.as_json() for comparison in comparisons]}
    (folder / f"{name}.json").write_text(json.dumps(as_json, indent=1))
    return text


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
