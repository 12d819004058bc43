"""How cost grows with files, snapshots and packs: time and memory over three decades of size, the slope, and whether it is worse than linear.

``python bench/growth.py [--only files|snapshots|packs] [--size small|full] [--work FOLDER] [--pictures FOLDER]``: each command in a process of
its own; results in ``bench/out/growth.json``. Ends with 3 when something grows worse than linear.

Limits: packs are simulated (names and true records in memory, no bytes) and only the planning of a prune is measured of them; files are local.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measure import Measured, measure
from plot import plot
from slope import is_worse, last_step, slope, verdict

Curves = dict[str, list[tuple[int, Measured]]]
ROOT = Path(__file__).parents[1]
KINDS = {
    "files": {"small": (100, 1_000, 10_000), "full": (100, 1_000, 10_000, 100_000, 1_000_000)},
    "snapshots": {"small": (10, 100, 1_000), "full": (10, 100, 1_000, 10_000)},
    "packs": {"small": (1_000, 10_000, 100_000), "full": (1_000, 10_000, 100_000, 1_000_000)},
}
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
    measure([sys.executable, __file__, "--take", str(count)], place.environment)
    commands = {
        "snapshots": ("snapshots",),
        "status": ("status",),
        "timeline": ("timeline",),
        "verify, structure": ("verify", "--level", "structure"),
        "prune --dry-run": ("prune", "--dry-run"),
        "restore --dry-run": ("restore", "files", "latest", "--to", str(work / "restored"), "--dry-run"),
        "backup files": ("backup", "files"),
    }
    for name, words in commands.items():
        yield name, place.run(*words)


def packs(work: Path, count: int) -> Iterator[tuple[str, Measured]]:
    """Planning a prune, by the program that measures its memory."""
    environment = {"PYTHONPATH": str(ROOT / "src")}
    yield "plan a prune", measure([sys.executable, ROOT / "tests/operations/measure_prune.py", str(count)], environment)


class Place:
    """A repository, its key, its memory and what it protects, below one folder."""

    def __init__(self, work: Path) -> None:
        from lifeboat.crypto.identity import Identity

        self.uploads = work / "uploads"
        self.environment = {
            "PYTHONPATH": str(ROOT / "src"),
            "LIFEBOAT_REPOSITORY": str(work / "repository"),
            "UPLOADS_DIR": str(self.uploads),
            "XDG_STATE_HOME": str(work / "state"),
            "BACKUP_ENCRYPTION_KEY": Identity.generate().to_text().reveal(),
        }

    def run(self, *words: str) -> Measured:
        """Findings and warnings are no failure here."""
        return measure([*PROGRAM, *words], self.environment, accepted=(0, 3))


def take(count: int) -> None:
    """Write so many snapshots by the product's own run, without waiting for the disk: nobody needs them after the machine dies."""
    from lifeboat.app.build import build_repository
    from lifeboat.app.read_settings import read_settings
    from lifeboat.crypto.sealing import Kind
    from lifeboat.foundation.clock import SystemClock
    from lifeboat.repository.names import Class, Source
    from lifeboat.repository.streams import StreamWriter, write_root
    from lifeboat.repository.writing import Run, WriteLimits

    os.fsync = lambda _: None
    limits = WriteLimits(pack_bytes=100_000, in_flight_bytes=200_000, sealers=1, uploads=1)
    repository = build_repository(read_settings(None, os.environ, Path.cwd()), SystemClock())
    now = datetime.now(UTC)
    writer = repository.writer(now)
    for number in range(count):
        finished = now - timedelta(hours=count - number)
        with Run(
            repository, writer, Source.FILES, now=now, clock=SystemClock(), class_=Class.SHORT, limits=limits
        ) as run:
            stream = StreamWriter(run, "one", Kind.CONTENT)
            stream.extend([b"%d" % number * 100])
            root = write_root(run, [stream.finish()], {"roots": []}, [])
            run.commit(
                root,
                point=f"p{number}",
                instant=finished,
                one_instant=True,
                complete=True,
                purpose="backup",
                keep=None,
                total_bytes=500,
                items=1,
                software="bench",
                now=lambda: now,
            )


def main() -> int:
    given = _arguments()
    if given.take:
        take(given.take)
        return 0
    sys.path.insert(0, str(ROOT / "src"))
    given.work.mkdir(parents=True, exist_ok=True)
    out = Path(__file__).parent / "out"
    out.mkdir(exist_ok=True)
    is_any_worse = False
    kept = {}
    for kind in [given.only] if given.only else KINDS:
        curves: Curves = {}
        for count in KINDS[kind][given.size]:
            if given.most and count > given.most:
                continue
            with tempfile.TemporaryDirectory(dir=given.work, prefix=kind) as folder:
                for name, measured in globals()[kind](Path(folder), count):
                    curves.setdefault(name, []).append((count, measured))
                    print(f"{count:>9,} {kind}: {name} {measured.processor_seconds:.2f} s", file=sys.stderr, flush=True)
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
    parser.add_argument("--take", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
