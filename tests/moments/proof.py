"""The proof: a server under load, protected by the installed command, both ends of it killed at random; then moment after moment
is restored to another server and compared with the truth.

Nothing here looks into a repository: what is compared is what a person gets who types ``lifeboat restore db --at``.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bare import BARE
from bson import Timestamp
from every_ddl import SHOP, prepare
from gates import NotAtRest
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from truth import Client, Held, Truth, TruthTeller, differences, differing_documents, not_ours, restored
from workload import Pace, Workload

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

LIFEBOAT = str(Path(sys.executable).with_name("lifeboat"))
SOURCE = {"ttlMonitorSleepSecs": "1", "minSnapshotHistoryWindowInSeconds": "3600"}
TARGET = {"ttlMonitorEnabled": "false"}
"""A restored document that is old must be there when it is compared."""
RESTORE_SECONDS = 300
NOT_YET = "moment-not-covered"


@dataclass(frozen=True)
class Plan:
    """Args: seconds: Of load. every: Of the stream. kill_seconds: Mean between two kills of it; 0 for none. backup_seconds:
    Mean between two backups. restores: How many moments are restored when the load has ended, besides those during it."""

    seed: int
    seconds: float
    pace: Pace = field(default_factory=Pace)
    every: int = 2
    kill_seconds: float = 10.0
    backup_seconds: float = 15.0
    truth_seconds: float = 1.0
    restores: int = 10
    while_loaded: bool = True


@dataclass
class Told:
    """What a run did and found."""

    plan: Plan
    done: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    truths: int = 0
    compared: int = 0
    unknown: int = 0
    """Collections whose documents could not be asked for any more, in the truths that were compared."""
    differences: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    never_done: set[str] = field(default_factory=set)

    def line(self) -> str:
        done = self.done
        ddl = sum(number for kind, number in done.items() if kind.startswith("ddl "))
        transactions = {kind: number for kind, number in done.items() if kind.startswith("transaction")}
        told = {
            "seed": self.plan.seed,
            "seconds": round(self.plan.seconds),
            "acts": sum(done.values()) - ddl,
            "ddl": ddl,
            "transactions": transactions,
            "kills": self.kills,
            "truths": self.truths,
            "compared": self.compared,
            "collections unknown": self.unknown,
            "refused": len(self.refused),
            "differences": len(self.differences),
        }
        return json.dumps(told)


class Lifeboat:
    """The command in a folder, with these variables and no others."""

    def __init__(self, folder: Path, uri: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.variables = {
            **BARE,
            "HOME": str(folder),
            "MONGODB_URI": uri,
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
        }

    def start(self, *arguments: str, said: str | None = None) -> "subprocess.Popen[bytes]":
        out = (self.folder / said).open("ab") if said else subprocess.PIPE
        return subprocess.Popen(
            [LIFEBOAT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT if said else subprocess.PIPE,
            cwd=self.folder,
            env=self.variables,
        )

    def ends(self, *arguments: str, kill_after: float | None = None) -> tuple[int, Any]:
        """Exit status and what it said as JSON (or as text, if it is none); killed when the time is up."""
        run = self.start(*arguments, "--json")
        try:
            out, err = run.communicate(timeout=kill_after or RESTORE_SECONDS)
        except subprocess.TimeoutExpired:
            run.kill()
            out, err = run.communicate()
        try:
            return run.returncode, json.loads(out)
        except ValueError:
            return run.returncode, (out + err).decode(errors="replace")

    def still_running(self) -> list[int]:
        """Processes that a killed one left behind."""
        mark = f"HOME={self.folder}\0".encode()
        found = []
        for each in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if each.name.isdigit() and mark in (each / "environ").read_bytes():
                    found.append(int(each.name))
        return found

    def let_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := self.still_running()) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, 9)


class Protection:
    """The stream, always running again; backups now and then; either killed at any moment."""

    def __init__(self, lifeboat: Lifeboat, plan: Plan, kills: Counter[str]) -> None:
        self._lifeboat, self._plan, self._kills = lifeboat, plan, kills
        self._stop = threading.Event()
        self._calm = threading.Event()
        self._calm.set()
        self._threads = [
            threading.Thread(target=work, args=(random.Random(plan.seed * 7 + n),), daemon=True)
            for n, work in enumerate((self._keep_streaming, self._keep_backing_up))
        ]

    def __enter__(self) -> "Protection":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @contextlib.contextmanager
    def under_fire(self) -> Iterator[None]:
        """In here processes are killed."""
        self._calm.clear()
        yield
        self._calm.set()

    def _keep_streaming(self, chance: random.Random) -> None:
        while not self._stop.is_set():
            stream = self._lifeboat.start("stream", "--every", str(self._plan.every), "--json", said="stream.log")
            seconds = chance.random() * 2 * self._plan.kill_seconds if self._plan.kill_seconds else 1e9
            deadline = time.monotonic() + seconds
            while stream.poll() is None and not self._stop.is_set():
                if self._calm.is_set():
                    deadline = time.monotonic() + seconds
                elif time.monotonic() > deadline:
                    stream.kill()
                    stream.wait()
                    self._kills["stream"] += 1
                time.sleep(0.05)
            if stream.poll() is None:
                stream.terminate()
            stream.wait()
            self._stop.wait(chance.random() if chance.random() < 0.7 else chance.random() * 6)

    def _keep_backing_up(self, chance: random.Random) -> None:
        while not self._stop.wait(chance.random() * 2 * self._plan.backup_seconds):
            backup = self._lifeboat.start("backup", "db", "--json", said="backup.log")
            deadline = time.monotonic() + chance.random() * 4
            is_doomed = self._plan.kill_seconds > 0 and chance.random() < 0.4
            while backup.poll() is None:
                if is_doomed and time.monotonic() > deadline and not self._calm.is_set():
                    backup.kill()
                    backup.wait()
                    self._kills["backup"] += 1
                time.sleep(0.05)


class Proof:
    """Args: source, target: Servers, the one under load and the one restored to."""

    def __init__(self, folder: Path, source: PrivateServer, target: PrivateServer, plan: Plan) -> None:
        self.plan, self.told = plan, Told(plan)
        self.source, self.target = source, target
        self.lifeboat = Lifeboat(folder / "machine", source.uri)
        self.truths: list[tuple[str, Truth]] = []
        """Each with what is typed for it."""
        self._chance = random.Random(plan.seed * 13)
        self._clients = contextlib.ExitStack()

    def __enter__(self) -> "Proof":
        self.client: Client = self._clients.enter_context(MongoClient(self.source.uri))
        self.other: Client = self._clients.enter_context(MongoClient(self.target.uri))
        return self

    def __exit__(self, *_: object) -> None:
        self._clients.close()
        self.lifeboat.let_end(20)

    def run(self) -> Told:
        plan, told = self.plan, self.told
        code, said = self.lifeboat.ends("init", "--yes")
        assert code == 0, said
        workload = Workload(self.source.uri, plan.seed, plan.pace)
        prepare(self.client)
        with Protection(self.lifeboat, plan, told.kills) as protection:
            self.archived(first=True)
            with workload, protection.under_fire(), ThreadPoolExecutor(1) as beside:
                ended = threading.Event()
                restoring = beside.submit(self._restore_while_loaded, ended) if plan.while_loaded else None
                self._tell_truths(workload, plan.seconds)
                self.end_unrest(self.source)
                ended.set()
                if restoring:
                    restoring.result()
            told.done, told.never_done, told.truths = workload.done, workload.never_done(), len(self.truths)
            self.archived()
        for text, truth in self._chance.sample(self.truths, min(plan.restores, len(self.truths))):
            self._compare(text, truth, is_final=True)
        return told

    def unrest(self, server: PrivateServer) -> None:
        """Called again and again by the thread that started the servers, for trouble with them."""

    def end_unrest(self, server: PrivateServer) -> None:
        """All its nodes are to be up: an index build waits for one that is down."""

    def restore(self, *arguments: str) -> tuple[int, Any]:
        return self.lifeboat.ends(*arguments)

    def archived(self, seconds: float = 300, *, first: bool = False) -> None:
        """Wait until everything so far is stored, and can be restored.

        Args:
            first: Until anything is: what came before the first snapshot never will be.
        """
        deadline = time.monotonic() + seconds
        end = self._now()
        while time.monotonic() < deadline:
            code, said = self.lifeboat.ends("restore", "db", "--at", f"{end.time}.{end.inc}", "--to", "x", "--dry-run")
            if code == 0 or (isinstance(said, dict) and said.get("error", {}).get("code") != NOT_YET):
                return
            time.sleep(1)
            end = self._now() if first else end
        raise AssertionError(f"{end} is not restorable after {seconds} seconds: {said}")

    def _now(self) -> Timestamp:
        now: Timestamp = self.client.admin.command("appendOplogNote", 1, data={"end": 1})["operationTime"]
        return now

    def gaps(self) -> list[str]:
        """What the streams themselves said of gaps."""
        said = (self.lifeboat.folder / "stream.log").read_text(errors="replace").splitlines()
        return [line for line in said if "stream-gap" in line]

    def _tell_truths(self, workload: Workload, seconds: float) -> None:
        teller = TruthTeller(self.client, workload.ddl_gate, workload.capped_gate)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(self._chance.random() * 2 * self.plan.truth_seconds)
            self.unrest(self.source)
            with contextlib.suppress(NotAtRest, *([PyMongoError] if self.source.ports[1:] else [])):
                self._tell_one(teller)

    def _tell_one(self, teller: TruthTeller) -> None:
        way = self._chance.random()
        if way < 0.3:
            truth: Truth | None = teller.at_rest()
            text = truth.spelled if truth else ""
        elif way < 0.85:
            truth = teller.in_motion()
            text = truth.spelled if truth else ""
        else:
            # People type whole seconds: everything before it, nothing of it.
            second = self.client.admin.command("hello")["lastWrite"]["majorityOpTime"]["ts"].time
            truth = teller.in_motion(Timestamp(second, 0))
            text = datetime.fromtimestamp(second, UTC).isoformat()
        if truth is not None:
            self.truths.append((text, truth))

    def _restore_while_loaded(self, ended: threading.Event) -> None:
        chance = random.Random(self.plan.seed * 17)
        while not ended.wait(chance.random() * 6):
            with contextlib.suppress(IndexError):
                # Some of the newest are not stored yet; that is no fault.
                self._compare(*chance.choice(self.truths[:-5]), is_final=False)

    def _compare(self, text: str, truth: Truth, *, is_final: bool) -> None:
        """Restore one moment and say what differs."""
        chance = self._chance
        empty(self.other)
        to = f"{self.target.uri}"
        arguments = ["restore", "db", "--at", text, "--to", to, "--yes", "--no-users"]
        within, renamed, was_killed, first = None, {}, False, None
        if chance.random() < 0.2:
            arguments += ["--rename", f"{SHOP}=copy", "--ns", f"{SHOP}.*"]
            within, renamed = [SHOP], {"copy": SHOP}
        if is_final and chance.random() < 0.25 and self.plan.kill_seconds:
            first = self.lifeboat.ends(*arguments, kill_after=0.5 + chance.random() * 3)
            was_killed = first[0] == -9
            self.told.kills["restore"] += was_killed
        began = time.monotonic()
        # One that came to its end before it could be killed is done.
        code, said = first if first is not None and first[0] in (0, 3) else self.restore(*arguments)
        error = said.get("error", {}) if isinstance(said, dict) else {"message": str(said)[-2000:]}
        # One that was killed behind its end is an ended one, and is not done a second time.
        if code not in (0, 3) and not (was_killed and error.get("code") == "target-not-empty"):
            words = f"{text}: {error.get('code')} {error.get('message')}"
            if is_final or error.get("code") != NOT_YET:
                self.told.refused.append(words)
            return
        held = named_back(restored(self.other), renamed)
        self.told.compared += 1
        self.told.unknown += truth.unknown
        for one in differences(truth, held, within):
            deeper = differing_documents(self.client, self.other, truth.at, one.partition(":")[0], renamed)
            self.told.differences.append(f"{text}: {one} {deeper}")
        with (self.lifeboat.folder / "compared.log").open("a") as log:
            log.write(f"{text} {time.monotonic() - began:.1f} s {code} {len(self.told.differences)}\n")


def empty(client: Client) -> None:
    for name in client.list_database_names():
        if not_ours(name):
            client.drop_database(name)


def named_back(held: Mapping[str, Held], renamed: Mapping[str, str]) -> dict[str, Held]:
    """As if a renamed database had its old name."""
    found = {}
    for name, one in held.items():
        database, _, rest = name.partition(".")
        found[f"{renamed.get(database, database)}.{rest}"] = one
    return found


@contextlib.contextmanager
def two_servers(mongod: Path, nodes: int = 1) -> Iterator[tuple[PrivateServer, PrivateServer]]:
    source = ServerOptions(nodes=nodes, parameters=SOURCE)
    with PrivateServer(mongod, source) as one, PrivateServer(mongod, ServerOptions(parameters=TARGET)) as other:
        yield one, other
