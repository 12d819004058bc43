"""Each entry of a real oplog that is about the catalog changes a followed catalog as it changed that server's, or is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import bson
import pytest
from bson import SON, Binary, Timestamp
from test_oplog_entries import ALL, BY_NAME, EXACT, SHAPES, WANTED, raw

from lifeboat.sources.mongodb.catalog import CollectionEntry, describe, describe_series
from lifeboat.sources.mongodb.errors import OplogNotFollowed
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.catalog_rules import MEANS_NOTHING
from lifeboat.sources.mongodb.oplog.command import Command, Event

ID = SON([("v", 2), ("key", SON(_id=1)), ("name", "_id_")])
BUCKET_SHAPE = SON(
    [("timeField", "t"), ("metaField", "m"), ("granularity", "minutes"), ("bucketMaxSpanSeconds", 86400)]
)


def is_of_catalog(event: Event) -> bool:
    return isinstance(event, Command) or event.namespace.endswith(".system.views")


def events_in(*names: str) -> list[Event]:
    return [event for name in names for entry in BY_NAME[name]["entries"] for event in WANTED.events_of(raw(entry))]


def collection(name: str, uuid: bytes, *indexes: Any, **options: Any) -> CollectionEntry:
    return describe("shop", name, options, [ID, *indexes], uuid)


def uuid_in(name: str) -> bytes:
    return next(event.uuid for event in events_in(name) if isinstance(event, Command) and event.uuid)


def index(key: str, name: str, **more: Any) -> Any:
    return SON([("v", 2), ("key", SON([(key, 1)])), ("name", name), *more.items()])


def series(**options: Any) -> CollectionEntry:
    made = {"expireAfterSeconds": 10**9, "timeseries": BUCKET_SHAPE, **options}
    return describe_series("shop", "ts", made, [], uuid_in("timeseries_create"), mixed=False)


def outcome(names: list[str], before: list[CollectionEntry]) -> dict[str, CollectionEntry]:
    follower = CatalogFollower(before)
    for event in events_in(*names):
        assert follower.follow(event) is is_of_catalog(event)
    return {one.namespace: one for one in follower.entries()}


IDX = uuid_in("createIndexes_two_phase")
INDEXED = collection("idx", IDX)
WITH_TTL = collection("idx", IDX, index("d", "d_1", expireAfterSeconds=3600), index("q", "q_1"))
LOCALE = SON(BY_NAME["create_collation"]["entries"][0]["o"]["collation"])


def options_of(name: str) -> Callable[[dict[str, CollectionEntry]], Any]:
    return lambda now: dict(now[f"shop.{name}"].options)


def indexes_of(name: str) -> Callable[[dict[str, CollectionEntry]], Any]:
    return lambda now: [one["name"] for one in now[f"shop.{name}"].indexes]


def index_of(collection: str, name: str) -> Callable[[dict[str, CollectionEntry]], Any]:
    return lambda now: next(
        {key: value for key, value in one.items() if key not in ("v", "key", "name")}
        for one in now[collection].indexes
        if one["name"] == name
    )


CREATED: dict[str, tuple[str, str, dict[str, Any], list[str]]] = {
    "create_plain": ("c_plain", "collection", {}, ["_id_"]),
    "create_capped": ("c_cap", "capped", {"capped": True, "size": 8192, "max": 10}, ["_id_"]),
    "create_validator": (
        "c_val",
        "collection",
        {
            "validator": {"$jsonSchema": {"bsonType": "object", "required": ["a"]}},
            "validationLevel": "moderate",
            "validationAction": "warn",
        },
        ["_id_"],
    ),
    "create_collation": ("c_col", "collection", {"collation": LOCALE}, ["_id_"]),
    "create_clustered": (
        "c_clu",
        "collection",
        {"clusteredIndex": {"v": 2, "key": {"_id": 1}, "name": "cl", "unique": True}, "expireAfterSeconds": 3600},
        [],
    ),
    "create_preimages": ("c_pre", "collection", {"changeStreamPreAndPostImages": {"enabled": True}}, ["_id_"]),
    "create_view": ("c_view", "view", {"viewOn": "docs", "pipeline": [{"$match": {"a": 1}}]}, []),
    "create_implicit": ("c_impl", "collection", {}, ["_id_"]),
    "txn_create": ("made_in_txn", "collection", {}, ["_id_", "k_1"]),
    "system_js": ("system.js", "collection", {}, ["_id_"]),
    "timeseries_create": ("ts", "timeseries", {"timeseries": BUCKET_SHAPE, "expireAfterSeconds": 10**9}, []),
}


@pytest.mark.parametrize("name", CREATED)
def test_what_is_created_is_there_with_its_options(name: str) -> None:
    collection, kind, options, indexes = CREATED[name]
    made = outcome([name], [])[f"shop.{collection}"]
    assert (made.kind, dict(made.options), [one["name"] for one in made.indexes]) == (kind, options, indexes)
    command = next(event for event in events_in(name) if is_of_catalog(event))
    assert made.uuid == (b"" if kind == "view" else command.uuid)


CHANGED: list[tuple[list[str], list[CollectionEntry], Callable[[dict[str, CollectionEntry]], Any], Any]] = [
    (["createIndexes_two_phase"], [INDEXED], indexes_of("idx"), ["_id_", "k_1", "d_1"]),
    (["createIndexes_two_phase"], [INDEXED], index_of("shop.idx", "d_1"), {"expireAfterSeconds": 3600}),
    (["create_plain", "createIndexes_one_phase"], [], indexes_of("c_plain"), ["_id_", "ab"]),
    (["createIndexes_text_2dsphere_wildcard"], [INDEXED], indexes_of("idx"), ["_id_", "txt", "geo", "wild", "hash"]),
    (["index_build_aborted"], [INDEXED], indexes_of("idx"), ["_id_"]),
    (["createIndexes_two_phase", "dropIndexes"], [INDEXED], indexes_of("idx"), ["_id_", "d_1"]),
    (["createIndexes_two_phase", "dropIndexes", "dropIndexes_all"], [INDEXED], indexes_of("idx"), ["_id_"]),
    (["collMod_ttl"], [WITH_TTL], index_of("shop.idx", "d_1"), {"expireAfterSeconds": 7200}),
    (["collMod_hidden"], [WITH_TTL], index_of("shop.idx", "d_1"), {"expireAfterSeconds": 3600, "hidden": True}),
    (["collMod_prepareUnique"], [WITH_TTL], index_of("shop.idx", "q_1"), {"prepareUnique": True}),
    (["collMod_prepareUnique", "collMod_unique"], [WITH_TTL], index_of("shop.idx", "q_1"), {"unique": True}),
    (
        ["collMod_validator", "collMod_preimages"],
        [INDEXED],
        options_of("idx"),
        {
            "changeStreamPreAndPostImages": {"enabled": True},
            "validator": {"a": {"$exists": False}},
            "validationLevel": "moderate",
            "validationAction": "error",
        },
    ),
    (["create_capped", "collMod_capped"], [], options_of("c_cap"), {"capped": True, "size": 65536, "max": 50}),
    (["collMod_noop"], [collection("docs", uuid_in("collMod_noop"))], options_of("docs"), {}),
    (["create_view", "collMod_view"], [], options_of("c_view"), {"viewOn": "docs", "pipeline": [{"$match": {"a": 2}}]}),
    (["create_view", "drop_view"], [], sorted, []),
    (["create_implicit", "renameCollection"], [], sorted, ["shop.c_ren"]),
    (["convertToCapped"], [], options_of("c_cc"), {"capped": True, "size": 8192}),
    (["convertToCapped"], [], lambda now: now["shop.c_cc"].uuid, events_in("convertToCapped")[2].uuid),
    (["timeseries_create", "timeseries_index"], [], indexes_of("ts"), ["m_1_t_1"]),
    (["timeseries_collMod"], [series()], lambda now: now["shop.ts"].options["timeseries"]["granularity"], "hours"),
    (
        ["timeseries_collMod"],
        [series()],
        lambda now: now["shop.ts"].options["timeseries"]["bucketMaxSpanSeconds"],
        2592000,
    ),
    (["timeseries_create", "timeseries_drop"], [], sorted, []),
    (["timeseries_drop"], [series()], sorted, []),
]


@pytest.mark.parametrize(("names", "before", "look", "wanted"), CHANGED)
def test_what_is_changed_is_changed_as_the_server_did(names: Any, before: Any, look: Any, wanted: Any) -> None:
    assert look(outcome(names, before)) == wanted


def test_a_rename_takes_its_uuid_along_and_the_place_of_another() -> None:
    [over] = events_in("renameCollection_dropTarget")
    target = bson.decode(over.o, EXACT)["dropTarget"]
    before = [collection("c_ren", over.uuid, index("k", "k_1")), collection("c_t", bytes(target))]
    now = outcome(["renameCollection_dropTarget"], before)
    assert [(name, one.uuid) for name, one in now.items()] == [("shop.c_t", over.uuid)]
    assert len(now["shop.c_t"].indexes) == 2
    assert isinstance(over, Command)
    for drops in (True, Binary(target, 4)):
        o = SON(bson.decode(over.o, EXACT), dropTarget=drops)
        follower = CatalogFollower(before)
        follower.follow(replace(over, o=raw(o)))
        assert [one.uuid for one in follower.entries()] == [over.uuid]


def test_out_and_renames_across_databases_are_births_of_what_they_make() -> None:
    out = events_in("out")
    assert isinstance(out[-1], Command)
    old = bytes(bson.decode(out[-1].o, EXACT)["dropTarget"])
    follower = CatalogFollower([collection("outc", old, index("a", "a_1"))])
    for number, event in enumerate(out):
        follower.follow(event)
        made = {one.uuid for one in follower.entries()}
        assert made == ({old} if number < len(out) - 1 else {out[0].uuid}), "half of it is never in sight"
    assert follower.births == {out[0].uuid: out[0].when}
    across = events_in("renameCollection_across")
    now = outcome(["renameCollection_across"], [collection("c_x", across[-1].uuid)])
    assert [(name, one.uuid) for name, one in now.items()] == [("shop2.c_x", across[0].uuid)]


def test_a_dropped_database_leaves_nothing_and_others_alone() -> None:
    drops = events_in("dropDatabase")
    before = [
        describe("shop2", name, {}, [ID], event.uuid) for name, event in zip(["c_x", "other"], drops, strict=False)
    ]
    before += [collection("kept", bytes(16)), describe("shop2", "v", {"viewOn": "other", "pipeline": []}, [], b"")]
    assert [*outcome(["dropDatabase"], before)] == ["shop.kept"]
    follower = CatalogFollower(before)
    follower.follow(drops[-1])
    assert [one.namespace for one in follower.entries()] == ["shop.kept"]


def test_dropping_the_collection_of_views_drops_the_views() -> None:
    follower = CatalogFollower([])
    made = events_in("create_view")
    for event in made:
        follower.follow(event)
    assert len(follower.entries()) == 1
    follower.follow(command("drop", "system.views", made[0].uuid))
    assert follower.entries() == []


def test_no_entry_about_users_versions_or_the_servers_own_is_taken_for_the_applications() -> None:
    everything = [event for entry in ALL for event in WANTED.events_of(entry)]
    of_catalog = [event for event in everything if is_of_catalog(event)]
    assert len(of_catalog) > 55
    covered = {
        event for name in [*CREATED, *(name for names, *_ in CHANGED for name in names)] for event in events_in(name)
    }
    others = {
        "renameCollection_dropTarget",
        "out",
        "renameCollection_across",
        "dropDatabase",
        "drop",
        "txn_small",
        "txn_chain",
    }
    covered |= {event for name in others if name in BY_NAME for event in events_in(name)}
    assert [event for event in of_catalog if event not in covered] == []
    for shape in SHAPES:
        if shape["name"] in ("first_entries", "createUser", "createRole", "setFCV"):
            assert events_in(shape["name"]) == []


def command(name: str, collection: str, uuid: bytes = bytes(16), /, *, at: int = 9, **more: Any) -> Command:
    o = raw(SON([(name, collection), *more.items()]))
    return Command(Timestamp(at, 1), bytes(8), "shop.$cmd", uuid, o, None)


PLAIN = [collection("a", bytes(16), index("k", "k_1")), collection("b", b"b" * 16)]
REFUSING = [*PLAIN, series()]
REFUSED: list[tuple[str, Command, str]] = [
    ("unknown", command("somethingNew", "a"), "what it does is not known"),
    ("as 3.x logged it", command("convertToCapped", "a", size=9), "convertToCapped of shop.a at 9.1"),
    ("no such collection", command("drop", "gone", b"?" * 16), "not followed from its beginning"),
    ("another's name", command("drop", "b"), "it should be shop.a"),
    ("there already", command("create", "b", b"n" * 16), "there already"),
    ("uuid is there already", command("create", "n"), "there already"),
    ("into sight", command("renameCollection", "shop.lifeboat.tmp.0123456789abcdef", b"?" * 16, to="shop.c"), "shop.c"),
    ("$out from before", command("renameCollection", "shop.tmp.agg_out.x", b"?" * 16, to="shop.c"), "shop.c"),
    ("onto another", command("renameCollection", "shop.a", to="shop.b"), "there is a shop.b already"),
    ("across", command("renameCollection", "shop.a", to="shop2.a"), "shop2.a"),
    (
        "replaces another",
        command("renameCollection", "shop.a", to="shop.b", dropTarget=Binary(b"?" * 16, 4)),
        "another",
    ),
    ("new option", command("collMod", "a", shines=True), "it sets shines"),
    ("new option of an index", command("collMod", "a", index={"name": "k_1", "shines": 1}), "it sets shines"),
    ("no such index", command("collMod", "a", index={"name": "no", "hidden": True}), "index that is not there"),
    ("no series", command("collMod", "a", timeseries={"granularity": "hours"}), "unknown form"),
    ("odd granularity", command("collMod", "a", timeseries={"granularity": "years"}), "unknown form"),
    ("odd index", command("createIndexes", "a", key=7, name="x"), "unknown form"),
    ("odd drop of an index", command("dropIndexes", "a", index={"k": 1}), "unknown form"),
    ("version of features", command("collMod", "system.buckets.ts", uuid_in("timeseries_create")), "in silence"),
    ("newer time-series", command("create", "n", b"n" * 16, timeseries={"timeField": "t"}), "newer kind"),
]


@pytest.mark.parametrize(("told", "why"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_cannot_be_applied_exactly_is_refused_and_named(told: Command, why: str) -> None:
    follower = CatalogFollower(REFUSING)
    with pytest.raises(OplogNotFollowed) as raised:
        follower.follow(told)
    assert why in raised.value.message and told.name in raised.value.message and "9.1" in raised.value.message


def test_what_was_out_of_sight_may_change_and_go_while_it_stays_there() -> None:
    follower = CatalogFollower(PLAIN)
    ours, temporary = "lifeboat.tmp.0123456789abcdef", "tmp.agg_out.x"
    for name in (ours, temporary, "system.buckets.lifeboat.tmp.0123456789abcdef"):
        follower.follow(command("createIndexes", name, b"?" * 16, v=2, key={"a": 1}, name="a_1"))
        follower.follow(command("drop", name, b"?" * 16))
    aside = "shop.lifeboat.old.0123456789abcdef"
    follower.follow(command("renameCollection", f"shop.{ours}", b"?" * 16, to=aside))
    assert [one.name for one in follower.entries()] == ["a", "b"]
    follower.follow(command("create", ours, b"n" * 16, at=20))
    follower.follow(command("renameCollection", "shop.a", to=aside))
    follower.follow(command("renameCollection", f"shop.{ours}", b"n" * 16, to="shop.a"))
    assert [(one.name, one.uuid) for one in follower.entries()] == [("a", b"n" * 16), ("b", b"b" * 16)]
    assert follower.births == {b"n" * 16: Timestamp(20, 1)}


def test_made_again_or_emptied_is_a_birth() -> None:
    follower = CatalogFollower(PLAIN)
    assert follower.births == {}
    follower.follow(command("emptycapped", "b", b"b" * 16, at=11))
    follower.follow(command("drop", "a", at=12))
    assert follower.births == {b"b" * 16: Timestamp(11, 1)}
    follower.follow(command("create", "a", at=13))
    follower.follow(command("renameCollection", "shop.a", to="shop.c", at=14))
    assert follower.births == {b"b" * 16: Timestamp(11, 1), bytes(16): Timestamp(13, 1)}
    [_, again] = follower.entries()
    assert [one["name"] for one in again.indexes] == ["_id_"]


def test_other_databases_are_passed_over() -> None:
    follower = CatalogFollower(PLAIN, lambda database: database == "shop")
    elsewhere = replace(command("drop", "x", b"?" * 16), namespace="other.$cmd")
    assert follower.follow(elsewhere) is True
    with pytest.raises(OplogNotFollowed):
        CatalogFollower(PLAIN).follow(elsewhere)


def test_a_change_of_a_collection_that_nobody_made_is_noticed() -> None:
    follower = CatalogFollower(PLAIN)
    [made] = [event for event in events_in("insert") if not isinstance(event, Command)]
    assert follower.follow(made._replace(namespace="shop.a", uuid=bytes(16))) is False
    assert follower.follow(made._replace(namespace="shop.tmp.agg_out.x")) is False
    with pytest.raises(OplogNotFollowed, match=r"change in shop\.docs"):
        follower.follow(made)


def test_the_entries_given_are_not_changed_by_what_follows() -> None:
    before = [WITH_TTL.metadata, series().metadata]
    given = [WITH_TTL, series()]
    follower = CatalogFollower(given)
    for event in events_in("collMod_ttl", "timeseries_collMod"):
        follower.follow(event)
    assert [one.metadata for one in given] == before
    assert [(one.options, one.indexes) for one in given] == [(one.options, one.indexes) for one in (WITH_TTL, series())]
    assert follower.entries() != given


@pytest.mark.parametrize("name", sorted(MEANS_NOTHING))
def test_what_means_nothing_is_passed_over(name: str) -> None:
    follower = CatalogFollower(PLAIN)
    assert follower.follow(command(name, "a", b"?" * 16)) is True
    assert follower.entries() == PLAIN
