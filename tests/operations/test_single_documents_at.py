"""Single documents as of any moment: found, compared and put back as they were then, whatever was before and after."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from gridfs import GridFSBucket
from point_kit import PointKit, now_of
from window_kit import CLOCK, Client, end_of, truth_at

from lifeboat.app.read_settings import read_settings
from lifeboat.app.settings import Settings
from lifeboat.app.single_documents import SingleDocuments, single_documents
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.documents import DocumentsRequest
from lifeboat.sources.mongodb.errors import RestorePlanInvalid
from lifeboat.sources.mongodb.private_server import PrivateServer


@pytest.fixture
def kit(tmp_path: Path) -> PointKit:
    return PointKit(tmp_path)


@pytest.fixture
def settings(tmp_path: Path, server: PrivateServer) -> Settings:
    given = {"MONGODB_URI": server.uri, "LIFEBOAT_REPOSITORY": str(tmp_path / "unused"), "HOME": str(tmp_path)}
    return read_settings(None, given, tmp_path)


class Looking:
    def __init__(self, kit: PointKit, settings: Settings) -> None:
        self._kit, self._settings = kit, settings

    def at(self, goal: Timestamp, collection: str, wanted: str = "{}", **how: Any) -> Any:
        request = DocumentsRequest(
            f"shop.{collection}", wanted, over_live="to" not in how, at=f"{goal.time}.{goal.inc}", **how
        )
        return single_documents(self._settings, self._kit.repository, CLOCK, Silent(), request)


@pytest.fixture
def looking(kit: PointKit, settings: Settings) -> Iterator[Looking]:
    yield Looking(kit, settings)


RAW: Any = bson.CodecOptions(document_class=RawBSONDocument)


def some_writes(client: Client, chance: random.Random, count: int = 60) -> None:
    orders = client.shop.orders
    for n in range(count):
        where = {"_id": chance.randrange(130)}
        act = chance.randrange(6)
        if act == 0:
            orders.delete_one(where)
        elif act == 1:
            orders.replace_one(where, {"whole": n, "list": [n], "text": "y" * chance.randrange(500)}, upsert=True)
        elif act == 2:
            with client.start_session() as session, session.start_transaction():
                orders.update_one(where, {"$unset": {"n": 1}, "$set": {"deep.er": n}}, session=session)
                orders.update_one({"_id": 5}, {"$inc": {"n": 1}}, session=session)
        else:
            orders.update_one(where, {"$set": {"n": n}, "$push": {"list": {"at": n}}})


@pytest.mark.parametrize("seed", range(2))
def test_whatever_moment_the_documents_are_those_of_the_server_then(
    kit: PointKit,
    looking: Looking,
    client: Client,
    seed: int,
) -> None:
    chance = random.Random(seed)
    client.shop.orders.insert_many({"_id": n, "n": n, "list": []} for n in range(100))
    taken = kit.back_up(client, ["shop"])
    moments = []
    for _ in range(4):
        some_writes(client, chance)
        moments.append(now_of(client))
    kit.archive(client, end_of(kit, taken))
    for goal in moments:
        truth = truth_at(client, "shop", goal)["orders"]["documents"]
        with looking.at(goal, "orders", to="shop_then") as found:
            report = found.put_back()
        assert report.written == len(truth)
        there: Any = client.shop_then.get_collection("orders", codec_options=RAW).find()
        assert sorted(bytes(one.raw) for one in there) == truth
        client.drop_database("shop_then")


def test_over_live_the_deleted_and_the_changed_come_back_as_they_were_then(
    kit: PointKit,
    looking: Looking,
    client: Client,
) -> None:
    orders = client.shop.orders
    orders.insert_many({"_id": n, "n": n} for n in range(20))
    taken = kit.back_up(client, ["shop"])
    orders.update_one({"_id": 1}, {"$set": {"n": "then"}})
    orders.insert_one({"_id": "born later", "n": "then"})
    goal = now_of(client)
    orders.update_one({"_id": 1}, {"$set": {"n": "too late"}})
    orders.delete_one({"_id": "born later"})
    kit.archive(client, end_of(kit, taken))
    with looking.at(goal, "orders", '{n: "then"}') as found:
        assert isinstance(found, SingleDocuments)
        plan = found.plan
        (counts,) = plan.collections
        assert (counts.gone, counts.changed, counts.same) == (1, 1, 0)
        assert plan.point is not None and plan.point.cluster_time == f"{goal.time}.{goal.inc}"
        assert plan.point.after_snapshot == taken.record.snapshot
        report = found.put_back()
    assert report.written == 2
    assert orders.find_one({"_id": 1}) == {"_id": 1, "n": "then"}
    assert orders.find_one({"_id": "born later"}) == {"_id": "born later", "n": "then"}
    assert orders.count_documents({}) == 21


def test_a_collection_that_came_to_be_after_the_snapshot_and_a_dropped_one(
    kit: PointKit,
    looking: Looking,
    client: Client,
) -> None:
    client.shop.old.insert_one({"_id": 1, "kept": True})
    taken = kit.back_up(client, ["shop"])
    client.shop.young.insert_many({"_id": n} for n in range(5))
    client.shop.young.update_one({"_id": 3}, {"$set": {"n": 3}})
    goal = now_of(client)
    client.shop.young.drop()
    client.shop.old.drop()
    client.shop.old.insert_one({"_id": 1, "kept": False})
    later = now_of(client)
    kit.archive(client, end_of(kit, taken))
    with looking.at(goal, "young", to="shop_then") as found:
        assert found.put_back().written == 5
    assert client.shop_then.young.find_one({"_id": 3}) == {"_id": 3, "n": 3}
    with looking.at(later, "old", "{kept: false}", to="shop_then") as found:
        assert found.put_back().written == 1
    with pytest.raises(RestorePlanInvalid), looking.at(later, "young"):
        pass
    client.drop_database("shop_then")


def test_a_file_of_gridfs_deleted_after_the_snapshot_it_is_not_in(
    kit: PointKit,
    looking: Looking,
    client: Client,
) -> None:
    bucket = GridFSBucket(client.shop)
    bucket.upload_from_stream("first", b"1" * 300_000)
    taken = kit.back_up(client, ["shop"])
    content = random.Random(1).randbytes(700_000)
    bucket.upload_from_stream("second", content)
    goal = now_of(client)
    for one in bucket.find({"filename": "second"}):
        bucket.delete(one._id)
    kit.archive(client, end_of(kit, taken))
    with looking.at(goal, "fs.files", '{filename: "second"}') as found:
        found.put_back()
    assert bucket.open_download_stream_by_name("second").read() == content


def test_a_name_that_is_nearly_right_is_asked_back(kit: PointKit, looking: Looking, client: Client) -> None:
    client.shop.orders.insert_one({"_id": 1})
    taken = kit.back_up(client, ["shop"])
    kit.archive(client, end_of(kit, taken))
    with pytest.raises(RestorePlanInvalid) as refused, looking.at(end_of(kit, taken), "ordres"):
        pass
    assert refused.value.hint.startswith("did you mean shop.orders? ")
    with pytest.raises(RestorePlanInvalid) as refused:
        kit.restore(taken, client, namespaces=["shop.oders"])
    assert refused.value.hint.startswith("did you mean shop.orders? ")


def test_after_the_whole_database_was_dropped(kit: PointKit, looking: Looking, client: Client) -> None:
    client.shop.orders.insert_many({"_id": n, "n": n} for n in range(10))
    taken = kit.back_up(client, ["shop"])
    client.shop.orders.update_one({"_id": 3}, {"$set": {"n": "then"}})
    goal = now_of(client)
    client.drop_database("shop")
    kit.archive(client, end_of(kit, taken))
    with looking.at(goal, "orders", '{n: "then"}') as found:
        assert found.put_back().written == 1
    assert list(client.shop.orders.find()) == [{"_id": 3, "n": "then"}]
