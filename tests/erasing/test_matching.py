"""Who is meant by a value is decided as the server's own equality decides it."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from bson import SON, Binary, DatetimeMS, Decimal128, Int64, ObjectId, decode, encode
from bson.binary import STANDARD
from bson.codec_options import CodecOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from lifeboat.operations.erasing.matching import canonical, keyed_hash, values_at, without_fields
from lifeboat.sources.mongodb.catalog import EXACT
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

KEY = b"k" * 32
SAME = ObjectId("65f0000000000000000000aa")
WHEN = datetime(2026, 11, 26, 12, tzinfo=UTC)
ONE = UUID(int=7)
VALUES: list[Any] = [
    *("", "a", "A", " a", "a ", "1", "true", "ä", "a\u0308", "\u0000", "x@y", "X@y", str(SAME), str(ONE)),
    *(0, 1, -1, 2, Int64(1), Int64(2), 1.0, 1.5, -0.0, 0.0, 2**53, float(2**53), Int64(2**53 + 1), 2**62, float(2**62)),
    *(0.1, 1e300, -1e-300, float("nan"), float("inf"), float("-inf"), 3.0000000000000004),
    *(
        Decimal128("1"),
        Decimal128("1.0"),
        Decimal128("1.5"),
        Decimal128("0E+10"),
        Decimal128("NaN"),
        Decimal128("Infinity"),
    ),
    *(Decimal128("1E+2"), 100, Decimal128("9007199254740993")),
    *(True, False, SAME, ObjectId("65f0000000000000000000ab"), WHEN, DatetimeMS(0), DatetimeMS(-1), DatetimeMS(2**60)),
    *(Binary.from_uuid(ONE), Binary(ONE.bytes, 3), Binary(ONE.bytes, 0), b"", b"a"),
]
"""Some are equal for the server though they are of different types, some look alike and are not."""


@pytest.fixture(scope="module")
def client() -> Iterator[MongoClient[dict[str, Any]]]:
    with (
        PrivateServer(find_mongod(None), ServerOptions(nodes=0)) as server,
        MongoClient[dict[str, Any]](server.uri) as connected,
    ):
        yield connected


def stored(value: object) -> Any:
    """As it comes from the server or out of a snapshot."""
    return decode(encode({"v": value}), codec_options=EXACT)["v"]


def test_values_are_equal_exactly_where_the_server_finds_them_equal(client: MongoClient[dict[str, Any]]) -> None:
    collection = client.t.values
    collection.insert_many({"_id": n, "v": value} for n, value in enumerate(VALUES))
    for n, value in enumerate(VALUES):
        by_server = {one["_id"] for one in collection.find({"v": {"$eq": value}}, {"_id": 1})}
        ours = {m for m, other in enumerate(VALUES) if canonical(stored(other)) == canonical(stored(value))}
        assert n in ours and ours == by_server, value


plain = st.sampled_from([1, 1.0, "a", "b", True, SAME])
names = st.sampled_from(["a", "b", "0", "1"])
trees = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(
    st.lists(st.dictionaries(names, trees, max_size=3), min_size=6, max_size=6),
    st.lists(names, min_size=1, max_size=3),
    plain,
)
def test_paths_lead_where_the_servers_do(
    client: MongoClient[dict[str, Any]], documents: list[dict[str, Any]], path: list[str], value: Any
) -> None:
    collection = client.t.paths
    collection.delete_many({})
    collection.insert_many({"_id": n, **document} for n, document in enumerate(documents))
    by_server = {one["_id"] for one in collection.find({".".join(path): {"$eq": value}}, {"_id": 1})}
    wanted = canonical(value)
    ours = {
        n for n, one in enumerate(documents) if wanted in {canonical(found) for found in values_at(stored(one), path)}
    }
    assert ours == by_server


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(st.dictionaries(names, trees, max_size=3), st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=3))
def test_fields_are_taken_out_as_the_server_takes_them_out(
    client: MongoClient[dict[str, Any]], document: dict[str, Any], path: list[str]
) -> None:
    collection = client.t.unset
    collection.delete_many({})
    collection.insert_one({"_id": 1, **document})
    collection.update_one({"_id": 1}, [{"$unset": [".".join(path)]}])
    [left] = collection.find()
    del left["_id"]
    assert without_fields(SON(document), path) == left


@given(st.text(string.printable, max_size=12))
def test_case_and_blanks_count_only_where_they_are_to(text: str) -> None:
    assert canonical(text, fold=True) == canonical(f"  {text.upper()}\t".swapcase(), fold=True) or not text.isascii()
    assert (canonical(text) == canonical(text + " ")) is False
    assert canonical(text) != canonical(text, fold=True)


def test_a_hash_is_of_its_key_and_says_nothing_without_it() -> None:
    plain_value = canonical("anna@example.org")
    assert plain_value is not None
    assert keyed_hash(KEY, plain_value) != keyed_hash(b"x" * 32, plain_value)
    assert "anna" not in keyed_hash(KEY, plain_value)


def test_nobody_is_known_by_nothing_or_by_a_whole_document() -> None:
    assert [canonical(one) for one in (None, {}, {"a": 1}, [1])] == [None] * 4


def test_a_reference_is_looked_into_like_any_document() -> None:
    options: CodecOptions[Any] = CodecOptions(uuid_representation=STANDARD)
    raw = encode({"owner": {"$ref": "users", "$id": SAME}}, codec_options=options)
    found = [canonical(one) for one in values_at(decode(raw, codec_options=EXACT), ["owner", "$id"])]
    assert canonical(SAME) in found
