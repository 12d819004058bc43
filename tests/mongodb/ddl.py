"""Whatever changes a server's catalog, at random and again from a seed; what the server refuses is part of it."""

import datetime
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson import SON, Binary, Regex
from mongodb_samples import Client
from pymongo.errors import OperationFailure

NAMES = ["a", "b", "c.d", "ü", "d", "e", "f", "system.js"]
KEYS = ["k", "l", "m.n"]
PIPELINES: list[Any] = [[], [{"$match": {"k": {"$gt": 1}}}], [{"$set": {"x": n}} for n in range(30)]]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"capped": True, "size": 5000, "max": 7},
    {"clusteredIndex": {"key": {"_id": 1}, "unique": True}, "expireAfterSeconds": 10**8},
    {"collation": {"locale": "sv", "strength": 1}},
    {"validator": {"k": {"$not": Regex("^x", "i")}}, "validationLevel": "moderate"},
    {"changeStreamPreAndPostImages": {"enabled": True}},
    {"storageEngine": {"wiredTiger": {"configString": "block_compressor=zlib"}}, "validationAction": "warn"},
]
INDEX_OPTIONS: list[dict[str, Any]] = [
    *({}, {"unique": True}, {"expireAfterSeconds": 10**8}, {"hidden": True}, {"sparse": True}, {"v": 1}),
    *({"collation": {"locale": "fr"}}, {"partialFilterExpression": {"k": {"$gt": 3}}}, {"prepareUnique": True}),
]
OF_COLLECTIONS: list[dict[str, Any]] = [
    *({"validator": {"l": {"$type": "string"}}}, {"validator": {}}, {"validationLevel": "moderate"}),
    *({"validationAction": "warn"}, {"validator": {"k": 1}, "validationLevel": "off"}),
    *({"cappedSize": 9000}, {"cappedMax": 30}, {"cappedMax": 0}, {"cappedSize": 2**33, "cappedMax": 5}),
    *({"expireAfterSeconds": 10**9}, {"expireAfterSeconds": "off"}),
    *({"changeStreamPreAndPostImages": {"enabled": True}}, {"changeStreamPreAndPostImages": {"enabled": False}}),
]
OF_INDEXES: list[dict[str, Any]] = [
    *({"expireAfterSeconds": 10**7}, {"hidden": True}, {"hidden": False}, {"prepareUnique": True}),
    *({"prepareUnique": False}, {"unique": True}, {"hidden": True, "expireAfterSeconds": 10**6}),
]


