"""Our applier of differences makes the bytes that the server makes, also of documents that the difference was not made for."""

import time
from pathlib import Path
from typing import Any

import bson
import hypothesis.strategies as st
import pytest
from bson import SON, Binary, CodecOptions, Int64, Regex, Timestamp, json_util
from bson.raw_bson import RawBSONDocument
from hypothesis import HealthCheck, given, settings
from mongodb_samples import RAW, Client, every_type
from pymongo.errors import OperationFailure

from lifeboat.sources.mongodb.errors import BlockUnreadable
from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.flatten import Flattener
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at, majority_point

ORDERED: CodecOptions[Any] = CodecOptions(document_class=SON, tz_aware=False)
SHAPES: list[Any] = json_util.loads(
    Path(__file__).with_name("oplog-shapes.json").read_text(),
    json_options=json_util.JSONOptions(
        json_mode=json_util.JSONMode.CANONICAL,
        document_class=SON,
        tz_aware=False,
        unicode_decode_error_handler="replace",
    ),
)

SCALARS = st.sampled_from(
    [0, 1, 1.0, "", "text", None, True, Timestamp(0, 0), Binary(b"\0ab"), Int64(7), Regex("a", "i")]
)
NAMES = st.sampled_from(["a", "b", "c", "0", "1", "10", "", "a.b", "d", "u", "s", "sa", "$v"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, max_size=4),
        st.lists(inner, max_size=5),
        st.lists(inner, min_size=11, max_size=13),
    ),
    max_leaves=25,
)
DOCUMENTS = st.dictionaries(NAMES.filter(lambda name: name != "$v"), VALUES, max_size=6)
PATHS = st.sampled_from(["a", "b", "c", "a.b", "a.0", "a.2", "b.c.d", "c.1.a", "a.10", "b.a", "0", "a.b.0.c"])
MADE_BY_4_4 = st.builds(
    lambda sets, unsets: SON([("$v", 1), *([("$unset", unsets)] if unsets else []), ("$set", sets)]),
    st.dictionaries(st.sampled_from(["a", "b", "c.a", "c.2"]), VALUES, min_size=1, max_size=3).map(
        lambda sets: SON(sorted(sets.items()))
    ),
    st.dictionaries(st.sampled_from(["d", "e", "f.a", "f.1", "f.b.0"]), st.just(True), max_size=2),
)
ANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def encode(document: Any) -> bytes:
    return bson.encode(document, codec_options=ORDERED)


def padded(document: dict[str, Any]) -> dict[str, Any]:
    """So large that a difference is always smaller than the document."""
    return {"_id": 1, **document, "padding": "x" * 4000}


class Live:
    """One collection of a real server, read and written as raw bytes."""

    def __init__(self, client: Client, database: str) -> None:
        self.client, self.database = client, database
        self.collection = client[database].get_collection("c", codec_options=RAW)  # type: ignore[arg-type]
        client[database].drop_collection("c")
        client[database].create_collection("c")

    def put(self, document: bytes) -> bytes:
        # An insert would put the time into an empty timestamp.
        literal: Any = [{"$replaceWith": {"$literal": RawBSONDocument(document)}}]
        self.collection.update_one({"_id": 1}, literal, upsert=True)
        return self.document()

    def document(self) -> bytes:
        return bytes(self.collection.find_one({"_id": 1}).raw)  # type: ignore[attr-defined]

    def update(self, update: Any) -> list[bytes]:
        """Update the document; what the oplog then says of it, differences only."""
        start = majority_point(self.client)
        self.collection.update_one({"_id": 1}, update)
        end = majority_point(self.client)
        flattener = Flattener(lambda name: name == self.database, lambda when: entry_at(self.client, when))
        changes = [
            change
            for position, entry in entries_from(self.client, start, None, end)
            if position.when > start
            for change in flattener.changes_of(entry)
        ]
        return [change.o for change in changes if not change.is_whole]

    def apply(self, diff: bytes) -> bytes | int:
        """What the server makes of the difference, or the code with which it refuses it."""
        stage: Any = [{"$_internalApplyOplogUpdate": {"oplogUpdate": RawBSONDocument(diff)}}]
        try:
            self.collection.update_one({"_id": 1}, stage)
        except OperationFailure as refusal:
            return refusal.code or 0
        return self.document()


