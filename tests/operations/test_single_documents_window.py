"""Of a snapshot that was read while the database changed, single documents are those of its instant, byte for byte."""

import random
from typing import Any

import bson
import pytest
from bson import SON, Timestamp
from test_window import Once, kit  # noqa: F401
from window_kit import CLOCK, Client, WindowKit, end_of, truth_at

from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.documents_at import DocumentsAt
from lifeboat.operations.pick_documents import Picking
from lifeboat.operations.touched import Round, outcome
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.filter_match import ServerMatcher
from lifeboat.sources.mongodb.live_documents import LiveCollection
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.target_server import TargetServer

LARGE = 128 << 20


def documents_of(kit: WindowKit, taken: Any, name: str, held_at_most_bytes: int = LARGE) -> list[bytes]:  # noqa: F811
    with kit.reading(taken) as reader:
        point = DatabasePoint(reader)
        looks = DocumentsAt(point, point.by_namespace[name], held_at_most_bytes=held_at_most_bytes).looks()
        return [look.block[begin:end] for look in looks for begin, end in spans_of(look.block)]


def test_documents_are_those_of_the_end_of_the_window(kit: WindowKit, client: Client) -> None:  # noqa: F811
    shop = client.shop
    shop.orders.insert_many({"_id": n, "n": n, "text": "x" * 200} for n in range(500))
    shop.create_collection("log", capped=True, size=65536)
    shop.log.insert_many({"_id": n} for n in range(40))

    def meanwhile() -> None:
        shop.orders.delete_many({"_id": {"$lt": 100}})
        shop.orders.insert_many([{"_id": "late", "n": 1}, {"_id": "short lived"}])
        shop.orders.delete_one({"_id": "short lived"})
        shop.orders.replace_one({"_id": 200}, {"n": "replaced"})
        shop.orders.update_one({"_id": 300}, {"$set": {"n": "known by a difference alone"}})
        shop.orders.update_one({"_id": 301}, {"$set": {"n": 0}})
        shop.orders.replace_one({"_id": 301}, {"n": "whole again"})
        shop.orders.update_one({"_id": 301}, {"$push": {"list": 1}})

    taken = kit.back_up(client, ["shop"], Once("log", meanwhile))
    truth = set(truth_at(client, "shop", end_of(kit, taken))["orders"]["documents"])
    shop.orders.delete_many({})
    with kit.reading(taken) as reader:
        point = DatabasePoint(reader)
        target = TargetServer(client, clock=CLOCK)
        wanted: SON[str, Any] = SON()
        picking = Picking(
            DocumentsAt(point, point.by_namespace["shop.orders"]),
            LiveCollection(target, "shop", "orders"),
            ServerMatcher(target, "shop", wanted, None),
            wanted,
        )
        found = picking.look(kit.progress)
        documents = {document for _, document in picking.documents(picking.matches)}
    assert found.gone == len(documents) == len(truth) == 401
    assert documents == truth
    assert set(documents_of(kit, taken, "shop.orders")) == truth


@pytest.mark.parametrize("held_at_most_bytes", [LARGE, 60_000, 5_000])
def test_changes_that_do_not_fit_into_memory_take_more_rounds(
    kit: WindowKit,  # noqa: F811
    client: Client,
    held_at_most_bytes: int,
) -> None:
    chance = random.Random(held_at_most_bytes)
    shop = client.shop
    shop.orders.insert_many({"_id": n, "n": n, "list": [], "text": "x" * 200} for n in range(800))
    shop.create_collection("log", capped=True, size=65536)
    shop.log.insert_many({"_id": n} for n in range(40))

    def meanwhile() -> None:
        for n in range(1500):
            where = {"_id": chance.randrange(1000)}
            act = chance.randrange(5)
            if act == 0:
                shop.orders.delete_one(where)
            elif act == 1:
                shop.orders.replace_one(where, {"whole": n, "list": [n]}, upsert=True)
            else:
                shop.orders.update_one(where, {"$set": {"n": n}, "$push": {"list": {"at": n}}})

    taken = kit.back_up(client, ["shop"], Once("log", meanwhile))
    truth = truth_at(client, "shop", end_of(kit, taken))["orders"]["documents"]
    assert sorted(documents_of(kit, taken, "shop.orders", held_at_most_bytes)) == truth


def rounds_of(changes: list[Change], held_at_most_bytes: int) -> list[Round]:
    rounds: list[Round] = []
    while not rounds or not rounds[-1].is_last:
        round_ = Round(rounds[-1].end if rounds else 0, at_most_bytes=held_at_most_bytes)
        for change in changes:
            round_.take(change)
        rounds.append(round_)
    return rounds


def test_rounds_cover_each_document_once() -> None:
    documents = [bson.encode({"_id": n, "text": "x" * 100}) for n in range(300)]
    changes = [Change(Timestamp(1, n), bytes(8), "i", "a.b", bytes(16), one, None) for n, one in enumerate(documents)]
    rounds = rounds_of(changes, 20_000)
    made = [write.whole for round_ in rounds for write in round_.folds[0].values()]
    assert sorted(made) == sorted(documents)
    assert 5 < len(rounds) < 40


def test_one_document_may_need_more_than_a_round_may_hold() -> None:
    diffs = [bson.encode({"$v": 2, "diff": {"u": {"n": n}}}) for n in range(5)]
    which = bson.encode({"_id": 1})
    changes = [Change(Timestamp(1, n), bytes(8), "u", "a.b", bytes(16), one, which) for n, one in enumerate(diffs)]
    (write,) = [write for round_ in rounds_of(changes, 10) for write in round_.folds[0].values()]
    assert write.diffs == diffs


def test_a_document_made_since_takes_in_what_came_after_it() -> None:
    """Whether its differences can be put together or not."""
    made, which = bson.encode({"_id": 1, "list": [], "a": 0}), bson.encode({"_id": 1})
    round_ = Round(at_most_bytes=1 << 20)
    changes = [("i", made, None)]
    for n in range(1000):
        changes.append(("u", bson.encode({"$v": 2, "diff": {"slist": {"a": True, f"u{n}": n}}}), which))
    for n in range(1000):
        changes.append(("u", bson.encode({"$v": 2, "diff": {"d": {"a": False}, "i": {f"b{n % 3}": n}}}), which))
    for n, (kind, o, o2) in enumerate(changes):
        round_.take(Change(Timestamp(1, n), bytes(8), kind, "a.b", bytes(16), o, o2))
    [write] = round_.folds[0].values()
    assert len(write.diffs) < 64
    truth = {"_id": 1, "list": list(range(1000)), "b1": 997, "b2": 998, "b0": 999}
    assert outcome(write, None) == bson.encode(truth)


def test_a_counter_counted_up_many_times_takes_the_memory_of_one() -> None:
    which = bson.encode({"_id": 1})
    round_ = Round(at_most_bytes=20_000)
    for n in range(5000):
        diff = bson.encode({"$v": 2, "diff": {"u": {"n": n}, "slast": {"u": {"at": n}}}})
        round_.take(Change(Timestamp(1, n), bytes(8), "u", "a.b", bytes(16), diff, which))
    assert round_.is_everything
    [write] = round_.folds[0].values()
    assert outcome(write, bson.encode({"_id": 1, "n": -1, "last": {"at": 0}})) == bson.encode(
        {"_id": 1, "n": 4999, "last": {"at": 4999}}
    )
