"""Compare Lifeboat with other tools in one run: files with restic, kopia, rustic and borg, a database with mongodump, mongorestore and PBM.

``python bench/run.py [--only SHAPE] [--size small|full|huge] [--repeats 3] [--no-build] [--without STEP] [--work FOLDER]``

The data is made first (files once, kept in the work folder), then the tools take turns. Each shape leaves its figures in ``bench/out/``,
and all that lie there go into ``bench/out/table.md``, with the goals. Huge is 10 GB of documents, for ``--only database``.
Full takes about two hours and 30 GB of disk.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import memory
import peers
import replay
import replicate
from compare import compare_databases, compare_files, compare_million, compare_s3
from goals import OUT, write_table
from report import Comparison, write
from turns import forget_turns

import stream

COMPARED = ("files", "million", "s3", "database", "replay")
SHAPES = (*COMPARED, "memory", "stream", "replicate")
CHANGES = {"small": 20_000, "full": 200_000}


def main() -> None:
    arguments = _arguments()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if not arguments.no_build:
        for name, where in peers.build(peers.NEEDED_BY.get(arguments.only)).items():
            print(f"{name}: {where}", flush=True)
    forget_turns(arguments.work)  # of one that was killed
    for shape in (arguments.only,) if arguments.only else SHAPES:
        if shape not in COMPARED:
            _measure(shape, arguments.work, arguments.size)
            continue
        try:
            found = _compare(shape, arguments.work, arguments.size, arguments.repeats, arguments.without)
            print(write(found, OUT, f"{shape}-{arguments.size}"), flush=True)
            write_table(arguments.size)
        finally:
            forget_turns(arguments.work)
    if arguments.only in (None, *COMPARED):
        print(write_table(arguments.size))


def _compare(shape: str, work: Path, size: str, repeats: int, left_out: Sequence[str]) -> Sequence[Comparison]:
    if shape == "files":
        return [compare_files(work, size, repeats)]
    if shape == "million":
        return [compare_million(work, size, repeats)]
    if shape == "s3":
        return compare_s3(work, size, repeats)
    if shape == "database":
        return [compare_databases(work, size, repeats, left_out)]
    return [replay.compare(work, size, CHANGES[size], repeats)]


def _measure(shape: str, work: Path, size: str) -> None:
    if shape == "memory":
        memory.run(work, size)
    elif shape == "stream":
        stream.run(work, size)
    else:
        replicate.run(work, *{"small": (200, 10_000), "full": (1500, 1_000_000)}[size])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SHAPES)
    parser.add_argument("--size", choices=["small", "full", "huge"], default="full")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-build", action="store_true", help="tools that are not built yet are left out")
    parser.add_argument(
        "--without",
        metavar="STEP",
        action="append",
        default=[],
        help='of the database: "restore", "restore, all compared"',
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lifeboat-bench")
    given = parser.parse_args()
    if given.size == "huge" and given.only != "database":
        parser.error("only the database has a huge form: --only database --size huge")
    if given.without and given.only != "database":
        parser.error("steps are left out of the database only: --only database --without restore")
    return given


if __name__ == "__main__":
    main()
