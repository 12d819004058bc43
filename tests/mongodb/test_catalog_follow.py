"""A catalog followed through the oplog is the one that a capture reads, at every instant at which the server changed it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import SON
from ddl import Mischief, without_expiry
from mongod import private_server
from mongodb_samples import RAW, Client
from pymongo import MongoClient
from test_zoo import ZOO, Keeper, ruin
from zoo import build_zoo

from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.catalog_read import read_catalog
from lifeboat.sources.mongodb.empty_timestamps import id_element
from lifeboat.sources.mongodb.errors import OplogNotFollowed
from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event
from lifeboat.sources.mongodb.oplog.flatten import Flattener, Position
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at, majority_point
from lifeboat.sources.mongodb.oplog.same_id import same_id
from lifeboat.sources.mongodb.server_facts import look_at_server

Seen = dict[tuple[str, str], Any]


@pytest.fixture(autouse=True)
def nothing_expires(client: Client, database: str) -> Iterator[None]:
    with without_expiry(client):
        yield
        for name in (database, f"{database}_two"):
            client.drop_database(name)


class Watch:
    """Gives what a server's oplog told since it was last asked, and what the catalog was at an instant."""

    def __init__(self, client: Client, databases: list[str]) -> None:
        self.client = client
        self.databases = databases
        self.facts = look_at_server(client)
        self.start = majority_point(client)
        self.seen: Position | None = None
        self.flattener = Flattener(self.wanted, lambda when: entry_at(client, when))

    def wanted(self, database: str) -> bool:
        return database in self.databases

    def entries(self, at: Any) -> tuple[CollectionEntry, ...]:
        found = read_catalog(self.client, self.facts, self.databases, at=at).entries
        return tuple(entry for entry in found if not entry.is_temporary)

    def news(self) -> Iterator[tuple[Any, list[Event]]]:
        until = majority_point(self.client)
        for position, entry in list(entries_from(self.client, self.start, self.seen, until)):
            self.seen = position
            if position.when > self.start:
                yield position.when, list(self.flattener.events_of(entry))


def as_seen(entries: Iterable[CollectionEntry]) -> Seen:
    """By name; of what an entry says, only the order of indexes, and of the fields inside one, means nothing."""
    return {(one.database, one.name): _seen(one) for one in entries}


def _seen(entry: CollectionEntry) -> Any:
    indexes, on_buckets = _by_name(entry.indexes), _by_name(entry.bucket_indexes)
    return entry.kind, bson.encode(entry.options), indexes, on_buckets, entry.has_mixed_buckets, entry.uuid.hex()


def _by_name(indexes: Iterable[Any]) -> Any:
    return {index["name"]: {key: bson.encode({"": value}) for key, value in index.items()} for index in indexes}


def differences(found: Seen, wanted: Seen) -> list[Any]:
    return [
        (name, found.get(name), wanted.get(name))
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


Documents = dict[bytes, dict[Any, bytes]]
"""By UUID and ``_id``."""


def documents_now(client: Client, entries: Iterable[CollectionEntry]) -> Documents:
    found: Documents = {}
    for one in entries:
        if one.kind != "view":
            held = collection_of(client.get_database(one.database, codec_options=RAW), one.stored_as)
            found[one.uuid] = {id_of(bytes(document.raw)): bytes(document.raw) for document in held.find()}
    return found


def id_of(document: bytes) -> Any:
    return same_id(id_element(document))


def documents_after(base: Documents, changes: list[Change], follower: CatalogFollower) -> Documents:
    """The rule by which a restore to an instant chooses: those of the snapshot, and all changes since the birth."""
    births = follower.births
    made: Documents = {
        one.uuid: {} if one.uuid in births else dict(base[one.uuid]) for one in follower.entries() if one.uuid
    }
    for change in changes:
        held = made.get(change.uuid)
        if held is None or (change.uuid in births and change.when < births[change.uuid]):
            continue
        if change.kind == "d":
            held.pop(change.document_id, None)
        elif change.is_whole:
            held[change.document_id] = change.o
        else:
            held[change.document_id] = apply_diff(held[change.document_id], change.o)
    return made


class Followed:
    """Mischief while a follower listens; every instant at which the catalog changed is compared with the server's own word."""

    def __init__(self, client: Client, database: str, seed: int, *, before: int = 20, deaf_to: str = "") -> None:
        self.client = client
        self.mischief = Mischief(client, [database, f"{database}_two"], seed)
        for _ in range(before):
            self.mischief.act()
        self.mischief.makes_temporary = True
        self.watch = Watch(client, self.mischief.databases)
        begin = self.watch.entries(self.watch.start)
        self.base = documents_now(client, begin)
        self.follower = CatalogFollower(begin, self.watch.wanted)
        self.changes: list[Change] = []
        self.commands: Counter[str] = Counter()
        self.instants = 0
        self.deaf_to = deaf_to

    def go_on(self, steps: int) -> "Followed":
        for _ in range(steps):
            act = self.mischief.act()
            news = list(self.watch.news())
            for number, (when, events) in enumerate(news):
                told = [self._hear(event) for event in events]
                # Half a dropped database cannot be read afterwards: the server has forgotten its views.
                if any(told) and (act != "drop_database" or number == len(news) - 1):
                    assert differences(as_seen(self.follower.entries()), as_seen(self.watch.entries(when))) == [], act
                    self.instants += 1
        return self

    def _hear(self, event: Event) -> bool:
        if isinstance(event, Command):
            self.commands[event.name] += 1
            if event.name == self.deaf_to:
                return True
        elif not event.namespace.endswith(".system.views"):
            self.changes.append(event)
        return self.follower.follow(event)

    def compare_documents(self) -> None:
        truth = documents_now(self.client, self.watch.entries(majority_point(self.client)))
        made = documents_after(self.base, self.changes, self.follower)
        assert made.keys() == truth.keys()
        assert [uuid.hex() for uuid in truth if made[uuid] != truth[uuid]] == []


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 10))])
def test_at_every_instant_the_followed_catalog_is_the_servers_own(client: Client, database: str, seed: int) -> None:
    followed = Followed(client, database, seed).go_on(120)
    assert followed.instants > 40 and len(followed.mischief.done) > 25
    followed.compare_documents()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 112))
