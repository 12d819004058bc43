"""Every shape of entry that a real oplog held is understood; diffs replayed give the document they gave there, byte for byte."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import SON, Binary, CodecOptions, Timestamp, json_util
from bson.codec_options import DatetimeConversion
from mongodb_samples import RAW, Client

from lifeboat.foundation.progress import Silent
from lifeboat.sources.mongodb.errors import OplogGap, OplogNotFollowed
from lifeboat.sources.mongodb.oplog.change import Change, elements_of, read_change, with_id_first
from lifeboat.sources.mongodb.oplog.command import Command, read_event
from lifeboat.sources.mongodb.oplog.flatten import Flattener, position_of
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at, majority_point
from lifeboat.sources.mongodb.oplog.replay import Place, replay
from lifeboat.sources.mongodb.target_server import TargetServer

EXACT: Any = CodecOptions(document_class=SON, tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_MS)
JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    document_class=SON,
    tz_aware=False,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)
SHAPES: list[Any] = json_util.loads(Path(__file__).with_name("oplog-shapes.json").read_text(), json_options=JSON)
BY_NAME = {shape["name"]: shape for shape in SHAPES}


def raw(document: Any) -> bytes:
    return bson.encode(document, codec_options=EXACT)


ALL = [raw(entry) for shape in SHAPES for entry in shape["entries"]]
BY_TIME = {position_of(entry).when: entry for entry in ALL}
WANTED = Flattener(lambda database: database in ("shop", "shop2"), BY_TIME.get)


def changes_in(name: str) -> list[Change]:
    return [change for entry in BY_NAME[name]["entries"] for change in WANTED.changes_of(raw(entry))]


def told(changes: list[Change]) -> list[tuple[str, str, Any]]:
    return [(change.kind, change.namespace, bson.decode(change.o, EXACT).get("_id")) for change in changes]


def test_all_201_entries_are_understood_and_none_of_another_database_is_taken() -> None:
    assert len(ALL) == 201
    changes = [change for entry in ALL for change in WANTED.changes_of(entry)]
    assert {change.namespace.partition(".")[0] for change in changes} == {"shop", "shop2"}
    plain = [entry for shape in SHAPES for entry in shape["entries"] if entry["op"] in "iud"]
    of_these = sum(entry["ns"].startswith("shop") for entry in plain)
    inside = sum(len(changes_in(name)) for name in ("txn_small", "txn_chain", "txn_create", "applyOps_user"))
    assert len(changes) == of_these + inside


def test_a_stored_change_reads_back_and_holds_the_documents_bytes() -> None:
    for entry in ALL:
        for change in WANTED.changes_of(entry):
            stored = change.to_bson()
            assert read_change(stored) == change
            decoded = bson.decode(stored, EXACT)
            assert (decoded["ts"], decoded["op"], decoded["ns"]) == (change.when, change.kind, change.namespace)
            assert bytes(decoded["ui"]) == change.uuid and decoded["v"] == 2
            if elements_of(entry)[b"op"][1][4:-1] != b"c":
                assert elements_of(stored)[b"o"] == elements_of(entry)[b"o"]


def test_a_transaction_is_its_changes_in_order_at_its_commit() -> None:
    commit = position_of(raw(BY_NAME["txn_chain"]["entries"][-1])).when
    changes = changes_in("txn_chain")
    assert told(changes) == [("i", "shop.docs", f"tc{n}") for n in range(12)]
    assert {change.when for change in changes} == {commit}
    assert [kind for kind, _, _ in told(changes_in("txn_small"))] == ["i", "u", "u", "i", "d"]
    assert told(changes_in("txn_create")) == [("i", "shop.made_in_txn", 1)]
    assert told(changes_in("applyOps_user")) == [("i", "shop.docs", "ao"), ("d", "shop.docs", "ao")]


def prepared(commit: str) -> list[bytes]:
    """A chain as a prepared transaction writes it: parts, prepare, and much later its commit or abort."""
    entries = [SON(entry) for entry in BY_NAME["txn_chain"]["entries"]]
    entries[-1]["o"] = SON(entries[-1]["o"], prepare=True)
    last = SON(entries[-1])
    last["prevOpTime"] = SON(ts=entries[-1]["ts"], t=entries[-1]["t"])
    last["ts"] = Timestamp(entries[-1]["ts"].time + 9, 1)
    last["o"] = SON([(commit, 1), ("commitTimestamp", Timestamp(entries[-1]["ts"].time + 8, 1))])
    return [raw(entry) for entry in [*entries, last]]


def test_what_was_prepared_counts_when_it_is_committed_and_not_when_it_is_aborted() -> None:
    entries = prepared("commitTransaction")
    flattener = Flattener(lambda database: True, {position_of(entry).when: entry for entry in entries}.get)
    counts = [len(list(flattener.changes_of(entry))) for entry in entries]
    assert counts == [0, 0, 0, 12]
    [*_, abort] = prepared("abortTransaction")
    assert list(flattener.changes_of(abort)) == []


def test_a_transaction_whose_beginning_is_gone_is_said_to_be() -> None:
    last = raw(BY_NAME["txn_chain"]["entries"][-1])
    with pytest.raises(OplogGap, match="beginning of a large transaction") as raised:
        list(Flattener(lambda database: True, lambda when: None).changes_of(last))
    assert "replSetResizeOplog" in raised.value.hint


def test_retryable_inserts_of_newer_servers_are_no_transaction() -> None:
    entry = SON(BY_NAME["txn_chain"]["entries"][-1])
    entry["multiOpType"] = 1
    assert told(list(Flattener(lambda database: True, lambda when: None).changes_of(raw(entry)))) == [
        ("i", "shop.docs", "tc10"),
        ("i", "shop.docs", "tc11"),
    ]


def test_applyOps_inside_applyOps_is_flattened() -> None:
    entry = SON(BY_NAME["applyOps_user"]["entries"][0])
    inner = SON(op="c", ns="admin.$cmd", o=SON(applyOps=entry["o"]["applyOps"]))
    entry["o"] = SON(applyOps=[inner, *entry["o"]["applyOps"]])
    assert len(list(WANTED.changes_of(raw(entry)))) == 4


@pytest.mark.parametrize("command", ["convertToCapped", "importCollection", "somethingNew"])
def test_a_command_whose_effect_on_documents_is_not_known_is_refused_where_it_matters(command: str) -> None:
    entry = SON(BY_NAME["drop"]["entries"][0])
    entry["o"] = SON([(command, "c_t")])
    with pytest.raises(OplogNotFollowed, match=command):
        list(WANTED.changes_of(raw(entry)))
    assert list(Flattener(lambda database: False, BY_TIME.get).changes_of(raw(entry))) == []


def test_commands_come_in_their_order_among_the_changes_and_read_back_as_they_were() -> None:
    for entry in ALL:
        for event in WANTED.events_of(entry):
            assert read_event(event.to_bson()) == event
    commands = [event for entry in ALL for event in WANTED.events_of(entry) if isinstance(event, Command)]
    assert {one.name for one in commands} >= {
        "create",
        "drop",
        "dropDatabase",
        "renameCollection",
        "collMod",
        "dropIndexes",
    }
    events = [event for entry in BY_NAME["txn_create"]["entries"] for event in WANTED.events_of(raw(entry))]
    assert [event.name if isinstance(event, Command) else event.kind for event in events][:1] == ["create"]
    assert all(len(event.uuid) == 16 for event in events)
    assert len({event.when for event in events}) == 1, "all of a transaction counts at its commit"


UPDATES = [shape for shape in SHAPES if "before" in shape and shape["entries"]]


@pytest.fixture
def target(client: Client) -> Iterator[TargetServer]:
    yield TargetServer(client)


@pytest.mark.parametrize("times", [1, 2])
def test_every_recorded_update_gives_its_document_byte_for_byte(
    target: TargetServer, client: Client, database: str, times: int
) -> None:
    """Folded, all of them at once; a second time changes nothing."""
    documents = {}
    for number, shape in enumerate(UPDATES):
        documents[number] = shape["before"]
        collection = client[database].get_collection(f"c{number}", codec_options=EXACT)
        collection.insert_one(SON(shape["before"]))
    places = {}
    stored = []
    for number, shape in enumerate(UPDATES):
        uuid = number.to_bytes(16, "big")
        places[uuid] = Place(database, f"c{number}", in_order=False)
        for change in changes_in(shape["name"]):
            stored.append(
                Change(change.when, change.term, change.kind, change.namespace, uuid, change.o, change.o2).to_bson()
            )
    for _ in range(times):
        replay(target, places, [b"".join(stored)], Silent())
    for number, shape in enumerate(UPDATES):
        [found] = client[database].get_collection(f"c{number}", codec_options=RAW).find()
        assert bytes(found.raw) == raw(shape["after"]), shape["name"]  # type: ignore[attr-defined]
    assert len(UPDATES) >= 43


def test_documents_that_only_the_server_holds_equal_follow_each_other(
    target: TargetServer, client: Client, database: str
) -> None:
    """1 and 1.0 are one _id, and under a collation so are a and A."""
    client[database].create_collection("c", collation={"locale": "en", "strength": 1})
    client[database].c.insert_many([{"_id": 1}, {"_id": "a"}])
    steps = [("d", {"_id": 1}), ("i", {"_id": 1.0, "x": 1}), ("d", {"_id": "a"}), ("i", {"_id": "A", "x": 1})]
    for some in (steps, [("i", {"_id": 1, "x": 2}), ("i", {"_id": "a", "x": 2})]):
        replay(target, {bytes(16): Place(database, "c", in_order=False)}, [stored_changes(some)], Silent())
    found = list(client[database].c.find(sort=[("x", 1), ("_id", 1)]))
    assert found == [{"_id": 1, "x": 2}, {"_id": "a", "x": 2}] and isinstance(found[0]["_id"], int)


def test_a_document_of_sixteen_mebibytes_and_its_diffs_are_replayed(
    target: TargetServer, client: Client, database: str
) -> None:
    largest = {"_id": 1, "b": bytes(16 * 1024 * 1024 - 33)}
    diff = {"$v": 2, "diff": {"d": {"b": False}, "i": {"a": 1}}}
    steps: list[Any] = [("i", largest)]
    place = {bytes(16): Place(database, "c", in_order=True)}
    replay(target, place, [stored_changes(steps)], Silent())
    assert client[database].c.find_one() == largest
    replay(target, place, [stored_changes([*steps, ("u", diff, {"_id": 1})])], Silent())
    assert client[database].c.find_one() == {"_id": 1, "a": 1}


def stored_changes(steps: list[Any]) -> bytes:
    made = []
    for number, (kind, o, *o2) in enumerate(steps):
        about = bson.encode(o2[0]) if o2 else None
        made.append(Change(Timestamp(9, number), bytes(8), kind, "a.c", bytes(16), bson.encode(o), about).to_bson())
    return b"".join(made)


def test_a_whole_document_is_one_wherever_the_client_had_its_id(client: Client, database: str) -> None:
    """The server stores it with its ``_id`` first; its oplog has it as it was sent."""
    collection: Any = client[database].get_collection("c", codec_options=RAW)
    start = majority_point(client)
    collection.insert_one({"n": 1, "_id": 1})
    stored = []
    for new in (SON([("z", [1]), ("_id", 1)]), SON([("$v", 2), ("diff", {"u": {"a": 1}}), ("_id", 1), ("last", 1)])):
        collection.update_one({"_id": 1}, [{"$replaceWith": {"$literal": new}}])
        stored.append(bytes(collection.find_one().raw))
    collection.replace_one({"_id": 1}, SON([("whole", 1), ("_id", 1)]))
    stored.append(bytes(collection.find_one().raw))
    wanted = Flattener(lambda name: name == database, lambda when: entry_at(client, when))
    entries = entries_from(client, start, None, majority_point(client))
    updates = [change for _, entry in entries for change in wanted.changes_of(entry) if change.kind == "u"]
    assert all(change.is_whole for change in updates)
    assert [change.o for change in updates] == stored
    assert [read_change(change.to_bson()).o for change in updates] == stored
    odd = raw(SON([("z", [1]), ("_id", 1)]))
    assert with_id_first(odd) == stored[0] and with_id_first(raw({"$v": 2, "diff": {}})) == raw({"$v": 2, "diff": {}})


def test_the_file_of_shapes_is_what_was_recorded() -> None:
    assert len(SHAPES) == 117
    assert isinstance(BY_NAME["insert"]["entries"][0]["ui"], Binary)
