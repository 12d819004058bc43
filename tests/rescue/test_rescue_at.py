"""The database as of any moment of the archive, by rescue.py and the official mongorestore alone."""

import datetime
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from mongod import private_server
from pymongo import MongoClient
from rescue_alone import Outcome
from test_rescue_and_package import Rescue, copied

from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.storage.memory import MemoryStore

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))
sys.path.insert(0, str(Path(__file__).parents[1] / "operations"))
from mongo_tools import CannotBuild, MongoTools, find_or_build
from point_kit import PointKit, now_of
from window_kit import end_of

Client = MongoClient[dict[str, Any]]
Moment = tuple[Timestamp, dict[str, Any]]


@pytest.fixture(scope="module")
def tools() -> MongoTools:
    try:
        return find_or_build()
    except CannotBuild as reason:
        pytest.skip(f"no mongorestore here: {reason}")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as running:
        yield running


@pytest.fixture
def client(server: PrivateServer) -> Iterator[Client]:
    with Client(server.uri) as connected:
        connected.drop_database("shop")
        yield connected


@pytest.fixture
def kit(tmp_path: Path) -> PointKit:
    return PointKit(tmp_path, databases=["shop"])


def moment(client: Client) -> Moment:
    """Now, and all there is: documents, options, indexes."""
    shop = client["shop"]
    held: dict[str, Any] = {}
    for one in shop.list_collections():
        name, kind = one["name"], one["type"]
        if name.startswith("system.") or kind == "view":
            continue
        documents = list(shop[name].find())
        options = {key: value for key, value in one["options"].items() if key != "uuid"}
        # mongorestore builds indexes anew, in an order of its own.
        indexes = shop[name].index_information()
        held[name] = (sorted(documents, key=lambda one: str(one["_id"])), options, indexes)
    return now_of(client), held


def at_words(when: Timestamp) -> str:
    return f"{when.time}.{when.inc}"


