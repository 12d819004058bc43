"""Compare Lifeboat with restic and borg on files, and with mongodump and mongorestore on a database, in one run.

``python bench/run.py [--only files|database|memory|stream|replay] [--size small|full] [--repeats 3] [--work FOLDER]``

The data is made first (files once, kept in the work folder), then the tools take turns, so that a machine that grows
slower does so for all of them. The table goes to the terminal and to ``bench/out/``. Full size takes half an hour and
12 GB of disk.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import memory
import replay
from measure import measure, stored_bytes
from pymongo import MongoClient
from report import Comparison, Row, write
from tools import Tool, Workplace, database_of, database_tools, file_tools, with_database

import stream
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

HERE = Path(__file__).parent
DATABASE_BYTES = {"small": 85_000_000, "full": 846_000_000}
SERVER = ServerOptions(cache_mib=1024, oplog_mib=4096)


def main() -> None:
    arguments = _arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    comparisons = []
    if arguments.only in (None, "files"):
        comparisons.append(compare_files(arguments.work, arguments.size, arguments.repeats))
    if arguments.only in (None, "database"):
        comparisons.append(compare_databases(arguments.work, arguments.size, arguments.repeats))
    if comparisons:
        print(write(comparisons, HERE / "out", f"{arguments.only or 'all'}-{arguments.size}"))
    if arguments.only in (None, "memory"):
        memory.run(arguments.work, arguments.size)
    if arguments.only in (None, "stream"):
        stream.run(arguments.work, arguments.size)
    if arguments.only in (None, "replay"):
        changes = {"small": 20_000, "full": 200_000}[arguments.size]
        replay.run(arguments.work, changes, arguments.repeats)


def compare_files(work: Path, size: str, repeats: int) -> Comparison:
    source = files_of(work, size)
    tools = file_tools()
    rows = {tool.name: Row(tool.name, tool.missing) for tool in tools}
    for repeat in range(repeats):
        for tool in _present(tools):
            with tempfile.TemporaryDirectory(dir=work, prefix=tool.name.split()[0]) as folder:
                place = Workplace(Path(folder), str(source), str(Path(folder) / "restored"))
                Path(place.target).mkdir()
                _take_a_turn(tool, place, rows[tool.name], repeat)
    title = f"Files: {stored_bytes(source) / 1e6:.0f} MB in {_count(source)} files, half text, half random"
    return Comparison(title, stored_bytes(source), list(tools[0].steps), list(rows.values()))


def compare_databases(work: Path, size: str, repeats: int) -> Comparison:
    tools = database_tools()
    rows = {tool.name: Row(tool.name, tool.missing) for tool in tools}
    with PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), SERVER) as server:
        source = with_database(server.uri, "bench")
        data_bytes = fill_database(source, DATABASE_BYTES[size])
        for repeat in range(repeats):
            for tool in _present(tools):
                with tempfile.TemporaryDirectory(dir=work, prefix=tool.name.split()[0]) as folder:
                    place = Workplace(Path(folder), source, with_database(server.uri, "restored"))
                    _take_a_turn(tool, place, rows[tool.name], repeat)
                    _check_and_drop_restored(server.uri)
    title = f"Database: {data_bytes / 1e6:.0f} MB of documents, 3 indexes, server on the same machine"
    return Comparison(title, data_bytes, list(tools[0].steps), list(rows.values()))


def files_of(work: Path, shape: str) -> Path:
    """The folder of sample files, made the first time."""
    folder = work / f"files-{shape}"
    if not folder.exists():
        _say(f"making {folder}")
        shutil.rmtree(folder.with_name(folder.name + ".unfinished"), ignore_errors=True)
        subprocess.run([sys.executable, HERE / "make_data.py", "files", folder, shape], check=True)
    return folder


def fill_database(uri: str, total_bytes: int) -> int:
    """Fill the database that the URI names; return how many bytes of documents it has."""
    _say(f"filling {total_bytes / 1e6:.0f} MB of documents")
    name = database_of(uri)
    subprocess.run([sys.executable, HERE / "make_data.py", "database", uri, name, str(total_bytes)], check=True)
    return int(_stats(uri, name)["dataSize"])


def _take_a_turn(tool: Tool, place: Workplace, row: Row, repeat: int) -> None:
    environment = tool.environment(place)
    for command in tool.prepare(place):
        measure(command, environment)
    for name, step in tool.steps.items():
        folder = Path(place.target) if name in tool.in_target else None
        # Some tools put the tree's whole path below the target; nobody minds but the disk.
        run = measure(step(place), environment, folder)
        row.runs.setdefault(name, []).append(run)
        _say(f"{repeat + 1}: {tool.name}: {name}: {run.seconds:.1f} s, {run.peak_bytes / 1e6:.0f} MB")
        if name == "first backup":
            row.stored_bytes.append(stored_bytes(place.repository))


def _check_and_drop_restored(uri: str) -> None:
    """A figure for a restore counts only if everything came back."""
    with MongoClient(uri) as client:
        expected = client["bench"]["documents"].estimated_document_count()
        for name in client.list_database_names():
            if name.startswith("restored"):
                found = client[name]["documents"].estimated_document_count()
                indexes = len(list(client[name]["documents"].list_indexes()))
                if (found, indexes) != (expected, 3):
                    sys.exit(f"{name} has {found} documents of {expected}, and {indexes} indexes of 3")
                client.drop_database(name)


def _stats(uri: str, name: str) -> dict[str, float]:
    with MongoClient(uri) as client:
        return client[name].command("dbStats")


def _present(tools: Sequence[Tool]) -> list[Tool]:
    return [tool for tool in tools if not tool.missing]


def _count(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["files", "database", "memory", "stream", "replay"])
    parser.add_argument("--size", choices=["small", "full"], default="full")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lifeboat-bench")
    return parser.parse_args()


if __name__ == "__main__":
    main()
