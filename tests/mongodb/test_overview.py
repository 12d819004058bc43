"""What lies on a server is listed without reading a document, also for a user who may see a part of it only."""

from bson import Timestamp
from pymongo import MongoClient

from lifeboat.sources.mongodb.overview import overview


def test_databases_and_collections_are_listed_with_their_kind(client: MongoClient) -> None:  # type: ignore[type-arg]
    shop, other = "overview_shop", "overview_other"
    try:
        client[shop]["orders"].insert_many([{"_id": n} for n in range(30)])
        client[shop]["users"].insert_one({"at": Timestamp(1, 1)})
        client[shop].create_collection("recent", capped=True, size=4096)
        client[shop].create_collection("seen", timeseries={"timeField": "at"})
        client[shop].create_collection("view", viewOn="orders", pipeline=[])
        client[other]["x"].insert_one({})
        found = overview(client, [shop])
        assert found.meant == (shop,) and other in found.others
        assert not {"admin", "local", "config"} & {*found.meant, *found.others}
        kinds = {one.namespace.partition(".")[2]: one.kind for one in found.collections}
        assert kinds == {
            "orders": "collection",
            "users": "collection",
            "recent": "capped",
            "seen": "timeseries",
            "view": "view",
        }
        assert found.largest == f"{shop}.orders"
        assert shop in overview(client, None).meant and other in overview(client, None).meant
    finally:
        client.drop_database(shop)
        client.drop_database(other)
