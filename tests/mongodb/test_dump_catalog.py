"""A catalog described while it changed, as mongodump does it, becomes that of the oplog's end, or is refused."""

from collections.abc import Iterable, Iterator
from typing import Any

import bson
import pytest
from bson import SON, Binary, Timestamp, json_util
from ddl import Mischief, without_expiry
from mongodb_samples import Client
from test_catalog_follow import Documents, Watch, as_seen, differences, documents_now
from test_oplog_entries import EXACT

from lifeboat.sources.mongodb.catalog import JSON_OPTIONS, CollectionEntry
from lifeboat.sources.mongodb.dump.dump_catalog import DumpCatalog
from lifeboat.sources.mongodb.dump.found import Found
from lifeboat.sources.mongodb.errors import DumpNotFollowed
from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command
from lifeboat.sources.mongodb.oplog.read import majority_point

CANNOT_BE_FOLLOWED = ("rename", "empty_capped", "again_under_its_uuid", "buckets_alone")


@pytest.fixture(autouse=True)
def nothing_expires(client: Client, database: str) -> Iterator[None]:
    with without_expiry(client):
        yield
        for name in (database, f"{database}_two"):
            client.drop_database(name)


def as_dumped(entry: CollectionEntry, *, by_lifeboat: bool) -> Found:
    """What mongodump says of it: of a time-series collection what users see alone."""
    parsed = json_util.loads(entry.metadata, json_options=JSON_OPTIONS)
    if entry.is_series and not by_lifeboat:
        parsed.pop("buckets")
        parsed["uuid"] = "00" * 16
        if "bson" in parsed:
            parsed.pop("bson")
            parsed["options"], parsed["indexes"] = entry.options, entry.indexes
    return Found(entry.database, entry.name, json_util.dumps(parsed, json_options=JSON_OPTIONS))


def replayed(dumped: dict[bytes, bytes], changes: Iterable[Change]) -> dict[Any, bytes]:
    """Onto documents that some of the changes have reached already; a difference of one that is gone says nothing."""
    held: dict[Any, bytes] = dict(dumped)
    for change in changes:
        if change.kind == "d":
            held.pop(change.document_id, None)
        elif change.is_whole:
            held[change.document_id] = change.o
        elif change.document_id in held:
            held[change.document_id] = apply_diff(held[change.document_id], change.o)
    return held


def dump_amid(client: Client, database: str, seed: int) -> tuple[DumpCatalog, Documents, list[Change], Watch]:
    """Described at one moment, documents read by name at a later one, the oplog from before to after."""
    mischief = Mischief(client, [database, f"{database}_two"], seed, without=CANNOT_BE_FOLLOWED)
    steps = [mischief.chance.randrange(5, 30) for _ in range(4)]
    for _ in range(steps[0]):
        mischief.act()
    watch = Watch(client, mischief.databases)
    for _ in range(steps[1]):
        mischief.act()
    described = watch.entries(majority_point(client))
    catalog = DumpCatalog()
    for one in described:
        catalog.add(as_dumped(one, by_lifeboat=seed % 2 == 0))
    for _ in range(steps[2]):
        mischief.act()
    later = documents_now(client, now := watch.entries(majority_point(client)))
    by_name = {(one.database, one.stored_as): later.get(one.uuid, {}) for one in now}
    for _ in range(steps[3]):
        mischief.act()
    changes = []
    for _, events in watch.news():
        for event in events:
            if not catalog.follow(event):
                assert isinstance(event, Change)
                changes.append(event)
    return (
        catalog,
        {one.uuid: by_name.get((one.database, one.stored_as), {}) for one, _ in catalog.described()},
        changes,
        watch,
    )


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(n, marks=pytest.mark.long) for n in range(100, 160))])
def test_what_was_described_amid_ddl_is_what_there_is_at_the_end(client: Client, database: str, seed: int) -> None:
    catalog, dumped, changes, watch = dump_amid(client, database, seed)
    truth = watch.entries(majority_point(client))
    found = [one for one, _ in catalog.described()]
    assert differences(without_buckets(found), without_buckets(truth)) == []
    documents = documents_now(client, truth)
    for entry, counts in catalog.described():
        if entry.uuid and entry.kind != "timeseries":
            own = [change for change in changes if change.uuid == entry.uuid]
            made = replayed(dumped[entry.uuid] if counts else {}, own)
            assert made == documents[entry.uuid], entry.namespace