def cases() -> list[Any]:
    found = []
    for shape in SHAPES:
        updates = [one for one in shape["entries"] if one["op"] == "u"]
        if shape.get("before") and shape.get("after") and len(updates) == 1 and "_id" not in updates[0]["o"]:
            found.append(pytest.param(shape["before"], shape["after"], updates[0]["o"], id=shape["name"]))
    return found


def test_there_are_cases_of_each_kind() -> None:
    assert len(cases()) >= 30


@pytest.mark.parametrize(("before", "after", "o"), cases())
def test_what_a_server_wrote_comes_to_what_it_made(before: Any, after: Any, o: Any) -> None:
    once = apply_diff(encode(before), encode(o))
    assert once == encode(after)
    assert apply_diff(once, encode(o)) == once


@ANY
@given(before=DOCUMENTS, after=DOCUMENTS, other=DOCUMENTS)
def test_every_difference_of_a_server_applied_anywhere(
    client: Client, database: str, before: Any, after: Any, other: Any
) -> None:
    """The server tells two documents apart; its difference is applied to the first, to its result, and to a stranger."""
    live = Live(client, database)
    first = live.put(encode(padded(before)))
    diffs = live.update([{"$replaceWith": {"$literal": padded(after)}}])
    truth, made = live.document(), first
    for diff in diffs:
        made = apply_diff(made, diff)
    assert made == (truth if diffs else first)
    for diff in diffs:
        assert apply_diff(made, diff) == truth
        stranger = live.put(encode(padded(other)))
        assert apply_diff(stranger, diff) == live.apply(diff)


OPERATORS = st.one_of(
    st.builds(lambda path, value: {"$set": {path: value}}, PATHS, VALUES),
    st.builds(lambda path: {"$unset": {path: 1}}, PATHS),
    st.builds(lambda path, value: {"$push": {path: value}}, PATHS, VALUES),
    st.builds(lambda path: {"$pop": {path: 1}}, PATHS),
    st.builds(lambda path, value: {"$addToSet": {path: value}}, PATHS, VALUES),
    st.builds(lambda path: {"$inc": {path: 1}}, PATHS),
    st.builds(lambda one, other: {"$rename": {one: other}}, PATHS, PATHS),
    st.builds(lambda path, value: {"$set": {path: value, "z": value}, "$unset": {"y": 1}}, PATHS, VALUES),
    st.builds(lambda value: [{"$set": {"a": {"$slice": ["$a", 2]}, "b.c": value}}, {"$unset": "c"}], SCALARS),
    # Its difference puts every field behind the padding, the _id among them.
    st.just([{"$replaceWith": {"$mergeObjects": [{"padding": "$padding"}, "$$ROOT"]}}]),
)


@ANY
@given(before=DOCUMENTS, updates=st.lists(OPERATORS, min_size=1, max_size=6))
def test_updates_by_operators(client: Client, database: str, before: Any, updates: Any) -> None:
    live = Live(client, database)
    made = live.put(encode(padded(before)))
    for update in updates:
        try:
            diffs = live.update(update)
        except OperationFailure:
            continue
        for diff in diffs:
            made = apply_diff(made, diff)
        assert made == live.document()


@ANY
@given(before=DOCUMENTS, diff=MADE_BY_4_4)
def test_the_form_of_4_4_and_older(client: Client, database: str, before: Any, diff: Any) -> None:
    live = Live(client, database)
    first = live.put(encode(padded(before)))
    assert apply_diff(first, encode(diff)) == live.apply(encode(diff))
    del diff["$v"]
    live.put(first)
    assert apply_diff(first, encode(diff)) == live.apply(encode(diff))


HAND_MADE: list[Any] = [
    {"a": {"b": 1}},
    {"sa": {"u": {"x": 1}}},
    {"sa": {"a": True, "u9": 1}},
    {"sa": {"a": True, "s1": {"u": {"x": 1}}}},
    {"sa": {"a": True, "l": 1}},
    {"sa": {"a": True, "l": 6, "u5": "end"}},
    {"sa": {"a": True, "s0": {"a": True, "l": 0}}},
    {"smissing": {"u": {"x": 1}}},
    {"u": {"new": 1}, "i": {"b": 2, "a": [1]}},
    {"d": {"b": False}, "i": {"c": Timestamp(0, 0)}},
    {"s": {"u": {"x": 1}}},
]


