"""A catalog followed through the oplog is the one that a capture reads, at every instant at which the server changed it."""

from collections.abc import Iterable, Iterator
from typing import Any

import bson
import pytest
from ddl import Mischief
from mongodb_samples import Client

from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.catalog_read import read_catalog
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.command import Event
from lifeboat.sources.mongodb.oplog.flatten import Flattener, Position
from lifeboat.sources.mongodb.oplog.read import entries_from, entry_at, majority_point
from lifeboat.sources.mongodb.server_facts import look_at_server

Seen = dict[tuple[str, str], Any]


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
        return read_catalog(self.client, self.facts, self.databases, at=at).entries

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


def follow_mischief(client: Client, database: str, seed: int, steps: int) -> tuple[Mischief, int]:
    databases = [database, f"{database}_two"]
    mischief = Mischief(client, databases, seed)
    for _ in range(20):
        mischief.act()
    mischief.makes_temporary = True
    watch = Watch(client, databases)
    follower = CatalogFollower(watch.entries(watch.start), watch.wanted)
    instants = 0
    for _ in range(steps):
        act = mischief.act()
        news = list(watch.news())
        for number, (when, events) in enumerate(news):
            told = [follower.follow(event) for event in events]
            # Half a dropped database cannot be read afterwards: the server has forgotten its views.
            if any(told) and (act != "drop_database" or number == len(news) - 1):
                assert differences(as_seen(follower.entries()), as_seen(watch.entries(when))) == [], (act, when)
                instants += 1
    return mischief, instants


@pytest.mark.parametrize("seed", range(3))
def test_at_every_instant_the_followed_catalog_is_the_servers_own(client: Client, database: str, seed: int) -> None:
    mischief, instants = follow_mischief(client, database, seed, 120)
    assert instants > 40
    assert len(mischief.done) > 25
