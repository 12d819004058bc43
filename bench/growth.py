"""How cost grows with files, documents, snapshots and packs: time and memory over decades of size, the slope, and whether it is worse than linear.

``python bench/growth.py [--only files|documents|snapshots|packs] [--size small|full] [--work FOLDER] [--pictures FOLDER]``: each command in a
process of its own; results in ``bench/out/growth.json``. Ends with 3 when something grows worse than linear.

Limits: snapshots and packs are made as ``grown.py`` says; the repository is a folder of this machine.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from measure import Measured, measure
from plot import plot
from slope import is_worse, last_step, slope, verdict

Curves = dict[str, list[tuple[int, Measured]]]
ROOT = Path(__file__).parents[1]
KINDS = {
    "files": {"small": (100, 1_000, 10_000), "full": (100, 1_000, 10_000, 100_000, 1_000_000)},
    "documents": {"small": (1_000, 10_000, 100_000), "full": (1_000, 10_000, 100_000, 1_000_000)},
    "snapshots": {"small": (10, 100, 1_000), "full": (10, 100, 1_000, 10_000)},
    "packs": {"small": (1_000, 10_000, 100_000), "full": (1_000, 10_000, 100_000, 1_000_000)},
}
DOCUMENT_BYTES = 850
"""About what one of the sample application takes."""
PROGRAM = (sys.executable, "-m", "lifeboat")


def files(work: Path, count: int) -> Iterator[tuple[str, Measured]]:
    """Small files, two hundred to a folder."""
    place = Place(work)
    for number in range(count):
        folder = place.uploads / f"{number // 200:05d}"
        if number % 200 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number}.txt").write_bytes(b"%d\n" % number * 20)
    place.run("init", "--yes")
    yield "backup files, first", place.run("backup", "files")
    yield "backup files, unchanged", place.run("backup", "files")
    yield "restore files", place.run("restore", "files", "latest", "--to", str(work / "restored"), "--yes")
    if (restored := sum(len(names) for _, _, names in os.walk(work / "restored"))) != count:
        sys.exit(f"{restored} files of {count} came back")
    yield "verify --level full", place.run("verify", "--level", "full")


def snapshots(work: Path, count: int) -> Iterator[tuple[str, Measured]]:
    """One every hour until now, of one small tree."""
    place = Place(work)
    place.uploads.mkdir()
    (place.uploads / "one.txt").write_text("one")
    place.run("init", "--yes")
    place.grow("snapshots", count)
    yield from place.day(work)


def packs(work: Path, count: int) -> Iterator[tuple[str, Measured]]:
    """Of twenty chunks each, over thirteen months."""
    place = Place(work)
    place.uploads.mkdir()
    (place.uploads / "one.txt").write_text("one")
    place.run("init", "--yes")
    place.grow("packs", count)
    yield from place.day(work)


def documents(work: Path, count: int) -> Iterator[tuple[str, Measured]]:
    """Of the sample application, in one collection with three indexes; the server's time and memory are not counted."""
    from pymongo import MongoClient
    from tools import with_database
    from turns import fill_database

    from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

    options = ServerOptions(cache_mib=1024, oplog_mib=1024)
    with PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), options, within=work) as server:
        fill_database(with_database(server.uri, "shop"), count * DOCUMENT_BYTES)
        with MongoClient(server.uri) as client:
            held = client["shop"]["documents"].estimated_document_count()
            place = Place(work, MONGODB_URI=with_database(server.uri, "shop"))
            place.run("init", "--yes")
            yield "backup db, first", place.run("backup", "db")
            yield "backup db, unchanged", place.run("backup", "db")
            yield "restore db", place.run("restore", "db", "latest", "--to", "shop_again", "--yes")
            if (back := client["shop_again"]["documents"].estimated_document_count()) != held:
                sys.exit(f"{back} documents of {held} came back")
        yield "verify --level full", place.run("verify", "--level", "full")