class Replayed:
    """A copy of the repository, and what comes out of it."""

    def __init__(self, kit: PointKit, tools: MongoTools, client: Client, rescue: Rescue, folder: Path) -> None:
        store, identity = kit.repository.store, kit.repository.identity
        assert isinstance(store, MemoryStore) and identity is not None
        self.home = copied(store, folder / "repository")
        self.key = identity.to_text().reveal()
        self._tools, self._client, self._rescue, self._folder = tools, client, rescue, folder
        self._number = 0

    def rescue(self, *words: str | Path) -> Outcome:
        return self._rescue(*words, key=self.key)

    def at(self, when: str, code: int = 0) -> tuple[dict[str, Any], Outcome]:
        """What is there after the two commands that the script names."""
        self._number += 1
        out = self._folder / f"out{self._number}"
        outcome = self.rescue("dump", self.home, "latest", out, "--at", when)
        assert outcome.code == code, outcome.err
        self._client.drop_database("shop")
        uri = f"--uri=mongodb://{self._client.address[0]}:{self._client.address[1]}"  # type: ignore[index]
        replay = ["--oplogReplay"] if "mongorestore --oplogReplay" in outcome.err else []
        command = [str(self._tools.mongorestore), "--quiet", *replay, uri, str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return moment(self._client)[1], outcome


def test_changes_of_documents_come_back_as_of_any_moment(
    kit: PointKit, tools: MongoTools, client: Client, rescue: Rescue, tmp_path: Path
) -> None:
    shop = client["shop"]
    shop["orders"].insert_many({"_id": n, "n": n, "deep": {"a": [1, 2, 3]}} for n in range(300))
    shop.create_collection("log", capped=True, size=65536)
    taken = kit.back_up(client, ["shop"])
    moments = [moment(client)]
    shop["orders"].update_many({"_id": {"$lt": 90}}, {"$inc": {"n": 7}, "$set": {"deep.a.1": 9}})
    shop["log"].insert_many({"_id": n} for n in range(20))
    moments.append(moment(client))
    with client.start_session() as session, session.start_transaction():
        shop["orders"].insert_many([{"_id": f"t{n}", "n": n} for n in range(150)], session=session)
        shop["orders"].delete_many({"_id": {"$gte": 200, "$lt": 250}}, session=session)
    moments.append(moment(client))
    shop["orders"].delete_many({})
    moments.append(moment(client))
    kit.archive(client, end_of(kit, taken), entries_each=40, part=60)
    replayed = Replayed(kit, tools, client, rescue, tmp_path)
    assert replayed.rescue("check", replayed.home).code == 0
    listed = replayed.rescue("list", replayed.home)
    assert "archived: the database of host at any moment from" in listed.out
    for when, truth in moments:
        held, outcome = replayed.at(at_words(when))
        assert held == truth
        assert at_words(when) in outcome.err


def test_collections_that_came_and_went_come_back_too(
    kit: PointKit, tools: MongoTools, client: Client, rescue: Rescue, tmp_path: Path
) -> None:
    shop = client["shop"]
    shop["orders"].insert_many({"_id": n, "n": n % 7} for n in range(50))
    shop["orders"].create_index("n")
    shop["people"].insert_many({"_id": n} for n in range(5))
    taken = kit.back_up(client, ["shop"])
    moments = [moment(client)]
    shop.create_collection("fresh", collation={"locale": "de"}, validator={"_id": {"$exists": True}})
    shop["fresh"].insert_one({"_id": "a"})
    shop["fresh"].create_index([("b", 1)], unique=True, sparse=True)
    moments.append(moment(client))
    shop["people"].rename("customers")
    shop["customers"].insert_one({"_id": "new"})
    shop["orders"].drop_index("n_1")
    shop["orders"].create_index([("n", -1), ("_id", 1)])
    moments.append(moment(client))
    shop["orders"].drop()
    moments.append(moment(client))
    shop["orders"].insert_one({"_id": "anew"})
    shop.command("collMod", "fresh", validator={})
    shop["customers"].rename("orders", dropTarget=True)
    moments.append(moment(client))
    kit.archive(client, end_of(kit, taken), entries_each=5)
    replayed = Replayed(kit, tools, client, rescue, tmp_path)
    for number, (when, truth) in enumerate(moments):
        held, _ = replayed.at(at_words(when))
        assert held == truth, number


def test_what_mongorestore_cannot_replay_is_left_out_and_said(
    kit: PointKit, tools: MongoTools, client: Client, rescue: Rescue, tmp_path: Path
) -> None:
    shop = client["shop"]
    shop["orders"].insert_many({"_id": n} for n in range(50))
    taken = kit.back_up(client, ["shop"])
    shop.create_collection("few", viewOn="orders", pipeline=[{"$limit": 3}])
    shop["orders"].insert_one({"_id": "late"})
    when, truth = moment(client)
    kit.archive(client, end_of(kit, taken))
    replayed = Replayed(kit, tools, client, rescue, tmp_path)
    held, outcome = replayed.at(at_words(when), code=2)
    assert held["orders"] == truth["orders"]
    assert "left out, because mongorestore cannot replay it: the definition of a view in shop" in outcome.err


def test_measurements_after_the_snapshot_come_back(
    kit: PointKit, tools: MongoTools, client: Client, rescue: Rescue, tmp_path: Path
) -> None:
    shop = client["shop"]
    shop.create_collection("events", timeseries={"timeField": "at", "metaField": "who"})
    begin = datetime.datetime(2026, 1, 1)
    shop["events"].insert_many({"at": begin + datetime.timedelta(hours=n), "who": n % 3, "v": n} for n in range(50))
    taken = kit.back_up(client, ["shop"])
    shop["events"].insert_many({"at": begin + datetime.timedelta(days=n), "who": n % 3, "v": n} for n in range(50))
    when, truth = moment(client)
    shop["events"].insert_one({"at": begin, "who": "later", "v": 1})
    kit.archive(client, end_of(kit, taken))
    replayed = Replayed(kit, tools, client, rescue, tmp_path)
    held, _ = replayed.at(at_words(when))
    assert held["events"][0] == truth["events"][0]


def test_times_and_refusals(kit: PointKit, tools: MongoTools, client: Client, rescue: Rescue, tmp_path: Path) -> None:
    shop = client["shop"]
    shop["orders"].insert_one({"_id": 1})
    taken = kit.back_up(client, ["shop"])
    shop["orders"].insert_one({"_id": 2})
    end = kit.archive(client, end_of(kit, taken))
    replayed = Replayed(kit, tools, client, rescue, tmp_path)
    late = f"{end.time + 3600}.1"
    for words, said in (
        (late, "the archive does not lead from this snapshot"),
        ("1000.1", "there is no snapshot of the database"),
        ("yesterday", "a time in it is not one"),
        ("99999999999.1", "no instant of a database|a time in it"),
    ):
        outcome = replayed.rescue("dump", replayed.home, "latest", tmp_path / "refused", "--at", words)
        assert outcome.code == 2 and any(one in outcome.err for one in said.split("|")), outcome.err
    planted = next((replayed.home / "mongodb/oplog").rglob("*-*-*-*"))
    after = planted.name.split("-")
    for through in ("f" * 16, after[1]):
        liar = planted.with_name("-".join([after[0], through, *after[2:4], "0" * 64]))
        liar.write_bytes(planted.read_bytes())
    held, outcome = replayed.at(at_words(end))
    assert [one["_id"] for one in held["orders"][0]] == [1, 2]
    assert "passed over" in outcome.err
