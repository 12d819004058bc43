"""Every way to change one document, drawn by chance: operators, arrays, pipelines, whole documents.

Limit: a document may not fit an operator (a push onto a number); the server then refuses it, and that is no matter.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bson import Binary, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

Update = Mapping[str, Any] | list[Mapping[str, Any]]


@dataclass(frozen=True)
class Asked:
    """Args: query: Beside the ``_id``, for the positional operator. filters: For ``$[name]``."""

    update: Update
    filters: list[Mapping[str, Any]] = field(default_factory=list)
    query: Mapping[str, Any] = field(default_factory=dict)


def whole(chance: random.Random) -> dict[str, Any]:
    """A document that every operator below fits, without its ``_id``."""
    n = chance.randrange(1000)
    return {
        **({"a": n} if n % 2 else {"z": n, "b": {"c": n}}),
        "n": n,
        "low": n,
        "bits": chance.randrange(256),
        "deep": {"er": {"est": n}, "list": [{"k": 1, "v": n}, {"k": 2, "v": n}]},
        "list": [chance.randrange(50) for _ in range(chance.randrange(8))],
        "items": [{"sku": k, "n": chance.randrange(9), "tags": ["a", "b"]} for k in range(chance.randrange(5))],
        "grid": [[1, 2], [3, chance.randrange(9)]],
        "text": "ü" * chance.randrange(300),
        "place": [chance.random() * 90, chance.random() * 45],
        "odd": chance.choice(
            [None, True, 1.5, Int64(2**50), Decimal128("1.50"), ObjectId(), Binary(b"\0x", 128), Regex("a", "i")]
        ),
        "at": datetime.now(UTC),
    }


UPDATES: dict[str, Callable[[random.Random, int], Asked]] = {
    "$set": lambda c, n: Asked({"$set": {"a": n, "deep.er.est": n, "b.c": n}}),
    "$set of other types": lambda c, n: Asked({"$set": {"shifty": c.choice([n, [n], {"k": n}, None, "s", MinKey()])}}),
    "$set within an array": lambda c, n: Asked({"$set": {"list.2": "two", "items.1.n": n}}),
    "$set beyond an array's end": lambda c, n: Asked({"$set": {f"list.{c.randrange(9)}": n}}),
    "$set of a large value": lambda c, n: Asked({"$set": {"text": "x" * (n * 4)}}),
    "$unset": lambda c, n: Asked({"$unset": {c.choice(["a", "b.c", "deep.er.est", "shifty", "odd", "z"]): 1}}),
    "$unset within an array": lambda c, n: Asked({"$unset": {"list.1": 1, "items.0.tags": 1}}),
    "$rename": lambda c, n: Asked({"$rename": {"a": "z", "b.c": "deep.c"}}),
    "$rename back": lambda c, n: Asked({"$rename": {"z": "a"}}),
    "$inc $mul": lambda c, n: Asked({"$inc": {"n": 1, "deep.k": -2}, "$mul": {"low": c.choice([1, 2, 0.5])}}),
    "$min $max": lambda c, n: Asked({"$min": {"low": n, "deep.low": n}, "$max": {"high": n, "text": MaxKey()}}),
    "$bit": lambda c, n: Asked({"$bit": {"bits": {c.choice(["and", "or", "xor"]): n}}}),
    "$currentDate": lambda c, n: Asked({"$currentDate": {"when": {"$type": "timestamp"}, "deep.at": True}}),
    "$setOnInsert": lambda c, n: Asked({"$setOnInsert": {"born": n, "list": []}, "$set": {"seen": n}}),
    "$push": lambda c, n: Asked({"$push": {"list": n, "deep.list": {"k": 3, "v": n}}}),
    "$push $each $slice": lambda c, n: Asked({"$push": {"list": {"$each": [n, n + 1], "$slice": -8}}}),
    "$push $position": lambda c, n: Asked(
        {"$push": {"list": {"$each": [n], "$position": c.randrange(4), "$slice": 9}}}
    ),
    "$push $sort": lambda c, n: Asked({"$push": {"items": {"$each": [{"n": n}], "$sort": {"n": -1}, "$slice": 6}}}),
    "$push nothing but $sort": lambda c, n: Asked({"$push": {"list": {"$each": [], "$sort": c.choice([1, -1])}}}),
    "$addToSet": lambda c, n: Asked({"$addToSet": {"list": {"$each": [n % 7, n % 5, {"o": 1}]}}}),
    "$pull": lambda c, n: Asked({"$pull": {"list": {"$gt": 800}, "items": {"n": {"$lt": 2}}}}),
    "$pullAll": lambda c, n: Asked({"$pullAll": {"list": [n % 7, n % 5, {"o": 1}]}}),
    "$pop": lambda c, n: Asked({"$pop": {"list": c.choice([1, -1]), "grid": 1}}),
    "$[]": lambda c, n: Asked({"$inc": {"items.$[].n": 1, "grid.$[].$[]": 1}}),
    "array filters": lambda c, n: Asked(
        {"$set": {"items.$[big].n": n, "items.$[big].tags.$[a]": "A"}}, [{"big.n": {"$gt": 3}}, {"a": "a"}]
    ),
    "$": lambda c, n: Asked({"$set": {"items.$.n": n}}, query={"items.n": {"$gt": 1}}),
    "pipeline $set": lambda c, n: Asked(
        [{"$set": {"piped": {"$add": [{"$ifNull": ["$piped", 0]}, n]}, "deep.m": {"$max": "$list"}}}]
    ),
    "pipeline that shortens": lambda c, n: Asked([{"$set": {"list": {"$slice": [{"$ifNull": ["$list", []]}, 3]}}}]),
    "pipeline that shortens within": lambda c, n: Asked(
        [{"$set": {"deep.list": {"$slice": ["$deep.list", 1]}, "text": {"$substrCP": ["$text", 0, 9]}}}]
    ),
    "pipeline $unset": lambda c, n: Asked([{"$unset": ["b", "deep.k"]}, {"$set": {"b": {"again": n}}}]),
    "pipeline that reorders": lambda c, n: Asked(
        [{"$replaceWith": {"$mergeObjects": [{"_id": "$_id", "first": n}, "$$ROOT"]}}]
    ),
    "pipeline that moves a field to the end": lambda c, n: Asked(
        [{"$replaceWith": {"$mergeObjects": [{"$unsetField": {"field": "n", "input": "$$ROOT"}}, {"n": n}]}}]
    ),
    "pipeline $replaceWith": lambda c, n: Asked([{"$replaceWith": {"_id": "$_id", "only": n, "list": [n]}}]),
    "pipeline with odd names": lambda c, n: Asked(
        [
            {"$set": {"names": {"$ifNull": ["$names", {}]}}},
            {"$set": {"names": {"$setField": {"field": "a.b", "input": "$names", "value": n}}}},
            {"$set": {"names": {"$setField": {"field": {"$literal": "$c"}, "input": "$names", "value": [n]}}}},
        ]
    ),
    "pipeline with a name that is a number": lambda c, n: Asked(
        [{"$set": {"numbered": {"$mergeObjects": ["$numbered", {"0": n, "10": {"k": n}}]}}}]
    ),
    "pipeline with empty timestamps and names": lambda c, n: Asked(
        [{"$replaceWith": {"$mergeObjects": [{"$literal": {"stamp": Timestamp(0, 0), "": n, "d.t": 2}}, "$$ROOT"]}}]
    ),
}