class Place:
    """A repository, its key, its memory and what it protects, below one folder."""

    def __init__(self, work: Path, **more: str) -> None:
        from lifeboat.crypto.identity import Identity

        self.uploads = work / "uploads"
        self.environment = {
            "PYTHONPATH": str(ROOT / "src"),
            "LIFEBOAT_REPOSITORY": str(work / "repository"),
            **(more or {"UPLOADS_DIR": str(self.uploads)}),
            "XDG_STATE_HOME": str(work / "state"),
            "BACKUP_ENCRYPTION_KEY": Identity.generate().to_text().reveal(),
        }

    def run(self, *words: str) -> Measured:
        """Findings and warnings are no failure here."""
        return measure([*PROGRAM, *words], self.environment, accepted=(0, 3))

    def grow(self, what: str, count: int) -> None:
        measure([sys.executable, Path(__file__).with_name("grown.py"), what, str(count)], self.environment)

    def day(self, work: Path) -> Iterator[tuple[str, Measured]]:
        """What is done with a repository every day, and on the bad one."""
        commands = {
            "snapshots": ("snapshots",),
            "status": ("status",),
            "timeline": ("timeline",),
            "verify, structure": ("verify", "--level", "structure"),
            "prune --dry-run": ("prune", "--dry-run"),
            "backup files": ("backup", "files"),
            "restore files": ("restore", "files", "latest", "--to", str(work / "restored"), "--yes"),
        }
        for name, words in commands.items():
            yield name, self.run(*words)
        if (work / "restored/one.txt").read_text() != "one":
            sys.exit("the file did not come back")


def main() -> int:
    given = _arguments()
    sys.path.insert(0, str(ROOT / "src"))
    given.work.mkdir(parents=True, exist_ok=True)
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    is_any_worse = False
    kept = {}
    for kind in [given.only] if given.only else KINDS:
        curves: Curves = {}
        with ExitStack() as folders:  # deleting a million files takes minutes: when all is told
            for count in KINDS[kind][given.size]:
                if given.most and count > given.most:
                    continue
                folder = folders.enter_context(tempfile.TemporaryDirectory(dir=given.work, prefix=kind))
                for name, measured in globals()[kind](Path(folder), count):
                    curves.setdefault(name, []).append((count, measured))
                    told = f"{measured.processor_seconds:.2f} s, {measured.peak_bytes / 1e6:.0f} MB"
                    print(f"{count:>9,} {kind}: {name} {told}", file=sys.stderr, flush=True)
            is_any_worse |= _tell(kind, curves, given.pictures)
            kept[kind] = {name: [{"size": n, **one.as_json()} for n, one in points] for name, points in curves.items()}
            (out / "growth.json").write_text(json.dumps(kept, indent=1))
    return 3 if is_any_worse else 0


def _tell(kind: str, curves: Curves, pictures: Path | None) -> bool:
    seconds = {name: [(n, one.processor_seconds) for n, one in points] for name, points in curves.items()}
    memory = {name: [(n, one.peak_bytes / 1e6) for n, one in points] for name, points in curves.items()}
    print(f"| {kind} | size | processor s | peak MB | slope of time | last step | slope of memory | verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    worse = False
    for name in curves:
        time, peak = seconds[name], memory[name]
        is_bad = is_worse(time) or is_worse(peak)
        worse |= is_bad
        print(
            f"| {name} | {time[-1][0]:,} | {time[-1][1]:.2f} | {peak[-1][1]:.0f} | {slope(time):.2f} | {last_step(time):.2f} "
            f"| {slope(peak):.2f} | {'worse' if is_bad else verdict(time)} |"
        )
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        for what, unit, drawn in (("time", "processor seconds", seconds), ("memory", "peak MB", memory)):
            (pictures / f"growth-{kind}-{what}.svg").write_text(plot(f"{kind}: {what}", kind, unit, drawn))
    return worse


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(KINDS))
    parser.add_argument("--size", choices=["small", "full"], default="small")
    parser.add_argument("--most", type=int, help="leave out larger sizes")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "lifeboat-growth")
    parser.add_argument("--pictures", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
