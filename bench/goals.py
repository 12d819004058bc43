"""What Lifeboat means to reach against other tools, and whether one run reached it.

``python bench/goals.py`` writes ``bench/out/table.md`` anew from the full figures that lie in ``bench/out/`` (``--size small``: ``table-small.md``).

A goal is how many times as long (or as much) as Lifeboat the other tool must take at least. No figure is never a goal met.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from report import MEMORY, STORED, Comparison, Row, comparison_from, line_of, times

OUT = Path(__file__).parent / "out"
SHAPES = ("files", "million", "s3", "database", "replay")
MB = 1_000_000
NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table.

    Args:
        peer: How the name of the other tool's row begins; the first of them that has figures counts. Empty: Lifeboat alone.
        at_least: Times of Lifeboat's; 0 means that there is no goal, only a comparison.
        below_bytes: The limit where there is no other tool.
    """

    shape: str
    what: str
    peer: str = ""
    at_least: float = 0.0
    below_bytes: int = 0


GOALS = (
    Goal("files", "first backup", "restic", 4),
    Goal("files", "first backup", "kopia", 3),
    Goal("files", "first backup", "rustic"),
    Goal("files", "first backup", "borg"),
    Goal("files", "unchanged", "restic", 2),
    Goal("files", "restore", "restic", 2),
    Goal("files", "verify all", "restic", 2),
    Goal("files", "verify all, from the disk", "restic"),
    Goal("files", STORED, "restic", 1 / 1.02),
    Goal("files", MEMORY, below_bytes=300 * MB),
    Goal("million", "first backup", "restic", 2),
    Goal("million", "unchanged", "restic", 2),
    Goal("million", "restore", "restic", 2),
    Goal("million", MEMORY, below_bytes=500 * MB),
    Goal("s3, 0 ms", "first backup", "restic"),
    Goal("s3, 0 ms", "restore", "restic"),
    Goal("s3, 50 ms", "first backup", "restic"),
    Goal("s3, 50 ms", "restore", "restic"),
    Goal("database", "first backup", "mongodump --gzip", 2),
    Goal("database", "first backup", "mongodump to /dev/null", 1 / 1.5),
    Goal("database", "first backup", "pbm"),
    Goal("database", "restore", "mongodump --gzip", 2),
    Goal("database", STORED, "mongodump --gzip", 1 / 1.02),
    Goal("database", MEMORY, below_bytes=300 * MB),
    Goal("replay", "replay", "mongorestore", 20),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal and what a run says of it. Args: is_met: None where there is no goal, or no figure."""

    goal: Goal
    ours: str
    theirs: str
    ratio: float | None
    is_met: bool | None

    def as_line(self) -> str:
        goal = self.goal
        wanted = f"below {goal.below_bytes / MB:.0f} MB" if goal.below_bytes else ""
        wanted = wanted or (f"{goal.at_least:.2f} × or more" if goal.at_least else "")
        verdict = {True: "met", False: "**not met**", None: "no figure" if wanted else ""}[self.is_met]
        ratio = "" if self.ratio is None else times(self.ratio)
        return line_of([f"{goal.shape}: {goal.what}", self.ours, self.theirs, ratio, wanted, verdict])


def judge(goal: Goal, comparison: Comparison) -> Judged:
    ours = comparison.ours()
    value = ours.value(goal.what)
    if goal.below_bytes:
        is_below = None if value is None else value < goal.below_bytes
        return Judged(goal, _shown(ours, goal.what), "", None, is_below)
    rows = [row for row in comparison.rows if row.tool.startswith(goal.peer)]
    row = next(
        (row for row in rows if row.value(goal.what) is not None), rows[0] if rows else Row(goal.peer, NOT_ASKED)
    )
    ratio = comparison.ratio(row, goal.what)
    is_met = ratio >= goal.at_least if ratio is not None and goal.at_least else None
    return Judged(goal, _shown(ours, goal.what), f"{row.tool}: {_shown(row, goal.what)}", ratio, is_met)


def _shown(row: Row, what: str) -> str:
    """Its figure, or why there is none, in one line."""
    if row.missing:
        return "not asked" if row.missing == NOT_ASKED else f"not here: {row.missing}"
    return "failed" if row.failed else row.shown(what)


def table(comparisons: Iterable[Comparison], machine: str) -> str:
    """All goals whose comparison was made, in one table."""
    made = {comparison.shape: comparison for comparison in comparisons}
    judged = [judge(goal, made[goal.shape]) for goal in GOALS if goal.shape in made]
    counted = [each for each in judged if each.goal.at_least or each.goal.below_bytes]
    met = sum(each.is_met is True for each in counted)
    lines = [
        f"{machine}. Medians of all repeats, least and most in brackets. *Takes*: how many times as long, or as much, as Lifeboat; above 1",
        "Lifeboat is the faster or the smaller one.",
        "",
        line_of(["", "Lifeboat", "the other tool", "takes", "goal", "in this run"]),
        line_of(["---"] * 6),
        *(each.as_line() for each in judged),
        "",
        f"{met} of {len(counted)} goals met.",
        *(f"{comparison.title}; {comparison.when}." for comparison in made.values()),
    ]
    return "\n".join(lines) + "\n"


def write_table(size: str, folder: Path = OUT, shapes: Sequence[str] = SHAPES) -> str:
    """Of the newest figures of each shape in this size, whenever they were taken."""
    found = [json.loads(path.read_text()) for shape in shapes if (path := folder / f"{shape}-{size}.json").exists()]
    machines = dict.fromkeys(each["machine"] for each in found)
    comparisons = [comparison_from(each) for one in found for each in one["comparisons"]]
    text = table(comparisons, "; ".join(machines))
    (folder / ("table.md" if size == "full" else f"table-{size}.md")).write_text(
        text
    )  # nobody's small run may pass for a full one
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="full")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    print(write_table(given.size, given.out))
