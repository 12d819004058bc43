"""Everything that changes a catalog, each act small and complete, drawn by chance.

Limit: acts meet each other (a rename finds nothing to rename); the server then refuses them, and that is no matter.
"""

import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import IndexModel, MongoClient
from pymongo.errors import DuplicateKeyError, OperationFailure

Client = MongoClient[dict[str, Any]]
SHOP, SIDE, OTHER = "shop", "side", "other"
"""What is restored to every instant; what is dropped whole again and again; what things move to."""


def out(client: Client, chance: random.Random) -> None:
    over = [{"$match": {"n": {"$ne": chance.randrange(9)}}}, {"$set": {"out": chance.random()}}]
    to: Any = chance.choice(["outc", "outc", "fresh_out", {"db": OTHER, "coll": "outc"}])
    client[SHOP].docs.aggregate([*over, {"$out": to}])


def merge(client: Client, chance: random.Random) -> None:
    matched: Any = chance.choice(["replace", "merge", "keepExisting", [{"$set": {"merged": chance.random()}}]])
    into = chance.choice(["merged", "merged", {"db": OTHER, "coll": "merged"}])
    few: dict[str, Any] = {"$sample": {"size": 15}}
    client[SHOP].docs.aggregate([few, {"$merge": {"into": into, "on": "_id", "whenMatched": matched}}])


def rename_over(client: Client, chance: random.Random) -> None:
    pair = chance.choice([("moved", "moved2"), ("moved2", "moved"), ("fresh_out", "moved"), ("again", "moved2")])
    client[SHOP][pair[0]].rename(pair[1], dropTarget=True)


def rename(client: Client, chance: random.Random) -> None:
    pair = chance.choice([("moved", "walked"), ("walked", "moved"), ("new1", "new2"), ("tocap", "capped too")])
    client[SHOP][pair[0]].rename(pair[1])


def rename_across(client: Client, chance: random.Random) -> None:
    there = chance.choice([(f"{SHOP}.new0", f"{OTHER}.new0"), (f"{OTHER}.outc", f"{SHOP}.from_other")])
    client.admin.command("renameCollection", there[0], to=there[1], dropTarget=True)


def drop_and_make_again(client: Client, chance: random.Random) -> None:
    shop = client[SHOP]
    shop.again.drop()
    kinds: list[dict[str, Any]] = [
        {},
        {"collation": {"locale": "en", "strength": 2}},
        {"validator": {"n": {"$type": "int"}}, "validationAction": "warn"},
        {"clusteredIndex": {"key": {"_id": 1}, "unique": True}},
        {"changeStreamPreAndPostImages": {"enabled": True}},
        {"storageEngine": {"wiredTiger": {"configString": "block_compressor=zlib"}}},
    ]
    shop.create_collection("again", **chance.choice(kinds))
    shop.again.insert_many({"_id": n, "born": chance.random(), "n": n} for n in range(20))


def create_and_drop(client: Client, chance: random.Random) -> None:
    client[SHOP][f"new{chance.randrange(4)}"].insert_one({"n": chance.random()})
    client[SHOP][f"new{chance.randrange(4)}"].drop()


def convert_to_capped(client: Client, chance: random.Random) -> None:
    shop = client[SHOP]
    shop.tocap.drop()
    shop.tocap.insert_many({"_id": n, "text": "c" * 200} for n in range(30))
    shop.command("convertToCapped", "tocap", size=4096)
    shop.tocap.insert_many({"n": n} for n in range(40))


def clone_as_capped(client: Client, chance: random.Random) -> None:
    shop = client[SHOP]
    shop.cloned.drop()
    shop.command("cloneCollectionAsCapped", "docs", toCollection="cloned", size=4096)


def new_ring(client: Client, chance: random.Random) -> None:
    shop, name = client[SHOP], f"ring{chance.randrange(2)}"
    shop[name].drop()
    shop.create_collection(name, capped=True, size=chance.choice([4096, 9000]), max=chance.choice([5, 30]))
    shop[name].insert_many({"n": n, "text": "r" * chance.randrange(300)} for n in range(40))


