"""Folding is a way to write less, never to write something else: what a server made of random writes, replayed in any windows."""

import random
from typing import Any

import bson
import hypothesis.strategies as st
import pytest
from bson import Decimal128, Int64, Timestamp
from hypothesis import HealthCheck, given, settings
from mongodb_samples import RAW, Client
from pymongo.errors import OperationFailure

from lifeboat.sources.mongodb.empty_timestamps import id_element
from lifeboat.sources.mongodb.oplog import replay as replaying
from lifeboat.sources.mongodb.oplog.change import Change, document_of
from lifeboat.sources.mongodb.oplog.flatten import Flattener
from lifeboat.sources.mongodb.oplog.fold import windows
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at, majority_point
from lifeboat.sources.mongodb.oplog.replay import Place
from lifeboat.sources.mongodb.oplog.same_id import same_id
from lifeboat.sources.mongodb.target_server import TargetServer

KEYS: list[Any] = [1, 1.0, 2, "a", {"k": 1}, {"k": 1.0}, None, Int64(2)]
RESPELLED: dict[str, Any] = {"1": 1.0, "1.0": 1, "2": Int64(2), "{'k': 1}": {"k": 1.0}, "{'k': 1.0}": {"k": 1}}
VALUES = st.sampled_from([0, -1.5, "text", None, [], [1, 2, [3]], {}, {"deep": {"er": 1}}, {"": 1}, Timestamp(0, 0)])
FIELDS = st.sampled_from(["a", "b", "a.b", "a.0", "list", "list.1", "z"])
UPDATES = st.one_of(
    st.builds(lambda field, value: {"$set": {field: value}}, FIELDS, VALUES),
    st.builds(lambda field: {"$unset": {field: 1}}, FIELDS),
    st.builds(lambda field, value: {"$push": {field: value}}, FIELDS, VALUES),
    st.builds(lambda field: {"$pop": {field: -1}}, FIELDS),
    st.builds(lambda one, other: {"$rename": {one: other}}, st.sampled_from("ab"), st.sampled_from("yz")),
    st.builds(
        lambda value: [{"$replaceWith": {"$mergeObjects": [{"_id": "$_id", "front": value}, "$$ROOT"]}}],
        st.integers(0, 9),
    ),
    st.builds(lambda number: [{"$set": {"list": {"$slice": [{"$ifNull": ["$list", []]}, number]}}}], st.integers(1, 3)),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["update", "update", "update", "upsert", "replace", "respell", "insert", "delete"]),
        st.sampled_from(KEYS),
        UPDATES,
        VALUES,
    ),
    min_size=3,
    max_size=40,
)


def play(client: Client, database: str, steps: list[Any]) -> list[Change]:
    """What the server's oplog tells of these writes, whichever of them it took."""
    collection = client[database].c
    start = majority_point(client)
    for act, key, update, value in steps:
        where = {"_id": {"$eq": key}}
        try:
            if act in ("update", "upsert"):
                collection.update_one(where, update, upsert=act == "upsert")
            elif act == "replace":
                collection.replace_one(where, {"whole": value, "a": {"b": [1]}}, upsert=True)
            elif act == "respell":  # taken where the two are equal: 1 becomes 1.0
                collection.replace_one({"_id": {"$eq": RESPELLED.get(repr(key), key)}}, {"_id": key, "list": [value]})
            elif act == "insert":
                collection.insert_one({"_id": key, "list": [value, value], "v": value})
            else:
                collection.delete_one(where)
        except OperationFailure:
            continue
    end = majority_point(client)
    flattener = Flattener(lambda name: name == database, lambda when: entry_at(client, when))
    return [
        change
        for position, entry in entries_from(client, start, None, end)
        if position.when > start
        for change in flattener.changes_of(entry)
    ]


def documents(client: Client, database: str, name: str) -> list[bytes]:
    return sorted(bytes(one.raw) for one in client[database].get_collection(name, codec_options=RAW).find())  # type: ignore[attr-defined]


def apply(server: TargetServer, database: str, name: str, changes: list[Change], size: int) -> None:
    place = Place(database, name, in_order=False)
    for collections in windows(changes, at_most_changes=size):
        for writes in collections.values():
            replaying._apply(server, place, writes)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS, size=st.integers(2, 50), begin=st.integers(0, 40))
def test_folded_in_any_windows_it_is_what_the_server_made_one_by_one(
    client: Client, database: str, steps: list[Any], size: int, begin: int
) -> None:
    server, opened = TargetServer(client), client[database]
    for name in ("c", "singly", "folded", "late"):
        opened[name].drop()
    opened.create_collection("c")
    changes = play(client, database, steps)
    truth = documents(client, database, "c")
    apply(server, database, "singly", changes, 1)
    assert documents(client, database, "singly") == truth
    apply(server, database, "folded", changes, size)
    assert documents(client, database, "folded") == truth
    # Onto a state that some of the changes have reached already, and then once more onto the end.
    apply(server, database, "late", changes[:begin], 1)
    apply(server, database, "late", changes, size)
    assert documents(client, database, "late") == truth
    apply(server, database, "late", changes, size + 1)
    assert documents(client, database, "late") == truth


