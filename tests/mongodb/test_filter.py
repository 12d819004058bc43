"""A filter chooses of a snapshot's documents what ``find`` would choose of the same documents in a collection, and its text is read well."""

import contextlib
import datetime
from typing import Any

import bson
import pytest
from bson import SON, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from lifeboat.sources.mongodb.catalog import EXACT
from lifeboat.sources.mongodb.document_words import differences, id_text, summary
from lifeboat.sources.mongodb.errors import FilterInvalid
from lifeboat.sources.mongodb.filter_match import ServerMatcher, needles_of
from lifeboat.sources.mongodb.filter_text import NOT_ON_STORED_DOCUMENTS, read_filter
from lifeboat.sources.mongodb.target_server import TargetServer

Client = MongoClient[dict[str, Any]]
OID = ObjectId(b"123456789012")
MOMENT = datetime.datetime(2020, 1, 2, 3, 4, 5)

scalars = st.sampled_from(
    [
        0,
        1,
        Int64(1),
        1.0,
        Decimal128("1.0"),
        2,
        -0.0,
        float("nan"),
        float("inf"),
        "",
        "a",
        "A",
        "ab",
        "x@y",
        True,
        False,
        None,
        OID,
        MOMENT,
        Timestamp(1, 1),
        b"a",
        Regex("^a"),
        MinKey(),
        MaxKey(),
        Code("f()"),
    ]
)
names = st.sampled_from(["a", "b", "0", "c.d", "_x"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=3),
    max_leaves=6,
)
documents = st.lists(st.dictionaries(names, values, max_size=4), min_size=1, max_size=12)
paths = st.sampled_from(["a", "b", "a.b", "a.0", "b.a", "a.0.b", "0", "a.b.0", "_id", "c.d"])
tests = st.one_of(
    values,
    st.builds(lambda name, value: {name: value}, st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), values),
    st.builds(lambda name, some: {name: some}, st.sampled_from(["$in", "$nin", "$all"]), st.lists(values, max_size=3)),
    st.builds(lambda yes: {"$exists": yes}, st.booleans()),
    st.builds(
        lambda kind: {"$type": kind}, st.sampled_from(["string", "number", "array", "object", "null", "bool", 7])
    ),
    st.builds(lambda size: {"$size": size}, st.integers(0, 3)),
    st.builds(lambda pattern: {"$regex": pattern, "$options": "i"}, st.sampled_from(["^a", "b$", "@"])),
    st.builds(lambda value: {"$not": {"$eq": value}}, scalars),
    st.builds(lambda value: {"$elemMatch": {"$gte": value}}, scalars),
    st.builds(lambda name, value: {"$elemMatch": {name: value}}, st.sampled_from(["a", "b"]), scalars),
    st.builds(lambda divisor: {"$mod": [divisor, 1]}, st.integers(1, 3)),
)
filters: Any = st.recursive(
    st.dictionaries(paths, tests, max_size=2),
    lambda inner: st.builds(
        lambda name, some: {name: some},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=2),
    ),
    max_leaves=4,
)
collations = st.sampled_from([None, None, {"locale": "en", "strength": 2}])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=documents, wanted=filters, collation=collations)
def test_the_same_documents_as_find(
    client: Client, database: str, made: list[dict[str, Any]], wanted: dict[str, Any], collation: Any
) -> None:
    target = client[database]
    target.drop_collection("c")
    more = {"collation": collation} if collation else {}
    target.create_collection("c", **more)
    target["c"].insert_many({**one, "_id": number} for number, one in enumerate(made))
    stored: Any = target["c"].find_raw_batches({})
    block = b"".join(stored)
    matcher = ServerMatcher(TargetServer(client), database, SON(wanted), collation)
    try:
        expected = {one["_id"] for one in target["c"].find(wanted, {"_id": 1})}
    except OperationFailure:
        with pytest.raises(FilterInvalid):
            matcher.check()
        return
    matcher.check()
    assert {bson.decode(block[begin:end])["_id"] for begin, end in matcher.spans(block)} == expected