def resize_ring(client: Client, chance: random.Random) -> None:
    name = f"ring{chance.randrange(2)}"
    what: dict[str, int] = chance.choice([{"cappedSize": chance.choice([5000, 12000])}, {"cappedMax": 12}])
    client[SHOP].command("collMod", name, **what)
    client[SHOP][name].insert_one({"after": "resize"})


def build_index(client: Client, chance: random.Random) -> None:
    shop = client[SHOP]
    models = [
        IndexModel("n", name="plain"),
        IndexModel([("n", 1), ("low", -1)], name="both", sparse=True),
        IndexModel("list", name="multikey"),
        IndexModel("text", name="partial", partialFilterExpression={"n": {"$gt": 100}}),
        IndexModel([("place", "2dsphere")], name="sphere"),
        IndexModel([("n", "hashed")], name="hashed"),
        IndexModel([("deep.$**", 1)], name="wild"),
        IndexModel("low", name="hidden", hidden=True),
        IndexModel("only", name="collated", collation={"locale": "de"}),
        IndexModel([("words", "text")], name="words", default_language="german"),
    ]
    shop[chance.choice(["sturdy", "docs", "collated"])].create_indexes(chance.sample(models, chance.randrange(1, 4)))


def drop_index(client: Client, chance: random.Random) -> None:
    name = chance.choice(
        ["plain", "both", "multikey", "partial", "sphere", "hashed", "wild", "hidden", "collated", "*"]
    )
    client[SHOP][chance.choice(["sturdy", "sturdy", "docs", "collated"])].drop_index(name)


def build_index_in_vain(client: Client, chance: random.Random) -> None:
    with contextlib.suppress(DuplicateKeyError):  # that it is given up is what is wanted
        client[SHOP].ledger.create_index("of", unique=True, name="in vain")
        client[SHOP].ledger.drop_index("in vain")


def index_of_the_empty(client: Client, chance: random.Random) -> None:
    shop = client[SHOP]
    shop.hollow.drop()
    shop.create_collection("hollow", collation={"locale": "fr"})
    models = [
        IndexModel("a", unique=True, name="one"),
        IndexModel("b", collation={"locale": "simple"}, name="simple"),
    ]
    shop.hollow.create_indexes(models)
    shop.hollow.insert_many({"a": n, "b": "é"} for n in range(5))


def modify(client: Client, chance: random.Random) -> None:
    mods: list[tuple[str, dict[str, Any]]] = [
        (
            "sturdy",
            {"validator": {"n": {"$ne": chance.random()}}, "validationLevel": chance.choice(["moderate", "off"])},
        ),
        ("sturdy", {"validator": {}}),
        ("sturdy", {"index": {"name": "plain", "hidden": chance.choice([True, False])}}),
        ("sturdy", {"index": {"name": "hidden", "hidden": chance.choice([True, False])}}),
        ("fading", {"index": {"name": "at_1", "expireAfterSeconds": chance.randrange(2, 6)}}),
        ("clustered", {"expireAfterSeconds": chance.choice(["off", chance.randrange(3, 9)])}),
        ("docs", {"changeStreamPreAndPostImages": {"enabled": chance.choice([True, False])}}),
        ("weather", {"expireAfterSeconds": chance.choice(["off", 86_400 * chance.randrange(1, 5)])}),
        ("unique", {"index": {"name": "soon", "prepareUnique": True}}),
        ("unique", {"index": {"name": "soon", "unique": True}}),
    ]
    name, what = chance.choice(mods)
    client[SHOP].command("collMod", name, **what)


def index_made_unique(client: Client, chance: random.Random) -> None:
    unique = client[SHOP].unique
    with contextlib.suppress(OperationFailure):
        unique.drop_index("soon")
    unique.create_index("email", name="soon", sparse=True)


