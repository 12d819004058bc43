"""A realistic database, and the reading of both sides for comparison: by PyMongo, not by our own code."""

import datetime
from typing import Any

from bson import SON, Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from gridfs import GridFSBucket
from pymongo import IndexModel, MongoClient

from lifeboat.sources.mongodb.any_name import collection_of

Client = MongoClient[dict[str, Any]]
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
ORDERED: CodecOptions[SON[str, Any]] = CodecOptions(
    document_class=SON, datetime_conversion=DatetimeConversion.DATETIME_MS
)
LONG_AGO = datetime.datetime(2001, 1, 1)


def every_type() -> dict[str, Any]:
    return {
        "double": 1.5,
        "negative_zero": -0.0,
        "string": "grüße \0 inside",
        "document": {"a": {"b": []}},
        "array": [1, "two", None],
        "binary": Binary(b"\x00\xff", 128),
        "id": ObjectId(b"123456789012"),
        "yes": True,
        "date": datetime.datetime(1969, 1, 1),
        "null": None,
        "regex": Regex("^a.*", "im"),
        "code": Code("function() {}"),
        "int": 7,
        "long": Int64(7),
        "timestamp": Timestamp(5, 6),
        "decimal": Decimal128("1.50"),
        "smallest": MinKey(),
        "largest": MaxKey(),
        "": "an empty key",
        "with.dot": 1,
        "$dollar": 2,
    }


def fill(client: Client, name: str, orders: int = 500) -> None:
    """Every kind of index and option that 6.0 has, except time-series."""
    database = client[name]
    database.orders.insert_many(
        {"number": n, "total": n * 1.5, "tags": [f"t{n % 7}", f"u{n % 11}"], "note": f"order {n} ü", "at": [n % 90, 5]}
        for n in range(orders)
    )
    database.orders.create_indexes(
        [
            IndexModel("number", unique=True),
            IndexModel([("total", -1), ("tags", 1)], name="compound"),
            IndexModel("total", name="partial", partialFilterExpression={"total": {"$gt": 100}}),
            IndexModel("missing", sparse=True),
            IndexModel([("note", "text")], default_language="german", weights={"note": 3}),
            IndexModel([("at", "2d")], min=-200, max=200),
            IndexModel([("place", "2dsphere")]),
            IndexModel([("number", "hashed")]),
            IndexModel([("more.$**", 1)], name="wildcard"),
            IndexModel("note", name="hidden", hidden=True),
            IndexModel("note", name="cased", collation={"locale": "de", "strength": 2}),
        ]
    )

    database.create_collection("sessions")
    database.sessions.insert_many({"seen": LONG_AGO, "n": n} for n in range(50))  # expired, were the index live
    database.create_collection("tickets", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "by id"})
    database.tickets.insert_many({"_id": n, "text": "x" * 10} for n in range(100))
    database.create_collection("names", collation={"locale": "sv", "strength": 1})
    database.names.insert_many({"name": name, "n": n} for n, name in enumerate(["Åsa", "asa", "Örjan"]))
    database.names.create_index("name", name="inherits")
    database.names.create_index("n", name="simple", collation={"locale": "simple"})
    database.create_collection(
        "people",
        validator={"$or": [{"email": {"$regex": "@", "$options": "i"}}, {"$expr": {"$gt": ["$age", Int64(3)]}}]},
        validationLevel="moderate",
        validationAction="warn",
    )
    database.people.insert_many([{"email": "nobody"}, {"email": "a@b"}])
    database.command("collMod", "people", validationLevel="strict", validationAction="error")
    database.create_collection("log", capped=True, size=65536, max=1000)
    database.log.insert_many({"line": n} for n in range(300))
    database.create_collection("images", changeStreamPreAndPostImages={"enabled": True})
    database.create_collection("empty")
    database["odd name/ü*?.\x01"].insert_one({"_id": {"a": 1}, "b": 2})
    database.kinds.insert_one({"_id": Decimal128("NaN"), **every_type()})
    duplicate = b"\x17\x00\x00\x00\x10_id\x00\x01\x00\x00\x00\x10a\x00\x01\x00\x00\x00"
    duplicate = (len(duplicate) + 8).to_bytes(4, "little") + duplicate[4:] + b"\x10a\x00\x02\x00\x00\x00\x00"
    database.kinds.insert_one(RawBSONDocument(duplicate))  # type: ignore[arg-type]
    zero = {"_id": "zero", "stamp": Timestamp(0, 0), "long": Int64(0)}
    database.kinds.update_one({"_id": "zero"}, [{"$replaceWith": {"$literal": zero}}], upsert=True)
    database["system.js"].insert_one({"_id": "twice", "value": Code("function(x) { return 2 * x }")})
    with GridFSBucket(database).open_upload_stream("photo.jpg") as upload:
        upload.write(b"\x89" * 700_000)
    database.create_collection("cheap", viewOn="orders", pipeline=[{"$match": {"total": {"$lt": 10}}}])
    database.create_collection("cheapest", viewOn="cheap", pipeline=[{"$match": {"total": {"$lt": 2}}}])


