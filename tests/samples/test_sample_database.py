"""The sample database is the same each time, and the reading that judges restores overlooks nothing."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import bson
import pytest
from gridfs import GridFSBucket
from mongod import private_server
from pymongo import MongoClient
from pymongo.database import Database

from lifeboat.samples.application_database import fill, fill_bytes
from lifeboat.samples.application_documents import Counts, Documents
from lifeboat.samples.damage import lose_database
from lifeboat.samples.fingerprint import DatabasePrint, differences, fingerprint

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
Client = MongoClient[dict[str, Any]]
SampleDatabase = Database[dict[str, Any]]


class StoppedClock:
    def now(self) -> dt.datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with private_server() as server, MongoClient(server.uri) as connected:
        yield connected


@pytest.fixture(scope="module")
def before(client: Client) -> DatabasePrint:
    fill(client, "law", clock=StoppedClock(), scale=0.02, seed=3)
    return fingerprint(client, "law")


def _encoded(seed: int, collection: str) -> list[bytes]:
    return [bson.encode(each) for each in Documents(seed, Counts.at_scale(0.02), NOW).by_collection()[collection]()]


@pytest.mark.parametrize("collection", Documents(1, Counts.at_scale(0.02), NOW).by_collection())
def test_the_same_seed_makes_the_same_documents_alone_or_among_others(collection: str) -> None:
    together = Documents(5, Counts.at_scale(0.02), NOW).by_collection()
    for make in together.values():
        next(iter(make()))
    assert [bson.encode(each) for each in together[collection]()] == _encoded(5, collection)
    if collection != "reference_codes":
        assert _encoded(5, collection) != _encoded(6, collection)


def test_two_fillings_of_one_seed_are_equal_to_the_reading(client: Client, before: DatabasePrint) -> None:
    fill(client, "law_again", clock=StoppedClock(), scale=0.02, seed=3, accounts=False)
    again = fingerprint(client, "law_again", accounts=False)
    told = differences(DatabasePrint(before.collections, {}, {}), again)
    # The server orders the fields of measurements as it likes, anew in each bucket.
    assert set(told) <= {"page_timings has as many documents, but not the same"}
    client.drop_database("law_again")


def test_attachments_are_what_an_application_reads_through_its_driver(client: Client, before: DatabasePrint) -> None:
    bucket = GridFSBucket(client["law"])
    for file in client["law"]["fs.files"].find():
        assert len(bucket.open_download_stream(file["_id"]).read()) == file["length"]


def test_every_kind_of_index_and_option_is_there(before: DatabasePrint) -> None:
    indexes = " ".join(text for each in before.collections.values() for text in each.indexes.values())
    options = " ".join(each.options for each in before.collections.values())
    for word in ("unique", "sparse", "hidden", "partialFilterExpression", "expireAfterSeconds", "textIndexVersion"):
        assert f'"{word}"' in indexes
    assert all(word in indexes for word in ('"hashed"', "2dsphere", "$**", '"collation"'))
    assert all(
        f'"{word}"' in options
        for word in ("validator", "collation", "viewOn", "storageEngine", "clusteredIndex", "capped", "timeseries")
    )


def _rebuild(database: SampleDatabase) -> None:
    """An index brought back by name and key alone: unique was forgotten."""
    database.users.drop_index("email_unique")
    database.users.create_index("email", name="email_unique")


def _turn_round(database: SampleDatabase) -> None:
    """The same documents of the capped collection, the newest first."""
    documents = list(database.recent_activity.find())
    database.recent_activity.drop()
    database.create_collection("recent_activity", capped=True, size=1 << 20, max=500)
    database.recent_activity.insert_many(documents[::-1])


DAMAGE: dict[str, tuple[Callable[[SampleDatabase], object], str]] = {
    "a changed document": (lambda db: db.cases.update_one({}, {"$set": {"risk": 2.0}}), "cases has as many documents"),
    "a type changed": (
        lambda db: db.settings.update_one({"_id": "every-type"}, {"$set": {"int64": 7}}),
        "settings has",
    ),
    "fields reordered": (
        lambda db: db.audit_log.update_one(
            {}, [{"$replaceWith": {"$mergeObjects": [{"_id": "$_id", "agent": 1}, "$$ROOT"]}}]
        ),
        "audit_log has as many documents",
    ),
    "a changed order": (lambda db: _turn_round(db), "recent_activity has as many documents, but not the same"),
    "a changed measurement": (
        lambda db: db["system.buckets.page_timings"].update_one({}, {"$set": {"data.milliseconds.0": -1}}),
        "page_timings has as many documents, but not the same",
    ),
    "a lost document": (lambda db: db.invoices.delete_one({}), "invoices had"),
    "a lost empty-named field": (lambda db: db["fs.chunks"].update_one({}, {"$unset": {"n": 1}}), "fs.chunks has"),
    "a missing index": (lambda db: db.cases.drop_index("lawyer_desk"), "index of cases is missing: lawyer_desk"),
    "an index shown again": (
        lambda db: db.command("collMod", "cases", index={"name": "court_retired", "hidden": False}),
        "differs",
    ),
    "an index no longer unique": (_rebuild, "index of users differs: email_unique"),
    "a changed validator": (lambda db: db.command("collMod", "cases", validator={}), "cases has other options"),
    "a changed validation level": (lambda db: db.command("collMod", "users", validationLevel="off"), "users has other"),
    "a lost collection": (lambda db: db.directory.drop(), "directory is missing"),
    "a new collection": (lambda db: db.create_collection("leftover"), "leftover is new"),
    "a changed view": (
        lambda db: db.command("collMod", "open_cases", viewOn="cases", pipeline=[]),
        "open_cases has other",
    ),
    "a changed password": (
        lambda db: db.command("updateUser", "casework_app", pwd="another"),
        "user differs: casework_app",
    ),
    "a changed right": (lambda db: db.command("updateRole", "casework_reader", privileges=[]), "role differs"),
    "a lost user": (lambda db: db.command("dropUser", "casework_app"), "user is missing: casework_app"),
}


@pytest.fixture(scope="module")
def hurt(client: Client) -> SampleDatabase:
    """Hurt once more by each test; each reads before and after its own damage."""
    fill(client, "hurt", clock=StoppedClock(), scale=0.01)
    return client["hurt"]


@pytest.mark.parametrize("name", DAMAGE)
def test_the_reading_of_a_database_notices(name: str, client: Client, hurt: SampleDatabase) -> None:
    act, phrase = DAMAGE[name]
    healthy = fingerprint(client, "hurt")
    assert differences(healthy, fingerprint(client, "hurt")) == ()
    act(hurt)
    found = differences(healthy, fingerprint(client, "hurt"))
    assert [phrase in difference for difference in found] == [True], found


def test_a_lost_database_is_lost_whole(client: Client) -> None:
    fill(client, "doomed", clock=StoppedClock(), scale=0.004)
    assert lose_database(client, "doomed") == 15
    left = fingerprint(client, "doomed")
    assert (left.collections, left.users, left.roles) == ({}, {}, {})
    assert "doomed" not in client.list_database_names()


def test_bytes_ordered_are_bytes_delivered(client: Client) -> None:
    summary = fill_bytes(client, "bulk", total_bytes=5_000_000, clock=StoppedClock())
    stats = client["bulk"].command("collStats", "documents")
    assert summary.data_bytes == stats["size"]
    assert 5_000_000 <= stats["size"] < 6_000_000
    client.drop_database("bulk")