def without_buckets(entries: Iterable[CollectionEntry]) -> Any:
    """A dump does not say how indexes stand on the buckets, nor their UUID."""
    seen = as_seen(entries)
    return {key: (*told[:3], "" if told[0] == "timeseries" else told[5]) for key, told in seen.items()}


PLAIN = '{"options":{},"indexes":[{"v":2,"key":{"_id":1},"name":"_id_"}],"uuid":"%s","collectionName":"%s","type":"collection"}'


def catalog_of(*names: str, uuids: bool = True) -> DumpCatalog:
    catalog = DumpCatalog()
    for name in names:
        catalog.add(Found("shop", name, PLAIN % (name.encode().hex().ljust(32, "0") if uuids else "", name)))
    return catalog


def uuid_of(name: str) -> bytes:
    return name.encode().ljust(16, b"\0")


def command(name: str, about: Any, uuid: bytes, /, **more: Any) -> Command:
    o = bson.encode(SON([(name, about), *more.items()]), codec_options=EXACT)
    return Command(Timestamp(9, 1), bytes(8), "shop.$cmd", uuid, o, None)


def insert(name: str, uuid: bytes) -> Change:
    return Change(Timestamp(9, 1), bytes(8), "i", f"shop.{name}", uuid, bson.encode({"_id": 1}), None)


def test_a_collection_put_in_anothers_place_within_the_oplog_is_wholly_the_oplogs() -> None:
    catalog = catalog_of("a", "b")
    catalog.follow(command("create", "tmp.agg_out.1", uuid_of("new"), temp=True))
    catalog.follow(insert("tmp.agg_out.1", uuid_of("new")))
    target = Binary(uuid_of("a"), 4)
    catalog.follow(command("renameCollection", "shop.tmp.agg_out.1", uuid_of("new"), to="shop.a", dropTarget=target))
    assert [(one.name, one.uuid, counts) for one, counts in catalog.described()] == [
        ("a", uuid_of("new"), False),
        ("b", uuid_of("b"), True),
    ]
    assert not any(one.options for one, _ in catalog.described()), "it is no temporary one any more"


def test_what_the_oplogs_end_left_half_made_is_left_out() -> None:
    catalog = catalog_of("a")
    catalog.follow(command("create", "tmp.agg_out.1", uuid_of("new"), temp=True))
    catalog.follow(
        command("create", "system.buckets.ts", uuid_of("ts"), timeseries={"timeField": "t"}, clusteredIndex=True)
    )
    assert [one.name for one, _ in catalog.described()] == ["a"]


REFUSED: list[tuple[str, DumpCatalog, list[Any], str]] = [
    (
        "renamed while dumped by name",
        catalog_of("a"),
        [command("renameCollection", "shop.a", uuid_of("a"), to="shop.b")],
        "dumped by name",
    ),
    (
        "renamed, and no UUID says which",
        catalog_of("a", uuids=False),
        [command("renameCollection", "shop.x", uuid_of("x"), to="shop.a", dropTarget=True)],
        "does not say which shop.a",
    ),
    ("emptied", catalog_of("a"), [command("emptycapped", "a", uuid_of("a"))], "emptycapped of shop.a"),
    (
        "made again under its UUID",
        catalog_of("a"),
        [command("drop", "a", uuid_of("a")), command("create", "a", uuid_of("a"))],
        "under the same UUID",
    ),
    (
        "made again under its UUID, unknown before",
        catalog_of("a"),
        [insert("b", uuid_of("b")), command("drop", "b", uuid_of("b")), command("create", "b", uuid_of("b"))],
        "under the same UUID",
    ),
    ("unknown", catalog_of("a"), [command("somethingNew", "a", uuid_of("a"))], "somethingNew of shop.a"),
]


@pytest.mark.parametrize(("catalog", "told", "why"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_is_not_exact_is_refused(catalog: DumpCatalog, told: list[Any], why: str) -> None:
    *before, last = told
    for event in before:
        catalog.follow(event)
    with pytest.raises(DumpNotFollowed) as raised:
        catalog.follow(last)
    assert why in raised.value.message
