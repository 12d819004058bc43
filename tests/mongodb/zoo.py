"""One of every kind: collections, options, indexes, names and documents that a server accepts and a backup could lose."""

import datetime
import math
from typing import Any

from bson import SON, Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.raw_bson import RawBSONDocument
from mongodb_samples import Client, add_expiry, every_type, fill, fill_series

from lifeboat.sources.mongodb.any_name import collection_of

SWEDISH, GERMAN = {"locale": "sv", "strength": 1}, {"locale": "de", "caseFirst": "upper", "numericOrdering": True}
ODD_IDS: list[Any] = [
    *(None, "", -0.0, 2.5, math.inf, Int64(2**62), True, MinKey(), MaxKey(), Timestamp(0, 0), Decimal128("1.50")),
    *({}, {"a.b": 1}, {"": {"": []}}, Binary(b"", 3), Binary(b"\0" * 16, 4), Code("x"), ObjectId(b"\0" * 12)),
    *(
        datetime.datetime(1, 1, 1),
        datetime.datetime(9999, 12, 31),
        "\0",
        "\N{GRINNING FACE}",
        SON([("$ref", "x"), ("$id", 1)]),
    ),
]
NAMES = [
    *(" ", "a.", "a..b", "A", "a", "a/b", "a\\b", 'a"b', "a*b|c?", "%61", "con", "constructor", "1", "-", "x\x01y\t"),
    *(
        "\u00e9",
        "e\u0301",
        "\u0627\u0644\u0639\u0642\u0648\u062f",
        "\N{GRINNING FACE}",
        "lifeboat.tmp.mine",
        "tmp.agg_out.1",
    ),
]
"""Two of them look alike and are not: one letter with an accent, and a letter and an accent."""
INDEXES: list[dict[str, Any]] = [
    {"key": {"a": 1}, "name": "first version", "v": 1},
    {"key": SON([("a", 1.0), ("b", -1.5), ("c", Int64(5)), ("d", Decimal128("1"))]), "name": "odd numbers"},
    {"key": {"g": "2dsphere"}, "name": "sphere 1", "2dsphereIndexVersion": 1},
    {"key": SON([("g2", "2dsphere"), ("a", -1)]), "name": "sphere 2", "2dsphereIndexVersion": 2, "sparse": True},
    {"key": {"h": "2d"}, "name": "flat", "bits": 20, "min": -100.5, "max": 100},
    {
        "key": SON([("p", 1), ("t", "text"), ("z", 1)]),
        "name": "text",
        "weights": {"t": 3, "u": 2},
        "default_language": "none",
        "language_override": "lang",
        "textIndexVersion": 2,
    },
    {"key": {"j.$**": 1}, "name": "wild below"},
    {"key": {"$**": 1}, "name": "wild chosen", "wildcardProjection": {"a": 1, "b.c": 1, "_id": 1}},
    {"key": {"$**": 1}, "name": "wild but for", "wildcardProjection": {"a": 0}},
    {"key": SON([("x", 1), ("y", "hashed"), ("q", -1)]), "name": "hashed among others"},
    {"key": {"_id": "hashed"}, "name": "hashed ids"},
    {
        "key": {"k3": 1},
        "name": "expiry",
        "expireAfterSeconds": 10**8,
        "partialFilterExpression": {"k4": {"$exists": True}},
    },
    {"key": {"l": 1}, "name": "stored", "storageEngine": {"wiredTiger": {"configString": "prefix_compression=false"}}},
    {"key": {"m": 1}, "name": "ü.$ name " + "x" * 200},
    {"key": {"n": 1}, "name": "unique", "unique": True, "sparse": True, "hidden": True, "collation": {"locale": "fr"}},
    {"key": {"o": 1}, "name": "background", "background": True},
    {"key": {"o3": 1}, "name": "to be unique", "prepareUnique": True},
    {
        "key": {"o5": 1},
        "name": "partial and unique",
        "unique": True,
        "partialFilterExpression": {
            "$and": [{"r": {"$eq": Regex("a", "i")}}, {"s": {"$type": "string"}}, {"t": Code("x")}]
        },
    },
    {"key": {"a.0.b": 1}, "name": "place in an array"},
    {"key": {"ref.$id": 1}, "name": "of a reference"},
    {"key": {"a": 1}, "name": "same key, partly", "partialFilterExpression": {"a": {"$gt": 5}}},
    {"key": {"a": 1}, "name": "same key, German", "collation": GERMAN},
]
OPTIONS: dict[str, dict[str, Any]] = {
    "capped and checked": {
        "capped": True,
        "size": 9000,
        "max": 70,
        "collation": GERMAN,
        "validator": {"a": {"$gte": 0}},
    },
    "capped, odd size": {"capped": True, "size": 5000.5},
    "clustered and expiring": {"clusteredIndex": {"key": {"_id": 1}, "unique": True}, "expireAfterSeconds": 10**8},
    "clustered and collated": {
        "clusteredIndex": {"key": {"_id": 1}, "unique": True, "name": "mine"},
        "collation": SWEDISH,
    },
    "with images": {"changeStreamPreAndPostImages": {"enabled": True}},
    "checked by schema": {
        "validator": {"$jsonSchema": {"required": ["a"], "properties": {"a": {"pattern": "^\\d"}}}},
        "validationLevel": "moderate",
        "validationAction": "warn",
    },
    "not checked": {
        "validator": {"a": {"$type": 2}, "$or": [{"b": Regex("x")}, {"c": None}]},
        "validationLevel": "off",
    },
    "compressed": {"storageEngine": {"wiredTiger": {"configString": "block_compressor=zlib"}}},
    "defaults of indexes": {
        "indexOptionDefaults": {"storageEngine": {"wiredTiger": {"configString": "prefix_compression=false"}}}
    },
    "old _id index": {"idIndex": {"key": {"_id": 1}, "name": "_id_", "v": 1}},
    "collated": {"collation": SWEDISH},
}
VIEWS: dict[str, dict[str, Any]] = {
    # Each looks at one that comes after it by name.
    "view a": {"viewOn": "view b", "pipeline": [{"$match": {"n": {"$gt": 1}}}]},
    "view b": {"viewOn": "view c", "pipeline": [{"$set": {"code": {"$literal": Code("x")}}}]},
    "view c": {"viewOn": "orders", "pipeline": [{"$match": {"$expr": {"$ne": ["$note", Regex("x", "i")]}}}]},
    "view of two": {
        "viewOn": "orders",
        "pipeline": [{"$lookup": {"from": "names", "localField": "n", "foreignField": "n", "as": "m"}}],
    },
    "view of nothing": {"viewOn": "not there", "pipeline": [{"$unionWith": "orders"}]},
    "view collated": {"viewOn": "view collated, below", "pipeline": [], "collation": SWEDISH},
    "view collated, below": {"viewOn": "names", "pipeline": [{"$limit": 2}], "collation": SWEDISH},
    "view of weather": {"viewOn": "weather", "pipeline": [{"$match": {"degrees": {"$gt": 30}}}]},
    "viéw": {"viewOn": "\N{GRINNING FACE}", "pipeline": []},
}


