"""On a real server: who was erased is gone from what landed before the first swap, of every kind of collection, whenever it is killed."""

import datetime
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from mongodb_samples import Client
from point_kit import PointKit
from pymongo import MongoClient
from test_restore import Kept, restore
from window_kit import CLOCK, end_of

from lifeboat.app.points import open_point
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.erased import Erased
from lifeboat.operations.erasing.entries import DocumentSelector, Erasure
from lifeboat.operations.erasing.eraser import BucketEraser
from lifeboat.operations.erasing.load import erased_by
from lifeboat.operations.erasing.matching import canonical, keyed_hash
from lifeboat.operations.erasing.request import WantedDocuments, by_id, by_value
from lifeboat.operations.restore_mongodb import DatabaseRestore
from lifeboat.sources.mongodb.erase import ErasureRefused
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

KEY = b"k" * 32
WHEN = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with PrivateServer(find_mongod(None), ServerOptions()) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: PrivateServer) -> Iterator[Client]:
    with MongoClient[dict[str, Any]](server.uri) as connected:
        yield connected


@pytest.fixture
def database(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"e{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**9}"
    yield name
    for found in client.list_database_names():
        if found.startswith(name):
            client.drop_database(found)


def erased(*wanted: WantedDocuments, name: str = "0a0b0c0d") -> Erased:
    selectors = []
    for one in wanted:
        plain = canonical(one.value, fold=one.fold)
        assert plain is not None
        selectors.append(DocumentSelector(one.collection, one.path, keyed_hash(KEY, plain), one.fold, one.unset))
    return erased_by([Erasure(name, 1, WHEN, KEY, tuple(selectors))])


class Interrupted(BaseException):
    """Derives from no Exception, so that nothing under test swallows it."""


def test_capped_renamed_and_collated_collections_and_gridfs(client: Client, database: str) -> None:
    shop = client[database]
    shop.create_collection("log", capped=True, size=65536)
    shop.log.insert_many({"_id": n, "who": "anna" if n == 3 else "ben", "text": "x" * n} for n in range(9))
    shop.create_collection("names", collation={"locale": "en", "strength": 1})
    shop.names.insert_many([{"_id": "Anna"}, {"_id": "Ben"}, {"_id": "Cleo"}])
    file = ObjectId()
    shop["fs.files"].insert_many([{"_id": file, "filename": "passport"}, {"_id": ObjectId(), "filename": "cat"}])
    shop["fs.chunks"].insert_many({"files_id": file, "n": n, "data": b"x"} for n in range(3))
    kept = Kept(client, database)
    what = erased(
        by_value(f"{database}.log", "who", "anna"),
        *by_id(f"{database}.names", "Anna"),
        *by_id(f"{database}.names", "ben"),
        *by_id(f"{database}.fs.files", str(file)),
    )
    report = restore(client, kept, Target.EMPTY_PLACE, renames=[f"{database}={database}_copy"], erased=what.collections)
    copy = client[f"{database}_copy"]
    assert [one["_id"] for one in copy.log.find()] == [0, 1, 2, 4, 5, 6, 7, 8]
    assert copy.log.options()["capped"]
    assert {one["_id"] for one in copy.names.find()} == {"Ben", "Cleo"}, "a collation does not erase its like"
    assert copy["fs.chunks"].count_documents({}) == 0 and copy["fs.files"].count_documents({}) == 1
    assert {name.partition(".")[2]: one[0].documents for name, one in report.erased.items()} == {
        "log": 1,
        "names": 1,
        "fs.files": 1,
        "fs.chunks": 3,
    }
    assert shop.log.count_documents({}) == 9, "where it came from nothing is touched"


def test_of_a_time_series_what_the_meta_field_tells_and_the_rest_is_a_problem(client: Client, database: str) -> None:
    shop = client[database]
    for name, series in (("beats", {"timeField": "at", "metaField": "who"}), ("plain", {"timeField": "at"})):
        shop.create_collection(name, timeseries=series)
        shop[name].insert_many(
            {"at": WHEN + datetime.timedelta(seconds=n), "who": {"id": n % 3}, "rate": n} for n in range(30)
        )
    kept = Kept(client, database)
    what = erased(
        by_value(f"{database}.beats", "who.id", "1", "number"), by_value(f"{database}.plain", "rate", "5", "number")
    )
    for target, renames in ((Target.EMPTY_PLACE, [f"{database}={database}_copy"]), (Target.OVER_LIVE, [])):
        report = restore(client, kept, target, renames=renames, erased=what.collections)
        there = client[f"{database}_copy" if renames else database]
        assert there.beats.count_documents({}) == 20 and there.beats.count_documents({"who.id": 1}) == 0
        [problem] = [one for one in report.findings if one.level == "problem"]
        assert problem.code == "erasure-not-possible" and problem.subject == f"{there.name}.plain"
        assert there.plain.count_documents({}) == 30
    buckets = BucketEraser(what.collections[f"{database}.beats"], "who")
    assert [buckets.erasure_of({"meta": {"id": n}}) for n in (0, 1)] == [None, "0a0b0c0d"], "as a drill compares them"


def test_fields_are_taken_out_also_where_a_validator_wants_them(client: Client, database: str) -> None:
    shop = client[database]
    shop.create_collection("cases", validator={"notes": {"$exists": True}})
    shop.cases.insert_many({"_id": n, "owner": n % 2, "notes": "x", "log": [{"by": 1, "at": 2}]} for n in range(4))
    kept = Kept(client, database)
    what = erased(by_value(f"{database}.cases", "owner", "1", "number", unset=("notes", "log.by")))
    report = restore(client, kept, Target.OVER_LIVE, erased=what.collections)
    assert list(shop.cases.find({"owner": 1})) == [{"_id": n, "owner": 1, "log": [{"at": 2}]} for n in (1, 3)]
    assert shop.cases.count_documents({"notes": "x"}) == 2
    assert report.erased[f"{database}.cases"][0].trimmed == 2


def test_where_the_server_refuses_nothing_live_is_touched(client: Client, database: str) -> None:
    shop = client[database]
    shop.users.insert_many({"_id": n, "group": 1, "email": f"{n}@example.org"} for n in range(3))
    shop.users.create_index("email", unique=True)
    kept = Kept(client, database)
    shop.users.update_one({"_id": 0}, {"$set": {"live": True}})
    what = erased(by_value(f"{database}.users", "group", "1", "number", unset=("email",)))
    with pytest.raises(ErasureRefused) as caught:
        restore(client, kept, Target.OVER_LIVE, erased=what.collections)
    assert "@" not in str(caught.value.message) and "--without-erasures" in caught.value.hint
    assert shop.users.find_one({"_id": 0})["live"] is True  # type: ignore[index]


@pytest.mark.parametrize("nth", range(1, 11))
def test_killed_at_any_mark_nobody_is_live_and_no_count_is_lost(client: Client, database: str, nth: int) -> None:
    """Dies before the nth mark is stored, and is typed again."""
    shop = client[database]
    for name in ("users", "letters"):
        shop[name].insert_many({"_id": n, "email": "anna" if n % 5 == 0 else "ben"} for n in range(50))
    kept = Kept(client, database)
    for name in ("users", "letters"):
        shop[name].delete_many({"email": "anna"})
    what = erased(by_value(f"{database}.users", "email", "anna"), by_value(f"{database}.letters", "email", "anna"))
    finished: set[str] = set()

    def mark(step: str, namespace: str) -> None:
        if len(finished) == nth - 1:
            raise Interrupted
        finished.add(f"{step} {namespace}")

    def nobody() -> bool:
        return not any(shop[name].count_documents({"email": "anna"}) for name in ("users", "letters"))

    try:
        restore(client, kept, Target.OVER_LIVE, erased=what.collections, finished=frozenset(), mark=mark)
    except Interrupted:
        assert nobody()
        nth = 10**6
    report = restore(client, kept, Target.OVER_LIVE, erased=what.collections, finished=frozenset(finished), mark=mark)
    assert nobody()
    assert {one.documents for several in report.erased.values() for one in several} == {10} and len(report.erased) == 2
    assert [shop[name].count_documents({}) for name in ("users", "letters")] == [40, 40]


def test_what_was_put_down_between_a_kill_and_the_next_run_is_erased_from_what_was_swapped_in(
    client: Client, database: str
) -> None:
    shop = client[database]
    shop.users.insert_many({"_id": n, "email": "anna" if n else "ben"} for n in range(3))
    kept, finished = Kept(client, database), set[str]()

    def mark(step: str, namespace: str) -> None:
        finished.add(f"{step} {namespace}")
        if step == "armed":
            raise Interrupted

    with pytest.raises(Interrupted):
        restore(client, kept, Target.OVER_LIVE, erased={}, mark=mark)
    assert shop.users.count_documents({}) == 3
    what = erased(by_value(f"{database}.users", "email", "anna"))
    report = restore(client, kept, Target.OVER_LIVE, erased=what.collections, finished=frozenset(finished))
    assert [one["_id"] for one in shop.users.find()] == [0]
    assert report.erased[f"{database}.users"][0].documents == 2


def test_a_moment_holds_nobody_whom_changes_brought(client: Client, database: str, tmp_path: Path) -> None:
    """Changes are replayed onto what landed; who came, or came to fit, only by them is erased all the same."""
    kit = PointKit(tmp_path)
    kit.databases = [database]
    shop = client[database]
    shop.users.insert_many([{"_id": 1, "email": "anna"}, {"_id": 2, "email": "ben"}, {"_id": 3, "email": "x"}])
    taken = kit.back_up(client, [database])
    shop.users.insert_one({"_id": 4, "email": "anna"})
    shop.users.update_one({"_id": 3}, {"$set": {"email": "anna"}})
    shop.users.update_one({"_id": 1}, {"$set": {"email": "moved away"}})
    goal = kit.archive(client, end_of(kit, taken))
    what = erased(by_value(f"{database}.users", "email", "anna"))
    renames = [f"{database}={database}_copy"]
    with ExitStack() as stack:
        point = open_point(kit.repository, ClusterTime(goal.time, goal.inc), stack)
        job = DatabaseRestore(point, client, "here", Target.EMPTY_PLACE, (), renames, kit.repository.state, what)
        job.carry_out(job.plan(), compare="full", with_users=False, clock=CLOCK, progress=kit.progress)
    left = {one["_id"]: one["email"] for one in client[f"{database}_copy"].users.find()}
    assert left == {1: "moved away", 2: "ben"}
    assert [(one.erasure, one.left_out) for one in job.replayed] == [("0a0b0c0d", 2)]


def test_a_text_that_is_not_utf_8_stops_no_restore(client: Client, database: str) -> None:
    """Other drivers store such; it must neither keep a database from coming back nor hide anybody."""
    odd = [
        bson.encode({"_id": 1, "email": "anna", "text": "ab"}).replace(b"ab\0", b"\xff\xfe\0"),
        bson.encode({"_id": 2, "email": "ab"}).replace(b"ab\0", b"\xff\xfe\0"),
    ]
    client[database].users.insert_many(map(RawBSONDocument, odd))
    what = erased(by_value(f"{database}.users", "email", "anna"))
    restore(client, Kept(client, database), Target.OVER_LIVE, erased=what.collections)
    assert [one["_id"] for one in client[database].users.find({}, {"_id": 1})] == [2]
