"""Tools take turns: each repeat is one turn of every tool, so that a machine that grows slower does so for all of them; another one begins each time.

A tool that fails is out from then on and has no figures; if Lifeboat fails, the bench ends.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from measure import ToolFailed, measure, stored_bytes
from report import OURS, Comparison, Row
from tools import Tool, Workplace, database_of

HERE = Path(__file__).parent
FROM_DISK = ", from the disk"
"""Ends the name of a step before which memory is emptied of files."""
TURNS = "turns"
LARGE_BYTES = 1_000_000


def take_turns(
    tools: Sequence[Tool],
    work: Path,
    repeats: int,
    place_of: Callable[[Path], Workplace],
    *,
    servers: Sequence[int] = (),
    more: Callable[[Tool, Workplace], Mapping[str, str]] = lambda tool, place: {},
    stored: Callable[[Workplace], int] = lambda place: stored_bytes(place.repository),
    afterwards: Callable[[Tool, Workplace], None] = lambda tool, place: None,
) -> list[Row]:
    """Measure every step of every tool. What they leave stays until ``forget_turns``.

    Args:
        place_of: Makes of a new folder what a tool works with.
        servers: Processes whose processor time is told beside the tools'.
        more: Variables that win over the tool's own.
        stored: What the first backup came to, in bytes.
        afterwards: Checks what came of a turn; raises ``ToolFailed``.
    """
    rows = {tool.name: Row(tool.name, tool.missing) for tool in tools}
    (work / TURNS).mkdir(exist_ok=True)
    for repeat in range(repeats):
        begin = repeat % len(tools)
        for tool in (*tools[begin:], *tools[:begin]):
            row = rows[tool.name]
            if row.missing or row.failed:
                continue
            place = place_of(Path(tempfile.mkdtemp(dir=work / TURNS, prefix=tool.name.split()[0])))
            try:
                _take_a_turn(
                    tool, place, {**tool.environment(place), **more(tool, place)}, row, repeat, servers, stored
                )
                afterwards(tool, place)
            except ToolFailed as error:
                if tool.name == OURS:
                    raise
                row.failed = " ".join(str(error).split())[:600]
                say(f"{tool.name}: {row.failed}")
            _empty_large_files(place.folder)
    return list(rows.values())


def _empty_large_files(folder: Path) -> None:
    """Most of a turn's room, back at once; its many names stay (``forget_turns``)."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if os.lstat(path).st_size >= LARGE_BYTES and not os.path.islink(path):
                os.truncate(path, 0)
    os.sync()


def forget_turns(work: Path) -> None:
    """Delete what all turns left, which takes minutes for a million files: when their figures are written down.

    Not after each turn: for minutes after a mass of files was deleted, ext4 makes new ones slowly, and whoever comes next pays.
    """
    shutil.rmtree(work / TURNS, ignore_errors=True)


def _take_a_turn(
    tool: Tool,
    place: Workplace,
    environment: Mapping[str, str],
    row: Row,
    repeat: int,
    servers: Sequence[int],
    stored: Callable[[Workplace], int],
) -> None:
    for command in tool.prepare(place):
        measure(command, environment)
    with tool.helped(place) as helpers:
        for name, step in tool.steps.items():
            if name.endswith(FROM_DISK) and not forget_files():
                continue
            folder = Path(place.target) if name in tool.in_target else None
            run = measure(step(place), environment, folder, servers=servers, helpers=helpers)
            row.runs.setdefault(name, []).append(run)
            say(f"{repeat + 1}: {tool.name}: {name}: {run.seconds:.1f} s, {run.peak_bytes / 1e6:.0f} MB")
            if name == "first backup" and (size := stored(place)):
                row.stored_bytes.append(size)


def forget_files() -> bool:
    """Take the content of all files out of memory, which only root may: what was written just now is otherwise read from there."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def comparison_of(
    shape: str, size: str, title: str, data_bytes: int, tools: Sequence[Tool], rows: list[Row]
) -> Comparison:
    return Comparison(shape, title, data_bytes, list(tools[0].steps), rows, size, when())


def when() -> str:
    """The day and minute, and how busy the machine is: figures of a busy one are worth less."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC{load}"


def files_of(work: Path, shape: str) -> Path:
    """The folder of sample files, made the first time."""
    folder = work / f"files-{shape}"
    if not folder.exists():
        say(f"making {folder}")
        shutil.rmtree(folder.with_name(folder.name + ".unfinished"), ignore_errors=True)
        subprocess.run([sys.executable, HERE / "make_data.py", "files", folder, shape], check=True)
    return folder


def files_place(source: Path) -> Callable[[Path], Workplace]:
    """Each turn begins with all files in memory, as far as they fit: else whoever is first reads them from the disk for the others."""

    def place_of(folder: Path) -> Workplace:
        (folder / "restored").mkdir()
        _read_all(source)
        return Workplace(folder, str(source), str(folder / "restored"))

    return place_of


def _read_all(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb", buffering=0) as file:
                while file.read(LARGE_BYTES):
                    pass


def check_files(tool: Tool, place: Workplace) -> None:
    """A figure for a restore counts only if every file and every byte is there, wherever below the target a tool puts them."""
    expected, found = ((count_files(Path(each)), stored_bytes(Path(each))) for each in (place.source, place.target))
    if "restore" in tool.steps and expected != found:
        raise ToolFailed(f"{found[0]} files with {found[1]} bytes came back of {expected[0]} with {expected[1]}")


def fill_database(uri: str, total_bytes: int) -> None:
    """Fill the database that the URI names."""
    say(f"filling {total_bytes / 1e6:.0f} MB of documents")
    name = database_of(uri)
    subprocess.run([sys.executable, HERE / "make_data.py", "database", uri, name, str(total_bytes)], check=True)


def count_files(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def without(tool: Tool, *steps: str) -> Tool:
    return replace(tool, steps={name: step for name, step in tool.steps.items() if name not in steps})


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
