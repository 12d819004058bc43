"""Whatever collections a server accepts, with whatever documents, come back as they were: grown at random."""

import contextlib
import datetime
import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from bson import SON, Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from mongod import private_server
from mongodb_samples import Client, everything_in
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from test_zoo import Keeper, differences

from lifeboat.sources.mongodb.any_name import collection_of

TEXT = st.text(max_size=8)
KEYS = st.one_of(st.sampled_from(["a", "b", "c.d", "$x", "", "_"]), TEXT.filter(lambda key: "\0" not in key))
DATES = st.datetimes(min_value=datetime.datetime(1, 1, 1))
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.floats(), st.integers(-(2**31), 2**31 - 1), TEXT, DATES),
    st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.just(Timestamp(0, 0)),
    st.builds(Binary, st.binary(max_size=16), st.sampled_from([0, 1, 3, 4, 5, 7, 128, 255])),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    st.decimals(allow_nan=True, places=3, min_value=-(10**9), max_value=10**9).map(Decimal128),
    st.builds(Regex, st.sampled_from(["a", "^ü.*", ""]), st.sampled_from(["", "i", "msx"])),
    st.builds(Code, TEXT),
    st.builds(Code, TEXT, st.just({"x": 1})),
    st.sampled_from([MinKey(), MaxKey()]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(KEYS, inner), max_size=3).map(SON),
    max_leaves=6,
)
DOCUMENTS = st.lists(st.tuples(KEYS, VALUES), max_size=5).map(SON)
COLLATIONS = st.fixed_dictionaries(
    {"locale": st.sampled_from(["sv", "de", "fr_CA", "ar", "zh", "en_US_POSIX"])},
    optional={
        "strength": st.integers(1, 5),
        "numericOrdering": st.booleans(),
        "caseFirst": st.sampled_from(["upper", "lower", "off"]),
        "alternate": st.sampled_from(["shifted", "non-ignorable"]),
        "backwards": st.booleans(),
    },
)
CHECKS = st.sampled_from([{}, {"a": {"$type": "int"}}, {"$or": [{"a": Regex("x", "i")}, {"b": None}]}])
OPTIONS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "collation": COLLATIONS,
            "validator": CHECKS,
            "validationLevel": st.sampled_from(["off", "moderate"]),
            "validationAction": st.just("warn"),
            "changeStreamPreAndPostImages": st.builds(lambda on: {"enabled": on}, st.booleans()),
        },
    ),
    st.fixed_dictionaries(
        {"capped": st.just(True), "size": st.integers(1, 20_000)},
        optional={"max": st.integers(1, 9), "collation": COLLATIONS},
    ),
    st.fixed_dictionaries(
        {"clusteredIndex": st.just({"key": {"_id": 1}, "unique": True})},
        optional={"expireAfterSeconds": st.integers(10**8, 10**9), "collation": COLLATIONS},
    ),
    st.fixed_dictionaries(
        {
            "timeseries": st.fixed_dictionaries(
                {"timeField": st.just("t")},
                optional={"metaField": st.just("m"), "granularity": st.sampled_from(["seconds", "minutes", "hours"])},
            )
        },
        optional={"expireAfterSeconds": st.integers(10**8, 10**9), "collation": COLLATIONS},
    ),
    st.fixed_dictionaries(
        {"viewOn": st.sampled_from(["0", "1", "nothing"]), "pipeline": st.just([{"$match": {"a": 1}}])},
        optional={"collation": COLLATIONS},
    ),
)
FIELDS = st.sampled_from(["a", "b", "c.d", "m", "m.x", "t", "$**", "a.$**", "_id"])
INDEXES = st.builds(
    lambda key, more: {"key": SON(key), **more},
    st.lists(
        st.tuples(FIELDS, st.sampled_from([1, -1, 2.5, "hashed", "text", "2dsphere", "2d"])), min_size=1, max_size=3
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "unique": st.booleans(),
            "sparse": st.booleans(),
            "hidden": st.booleans(),
            "prepareUnique": st.booleans(),
            "expireAfterSeconds": st.integers(10**8, 10**9),
            "collation": COLLATIONS | st.just({"locale": "simple"}),
            "partialFilterExpression": st.sampled_from([{"a": {"$gt": 5}}, {"b": {"$exists": True}}]),
            "v": st.sampled_from([1, 2]),
        },
    ),
)
COLLECTIONS = st.tuples(OPTIONS, st.lists(INDEXES, max_size=5), st.lists(DOCUMENTS, max_size=6))
numbers = itertools.count()


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    with private_server() as server, MongoClient(server.uri) as client:
        made = Keeper(tmp_path_factory.mktemp("grown"), server.uri, client)
        made.settings["PORT_URI"] = server.uri_for(None, None)
        made.lifeboat().initialise(guarded=False, new_key=None)
        yield made


def grow(
    client: Client, name: str, zoo: list[tuple[dict[str, Any], list[dict[str, Any]], list[SON[str, Any]]]]
) -> None:
    """Make what the server accepts of it."""
    database = client[name]
    database.command("create", "always")
    for number, (options, indexes, documents) in enumerate(zoo):
        with contextlib.suppress(PyMongoError):
            database.command("create", str(number), **options)
        if "viewOn" in options:
            continue
        for index, specification in enumerate(indexes):
            with contextlib.suppress(PyMongoError):
                database.command("createIndexes", str(number), indexes=[{"name": f"i{index}", **specification}])
        for document in documents:
            if "timeseries" in options:
                document = SON([("t", datetime.datetime(2026, 1, 1, number)), *document.items()])
            with contextlib.suppress(PyMongoError, OverflowError):
                collection_of(database, str(number)).insert_one(document)


def assert_comes_back(keeper: Keeper, zoo: Any) -> None:
    name = f"grown{next(numbers)}"
    client = keeper.client
    try:
        grow(client, name, zoo)
        before = everything_in(client, name)
        keeper.settings["MONGODB_URI"] = keeper.settings["PORT_URI"].replace("/?", f"/{name}?")
        [snapshot] = keeper.lifeboat().backup("db").snapshots
        assert snapshot.complete, snapshot.findings
        keeper.restore(to=f"{name}_b", snapshot=snapshot.snapshot)
        assert differences(everything_in(client, f"{name}_b"), before) == []
        for collection in list(before)[::2]:
            if before[collection]["type"] == "collection" and not collection.startswith("system."):
                client[name].drop_collection(collection)
        keeper.restore(over_live=True, snapshot=snapshot.snapshot)
        assert differences(everything_in(client, name), before) == []
    finally:
        client.drop_database(name)
        client.drop_database(f"{name}_b")


EXAMPLES = int(os.environ.get("LIFEBOAT_GROWN_ZOOS", "60"))
QUICKLY: Any = {"deadline": None, "phases": [Phase.generate], "report_multiple_bugs": False, "database": None}
"""No shrinking: an example costs a second, and the report names the collections that differ."""
CHECKS_OFF = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@given(st.lists(COLLECTIONS, min_size=6, max_size=12))
@settings(max_examples=5, suppress_health_check=CHECKS_OFF, **QUICKLY)
def test_what_grew_comes_back(keeper: Keeper, zoo: Any) -> None:
    assert_comes_back(keeper, zoo)


@pytest.mark.long
@given(st.lists(COLLECTIONS, min_size=3, max_size=15))
@settings(max_examples=EXAMPLES, suppress_health_check=CHECKS_OFF, **QUICKLY)
def test_whatever_grew_comes_back(keeper: Keeper, zoo: Any) -> None:
    assert_comes_back(keeper, zoo)
