"""How fast a second copy is made, and in how much memory: ``python bench/replicate.py [--mb 1500] [--names 1000000] [--work FOLDER]``.

A repository of random files, copied to a folder and to a versitygw on this machine, by the command; then once more with nothing to copy.
The last line compares two listings of so many names in this process, of which each has a thousandth that the other lacks.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "servers"))

from versitygw import running_versitygw

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.foundation.sizes import MIB
from lifeboat.operations.replicate.survey import survey
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import StoredObject

LIFEBOAT = (sys.executable, "-c", "from lifeboat.cli.main import main; main()")
FILE_BYTES = 8 * MIB
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Listed(MemoryStore):
    """A store of packs that are names alone. Args: lacks: every thousandth name, counted from here, is not there."""

    def __init__(self, names: int, lacks: int) -> None:
        super().__init__(SystemClock())
        self._names, self._lacks = names, lacks

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        if prefix == "files/pack/":
            for number in range(self._names):
                if number % 1000 != self._lacks:
                    yield StoredObject(f"files/pack/short/2026-01/{number:064x}", 24 * MIB, NOW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=int, default=1500)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    run(arguments.work, arguments.mb, arguments.names)


def run(work: Path, mb: int, names: int) -> None:
    """Measure, and print the table."""
    print("| to | copied | objects | MB/s | nothing to copy | peak memory |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=work) as folder_name, running_versitygw() as server:
        folder = Path(folder_name)
        server.make_bucket("second")
        variables = _variables(folder, mb, server.access_key_id, server.secret_access_key)
        (folder / "lifeboat.toml").write_text(
            f'[[replica]]\nname = "folder"\nlocation = "{folder / "second"}"\n'
            f'[[replica]]\nname = "versitygw"\nlocation = "s3://second"\nendpoint = "{server.endpoint_url}"\nregion = "{server.region}"\n'
        )
        for words in (("init", "--yes"), ("backup", "files")):
            _run(folder, variables, *words)
        for name in ("folder", "versitygw"):
            print(_row(folder, variables, name), flush=True)
    print(_names(names))


def _variables(folder: Path, mb: int, access: str, secret: str) -> dict[str, str]:
    uploads = folder / "uploads"
    uploads.mkdir()
    for number in range(mb * 1_000_000 // FILE_BYTES):
        (uploads / f"{number}.bin").write_bytes(os.urandom(FILE_BYTES))
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": str(folder),
        "UPLOADS_DIR": str(uploads),
        "LIFEBOAT_REPOSITORY": str(folder / "first"),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        "AWS_ACCESS_KEY_ID": access,
        "AWS_SECRET_ACCESS_KEY": secret,
    }


def _run(folder: Path, variables: dict[str, str], *words: str) -> tuple[dict[str, object], float]:
    """The report, and the peak memory in MiB."""
    done = subprocess.Popen([*LIFEBOAT, *words, "--json"], cwd=folder, env=variables, stdout=subprocess.PIPE)
    assert done.stdout is not None
    said = done.stdout.read()
    _, status, used = os.wait4(done.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 3), said
    return json.loads(said), used.ru_maxrss / 1024


def _row(folder: Path, variables: dict[str, str], name: str) -> str:
    report, peak = _run(folder, variables, "replicate", name)
    again, _ = _run(folder, variables, "replicate", name)
    one, two = report["replicas"][0], again["replicas"][0]  # type: ignore[index]
    pace = one["copied_bytes"] / 1e6 / one["seconds"]
    copied = f"{one['copied_bytes'] / 1e6:.0f} MB in {one['seconds']:.1f} s"
    return f"| {name} | {copied} | {one['copied_objects']} | {pace:.0f} | {two['seconds']:.2f} s | {peak:.0f} MiB |"


def _names(count: int) -> str:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.monotonic()
    with survey(Listed(count, 1), Listed(count, 2), Silent()) as found:
        missing = found.objects
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"\n{count:,} names on each side: {missing:,} missing, {seconds:.1f} s, {after - before:.1f} MiB more than before"


if __name__ == "__main__":
    main()
