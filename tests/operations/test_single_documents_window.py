"""Of a snapshot that was read while the database changed, single documents are those of its instant, never older ones."""

from typing import Any

import bson
from bson import SON
from test_window import Client, Once, client, end_of, kit, server  # noqa: F401
from window_kit import CLOCK, WindowKit, truth_at

from lifeboat.operations.database_point import stored_collections
from lifeboat.operations.pick_documents import Picking
from lifeboat.operations.window_overlay import WindowOverlay, window_overlay
from lifeboat.sources.mongodb.by_id import id_of
from lifeboat.sources.mongodb.filter_match import ServerMatcher
from lifeboat.sources.mongodb.live_documents import LiveCollection
from lifeboat.sources.mongodb.target_server import TargetServer


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

    taken = kit.back_up(client, ["shop"], Once("log", meanwhile))
    truth = set(truth_at(client, "shop", end_of(kit, taken))["orders"]["documents"])
    shop.orders.delete_many({})
    with kit.reading(taken) as reader:
        (stored,) = [one for one in stored_collections(reader) if one.entry.name == "orders"]
        overlay = window_overlay(reader, stored)
        assert overlay is not None and [bson.decode(_whole(one))["_id"] for one in overlay.unsure] == [300]
        target = TargetServer(client, clock=CLOCK)
        wanted: SON[str, Any] = SON()
        matcher = ServerMatcher(target, "shop", wanted, None)
        picking = Picking(reader, stored, LiveCollection(target, "shop", "orders"), matcher, wanted, overlay=overlay)
        found = picking.look(kit.progress)
        documents = {document for _, document in picking.documents(picking.matches)}
    assert found.gone == len(documents) == 400
    assert documents == {one for one in truth if bson.decode(one)["_id"] != 300}


def test_the_last_change_counts_and_too_much_is_unsure() -> None:
    overlay = WindowOverlay()
    one, other = bson.encode({"_id": 1, "n": 1}), bson.encode({"_id": 1, "n": 2})
    overlay.take(b"i", one, b"")
    overlay.take(b"u", bson.encode({"$v": 2, "diff": {}}), bson.encode({"_id": 1}))
    assert overlay.unsure and overlay.block == b""
    overlay.take(b"u", other, bson.encode({"_id": 1}))
    assert not overlay.unsure and overlay.block == other
    overlay.take(b"d", bson.encode({"_id": 1}), b"")
    assert overlay.block == b"" and overlay.hides(id_of(one)) and overlay._held_bytes == 0
    overlay.take(b"i", bson.encode({"_id": 2, "n": "x" * (65 << 20)}), b"")
    assert len(overlay.unsure) == 1


def _whole(element: bytes) -> bytes:
    return (len(element) + 5).to_bytes(4, "little") + element + b"\0"
