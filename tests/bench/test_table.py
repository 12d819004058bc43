"""The bench's table says what the figures say: ratios, goals met and missed, tools that are not here, tools that failed.

A table that flatters is found here: each verdict is asked for with figures on both sides of its goal.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parents[2] / "bench"
SECOND = {"processor_seconds": 1.0, "peak_bytes": 200_000_000, "status": 0, "server_seconds": 0.0}


def row(tool: str, seconds: dict[str, list[float]] | None = None, **more: Any) -> dict[str, Any]:
    runs = {step: [{**SECOND, "seconds": each} for each in found] for step, found in (seconds or {}).items()}
    return {"tool": tool, "missing": "", "failed": "", "stored_bytes": [100_000_000], "runs": runs, **more}


def lines_of(folder: Path, *rows: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """The table that the command writes, its cells by step and other tool."""
    made = {
        "shape": "files",
        "size": "made-up",
        "when": "once",
        "title": "made up",
        "data_bytes": 1,
        "columns": ["first backup", "restore"],
    }
    found = {"machine": "none", "comparisons": [{**made, "rows": list(rows)}]}
    (folder / "files-made-up.json").write_text(json.dumps(found))
    command = [sys.executable, BENCH / "goals.py", "--size", "made-up", "--out", folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    cells = [
        line.strip("| ").split(" | ")
        for line in (folder / "table-made-up.md").read_text().splitlines()
        if line.startswith("| files: ")
    ]
    cells = [[cell.strip() for cell in line] for line in cells]
    return {
        (line[0].removeprefix("files: "), line[2].split(":")[0].split()[0] if line[2] else ""): line for line in cells
    }


def test_each_goal_is_judged_by_the_medians_of_both(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path,
        row("lifeboat", {"first backup": [9.0, 1.0, 2.0], "unchanged": [1.0], "restore": [3.0], "verify all": [2.0]}),
        row(
            "restic 0.18",
            {"first backup": [8.0, 8.1, 7.9], "unchanged": [1.999], "restore": [2.0], "verify all": [3.99]},
        ),
        row("restic 0.14", {"first backup": [100.0], "unchanged": [100.0], "restore": [100.0]}),
        row("kopia 0.22", {"first backup": [5.9]}, stored_bytes=[]),
    )
    # Four times is what is asked for, and exactly four is enough; an older restic beside it is never what is judged by.
    assert lines["first backup", "restic"][1:] == [
        "2.0 s (1.0–9.0)",
        "restic 0.18: 8.0 s (7.9–8.1)",
        "4.00 ×",
        "4.00 × or more",
        "met",
    ]
    assert lines["first backup", "kopia"][5] == "**not met**"
    # Rounded, this one would look like 2.
    assert lines["unchanged", "restic"][3:] == ["1.99 ×", "2.00 × or more", "**not met**"]
    assert lines["restore", "restic"][3:] == ["0.66 ×", "2.00 × or more", "**not met**"]
    assert lines["verify all", "restic"][3] == "1.99 ×"
    assert lines["stored", "restic"][5] == "met"
    assert lines["peak memory", ""][5] == "met"
    assert "3 of 7 goals met" in (tmp_path / "table-made-up.md").read_text()


def test_more_bytes_than_the_limit_and_more_than_is_stored_elsewhere_are_not_met(tmp_path: Path) -> None:
    heavy = row("lifeboat", {"first backup": [1.0]}, stored_bytes=[103_000_000])
    heavy["runs"]["restore"] = [{**SECOND, "seconds": 1.0, "peak_bytes": 300_000_000}]
    lines = lines_of(tmp_path, heavy, row("restic 0.18", {"first backup": [9.0]}))
    assert lines["stored", "restic"][3:] == ["0.97 ×", "0.98 × or more", "**not met**"]
    assert lines["peak memory", ""][1:] == ["300 MB", "", "", "below 300 MB", "**not met**"]


def test_no_figure_is_no_goal_met(tmp_path: Path) -> None:
    """A tool that is not here, one that failed half way, a step that was not taken, a tool that nobody asked."""
    lines = lines_of(
        tmp_path,
        row("lifeboat", {"first backup": [1.0]}),
        row("restic 0.18", {"first backup": [99.0]}, failed="restic backup ended with 1: disk full | really"),
        row("kopia 0.22", missing="there is no Go on this machine", stored_bytes=[]),
    )
    assert lines["first backup", "restic"][2:] == ["restic 0.18: failed", "", "4.00 × or more", "no figure"]
    assert lines["first backup", "kopia"][2:] == [
        "kopia 0.22: not here: there is no Go on this machine",
        "",
        "3.00 × or more",
        "no figure",
    ]
    assert lines["first backup", "borg"][2] == "borg: not asked"
    assert lines["stored", "restic"][5] == "no figure"
    assert lines["restore", "restic"][5] == "no figure"
    assert "1 of 7 goals met" in (tmp_path / "table-made-up.md").read_text()


def test_the_older_of_two_counts_where_the_newer_is_not_here(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path,
        row("lifeboat", {"first backup": [1.0]}),
        row("restic 0.18", missing="cannot be built", stored_bytes=[]),
        row("restic 0.14", {"first backup": [4.5]}),
    )
    assert lines["first backup", "restic"][2:4] == ["restic 0.14: 4.5 s", "4.50 ×"]


def test_a_table_without_lifeboat_is_refused(tmp_path: Path) -> None:
    (tmp_path / "files-made-up.json").write_text("{}")
    command = [sys.executable, BENCH / "goals.py", "--size", "made-up", "--out", tmp_path]
    assert subprocess.run(command, capture_output=True).returncode != 0
    assert not (tmp_path / "table-made-up.md").exists()


def test_a_tool_that_fails_is_out_with_its_words_and_the_others_go_on(tmp_path: Path) -> None:
    """Real commands: one that writes, one that ends with 3 at its second step."""
    said = subprocess.run(
        [sys.executable, "-c", _TURNS, str(BENCH), str(tmp_path)], check=True, capture_output=True, text=True
    )
    ours, broken, other = json.loads(said.stdout)
    assert (len(ours["runs"]["first backup"]), len(other["runs"]["first backup"])) == (2, 2)
    assert (
        len(broken["runs"]["first backup"]) == 1 and "boom" in broken["failed"] and "ended with 3" in broken["failed"]
    )
    assert ours["stored_bytes"] == [5, 5]


_TURNS = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tools import Tool, Workplace
from turns import take_turns
from report import Comparison
write = lambda place: ["sh", "-c", f"printf 12345 >{place.repository}"]
fail = lambda place: ["sh", "-c", "echo boom; exit 3"]
tools = [Tool("lifeboat", {"first backup": write}), Tool("broken", {"first backup": write, "restore": fail}), Tool("other", {"first backup": write})]
rows = take_turns(tools, Path(sys.argv[2]), 2, lambda folder: Workplace(folder, "", ""))
print(json.dumps(Comparison("files", "", 0, [], rows).as_json()["rows"]))
"""
