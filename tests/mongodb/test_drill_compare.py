"""A drill's comparison on everything that a server can hold: nothing is named where nothing differs, and each change is named, alone.

Restored and changed on real servers; the copy is a real repository's.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from bare import BARE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mongod import private_server
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from zoo import build_zoo

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.drill.compare_database import NAMED_AT_MOST, Restored, compare_database
from lifeboat.operations.drill.report import Compared
from lifeboat.operations.erased import NOTHING_ERASED, Erased
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.repository.reading import SnapshotReader

Client = MongoClient[dict[str, Any]]
ZOO = "zöo"


class Pair:
    """A source that was backed up, and a server on which the copy was restored."""

    def __init__(self, folder: Path, uri: str, source: Client, other_uri: str, other: Client) -> None:
        self.source, self.other, self.other_uri = source, other, other_uri
        environment = {
            "MONGODB_URI": uri,
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "HOME": str(folder),
            **BARE,
        }
        self._read = lambda: read_settings(None, environment, folder)
        self.lifeboat().initialise(guarded=False, new_key=None)

    def lifeboat(self) -> Lifeboat:
        return Lifeboat(self._read())

    def back_up(self) -> str:
        [snapshot] = self.lifeboat().backup("db").snapshots
        return snapshot.snapshot

    def restore(self, snapshot: str) -> None:
        for name in self.other.list_database_names():
            if name not in ("admin", "local", "config"):
                self.other.drop_database(name)
        for kind, account in (("dropUser", "app"), ("dropRole", "reads")):
            with suppress(OperationFailure):  # the first time there is none
                self.other["shop"].command(kind, account)
        self.lifeboat().restore(RestoreRequest("db", snapshot, to=self.other_uri, with_users=True))

    def compare(self, snapshot: str, erased: Erased = NOTHING_ERASED) -> list[Compared]:
        repository = self.lifeboat().repository()
        with ExitStack() as stack:
            reader = stack.enter_context(SnapshotReader(repository, repository.find_snapshot(snapshot)))
            restored = Restored(self.other, {})
            return compare_database(
                DatabasePoint(reader), restored, erased=erased, clock=SystemClock(), progress=Silent()
            )


def told(found: list[Compared]) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for part in found for one in part.differences]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with (
        private_server() as source,
        private_server() as other,
        MongoClient(source.uri) as one,
        MongoClient(other.uri) as two,
    ):
        yield Pair(tmp_path_factory.mktemp("pair"), source.uri, one, other.uri, two)


def test_nothing_is_named_of_a_zoo_that_came_back(pair: Pair) -> None:
    build_zoo(pair.source, ZOO)
    snapshot = pair.back_up()
    try:
        pair.restore(snapshot)
        found = pair.compare(snapshot)
    finally:
        pair.source.drop_database(ZOO)
    assert told(found) == []
    assert {"collection", "view", "timeseries"} <= {one.kind for one in found}
    assert sum(one.items for one in found) > 50


CHANGES: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "the type of a number": (
        lambda db: db.plain.update_one({"_id": 3}, [{"$set": {"n": {"$toLong": "$n"}}}]),
        "document-changed",
        "shop.plain _id 3",
    ),
    "the order of fields": (lambda db: db.plain.replace_one({"_id": 4}, {"s": "x4", "n": 4}), "document-changed", "shop.plain _id 4"),
    "a byte deep inside": (lambda db: db.deep.update_one({"_id": 1}, {"$set": {"a.b.0.c": "other"}}), "document-changed", "shop.deep _id 1"),
    "one less": (lambda db: db.plain.delete_one({"_id": 5}), "document-missing", "shop.plain _id 5"),
    "one more": (lambda db: db.plain.insert_one({"_id": "new"}), "document-extra", 'shop.plain _id "new"'),
    "an index": (lambda db: db.plain.drop_index("n_1"), "index-missing", "shop.plain index n_1"),
    "an index that is no longer unique": (
        lambda db: (db.plain.drop_index("s_1"), db.plain.create_index("s")),
        "index-differs",
        "shop.plain index s_1",
    ),
    "an index more": (lambda db: db.plain.create_index("other"), "index-extra", "shop.plain index other_1"),
    "a validator": (lambda db: db.command("collMod", "checked", validator={}), "options-differ", "shop.checked"),
    "a view": (lambda db: db.command("collMod", "seen", viewOn="plain", pipeline=[]), "options-differ", "shop.seen"),
    "a view that is gone": (lambda db: db.drop_collection("seen"), "collection-missing", "shop.seen"),
    "a collection": (lambda db: db.drop_collection("deep"), "collection-missing", "shop.deep"),
    "a collection more": (lambda db: db.create_collection("extra"), "collection-extra", "shop.extra"),
    "a measurement": (lambda db: db.times.delete_many({"m": 1}), "document-missing", ""),
    "a role of a user": (lambda db: db.command("grantRolesToUser", "app", roles=["dbAdmin"]), "user-differs", "user shop.app"),
    "a user": (lambda db: db.command("dropUser", "app"), "user-missing", "user shop.app"),
    "a role": (lambda db: db.command("updateRole", "reads", privileges=[]), "role-differs", "role shop.reads"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(pair: Pair) -> str:
    """A small database of every kind, backed up."""
    from datetime import UTC, datetime

    db = pair.source["shop"]
    db.plain.insert_many([{"_id": n, "n": n, "s": f"x{n}"} for n in range(60)])
    db.plain.create_index("n")
    db.plain.create_index("s", unique=True)
    db.deep.insert_many([{"_id": n, "a": {"b": [{"c": "x" * 100}]}} for n in range(3)])
    db.create_collection("checked", validator={"n": {"$type": "int"}})
    db.create_collection("seen", viewOn="plain", pipeline=[{"$match": {"n": {"$gt": 3}}}])
    db.create_collection("ring", capped=True, size=10_000)
    db.ring.insert_many([{"_id": n} for n in range(5)])
    db.create_collection("times", timeseries={"timeField": "t", "metaField": "m"})
    db.times.insert_many([{"t": datetime(2026, 1, 1, 0, n, tzinfo=UTC), "m": n % 2, "v": n} for n in range(6)])
    resource = {"db": "shop", "collection": "plain"}
    db.command("createRole", "reads", privileges=[{"resource": resource, "actions": ["find"]}], roles=[])
    db.command("createUser", "app", pwd="x", roles=["reads"])
    return pair.back_up()


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_named_and_nothing_else(pair: Pair, shop: str, name: str) -> None:
    pair.restore(shop)
    change, code, subject = CHANGES[name]
    change(pair.other["shop"])
    found = told(pair.compare(shop))
    named = [one for one in found if one[0] != "count-differs"]
    assert [one[0] for one in named] == [code], found
    assert named[0][1].startswith(subject), found


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sets(st.integers(0, 59), max_size=9),
    st.sets(st.integers(0, 59), max_size=9),
    st.sets(st.integers(100, 140), max_size=9),
)
def test_whatever_was_changed_exactly_that_is_named(
    pair: Pair, shop: str, gone: set[int], changed: set[int], new: set[int]
) -> None:
    pair.restore(shop)
    plain, changed = pair.other["shop"].plain, changed - gone
    if gone:
        plain.delete_many({"_id": {"$in": sorted(gone)}})
    if changed:
        plain.update_many({"_id": {"$in": sorted(changed)}}, {"$set": {"n": -1}})
    if new:
        plain.insert_many([{"_id": n, "s": f"new {n}"} for n in sorted(new)])
    found = next(one for one in pair.compare(shop) if one.what == "shop.plain")
    documents = [one for one in found.differences if one.code.startswith("document-")]
    expected = (
        {f"document-missing shop.plain _id {n}" for n in gone}
        | {f"document-changed shop.plain _id {n}" for n in changed}
        | {f"document-extra shop.plain _id {n}" for n in new}
    )
    named = {f"{one.code} {one.subject}" for one in documents}
    assert named <= expected and len(named) + found.more == len(expected)
    assert len(named) == min(len(expected), NAMED_AT_MOST)


def test_held_against_another_copy_it_fails(pair: Pair, shop: str) -> None:
    """The comparison itself, on what is not the same."""
    pair.source["shop"].plain.update_one({"_id": 1}, {"$set": {"s": "later"}})
    later = pair.back_up()
    pair.restore(shop)
    assert told(pair.compare(later)) == [("document-changed", "shop.plain _id 1")]
    pair.source["shop"].plain.update_one({"_id": 1}, {"$set": {"s": "x1"}})


def test_who_was_erased_is_expected_to_be_gone_and_named_when_not(pair: Pair, shop: str) -> None:
    class Of7:
        def erasure_of(self, document: Any) -> str | None:
            return "e1" if document["_id"] == 7 else None

        def without(self, document: Any) -> tuple[Any, tuple[str, ...]]:
            return document, ()

    erased = Erased({"shop.plain": Of7()})
    pair.restore(shop)
    assert ("document-extra", "shop.plain _id 7") in told(pair.compare(shop, erased))
    pair.other["shop"].plain.delete_one({"_id": 7})
    found = pair.compare(shop, erased)
    assert told(found) == [] and sum(one.erased for one in found) >= 1
