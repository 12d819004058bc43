"""Trouble for a server at chosen moments of a restore, and a reader who must never notice.

The restore runs beside; the trouble is made by the main thread, because a private server's processes die with the thread that
started them.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from mongodb_samples import LONG_AGO, Client, everything_in, fill_series
from pymongo import MongoClient, WriteConcern, monitoring
from pymongo.errors import PyMongoError
from test_restore import Kept

from lifeboat.foundation.clock import Clock, SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.sources.mongodb.restore import RestoreReport, carry_out
from lifeboat.sources.mongodb.restore_plan import plan_restore

CLOCK = SystemClock()
COUNTS = {"orders": 4000, "sessions": 300, "log": 500, "tickets": 1000, "people": 200, "fresh": 50}
MEASUREMENTS = 30
"""Of which a third is gone from the live time-series."""
CHUNK_DOCUMENTS = 400
HASTE = 30
NEVER_EXPIRES = LONG_AGO.replace(year=2100)


class Stage:
    """A database of every kind as it was captured, and what it was turned into since."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.live: Any = client.get_database(name, write_concern=WriteConcern("majority"))
        self._make_new()
        self.new, self.kept = everything_in(client, name), Kept(client, name)
        self.new_accounts = self.accounts()

    def _make_new(self) -> None:
        live = self.live
        live.create_collection("log", capped=True, size=1 << 20)
        live.create_collection("tickets", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "by id"})
        for name, count in COUNTS.items():
            made = ({"_id": n, "number": n, "v": "new", "at": NEVER_EXPIRES, "text": "x" * 500} for n in range(count))
            live[name].insert_many(made)
        live.orders.create_index("number", unique=True)
        live.orders.create_index([("text", 1), ("v", -1)], name="both")
        live.sessions.create_index("at", expireAfterSeconds=3600, name="expiry")
        live.command("collMod", "people", validator={"email": {"$exists": True}})
        live["system.js"].insert_one({"_id": "f", "value": "1"})
        live.create_collection("some", viewOn="orders", pipeline=[{"$match": {"_id": {"$lt": 9}}}])
        live.command("createUser", "app", pwd="p4ss", roles=["readWrite"])
        fill_series(self.client, self.name, hours=MEASUREMENTS)

    def spoil(self) -> None:
        """Change everything, so that a restore has all to do again."""
        live = self.live
        for name in ("orders", "sessions", "tickets", "people"):
            change = {"q": {}, "u": {"$set": {"v": "old"}}, "multi": True}
            live.command(
                "update", name, updates=[change], bypassDocumentValidation=True, writeConcern={"w": "majority"}
            )
        live.orders.drop_index("both")
        live.log.drop()
        live.log.insert_many({"_id": n, "v": "old"} for n in range(10))
        live.fresh.drop()
        live["system.js"].update_one({}, {"$set": {"value": "old"}})
        live.some.drop()
        live.some.insert_one({"a": "collection under the view's name"})
        live.command("dropUser", "app")
        live.weather.delete_many({"place.city": "c1"})

    def accounts(self) -> list[bytes]:
        raw: Any = bson.CodecOptions(document_class=RawBSONDocument)
        users = self.client["admin"].get_collection("system.users", codec_options=raw)
        return sorted(bytes(each.raw) for each in users.find({"db": self.name}))

    def assert_restored(self) -> None:
        """Equal to what was captured, raw, and nothing left beside it."""
        held = everything_in(self.client, self.name)
        assert sorted(held) == sorted(self.new)
        for name, wanted in self.new.items():
            assert held[name] == wanted, name
        assert self.accounts() == self.new_accounts
        assert not {"tempusers", "temproles"} & set(self.client["admin"].list_collection_names())

    def read_chunks(self, entry: CollectionEntry) -> Iterator[bytes]:
        """As a repository gives them: small."""
        for block in self.kept.read_chunks(entry):
            spans = list(spans_of(block))
            for first in range(0, len(spans), CHUNK_DOCUMENTS):
                some = spans[first : first + CHUNK_DOCUMENTS]
                yield block[some[0][0] : some[-1][1]]

    def restore(
        self,
        uri: str,
        notes: list[str],
        *listeners: monitoring.CommandListener,
        finished: frozenset[str] = frozenset(),
        clock: Clock = CLOCK,
        **more: Any,
    ) -> RestoreReport:
        with MongoClient(uri, event_listeners=listeners) as client:
            plan = plan_restore(client, self.kept.entries, target=Target.OVER_LIVE, finished=finished)
            return carry_out(
                plan,
                client,
                self.read_chunks,
                clock=clock,
                finished=finished,
                users=self.kept.users,
                roles=self.kept.roles,
                progress=Notes(notes),
                **more,
            )