@pytest.mark.parametrize("diff", HAND_MADE, ids=str)
@pytest.mark.parametrize("a", [1, {"x": {}}, [], [1], [[1, 2], {"x": 0}, 3], {}], ids=str)
def test_differences_that_fit_badly_end_as_on_the_server(client: Client, database: str, diff: Any, a: Any) -> None:
    live = Live(client, database)
    before = live.put(encode({"_id": 1, "a": a, "b": 0, "": {"x": 0}}))
    o = encode(SON([("$v", 2), ("diff", diff)]))
    theirs = live.apply(o)
    if isinstance(theirs, int):
        with pytest.raises(BlockUnreadable):
            apply_diff(before, o)
    else:
        assert apply_diff(before, o) == theirs


def test_duplicate_names_in_a_document_stay(client: Client, database: str) -> None:
    live = Live(client, database)
    twice = encode({"_id": 1, "k": 1, "a": 2}).replace(b"\x10k\0", b"\x10a\0")
    client[database].get_collection("c").insert_one(RawBSONDocument(twice))  # type: ignore[arg-type]
    assert live.document() == twice
    # Not {"i": {"a": 3}}: a document with two fields of that name makes mongod 6.0.5 fall over.
    for diff in ({"u": {"b": 1}}, {"u": {"a": 9}}, {"d": {"a": False}}, {"i": {"c": 3}}, {"sa": {"u": {"x": 1}}}):
        o = encode(SON([("$v", 2), ("diff", diff)]))
        client[database].drop_collection("c")
        client[database].get_collection("c").insert_one(RawBSONDocument(twice))  # type: ignore[arg-type]
        assert apply_diff(twice, o) == live.apply(o)


@pytest.mark.parametrize(
    "o",
    [
        {"$v": 2, "diff": {"u": {"a": 1}, "i": {"a": 2}}},
        {"$v": 2, "diff": {"d": {"a": False}, "sa": {"u": {"b": 1}}}},
        {"$v": 2, "diff": {"x": {"a": 1}}},
        {"$v": 2, "diff": {"u": 1}},
        {"$v": 2, "diff": {"sa": {"a": True, "l": 1, "u3": 1}}},
        {"$v": 2, "diff": {"sa": {"a": True, "u9999999": 1}}},
        {"$v": 2, "diff": {"sa": {"a": True, "x0": 1}}},
        {"$v": 1, "$inc": {"a": 1}},
        {"a": 1},
    ],
    ids=str,
)
def test_what_no_server_writes_is_an_error_and_not_a_guess(o: Any) -> None:
    with pytest.raises(BlockUnreadable):
        apply_diff(encode({"_id": 1, "a": [1]}), encode(o))


def test_a_difference_cut_short_is_an_error() -> None:
    whole = encode({"$v": 2, "diff": {"u": {"a": "text"}}})
    for length in range(5, len(whole)):
        with pytest.raises(BlockUnreadable):
            apply_diff(encode({"_id": 1, "a": 1}), length.to_bytes(4, "little") + whole[4 : length - 1] + b"\0")


def test_a_packed_column_of_a_newer_server_grows() -> None:
    before = {"_id": 1, "data": {"x": Binary(b"abcdef", 7), "y": 1}}
    o = {"$v": 2, "diff": {"sdata": {"b": {"x": {"o": 4, "d": Binary(b"EFGH", 7)}}}}}
    after = encode({"_id": 1, "data": {"x": Binary(b"abcdEFGH", 7), "y": 1}})
    once = apply_diff(encode(before), encode(o))
    assert once == after
    assert apply_diff(once, encode(o)) == once
    shrunk = {
        "$v": 2,
        "diff": {"sdata": {"b": {"x": {"o": 1, "d": Binary(b"Z", 7)}, "y": {"o": 1, "d": Binary(b"", 7)}}}},
    }
    assert bson.decode(apply_diff(once, encode(shrunk)))["data"] == {"x": Binary(b"aZ", 7), "y": None}


def test_values_of_every_type_pass_untouched() -> None:
    values = every_type()
    before = encode({"_id": 1, **values, "last": 0})
    o = encode({"$v": 2, "diff": {"u": {"last": 1}, "i": {"inner": values}}})
    assert apply_diff(before, o) == encode({"_id": 1, **values, "last": 1, "inner": values})


def test_a_document_of_twenty_fields_takes_microseconds() -> None:
    before = encode({"_id": 1, **{f"field{n}": f"value {n}" for n in range(20)}})
    o = encode({"$v": 2, "diff": {"u": {"field7": "x"}, "i": {"new": 1}}})
    began = time.perf_counter()
    for _ in range(1000):
        apply_diff(before, o)
    assert time.perf_counter() - began < 1.0  # about 0.04 on one core
