"""Peak memory of each command on much data: promise 5 is 300 MB whatever the size, 500 MB for a million files.

``python bench/memory.py [--size small|full] [--million] [--work FOLDER]``: full is 2 GB of documents and 2 GB of files.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from compare import SERVER
from measure import Measured, measure
from tools import Workplace, lifeboat_environment, lifeboat_program, with_database
from turns import files_of, fill_database

from lifeboat.sources.mongodb.private_server import PrivateServer, find_mongod

MIB = 1024 * 1024
LIMIT_BYTES = 300 * MIB
MILLION_LIMIT_BYTES = 500 * MIB


def run(work: Path, size: str = "full", million: bool = False) -> bool:
    """Measure, print, store in ``bench/out/``; true if all peaks lie below the limit."""
    shape = "million" if million else {"small": "small", "full": "2gb"}[size]
    limit_bytes = MILLION_LIMIT_BYTES if million else LIMIT_BYTES
    peaks = _files(work, shape) if million else _database(work, size) | _files(work, shape)
    lines = [f"| peak memory ({shape}) | MiB | seconds |", "| --- | --- | --- |"]
    lines += [f"| {what} | {each.peak_bytes / MIB:.0f} | {each.seconds:.1f} |" for what, each in peaks.items()]
    is_kept = all(each.peak_bytes < limit_bytes for each in peaks.values())
    lines.append(f"\nlimit {limit_bytes / MIB:.0f} MiB: {'kept' if is_kept else 'NOT KEPT'}")
    print("\n".join(lines))
    out = Path(__file__).parent / "out"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"memory-{shape}.md").write_text("\n".join(lines) + "\n")
    (out / f"memory-{shape}.json").write_text(json.dumps({what: each.as_json() for what, each in peaks.items()}))
    return is_kept


def _database(work: Path, size: str) -> dict[str, Measured]:
    total_bytes = {"small": 200_000_000, "full": 2_000_000_000}[size]
    with (
        PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), SERVER) as server,
        tempfile.TemporaryDirectory(dir=work, prefix="memory") as folder,
    ):
        place = Workplace(Path(folder), with_database(server.uri, "bench"), with_database(server.uri, "restored"))
        fill_database(place.source, total_bytes)
        return _steps("db", place)


def _files(work: Path, shape: str) -> dict[str, Measured]:
    source = files_of(work, shape)
    with tempfile.TemporaryDirectory(dir=work, prefix="memory") as folder:
        return _steps("files", Workplace(Path(folder), str(source), str(Path(folder) / "restored")))


def _steps(what: str, place: Workplace) -> dict[str, Measured]:
    program = lifeboat_program()
    environment = lifeboat_environment(place, "files" if what == "files" else "database")
    measure([program, "init", "--yes"], environment)
    commands = {
        f"backup {what}": [program, "backup", what],
        f"backup {what}, unchanged": [program, "backup", what],
        f"restore {what}": [program, "restore", what, "latest", "--to", place.target, "--yes"],
        f"verify --level full ({what})": [program, "verify", "--level", "full"],
    }
    return {name: measure(command, environment) for name, command in commands.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["small", "full"], default="full")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lifeboat-bench")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    raise SystemExit(0 if run(given.work, given.size, given.million) else 1)