def build_zoo(client: Client, name: str) -> None:
    """Fill a database; nothing in it expires before it was compared."""
    database = client[name]
    fill(client, name, orders=60)
    client[name].sessions.update_many({}, {"$set": {"seen": datetime.datetime(2200, 1, 1)}})
    add_expiry(client, name)
    fill_series(client, name, expireAfterSeconds=10**9)
    fill_series(client, name, "wéather. of old", hours=5, collation={"locale": "sv"})
    fill_series(client, name, "x" * (255 - len(name.encode()) - len(".system.buckets.")), hours=1)
    database.command("collMod", "weather", index={"name": "degrees", "hidden": True})
    database.command("createIndexes", "indexed", indexes=INDEXES)
    database.indexed.insert_many({"a": n, "n": n, "o3": n, "t": f"wörter {n}", "y": n, "h": [n, n]} for n in range(20))
    for collection, options in OPTIONS.items():
        database.create_collection(collection, check_exists=False, **options)
        database[collection].insert_many({"_id": (n * 7) % 100, "a": n, "text": "y" * n} for n in range(100))
        database[collection].create_index("text", name="text", collation={"locale": "simple"})
        database[collection].create_index("a", name="old", v=1)
    for number, collection in enumerate([*NAMES, "y" * (254 - len(name.encode()))]):
        collection_of(database, collection).insert_one({"n": number})
    for view, options in VIEWS.items():
        database.create_collection(view, **options)
    _odd_documents(database)


def _odd_documents(database: Any) -> None:
    odd = database["odd documents"]
    for number, odd_id in enumerate(ODD_IDS):
        odd.insert_one({"_id": odd_id, "number": number, **every_type()})
        stamped = {"_id": {"of": number}, "stamp": Timestamp(0, 0), "below": {"stamp": Timestamp(0, 0)}}
        odd.update_one({"_id": {"$eq": {"of": number}}}, [{"$replaceWith": {"$literal": stamped}}], upsert=True)
    odd.insert_one({"_id": "reference", "to": DBRef("cases", 1, "elsewhere")})
    odd.insert_one({"_id": "16 MiB", "x": b"z" * (16 * 1024 * 1024 - 34)})
    deep: dict[str, Any] = {}
    for _ in range(170):
        deep = {"d": deep}
    odd.insert_one({"_id": "deep", "d": deep})
    for number, elements in enumerate(RAW_ELEMENTS):
        body = b"\x02_id\0" + (7).to_bytes(4, "little") + b"raw %02d\0" % number + elements + b"\0"
        odd.insert_one(RawBSONDocument((len(body) + 4).to_bytes(4, "little") + body))


def _text(value: bytes) -> bytes:
    return (len(value) + 1).to_bytes(4, "little") + value + b"\0"


RAW_ELEMENTS = [
    b"\x06u\0",  # undefined
    b"\x0cp\0" + _text(b"db.c") + bytes(range(12)),  # DBPointer
    b"\x0es\0" + _text(b"symbol"),
    b"\x0fw\0" + (4 + 4 + 2 + 5).to_bytes(4, "little") + _text(b"f") + b"\x05\0\0\0\0",  # code with scope
    b"\x10a\0\x01\0\0\0\x10a\0\x02\0\0\0",  # the same key twice
    b"\x10\0\x01\0\0\0\x10\0\x02\0\0\0",  # no key, twice
    b"\x02t\0" + _text(b"\xff\xfe not UTF-8"),
    b"\x10\xff\xfe\0\x01\0\0\0",  # nor is this key
    b"\x04r\0\x13\0\0\0\x107\0\x01\0\0\0\x107\0\x02\0\0\0\0",  # an array counted 7, 7
    b"\x01n\0\x01\0\0\0\0\0\xf8\x7f",  # not a number, with something to say
    b"\x05b\0\x03\0\0\0\x02abc",  # old binary without its inner length
    b"\x05u\0\x03\0\0\0\x04abc",  # UUID of three bytes
    b"\x0br\0a\0xi\0",  # flags out of order
    b"\x13d\0" + b"\xff" * 16,  # a decimal that nobody would write
    b"\x09d\0\0\0\0\0\0\0\0\x80",  # the earliest date
    b"\xff$min\0\x7f.max.\0",
]
