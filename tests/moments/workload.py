"""Threads that write everything a MongoDB can be made to do, until they are told to stop.

Seeded, so that two runs ask for the same (what the server makes of it depends on how the threads meet). What was done is
counted by kind: a kind that never succeeded was not tried.
"""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import Decimal128, Int64, Timestamp
from every_ddl import DDL, SHOP, Client, prepare
from every_update import UPDATES, whole
from gates import Gate
from pymongo import DeleteOne, InsertOne, MongoClient, ReplaceOne, UpdateOne
from pymongo.errors import PyMongoError

IDS: list[Any] = [
    *range(16),
    *(float(n) + 0.5 for n in range(3)),
    *(1.0, Int64(2), Decimal128("3.0"), -0.0, float("nan"), Int64(2**40), Decimal128("1.51")),
    *("a", "A", "ä", "Ä", "", {"k": 1}, {"k": 1.0}, {"k": {"l": None}}, {"$ref": "a", "$id": 1}, None, True),
    *(datetime(2020, 1, 1, tzinfo=UTC), b"\0\1"),
]
"""Some are equal to the server and written differently: 1 and 1.0; in some collations "a" and "A"."""
PLAIN = ("docs", "docs", "docs", "sturdy", "collated", "moved", "moved2", "outc", "again", "merged", "walked")


@dataclass(frozen=True)
class Pace:
    """Args:
    pause_seconds: Mean between two acts of one thread. ddl_pause_seconds: Of the threads that change catalogs.
    large: Share of transactions beyond 16 MB, and of documents nearly as large.
    empty_timestamps: Not in a set: MongoDB 6.0.5 itself keeps one thing on the primary and another on each secondary
        when a whole document replaces another and holds a ``Timestamp(0, 0)``.
    """

    pause_seconds: float = 0.01
    ddl_pause_seconds: float = 0.4
    large: float = 0.01
    empty_timestamps: bool = True