def fill_series(client: Client, name: str, collection: str = "weather", hours: int = 60, **options: Any) -> None:
    """A time-series collection with every kind of index it can have."""
    how: dict[str, Any] = {"timeseries": {"timeField": "at", "metaField": "place", "granularity": "minutes"}, **options}
    series = client[name].create_collection(collection, **how)
    begin = datetime.datetime(2026, 1, 1)
    series.insert_many(
        {
            "at": begin + datetime.timedelta(hours=n),
            "place": {"city": f"c{n % 3}", "spot": {"type": "Point", "coordinates": [n % 90, 5]}},
            "degrees": n * 1.5,
            "note": f"wörter {n}",
            "where": {"type": "Point", "coordinates": [n % 90, 6]},
        }
        for n in range(hours)
    )
    series.create_indexes(
        [
            IndexModel([("place.city", 1), ("at", -1)], name="city"),
            IndexModel("degrees", name="degrees"),
            IndexModel([("place.spot", "2dsphere")], name="spot", collation={"locale": "simple"}),
            IndexModel([("where", "2dsphere")], name="where", collation={"locale": "simple"}),
            IndexModel([("place.city", "hashed")], name="hashed"),
            IndexModel("degrees", name="partial", partialFilterExpression={"degrees": {"$gt": 5}}),
            IndexModel("place.more", name="sparse", sparse=True),
            IndexModel([("place.$**", 1)], name="wildcard"),
            IndexModel("note", name="hidden", hidden=True),
            IndexModel("place.city", name="simple", collation={"locale": "simple"}),
        ]
    )


def add_expiry(client: Client, name: str) -> None:
    """The index that would empty ``sessions`` within a second or two."""
    client[name].sessions.create_index("seen", expireAfterSeconds=60, name="expiry")


def indexes_of(database: Any, collection: str) -> list[SON[str, Any]]:
    """By command: PyMongo opens no collection called ``a.``."""
    listed = database.command("listIndexes", collection, cursor={"batchSize": 1000}, codec_options=ORDERED)
    return list(listed["cursor"]["firstBatch"])


def everything_in(client: Client, name: str) -> dict[str, Any]:
    """All that a user could miss: documents as bytes, options, indexes."""
    database = client.get_database(name, codec_options=ORDERED)
    held: dict[str, Any] = {}
    for listed in database.list_collections():
        collection = listed["name"]
        if collection == "system.views":
            continue
        held[collection] = {"type": listed["type"], "options": dict(listed["options"])}
        if listed["type"] == "timeseries":
            held[collection]["indexes"] = {index["name"]: dict(index) for index in indexes_of(database, collection)}
        if listed["type"] == "collection":
            found = collection_of(client[name], collection, codec_options=RAW).find()
            documents = [bytes(document.raw) for document in found]  # type: ignore[attr-defined]
            held[collection]["documents"] = documents if listed["options"].get("capped") else sorted(documents)
            indexes = list(indexes_of(database, collection))
            held[collection]["indexes"] = {index["name"]: dict(index) for index in indexes}
    return held