def view(client: Client, chance: random.Random) -> None:
    shop, name = client[SHOP], f"view{chance.randrange(3)}"
    pipeline = [{"$match": {"n": {"$gt": chance.randrange(500)}}}, {"$project": {"a.b": 0, "x": 0}}]
    act = chance.randrange(4)
    if act == 0:
        shop[name].drop()
    elif act == 1:
        shop.command("collMod", name, viewOn=chance.choice(["docs", "sturdy"]), pipeline=pipeline)
    else:
        collation = {"collation": {"locale": "sv"}} if act == 2 else {}
        shop.create_collection(name, viewOn=chance.choice(["docs", "view0", "nothing"]), pipeline=pipeline, **collation)


def series(client: Client, chance: random.Random) -> None:
    shop, name = client[SHOP], f"series{chance.randrange(2)}"
    act = chance.randrange(5)
    if act == 0:
        shop[name].drop()
    elif act == 1:
        shop.command("collMod", name, timeseries={"granularity": chance.choice(["minutes", "hours"])})
    elif act == 2:
        shop[name].create_index(chance.choice(["m", "t"]), name=chance.choice(["by", "by too"]))
    elif act == 3:
        shop[name].drop_index("by")
    else:
        options: dict[str, Any] = {"timeField": "t", "metaField": "m"}
        shop.create_collection(name, timeseries=options, **chance.choice([{}, {"expireAfterSeconds": 90_000}]))
    start = datetime.now(UTC)
    shop[name].insert_many({"t": start + timedelta(seconds=n * 40), "m": n % 3, "v": n} for n in range(30))


def side_database(client: Client, chance: random.Random) -> None:
    side = client[SIDE]
    if chance.random() < 0.5:
        client.drop_database(SIDE)
    for name in ("a", "b", "c"):
        side[name].insert_many({"n": n, "of": chance.random()} for n in range(10))
    side.a.create_index("n")
    side.create_collection("seen", viewOn="a", pipeline=[])
    side.create_collection("line", capped=True, size=4096)
    side.line.insert_many({"n": n} for n in range(5))
    side.create_collection("measured", timeseries={"timeField": "t"})
    side.measured.insert_one({"t": datetime.now(UTC), "v": 1})


def drop_side_database(client: Client, chance: random.Random) -> None:
    client.drop_database(SIDE)


def within_a_transaction(client: Client, chance: random.Random) -> None:
    with client.start_session() as session, session.start_transaction():
        made = client[SHOP].create_collection(f"by_transaction{chance.randrange(3)}", session=session)
        made.create_index("n", session=session)
        made.insert_many(({"n": n} for n in range(5)), session=session)
        client[SHOP].ledger.insert_one({"made": made.name}, session=session)


def drop_of_those(client: Client, chance: random.Random) -> None:
    client[SHOP][f"by_transaction{chance.randrange(3)}"].drop()


DDL: dict[str, Callable[[Client, random.Random], None]] = {
    one.__name__: one
    for one in (
        out, merge, rename_over, rename, rename_across, drop_and_make_again, create_and_drop, convert_to_capped,
        clone_as_capped, new_ring, resize_ring, build_index, drop_index, build_index_in_vain, index_of_the_empty, modify,
        index_made_unique, view, series, side_database, drop_side_database, within_a_transaction, drop_of_those,
    )
}  # fmt: skip


def prepare(client: Client) -> None:
    """What is there before anybody writes."""
    shop = client[SHOP]
    shop.create_collection("log", capped=True, size=60_000, max=150)
    shop.create_collection("ledger")
    shop.create_collection("collated", collation={"locale": "en", "strength": 2})
    shop.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True})
    shop.create_collection("weather", timeseries={"timeField": "at", "metaField": "place"})
    shop.fading.create_index("at", expireAfterSeconds=3)
    shop.unique.create_index("email", unique=True)
    shop.docs.insert_many({"_id": n, "n": n, "list": [n]} for n in range(20))