def test_what_was_deleted_under_another_spelling_of_its_id_does_not_come_back(client: Client, database: str) -> None:
    """Shells write 1 as 1.0: a replacement by one then changes what the document is called from there on."""
    steps = [("insert", 1, None, 0), ("respell", 1.0, None, 0), ("delete", 1, None, 0), ("insert", {"k": 1}, None, 0)]
    steps += [("respell", {"k": 1.0}, None, 0), ("update", {"k": 1}, {"$set": {"after": 1}}, 0)]
    changes = play(client, database, steps)
    truth = documents(client, database, "c")
    assert len(changes) == len(steps) and len(truth) == 1
    apply(TargetServer(client), database, "folded", changes, 100)
    assert documents(client, database, "folded") == truth


SPELLINGS: list[list[Any]] = [
    [1, 1.0, Int64(1), Decimal128("1"), Decimal128("1.000")],
    [0, 0.0, -0.0, Decimal128("-0"), Decimal128("0E+3")],
    [0.5, Decimal128("0.5"), Decimal128("0.50")],
    [Decimal128("0.1"), Decimal128("0.10")],
    [0.1],
    [Int64(2**62), 2.0**62, Decimal128(str(2**62))],
    [Int64(2**62 + 1)],
    [Int64(-(2**63)), -(2.0**63), Decimal128(str(-(2**63)))],
    [2.0**63, Decimal128(str(2**63))],
    [1e300],
    [Decimal128("1E+6000"), Decimal128("10E+5999")],
    [float("nan"), Decimal128("NaN")],
    [float("inf"), Decimal128("Infinity")],
    [float("-inf"), Decimal128("-Infinity")],
    [{"k": 1, "l": [1]}, {"k": 1.0, "l": [Decimal128("1")]}],
    [{"l": [1], "k": 1}],
    [True],
    ["1"],
    [{}],
    [None],
]


def test_ids_have_one_spelling_exactly_where_the_server_holds_them_equal(client: Client, database: str) -> None:
    collection = client[database].c
    found: dict[Any, Any] = {}
    for alike in SPELLINGS:
        collection.insert_one({"_id": alike[0]})
        for one in alike:
            assert collection.count_documents({"_id": {"$eq": one}}) == 1, one
        spelled = {same_id(id_element(bson.encode({"_id": one}))) for one in alike}
        assert len(spelled) == 1, alike
        [one] = spelled
        assert one not in found, (alike, found.get(one))
        found[one] = alike
        # It is a spelling that the server itself takes for the same.
        kind, value = one
        again = bson.decode(document_of(bytes([kind]) + b"_id\0" + value))["_id"]
        assert collection.find_one({"_id": {"$eq": again}}) is not None, alike


@pytest.mark.parametrize("seed", range(3))
def test_a_capped_collection_folded_in_any_windows_keeps_its_order(client: Client, database: str, seed: int) -> None:
    """Put together where nothing is pushed out; some of it is there already, read in the middle of all that."""
    chance = random.Random(seed)
    client[database].create_collection("c", capped=True, size=4096, max=40)
    capped = client[database].c
    capped.insert_many({"_id": n, "v": 0} for n in range(30))
    before = [bytes(one.raw) for one in client[database].get_collection("c", codec_options=RAW).find()]  # type: ignore[attr-defined]
    start = majority_point(client)
    scanned = before
    for n in range(200):
        act = chance.randrange(10)
        if act == 0:
            capped.delete_one({"_id": chance.randrange(n + 30)})
        elif act == 1:
            capped.update_one({"_id": {"$gte": n}}, {"$inc": {"v": 1}})
        else:
            capped.insert_one({"_id": n + 30, "v": chance.randrange(9)})
        if n == chance.randrange(200) or n == 120:
            scanned = [bytes(one.raw) for one in client[database].get_collection("c", codec_options=RAW).find()]  # type: ignore[attr-defined]
    flattener = Flattener(lambda name: name == database, lambda when: None)
    changes = [
        change
        for position, entry in entries_from(client, start, None, majority_point(client))
        if position.when > start
        for change in flattener.changes_of(entry)
    ]
    truth = [bytes(one.raw) for one in client[database].get_collection("c", codec_options=RAW).find()]  # type: ignore[attr-defined]
    for number, (size, there) in enumerate([(1, before), (7, before), (50, scanned), (1000, scanned)]):
        stage = client[database].get_collection(f"stage{number}", codec_options=RAW)
        for document in there:
            stage.insert_one(_raw(document))
        place = Place(database, f"stage{number}", in_order=True)
        for _ in range(2):
            for collections in windows(changes, at_most_changes=size):
                for writes in collections.values():
                    replaying._apply(TargetServer(client), place, writes)
            assert [bytes(one.raw) for one in stage.find()] == truth  # type: ignore[attr-defined]


def _raw(document: bytes) -> Any:
    return RAW.document_class(document)