def test_what_an_equal_text_rules_out_is_not_sent(client: Client, database: str) -> None:
    assert needles_of(read_filter("{email: 'x@y', n: 1, $or: [{a: 'b'}]}")) == [b"\x04\x00\x00\x00x@y\x00"]
    assert len(needles_of(read_filter("{$and: [{a: 'b'}, {_id: ObjectId('313233343536373839303132')}]}"))) == 2

    class NobodyAsks(ServerMatcher):
        def _matching(self, documents: Any) -> list[bytes]:
            raise AssertionError("sent")

    block = b"".join(bson.encode({"_id": n, "email": f"{n}@y"}) for n in range(100))
    assert NobodyAsks(TargetServer(client), database, read_filter("{email: 'x@y'}"), None).spans(block) == []


def test_an_id_that_comes_back_in_other_bytes_is_found_by_halves(client: Client, database: str) -> None:
    class Forgets(ServerMatcher):
        def _matching(self, documents: Any) -> list[bytes]:
            return [b"?" for _ in super()._matching(documents)]

    block = b"".join(bson.encode({"_id": n, "odd": n % 2}) for n in range(50))
    matcher = Forgets(TargetServer(client), database, read_filter("{odd: 1}"), None)
    found = [bson.decode(block[begin:end])["_id"] for begin, end in matcher.spans(block)]
    assert found == list(range(1, 50, 2))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"email": "x@y"}', {"email": "x@y"}),
        ("{email: 'it\\'s', \"a.b\": {$gt: 3}}", {"email": "it's", "a.b": {"$gt": 3}}),
        ('{"_id": {"$oid": "313233343536373839303132"}}', {"_id": OID}),
        ('{_id: ObjectId("313233343536373839303132")}', {"_id": OID}),
        ("{at: {$gte: ISODate('2020-01-02T03:04:05Z')}}", {"at": {"$gte": MOMENT}}),
        ("{at: new Date('2020-01-02')}", {"at": datetime.datetime(2020, 1, 2)}),
        ("{n: NumberLong(5), d: NumberDecimal('1.50')}", {"n": Int64(5), "d": Decimal128("1.50")}),
        ("{name: /^mü/i}", {"name": Regex("^mü", "i")}),
        (
            '{"name": {"$regex": "^a", "$options": "i", "$ne": "ab"}}',
            {"name": {"$regex": "^a", "$options": "i", "$ne": "ab"}},
        ),
        ('{"text": "ObjectId(\\"no\\") and {a: 1}"}', {"text": 'ObjectId("no") and {a: 1}'}),
        ("{a: {$in: [true, false, null, -1.5e3]}}", {"a": {"$in": [True, False, None, -1500.0]}}),
        (" {} ", {}),
        ("{الاسم: 'محمد'}", {"الاسم": "محمد"}),
    ],
)
def test_a_filter_is_read_as_the_shell_reads_it(text: str, meant: dict[str, Any]) -> None:
    read = read_filter(text)
    assert bson.encode(read, codec_options=EXACT) == bson.encode(meant)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{email: nobody}", "character 9"),
        ('{"email": "x@y"', "character 16"),
        ("email=x", "character 1"),
        ("{a: 1, a: 2}", "named twice"),
        ("{_id: ObjectId()}", "needs a value"),
        ("{_id: ObjectId('zz')}", "not a valid ObjectId"),
        ("{a: sleep(5)}", "character 5"),
        ("[1]", "in braces"),
        ("", "character 1"),
        *((f'{{"{name}": "x"}}', name) for name in NOT_ON_STORED_DOCUMENTS),
    ],
)
def test_a_wrong_filter_says_where(text: str, place: str) -> None:
    with pytest.raises(FilterInvalid) as wrong:
        read_filter(text)
    assert place in wrong.value.message and wrong.value.hint


@given(st.text(max_size=60) | st.text(alphabet="{}[]\":,'$ab1/() ", max_size=40))
def test_no_text_is_a_bug(text: str) -> None:
    with contextlib.suppress(FilterInvalid):
        read_filter(text)


@given(one=st.dictionaries(names, values, max_size=4), other=st.dictionaries(names, values, max_size=4))
def test_differences_name_every_field_that_differs(one: dict[str, Any], other: dict[str, Any]) -> None:
    live, stored = bson.encode({"_id": 1, **one}), bson.encode({"_id": 1, **other})
    if live == stored:
        return
    told = [change.path for change in differences(live, stored)]
    for name in {*one, *other}:
        if bson.encode({"v": one.get(name, "-")}) != bson.encode({"v": other.get(name, "-")}):
            assert any(path == name or path.startswith(f"{name}.") for path in told)
    assert told and id_text(live) == "1" and isinstance(summary(live), str)
