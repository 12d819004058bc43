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
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "servers"))

from measure import Measured, ToolFailed, measure
from mongo_tools import CannotBuild, find_or_build
from pymongo import DeleteOne, InsertOne, MongoClient, UpdateOne
from report import OURS, Comparison, Row
from turns import say, when

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
THEIRS = "mongorestore --oplogReplay"
_OURS = ("LIFEBOAT_", "AWS_", "MONGODB_", "S3_", "BACKUP_", "UPLOADS_")


def main() -> None:
    arguments = _arguments()
    print(run(arguments.work, arguments.changes, arguments.repeats, arguments.documents, "small").as_markdown())


def compare(work: Path, size: str, changes: int, repeats: int) -> Comparison:
    return run(work, changes, repeats, 20_000, size)


def run(work: Path, changes: int, repeats: int, documents: int, size: str) -> Comparison:
    """Measure both; what came back is compared with the truth each time."""
    mod = find_mongod(os.environ.get("LIFEBOAT_MONGOD"))
    with (
        tempfile.TemporaryDirectory(dir=work) as folder,
        PrivateServer(mod, SERVER, within=work) as source,
        PrivateServer(mod, SERVER, within=work) as target,
        MongoClient(source.uri) as client,
        MongoClient(target.uri) as other,
    ):
        lifeboat = Lifeboat(Path(folder), source.uri_for(None, None, "shop"), target.uri, target.process_ids)
        say("filling, backing up")
        fill(client, documents)
        lifeboat("init", "--yes")
        lifeboat("backup", "db")
        say(f"{changes:,} changes")
        seconds = change(client, changes, documents)
        say(f"they took the server {seconds:.0f} s; archiving them")
        archived = lifeboat("stream", "--once").seconds
        truth = digest(client)
        rows = [Row(OURS, runs=measure_lifeboat(lifeboat, other, truth, repeats))]
        try:
            program = str(find_or_build().mongorestore)
            runs = measure_mongorestore(program, lifeboat, other, truth, target.uri, repeats, Path(folder))
            rows.append(Row(THEIRS, runs=runs))
        except CannotBuild as error:
            rows.append(Row(THEIRS, missing=str(error)))
        except ToolFailed as error:
            rows.append(Row(THEIRS, failed=" ".join(str(error).split())[:600]))
    title = f"Replay: {changes:,} changes, archived by `lifeboat stream --once` in {archived:.1f} s; at the end less the snapshot"
    return Comparison("replay", title, 0, ["snapshot", "at the end", "replay"], rows, size, when())


class Lifeboat:
    """The installed command with settings of its own."""

    def __init__(self, folder: Path, source: str, target: str, servers: list[int]) -> None:
        self._program = Path(sys.executable).parent / "lifeboat"
        self.folder, self.servers = folder, servers
        self._environment = {
            **dict.fromkeys((name for name in os.environ if name.startswith(_OURS)), ""),
            "MONGODB_URI": source,
            "TARGET": target,
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
        }

    def __call__(self, *words: str) -> Measured:
        return measure([self._program, *words], self._environment, self.folder, accepted=(0, 3), servers=self.servers)


def measure_lifeboat(lifeboat: Lifeboat, other: Client, truth: Any, repeats: int) -> dict[str, list[Measured]]:
    to = ("--to", "env:TARGET", "--yes", "--no-users")
    before = _turns(repeats, other, lambda: lifeboat("restore", "db", "latest", *to), None)
    after = _turns(repeats, other, lambda: lifeboat("restore", "db", "--at", "newest", *to), truth)
    return _with_difference(before, after)


def measure_mongorestore(
    program: str, lifeboat: Lifeboat, other: Client, truth: Any, uri: str, repeats: int, folder: Path
) -> dict[str, list[Measured]]:
    lifeboat("export", "latest", str(folder / "before"), "--format", "mongodump-dir", "--no-users")
    lifeboat("export", "db", str(folder / "after"), "--at", "newest", "--format", "mongodump-dir", "--no-users")

    def restore(*words: str) -> Measured:
        return measure([program, "--quiet", f"--uri={uri}", *words], servers=lifeboat.servers)

    before = _turns(repeats, other, lambda: restore(f"--dir={folder / 'before'}"), None)
    after = _turns(repeats, other, lambda: restore("--oplogReplay", f"--dir={folder / 'after'}"), truth)
    return _with_difference(before, after)


def _with_difference(before: list[Measured], after: list[Measured]) -> dict[str, list[Measured]]:
    """The replay is what the end takes longer than the snapshot does in the median."""

    def median(what: Callable[[Measured], float]) -> float:
        return statistics.median(what(run) for run in before)

    seconds, own, served = (median(what) for what in (_seconds, _own, _served))
    replays = [
        replace(
            run,
            seconds=max(run.seconds - seconds, 0.001),
            processor_seconds=max(run.processor_seconds - own, 0.0),
            server_seconds=max(run.server_seconds - served, 0.0),
        )
        for run in after
    ]
    return {"snapshot": before, "at the end": after, "replay": replays}


_seconds, _own, _served = attrgetter("seconds"), attrgetter("processor_seconds"), attrgetter("server_seconds")


def _turns(repeats: int, other: Client, act: Callable[[], Measured], truth: Any) -> list[Measured]:
    runs = []
    for _ in range(repeats):
        other.drop_database("shop")
        runs.append(act())
        say(f"{runs[-1].seconds:.1f} s")
        if truth is not None and digest(other) != truth:
            raise ToolFailed("what came back is not what was there: no figure for that")
    return runs


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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args()


if __name__ == "__main__":
    main()
