"""How fast what happened comes back: the same changes replayed by Lifeboat and by mongorestore, onto the same snapshot.

``python bench/replay.py [--changes 200000] [--documents 20000] [--repeats 2]``

A workload of one collection (half inserts, the rest updates by eight operators and deletes, some transactions) runs on a real server after a
backup; `lifeboat stream --once` archives it. Then both restore twice: as of the snapshot, and as of the end. The difference is the
replay. mongorestore gets the archive that `lifeboat export --at newest` writes. Afterwards both results are compared with the truth.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "servers"))

from mongo_tools import CannotBuild, find_or_build
from pymongo import DeleteOne, InsertOne, MongoClient, UpdateOne

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

SERVER = ServerOptions(cache_mib=1024, oplog_mib=8192)
OPERATORS: list[dict[str, Any]] = [
    {"$set": {"note": "changed"}},
    {"$inc": {"in.x": 1}},
    {"$push": {"tags": {"$each": [3], "$slice": -5}}},
    {"$unset": {"text": 1}},
    {"$set": {"in.y": {"z": 1}}},
    {"$addToSet": {"tags": 9}},
    {"$mul": {"n": 2}},
    {"$rename": {"text": "words"}},
]
Client = MongoClient[dict[str, Any]]
_OURS = ("LIFEBOAT_", "AWS_", "MONGODB_", "S3_", "BACKUP_", "UPLOADS_")


def main() -> None:
    arguments = _arguments()
    run(arguments.work, arguments.changes, arguments.repeats, arguments.documents)


def run(work: Path, changes: int, repeats: int, documents: int = 20_000) -> None:
    """Measure, and print the table."""
    mod = find_mongod(os.environ.get("LIFEBOAT_MONGOD"))
    with (
        tempfile.TemporaryDirectory(dir=work) as folder,
        PrivateServer(mod, SERVER) as source,
        PrivateServer(mod, SERVER) as target,
        MongoClient(source.uri) as client,
        MongoClient(target.uri) as other,
    ):
        lifeboat = Lifeboat(Path(folder), source.uri_for(None, None, "shop"), target.uri)
        _say("filling, backing up")
        fill(client, documents)
        lifeboat("init", "--yes")
        lifeboat("backup", "db")
        _say(f"{changes:,} changes")
        seconds = change(client, changes, documents)
        _say(f"they took the server {seconds:.0f} s; archiving them")
        began = time.perf_counter()
        lifeboat("stream", "--once")
        archived = time.perf_counter() - began
        truth = digest(client)
        rows = {"lifeboat": measure_lifeboat(lifeboat, other, truth, repeats)}
        try:
            program = str(find_or_build().mongorestore)
            rows["mongorestore"] = measure_mongorestore(
                program, lifeboat, other, truth, target.uri, repeats, Path(folder)
            )
        except CannotBuild as error:
            _say(f"no mongorestore here: {error}")
    print(f"{changes:,} changes, archived by `lifeboat stream --once` in {archived:.1f} s")
    print(f"{'':14}{'snapshot s':>12}{'at the end s':>14}{'changes/s':>12}")
    for name, (before, after) in rows.items():
        print(f"{name:14}{before:12.2f}{after:14.2f}{changes / max(after - before, 0.001):12,.0f}")


class Lifeboat:
    """The installed command with settings of its own."""

    def __init__(self, folder: Path, source: str, target: str) -> None:
        self._program = Path(sys.executable).parent / "lifeboat"
        self.folder = folder
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith(_OURS)},
            "MONGODB_URI": source,
            "TARGET": target,
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
        }

    def __call__(self, *words: str) -> None:
        done = subprocess.run(
            [self._program, *words], env=self._environment, cwd=self.folder, capture_output=True, text=True
        )
        if done.returncode not in (0, 3):
            sys.exit(f"lifeboat {' '.join(words)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")


def measure_lifeboat(lifeboat: Lifeboat, other: Client, truth: Any, repeats: int) -> tuple[float, float]:
    to = ("--to", "env:TARGET", "--yes", "--no-users")
    before = _times(repeats, other, lambda: lifeboat("restore", "db", "latest", *to), None)
    after = _times(repeats, other, lambda: lifeboat("restore", "db", "--at", "newest", *to), truth)
    return before, after


def measure_mongorestore(
    program: str, lifeboat: Lifeboat, other: Client, truth: Any, uri: str, repeats: int, folder: Path
) -> tuple[float, float]:
    lifeboat("export", "latest", str(folder / "before"), "--format", "mongodump-dir", "--no-users")
    lifeboat("export", "db", str(folder / "after"), "--at", "newest", "--format", "mongodump-dir", "--no-users")

    def restore(*words: str) -> None:
        done = subprocess.run([program, "--quiet", f"--uri={uri}", *words], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"mongorestore ended with {done.returncode}:\n{done.stderr}")

    before = _times(repeats, other, lambda: restore(f"--dir={folder / 'before'}"), None)
    after = _times(repeats, other, lambda: restore("--oplogReplay", f"--dir={folder / 'after'}"), truth)
    return before, after


def _times(repeats: int, other: Client, act: Callable[[], None], truth: Any) -> float:
    spent = []
    for _ in range(repeats):
        other.drop_database("shop")
        began = time.perf_counter()
        act()
        spent.append(time.perf_counter() - began)
        _say(f"{spent[-1]:.1f} s")
        if truth is not None and digest(other) != truth:
            sys.exit("what came back is not what was there: no figure for that")
    return statistics.median(spent)


def fill(client: Client, documents: int) -> None:
    made = ({"_id": n, "n": n, "tags": [1, 2], "in": {"x": 1}, "text": "x" * 100} for n in range(documents))
    client.shop.orders.insert_many(made)
    client.shop.orders.create_index("n")


def change(client: Client, changes: int, documents: int) -> float:
    """Returns how long it took the server."""
    chance, next_id, began = random.Random(1), documents, time.perf_counter()
    waiting: list[Any] = []
    for number in range(changes):
        kind = chance.random()
        if kind < 0.5:
            waiting.append(InsertOne({"_id": next_id, "n": next_id, "tags": [1], "in": {"x": 0}, "text": "y" * 100}))
            next_id += 1
        elif kind < 0.93:
            # The number keeps every update from being without effect, which leaves no trace in the oplog.
            operator = {**chance.choice(OPERATORS)}
            operator["$set"] = {**operator.get("$set", {}), "at": number}
            waiting.append(UpdateOne({"_id": chance.randrange(next_id)}, operator))
        else:
            waiting.append(DeleteOne({"_id": chance.randrange(next_id)}))
        if len(waiting) == 1000 or number == changes - 1:
            with client.start_session() as session:
                if number % 10_000 < 1000:
                    with session.start_transaction():
                        client.shop.orders.bulk_write(waiting, ordered=False, session=session)
                else:
                    client.shop.orders.bulk_write(waiting, ordered=False)
            waiting = []
    return time.perf_counter() - began


def digest(client: Client) -> Any:
    """Of all documents, whatever their order."""
    return client.shop.command("dbHash")["collections"]


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args()


if __name__ == "__main__":
    main()