@dataclass
class Workload:
    """A context manager: inside, it writes.

    Args:
        uri: Of the server written to. ddl_gate, capped_gate: Closed by who wants the truth at rest.
    """

    uri: str
    seed: int
    pace: Pace = field(default_factory=Pace)
    ddl_gate: Gate = field(default_factory=Gate)
    capped_gate: Gate = field(default_factory=Gate)
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._counting = threading.Lock()
        works: list[Callable[[Client, random.Random], None]] = [
            self.documents, self.documents, self.many, self.transactions, self.transactions,
            self.capped, self.series, self.fading, self.ddl, self.ddl,
        ]  # fmt: skip
        self._threads = [
            threading.Thread(target=self._run, args=(work, random.Random(self.seed * 100 + n)), daemon=True)
            for n, work in enumerate(works)
        ]

    def __enter__(self) -> "Workload":
        # There already, in a second round on the same server.
        with MongoClient[dict[str, Any]](self.uri) as client, contextlib.suppress(PyMongoError):
            prepare(client)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def changes(self) -> int:
        return sum(number for kind, number in self.done.items() if not kind.startswith("ddl "))

    def never_done(self) -> set[str]:
        """Kinds that did not once succeed."""
        wanted = {*(f"update {name}" for name in UPDATES), *(f"ddl {name}" for name in DDL)}
        wanted |= {
            "transaction committed",
            "transaction aborted",
            "transaction large",
            "huge",
            "fading",
            "series",
            "capped",
        }
        return {kind for kind in wanted if not self.done[kind]}

    def _run(self, work: Callable[[Client, random.Random], None], chance: random.Random) -> None:
        pause = self.pace.ddl_pause_seconds if work == self.ddl else self.pace.pause_seconds
        with MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=5000) as client:
            while not self._stop.wait(chance.random() * 2 * pause):
                with self._refusals(work.__name__):
                    work(client, chance)

    @contextlib.contextmanager
    def _refusals(self, what: str) -> Iterator[None]:
        try:
            yield
        except PyMongoError as refusal:
            with self._counting:
                self.refused[f"{what}: {getattr(refusal, 'code', None) or type(refusal).__name__}"] += 1

    def _count(self, kind: str, number: int = 1) -> None:
        with self._counting:
            self.done[kind] += number

    def documents(self, client: Client, chance: random.Random) -> None:
        """One document in one collection."""
        collection = client[SHOP][chance.choice(PLAIN)]
        this = {"_id": {"$eq": chance.choice(IDS)}}
        act = chance.randrange(14)
        if act == 0:
            self._count("delete", collection.delete_one(this).deleted_count)
        elif act == 1:
            collection.replace_one(this, whole(chance), upsert=True)
            self._count("replace")
        elif act == 2:
            found = collection.find_one_and_replace(this, whole(chance))
            self._count("find and replace", int(found is not None))
        elif act == 3:
            self._count("find and delete", int(collection.find_one_and_delete(this) is not None))
        elif act == 4:
            empty = Timestamp(0, 0) if self.pace.empty_timestamps else Timestamp(9, 9)
            stamp = {"_id": this["_id"]["$eq"], "stamp": empty, "$odd": 1, "dot.ted": 2, "": 3}
            collection.update_one(this, [{"$replaceWith": {"$literal": stamp}}], upsert=True)
            self._count("odd names")
        elif act == 5:
            collection.insert_one({"_id": this["_id"]["$eq"], **whole(chance)})
            self._count("insert")
        else:
            name = chance.choice(
                [one for one in UPDATES if self.pace.empty_timestamps or "empty timestamps" not in one]
            )
            asked = UPDATES[name](chance, chance.randrange(1000))
            upsert = act == 6 and not asked.query and not asked.filters
            query = {**this, **asked.query}
            done = collection.update_one(query, asked.update, array_filters=asked.filters or None, upsert=upsert)
            self._count("upsert", int(done.upserted_id is not None))
            self._count(f"update {name}", done.modified_count)

    def many(self, client: Client, chance: random.Random) -> None:
        """Several documents by one command; seldom one that is nearly as large as a document can be."""
        shop = client[SHOP]
        if chance.random() < self.pace.large:
            self._huge(client, chance)
        act = chance.randrange(8)
        if act == 0:
            made: list[Any] = [InsertOne({"n": n, "bulk": chance.random()}) for n in range(chance.randrange(1, 30))]
            made += [UpdateOne({"bulk": {"$exists": True}}, {"$set": {"touched": n}}) for n in range(3)]
            made += [DeleteOne({"bulk": {"$gt": 0.7}}), ReplaceOne({"bulk": {"$gt": 0.6}}, {"bulk": 0.1})]
            shop.sturdy.bulk_write(made, ordered=chance.random() < 0.5)
            self._count("bulk")
        elif act == 1:
            self._count("delete many", shop.sturdy.delete_many({"bulk": {"$gt": chance.random() / 2}}).deleted_count)
        elif act == 2:
            change = {"$inc": {"n": 1}, "$push": {"list": {"$each": [1], "$slice": -5}}}
            some = shop.docs.update_many({"n": {"$mod": [7, chance.randrange(7)]}}, change)
            self._count("update many", some.modified_count)
        elif act == 3:
            who = f"p{chance.randrange(40)}"
            shop.unique.update_one({"email": who}, {"$set": {"n": chance.random()}}, upsert=True)
            self._count("unique")
        elif act == 4:
            # The same address moves to another document: between the two nobody may have it.
            who = f"p{chance.randrange(40)}"
            shop.unique.delete_one({"email": who})
            shop.unique.insert_one({"email": who, "again": True})
            self._count("unique moved")
        elif act == 5:
            operations = [
                {"op": "i", "ns": f"{SHOP}.sturdy", "o": {"_id": f"ops {chance.randrange(9)}", "n": chance.random()}},
                {"op": "d", "ns": f"{SHOP}.sturdy", "o": {"_id": f"ops {chance.randrange(9)}"}},
            ]
            client.admin.command("applyOps", operations)
            self._count("applyOps by a client")
        elif act == 6:
            code = {"_id": f"f{chance.randrange(3)}", "value": f"function() {{ return {chance.random()} }}"}
            shop["system.js"].replace_one({"_id": code["_id"]}, code, upsert=True)
            self._count("function")
        else:
            key = chance.randrange(30)
            shop.clustered.replace_one({"_id": key}, whole(chance), upsert=True)
            shop.clustered.delete_one({"_id": chance.randrange(30)})
            self._count("clustered")

    def _huge(self, client: Client, chance: random.Random) -> None:
        docs, this = client[SHOP][chance.choice(["sturdy", "docs"])], {"_id": "huge"}
        docs.replace_one(
            this, {"n": 1, "text": "h" * chance.randrange(9_000_000, 16_000_000), "list": [1]}, upsert=True
        )
        docs.update_one(this, {"$set": {"a": chance.random()}, "$push": {"list": 2}})
        docs.update_one(this, [{"$replaceWith": {"$mergeObjects": [{"first": chance.random()}, "$$ROOT"]}}])
        time.sleep(chance.random())
        docs.update_one(this, [{"$set": {"text": {"$substrCP": ["$text", 0, 20]}}}])
        docs.delete_one(this)
        self._count("huge")

    def transactions(self, client: Client, chance: random.Random) -> None:
        """Some short, some open for a second, some beyond 16 MB, some in vain."""
        shop = client[SHOP]
        is_large = chance.random() < self.pace.large
        with client.start_session() as session:
            session.start_transaction()
            for _ in range(chance.randrange(1, 6)):
                key = chance.choice(IDS)
                change = {"$set": {"in": chance.random()}, "$unset": {"list": 1}}
                shop[chance.choice(["docs", "collated"])].update_one(
                    {"_id": {"$eq": key}}, change, upsert=True, session=session
                )
                shop.ledger.insert_one({"of": key, "at": chance.random()}, session=session)
                shop.ledger.delete_one({"at": {"$gt": 0.5}}, session=session)
                if chance.random() < 0.2:
                    time.sleep(chance.random() * 0.5)
            if is_large:
                for n in range(19):
                    shop.ledger.insert_one({"large": n, "text": "t" * 1_000_000}, session=session)
                shop.ledger.delete_many({"large": {"$lt": 3}}, session=session)
            if chance.random() < 0.2:
                session.abort_transaction()
                self._count("transaction aborted")
                return
            session.commit_transaction()
            self._count("transaction committed")
        if is_large:
            self._count("transaction large")
            time.sleep(chance.random() * 2)
            shop.ledger.delete_many({"large": {"$exists": True}})

    def capped(self, client: Client, chance: random.Random) -> None:
        """Logs that roll over; now and then a line is altered or taken out."""
        with self.capped_gate.passing():
            act = chance.randrange(12)
            if act == 0:
                client[SHOP].log.update_one({"n": chance.randrange(12)}, {"$set": {"seen": chance.random()}})
            elif act == 1:
                client[SHOP].log.delete_one({"n": chance.randrange(12)})
            else:
                lines = chance.randrange(1, 12)
                name = chance.choice(["log", "log", "log", "tocap", "ring0", "ring1"])
                if (
                    name == "log"
                    or client[SHOP].command("listCollections", filter={"name": name})["cursor"]["firstBatch"]
                ):
                    client[SHOP][name].insert_many({"text": "l" * chance.randrange(900), "n": n} for n in range(lines))
            self._count("capped")
        time.sleep(0.05)

    def series(self, client: Client, chance: random.Random) -> None:
        """Measurements, buckets that close, and places whose measurements are taken out."""
        now = datetime.now(UTC)
        weather = client[SHOP].weather
        if chance.random() < 0.05:
            weather.delete_many({"place": chance.randrange(4)})
            self._count("series delete")
        weather.insert_many(
            {
                "at": now + timedelta(seconds=n * chance.randrange(1, 900)),
                "place": chance.randrange(4),
                "t": chance.choice([n, float(n), "warm"]) if chance.random() < 0.1 else n,
            }
            for n in range(chance.randrange(1, 12))
        )
        self._count("series")
        time.sleep(0.1)

    def fading(self, client: Client, chance: random.Random) -> None:
        """Documents that the server itself deletes."""
        now = datetime.now(UTC)
        client[SHOP].fading.insert_many({"at": now - timedelta(seconds=chance.randrange(4)), "n": n} for n in range(5))
        client[SHOP].fading.update_one({"n": chance.randrange(5)}, {"$set": {"at": now}})
        self._count("fading")
        time.sleep(0.1)

    def ddl(self, client: Client, chance: random.Random) -> None:
        name = chance.choice(list(DDL))
        with self.ddl_gate.passing():
            DDL[name](client, chance)
        self._count(f"ddl {name}")