class Mischief:
    """Args:
    databases: Two, that nobody else uses.
    without: Names of what is not to be done.
    """

    def __init__(self, client: Client, databases: list[str], seed: int, *, without: tuple[str, ...] = ()) -> None:
        self.client = client
        self.databases = databases
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.makes_temporary = False
        self.acts = [act for act in ACTS if act not in without]

    def act(self) -> str:
        """Do one thing; returns its name."""
        name = self.chance.choice(self.acts)
        try:
            getattr(self, name)()
            self.done[name] += 1
        except OperationFailure:
            self.done[f"{name}, refused"] += 1
        return name

    def database(self) -> Any:
        return self.client[self.chance.choice([*self.databases[:1] * 3, *self.databases[1:]])]

    def name(self) -> str:
        return self.chance.choice(NAMES)

    def seen(self) -> str:
        """For a view: the server would let one stand beside a collection ``system.js``, and take one for the other."""
        return self.chance.choice(NAMES[:-1])

    def there(self, kind: str = "collection") -> tuple[Any, str]:
        """Something that is there, of a kind. Never another: ``collMod`` of a view with a validator ends a mongod of 6.0.5."""
        database = self.database()
        names = [one["name"] for one in database.list_collections(filter={"type": kind})]
        names = sorted(name for name in names if not name.startswith("system.") or name == "system.js")
        if not names:
            raise OperationFailure(f"there is no {kind}")
        return database, self.chance.choice(names)

    def create(self) -> None:
        self.database().command("create", self.name(), **self.chance.choice(OPTIONS))

    def insert(self) -> None:
        database, name = self.there()
        database[name].insert_many([{"k": self.chance.randrange(4), "l": n, "t": f"some {n}"} for n in range(3)])

    def change(self) -> None:
        database, name = self.there()
        if self.chance.randrange(2):
            database[name].update_many({"k": self.chance.randrange(4)}, {"$inc": {"l": 1}, "$push": {"m": 1}})
        else:
            database[name].delete_one({"k": self.chance.randrange(4)})

    def measure(self) -> None:
        database, name = self.there("timeseries")
        database[name].insert_many({"at": datetime.datetime(2200, 1, n), "k": n % 2, "l": n} for n in range(1, 4))

    def drop(self) -> None:
        database, name = self.there(self.chance.choice(["collection", "collection", "view", "timeseries"]))
        database.command("drop", name)

    def drop_database(self) -> None:
        if self.chance.randrange(4) == 0:
            self.client.drop_database(self.chance.choice(self.databases))

    def rename(self) -> None:
        database, name = self.there()
        to = f"{database.name}.{self.name()}"
        self.client.admin.command(
            "renameCollection", f"{database.name}.{name}", to=to, dropTarget=bool(self.chance.randrange(2))
        )

    def rename_across(self) -> None:
        database, name = self.there()
        into = next(one for one in self.databases if one != database.name)
        self.client.admin.command(
            "renameCollection", f"{database.name}.{name}", to=f"{into}.{self.name()}", dropTarget=True
        )

    def out(self) -> None:
        database, name = self.there()
        into = self.chance.choice([{"$out": self.name()}, {"$out": {"db": self.databases[1], "coll": self.name()}}])
        list(database[name].aggregate([{"$limit": 2}, into]))

    def merge(self) -> None:
        database, name = self.there()
        list(database[name].aggregate([{"$limit": 2}, {"$merge": self.name()}]))

    def to_capped(self) -> None:
        database, name = self.there()
        database.command("convertToCapped", name, size=5000)

    def clone_as_capped(self) -> None:
        database, name = self.there()
        database.command("cloneCollectionAsCapped", name, toCollection=self.name(), size=6000)

    def empty_capped(self) -> None:
        database, name = self.there()
        self.apply_ops(database, SON(emptycapped=name))

    def index(self) -> None:
        database, name = self.there(self.chance.choice(["collection", "collection", "timeseries"]))
        key = SON((one, self.chance.choice([1, -1])) for one in self.chance.sample(KEYS, 2))
        options = self.chance.choice(INDEX_OPTIONS)
        database[name].create_index(list(key.items()), **{"name": self.chance.choice("xyz"), **options})

    def odd_indexes(self) -> None:
        database, name = self.there()
        database.command(
            "createIndexes",
            name,
            indexes=[
                {"key": SON([("p", 1), ("t", "text")]), "name": "text", "collation": {"locale": "simple"}},
                {"key": {"j.$**": 1}, "name": "wild"},
                {"key": {"g": "2dsphere"}, "name": "sphere"},
                {"key": {"h": "hashed"}, "name": "hashed"},
            ],
        )

    def drop_index(self) -> None:
        database, name = self.there(self.chance.choice(["collection", "collection", "timeseries"]))
        named = self.chance.choice(["*", "x", "y", "z", ["x", "text"], "wild"])
        database.command("dropIndexes", name, index=named)

    def collmod(self) -> None:
        database, name = self.there()
        database.command("collMod", name, **self.chance.choice(OF_COLLECTIONS))

    def collmod_index(self) -> None:
        database, name = self.there()
        index = self.chance.choice([{"name": "x"}, {"name": "y"}, {"keyPattern": {"k": 1}}])
        database.command("collMod", name, index=SON([*index.items(), *self.chance.choice(OF_INDEXES).items()]))

    def hide_index_of_series(self) -> None:
        """One that changes nothing is told in silence, which is refused."""
        database, name = self.there("timeseries")
        for index in database[f"system.buckets.{name}"].list_indexes():
            database.command("collMod", name, index={"name": index["name"], "hidden": not index.get("hidden", False)})

    def view(self) -> None:
        options = self.chance.choice([{}, {"collation": {"locale": "de"}}])
        pipeline = self.chance.choice(PIPELINES)
        self.database().command("create", self.seen(), viewOn=self.name(), pipeline=pipeline, **options)

    def collmod_view(self) -> None:
        database, name = self.there("view")
        database.command("collMod", name, viewOn=self.name(), pipeline=self.chance.choice(PIPELINES))

    def differ_view(self) -> None:
        """As nobody does but with the rights on everything."""
        database, name = self.there("view")
        told = self.chance.choice([{"u": {"viewOn": self.name()}}, {"spipeline": SON([("a", True), ("l", 1)])}])
        about = SON(_id=f"{database.name}.{name}")
        self.client.admin.command(
            {
                "applyOps": [
                    {
                        "op": "u",
                        "ns": f"{database.name}.system.views",
                        "o": SON([("$v", 2), ("diff", told)]),
                        "o2": about,
                    }
                ]
            }
        )

    def series(self) -> None:
        more = self.chance.choice([{"expireAfterSeconds": 10**8}, {"collation": {"locale": "sv"}}, {}])
        granularity = self.chance.choice([{}, {"granularity": "minutes"}])
        timeseries = {"timeField": "at", "metaField": "k", **granularity}
        self.database().command("create", self.seen(), timeseries=timeseries, **more)

    def collmod_series(self) -> None:
        database, name = self.there("timeseries")
        what = self.chance.choice(["minutes", "hours", 10**7, "off"])
        some = {"timeseries": {"granularity": what}} if what in ("minutes", "hours") else {"expireAfterSeconds": what}
        database.command("collMod", name, **some)

    def buckets_alone(self) -> None:
        """As a restore lands a time-series collection: the data first, what users see of it last."""
        database, name = self.there("timeseries")
        buckets = self.listed(database, f"system.buckets.{name}")
        options = {key: value for key, value in buckets["options"].items() if key != "uuid"}
        landed = f"system.buckets.lifeboat.tmp.{self.chance.randrange(16**16):016x}"
        database.command("create", landed, **options)
        self.apply_ops(database, SON(drop=buckets["name"]))
        self.apply_ops(
            database,
            SON([("renameCollection", f"{database.name}.{landed}"), ("to", f"{database.name}.{buckets['name']}")]),
        )

    def landed(self) -> None:
        """As a restore lands a collection and swaps it in."""
        database = self.database()
        name = f"lifeboat.tmp.{self.chance.randrange(16**16):016x}"
        database.command("create", name, **self.chance.choice(OPTIONS))
        database[name].insert_one({"k": 1})
        self.client.admin.command(
            "renameCollection", f"{database.name}.{name}", to=f"{database.name}.{self.name()}", dropTarget=True
        )

    def transaction(self) -> None:
        database = self.database()
        name = self.name()
        with self.client.start_session() as session, session.start_transaction():
            database.create_collection(name, session=session)
            database[name].create_index("k", name="x", session=session)
            database[name].insert_one({"k": 1}, session=session)
            database[self.name()].insert_one({"k": 1}, session=session)

    def again_under_its_uuid(self) -> None:
        """As ``mongorestore --drop --preserveUUID`` does."""
        database, name = self.there()
        uuid = bytes(self.listed(database, name)["info"]["uuid"])
        database.command("drop", name)
        options = self.chance.choice(
            [{}, {"capped": True, "size": 4096}, {"temp": True} if self.makes_temporary else {}]
        )
        self.apply_ops(database, SON([("create", name), *options.items()]), uuid)

    def listed(self, database: Any, name: str) -> Any:
        found = list(database.list_collections(filter={"name": name, "type": "collection"}))
        if not found:
            raise OperationFailure(f"there is no {name}")
        return found[0]

    def apply_ops(self, database: Any, o: Any, uuid: bytes = b"") -> None:
        about = {"ui": Binary(uuid, 4)} if uuid else {}
        self.client.admin.command({"applyOps": [{"op": "c", "ns": f"{database.name}.$cmd", **about, "o": o}]})


@contextmanager
def without_expiry(client: Client) -> Iterator[None]:
    """An index that expires in a collection made capped ends a mongod of 6.0.5 when its monitor comes by."""
    client.admin.command("setParameter", 1, ttlMonitorEnabled=False)
    try:
        yield
    finally:
        client.admin.command("setParameter", 1, ttlMonitorEnabled=True)


ACTS = [
    *("change", "change", "measure", "measure", "hide_index_of_series"),
    *(["create"] * 6 + ["insert"] * 4 + ["index"] * 5 + ["collmod"] * 4 + ["collmod_index"] * 4 + ["rename"] * 2),
    *("drop", "drop", "rename_across", "out", "out", "merge", "to_capped", "clone_as_capped", "empty_capped", "landed"),
    *(
        "odd_indexes",
        "drop_index",
        "drop_index",
        "view",
        "view",
        "view",
        "collmod_view",
        "differ_view",
        "series",
        "series",
        "collmod_series",
    ),
    *("collmod_series", "buckets_alone", "transaction", "transaction", "again_under_its_uuid", "drop_database"),
]