class FastClock(SystemClock):
    """A clock on which two minutes pass in four seconds."""

    def monotonic(self) -> float:
        return super().monotonic() * HASTE

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / HASTE)


class Notes(Silent):
    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    def note(self, message: str) -> None:
        self._notes.append(message)


class Moment(monitoring.CommandListener):
    """The n-th command of a name: reached just before it is sent (held until the trouble is there), or while it runs."""

    def __init__(self, command: str, ordinal: int = 1, *, holds: bool = True) -> None:
        self._command, self._left, self._holds = command, ordinal, holds
        self._counting = threading.Lock()
        self.reached, self.struck = threading.Event(), threading.Event()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name != self._command:
            return
        with self._counting:
            self._left -= 1
            is_now = self._left == 0
        if is_now:
            self.reached.set()
            if self._holds:
                self.struck.wait(10)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def primary_of(server: PrivateServer) -> int:
    """Its number among the nodes; waits until there is one."""
    with MongoClient(server.uri) as client:
        client.admin.command("ping")
        primary: Any = client.primary
        return server.ports.index(primary[1])


def make_trouble(server: PrivateServer, what: str, struck: Callable[[], object], seconds: float = 3.0) -> None:
    """Hit the primary; call ``struck`` when it is hit; return when all nodes are up again."""
    node = primary_of(server)
    process = server.process_ids[node]
    if what == "step down":
        with MongoClient(server.uri) as client, contextlib.suppress(PyMongoError):
            client.admin.command("replSetStepDown", 3, secondaryCatchUpPeriodSecs=1, force=True)
        struck()
    elif what == "kill":
        server.kill(node)
        struck()
        CLOCK.sleep(seconds / 3)
        server.restart(node)
    elif what == "terminate":
        os.kill(process, signal.SIGTERM)
        struck()
        server.restart(node)
    elif what == "freeze":
        os.kill(process, signal.SIGSTOP)
        struck()
        CLOCK.sleep(seconds)
        os.kill(process, signal.SIGCONT)
    else:
        raise AssertionError(what)


def restore_through(
    stage: Stage, server: PrivateServer, what: str, moment: Moment, seconds: float = 3.0
) -> tuple[RestoreReport, list[str]]:
    """Restore while trouble is made at a moment and a reader looks on; returns what was reported and noted."""
    notes: list[str] = []
    with Reader(server.uri, stage.name) as reader, ThreadPoolExecutor(1) as beside:
        restoring = beside.submit(stage.restore, server.uri, notes, moment)
        while not moment.reached.wait(0.05) and not restoring.done():
            pass
        if moment.reached.is_set():
            make_trouble(server, what, moment.struck.set, seconds)
        report = restoring.result()
    assert moment.reached.is_set(), "the restore ended before the moment came"
    assert not reader.troubles, reader.troubles
    assert reader.looks > 0
    return report, notes


class Reader:
    """Looks at every collection again and again: each is the old one whole or the new one whole."""

    def __init__(self, uri: str, name: str) -> None:
        self._uri, self._name = uri, name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_on)
        self.troubles: list[object] = []
        self.looks = 0

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look_on(self) -> None:
        with MongoClient(self._uri, serverSelectionTimeoutMS=1000) as client:
            while not self._stop.wait(0.01):
                for name, count in COUNTS.items():
                    with contextlib.suppress(PyMongoError):
                        held = client[self._name][name].aggregate([{"$sortByCount": "$v"}])
                        self._judge(name, {each["_id"]: each["count"] for each in held}, count)

                with contextlib.suppress(PyMongoError):
                    held = client[self._name].weather.aggregate([{"$count": "n"}])
                    measured = [each["n"] for each in held]
                    # Nothing at all for the milliseconds between dropping the old buckets and renaming the new ones.
                    if measured not in ([MEASUREMENTS], [MEASUREMENTS * 2 // 3], []):
                        self.troubles.append(("weather", measured))

    def _judge(self, name: str, found: dict[str, int], count: int) -> None:
        self.looks += 1
        old = {"log": {"old": 10}, "fresh": {}}.get(name, {"old": count})
        if found not in (old, {"new": count}):
            self.troubles.append((name, found))