def test_the_same_for_long(client: Client, database: str, seed: int) -> None:
    Followed(client, database, seed).go_on(400).compare_documents()


@pytest.mark.long
def test_a_restore_over_the_live_database_is_followed(tmp_path: Path) -> None:
    """Everything that a server can hold, ruined and put back: landed under names of our own, renamed, buckets swapped."""
    with private_server() as server, MongoClient(server.uri) as client:
        build_zoo(client, ZOO)
        keeper = Keeper(tmp_path, server.uri_for(None, None, ZOO), client)
        keeper.back_up()
        watch = Watch(client, [ZOO])
        begin = watch.entries(watch.start)
        follower, base, changes = CatalogFollower(begin, watch.wanted), documents_now(client, begin), []
        ruin(client, ZOO)
        keeper.restore(over_live=True)
        instants = []
        for when, events in watch.news():
            changes += [event for event in events if not follower.follow(event) and isinstance(event, Change)]
            instants.append((when, as_seen(follower.entries()) if len(instants) % 20 == 0 else None))
        assert [when for when, seen in instants if seen is not None and seen != as_seen(watch.entries(when))] == []
        truth = watch.entries(majority_point(client))
        assert differences(as_seen(follower.entries()), as_seen(truth)) == []
        made, there = documents_after(base, changes, follower), documents_now(client, truth)
        assert [one.namespace for one in truth if one.uuid and made[one.uuid] != there[one.uuid]] == []


def test_a_change_of_the_servers_features_is_followed_or_refused() -> None:
    """It changes of time-series what their buckets may hold, and tells the oplog nothing of that."""
    with private_server() as server, MongoClient(server.uri) as client:
        client.shop.a.insert_one({})
        watch = Watch(client, ["shop"])
        follower = CatalogFollower(watch.entries(watch.start), watch.wanted)
        client.admin.command("setFeatureCompatibilityVersion", "5.0")
        client.shop.create_collection("series", timeseries={"timeField": "t"})
        client.shop.a.create_index("k")
        told = [event for _, events in watch.news() for event in events]
        for event in told:
            follower.follow(event)
        client.admin.command("setFeatureCompatibilityVersion", "6.0")
        [truth, series] = watch.entries(majority_point(client))
        assert follower.entries()[0] == truth and series.has_mixed_buckets
        with pytest.raises(
            OplogNotFollowed, match=r"collMod of shop\.system\.buckets\.series .* setFeatureCompatibilityVersion"
        ):
            [follower.follow(event) for _, events in watch.news() for event in events]


ALSO_HEARD = ["create", "renameCollection", "createIndexes", "commitIndexBuild", "dropIndexes"]
HEARD = ["drop", "collMod", *(pytest.param(one, marks=pytest.mark.long) for one in ALSO_HEARD)]


@pytest.mark.parametrize("command", HEARD)
def test_a_follower_that_misses_one_kind_of_command_is_noticed(client: Client, database: str, command: str) -> None:
    with pytest.raises((AssertionError, OplogNotFollowed)):
        for seed in range(1, 9):
            Followed(client, database, seed, deaf_to=command).go_on(120)
            for name in (database, f"{database}_two"):
                client.drop_database(name)


def test_a_collection_made_again_under_its_uuid_holds_nothing_of_before(client: Client, database: str) -> None:
    """As ``mongorestore --drop --preserveUUID`` does; emptied counts the same."""
    opened = client[database]
    opened.create_collection("capped", capped=True, size=4096)
    for name in ("again", "capped", "plain"):
        opened[name].insert_many({"_id": n} for n in range(5))
    followed = Followed(client, database, 0, before=0)
    names = {one.name: one.uuid for one in followed.watch.entries(followed.watch.start) if one.database == database}
    for name in ("again", "capped", "plain"):
        opened[name].insert_one({"_id": "before"})
    opened.again.drop()
    followed.mischief.apply_ops(opened, SON(create="again"), names["again"])
    followed.mischief.apply_ops(opened, SON(emptycapped="capped"))
    for name in ("again", "capped", "plain"):
        opened[name].insert_one({"_id": "after"})
    for _, events in followed.watch.news():
        for event in events:
            followed._hear(event)
    assert set(followed.follower.births) == {names["again"], names["capped"]}
    followed.compare_documents()
    made = documents_after(followed.base, followed.changes, followed.follower)
    assert [len(made[names[name]]) for name in ("again", "capped", "plain")] == [1, 1, 7]
