"""A restore brings back every document, option and index, beside the live data first, and never half."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import Binary, Timestamp
from mongod import private_server
from mongodb_samples import LONG_AGO, Client, everything_in, fill
from pymongo import MongoClient

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import any_problem
from lifeboat.sources.mongodb.capture import capture
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.errors import LandingDiffers, RestorePlanInvalid, TargetNotEmpty
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.restore import RestoreReport, carry_out
from lifeboat.sources.mongodb.restore_plan import RestorePlan, plan_restore

CLOCK = SystemClock()


class Kept:
    """A capture held in memory: what a repository would hold, in chunks as small as a repository's smallest."""

    def __init__(self, client: Client, database: str) -> None:
        with capture(client, [database], clock=CLOCK) as captured:
            self.entries = captured.collections
            self.blocks = {entry.namespace: list(captured.blocks(entry)) for entry in captured.collections}
            self.users, self.roles = captured.users(), captured.roles()

    def read_chunks(self, entry: CollectionEntry) -> Iterator[bytes]:
        yield from self.blocks[entry.namespace]


def restore(client: Client, kept: Kept, target: Target, **more: Any) -> RestoreReport:
    planning = {key: more.pop(key) for key in ("renames", "only") if key in more}
    finished = more.get("finished", frozenset())
    plan = plan_restore(client, kept.entries, target=target, finished=finished, **planning)
    return carry_out(plan, client, kept.read_chunks, clock=CLOCK, **more)


@pytest.fixture
def filled(client: Client, database: str) -> Iterator[str]:
    fill(client, database)
    yield database


@pytest.fixture
def small(client: Client, database: str) -> Iterator[str]:
    client[database].orders.insert_many({"_id": n, "text": "old"} for n in range(500))
    client[database].orders.create_index("text")
    client[database].users.insert_many({"_id": n} for n in range(3))
    client[database].create_collection("some", viewOn="orders", pipeline=[{"$limit": 2}])
    yield database


def test_everything_comes_back_under_another_name(client: Client, filled: str) -> None:
    before = everything_in(client, filled)
    report = restore(client, Kept(client, filled), Target.EMPTY_PLACE, renames=[f"{filled}={filled}_copy"])
    assert everything_in(client, filled + "_copy") == before
    assert not any_problem(report.findings)
    assert report.documents == sum(len(held.get("documents", ())) for held in before.values())


def test_everything_comes_back_over_a_ruined_database(client: Client, filled: str) -> None:
    before, kept = everything_in(client, filled), Kept(client, filled)
    shop = client[filled]
    shop.orders.update_many({}, {"$set": {"total": 0}})
    shop.names.drop()
    shop.people.rename("orders2")
    shop.log.drop()
    shop.log.insert_one({})
    shop.cheap.drop()
    shop.cheap.insert_one({"a": "collection where a view should be"})
    shop.images.drop()
    shop.create_collection("images", viewOn="orders", pipeline=[])
    shop.command("collMod", "cheapest", viewOn="orders", pipeline=[])
    report = restore(client, kept, Target.OVER_LIVE)
    after = everything_in(client, filled)
    assert report.untouched == (f"{filled}.orders2",)
    assert len(after.pop("orders2")["documents"]) == 2
    assert after == before
    assert not any_problem(report.findings)


def test_expiry_deletes_nothing_before_the_swap_and_is_switched_on_after(client: Client, database: str) -> None:
    shop = client[database]
    shop.create_collection("sessions")
    shop.create_collection("tickets", clusteredIndex={"key": {"_id": 1}, "unique": True}, expireAfterSeconds=10**8)
    fill_expired(client, database)
    kept = Kept(client, database)
    sessions = next(entry for entry in kept.entries if entry.name == "sessions")
    expiring = sessions.metadata.replace(
        '"indexes":[', '"indexes":[{"v":2,"key":{"seen":1},"name":"e","expireAfterSeconds":{"$numberInt":"60"}},'
    )
    position = kept.entries.index(sessions)
    entry = CollectionEntry(sessions.database, "sessions", "collection", expiring)
    kept.entries = (*kept.entries[:position], entry, *kept.entries[position + 1 :])

    def slowly(entry: CollectionEntry) -> Iterator[bytes]:
        yield from kept.read_chunks(entry)
        if entry.name == "sessions":
            CLOCK.sleep(1.5)  # the TTL monitor runs every second

    plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
    report = carry_out(plan, client, slowly, clock=CLOCK)
    assert not any_problem(report.findings) and report.documents == 60
    after = everything_in(client, database)
    assert after["sessions"]["indexes"]["e"]["expireAfterSeconds"] == 60
    assert after["tickets"]["options"]["expireAfterSeconds"] == 10**8
    for _ in range(50):
        if shop.sessions.count_documents({}) == 0:
            break
        CLOCK.sleep(0.1)
    assert shop.sessions.count_documents({}) == 0


def fill_expired(client: Client, database: str) -> None:
    client[database].sessions.insert_many({"seen": LONG_AGO, "n": n} for n in range(50))
    client[database].tickets.insert_many({"_id": n} for n in range(10))


def test_a_place_that_holds_something_is_refused_by_name_and_left_alone(client: Client, small: str) -> None:
    kept = Kept(client, small)
    client[small].orders.drop()
    client[small].create_collection("orders")  # as an application does when it starts
    before = everything_in(client, small)
    with pytest.raises(TargetNotEmpty, match=f"{small}.some, {small}.users|{small}.users"):
        restore(client, kept, Target.EMPTY_PLACE)
    assert everything_in(client, small) == before
    restore(client, kept, Target.EMPTY_PLACE, only=[f"{small}.orders"])
    assert client[small].orders.count_documents({}) == 500


def test_a_damaged_landing_is_noticed_and_the_live_data_stays(client: Client, small: str) -> None:
    kept = Kept(client, small)
    client[small].orders.update_many({}, {"$set": {"text": "new"}})
    before = everything_in(client, small)
    plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
    [orders] = [landing for landing in plan.landings if landing.name == "orders"]

    def damaging(change: dict[str, Any] | None) -> Any:
        def read_chunks(entry: CollectionEntry) -> Iterator[bytes]:
            yield from kept.read_chunks(entry)
            if entry.name == "orders":
                landed = client[small][orders.temporary]
                while landed.count_documents({}) < 500:
                    CLOCK.sleep(0.01)
                if change:
                    landed.update_one({"_id": 7}, change)
                else:
                    landed.delete_one({"_id": 7})

        return read_chunks

    for change in ({"$set": {"text": "olD"}}, None):
        with pytest.raises(LandingDiffers, match=f"{small}.orders"):
            carry_out(plan, client, damaging(change), clock=CLOCK)
    with pytest.raises(LandingDiffers, match="499 documents"):
        carry_out(plan, client, damaging(None), clock=CLOCK, compare="counts")
    after = everything_in(client, small)
    after.pop(orders.temporary)
    assert after == before
    restore(client, kept, Target.OVER_LIVE)
    assert client[small].orders.count_documents({"text": "old"}) == 500


def test_a_restore_compared_by_counts_alone_comes_back_whole(client: Client, small: str) -> None:
    before, kept = everything_in(client, small), Kept(client, small)
    client[small].orders.delete_many({})
    report = restore(client, kept, Target.OVER_LIVE, compare="counts", threads=3)
    assert everything_in(client, small) == before
    assert [(each.namespace, each.documents, each.result) for each in report.collections] == [
        (f"{small}.orders", 500, "replaced"),
        (f"{small}.users", 3, "replaced"),
        (f"{small}.some", 0, "already restored"),
    ]


def test_a_damaged_index_is_noticed(client: Client, small: str) -> None:
    kept = Kept(client, small)
    plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
    orders = next(landing for landing in plan.landings if landing.name == "orders")

    def read_chunks(entry: CollectionEntry) -> Iterator[bytes]:
        if entry.name == "orders":
            client[small][orders.temporary].create_index("surplus")
        yield from kept.read_chunks(entry)

    with pytest.raises(LandingDiffers, match="surplus"):
        carry_out(plan, client, read_chunks, clock=CLOCK)


def test_one_index_that_cannot_be_built_does_not_cost_the_data_or_the_others(client: Client, small: str) -> None:
    kept = Kept(client, small)
    broken = tuple(
        CollectionEntry(
            e.database,
            e.name,
            e.kind,
            e.metadata.replace(
                '"indexes":[',
                '"indexes":[{"v":{"$numberInt":"2"},"key":{"text":{"$numberInt":"-1"}},"name":"lonely","unique":true},',
            ),
        )
        if e.name == "orders"
        else e
        for e in kept.entries
    )
    kept.entries = broken
    report = restore(client, kept, Target.OVER_LIVE)
    [finding] = report.findings
    assert finding.code == "index-not-built" and finding.hurts == ("lonely",)
    assert client[small].orders.count_documents({}) == 500
    assert set(client[small].orders.index_information()) == {"_id_", "text_1"}


def test_the_largest_documents_and_odd_ids_come_back(client: Client, database: str) -> None:
    big = client[database].big
    big.insert_many({"_id": 10 + n, "b": bytes(16 * 1024 * 1024 - 22)} for n in range(2))
    for number, odd in enumerate([None, "", Timestamp(0, 0), {"a.b": {"": 1}}, Binary(b"", 3), -0.0, 5.5]):
        big.insert_one({"_id": odd, "n": number})
        stamped = {"_id": {"odd": odd}, "stamp": Timestamp(0, 0), "n": number}
        big.update_one({"_id": {"$eq": {"odd": odd}}}, [{"$replaceWith": {"$literal": stamped}}], upsert=True)
    before = everything_in(client, database)
    restore(client, Kept(client, database), Target.EMPTY_PLACE, renames=[f"{database}.big={database}_b.b"])
    assert everything_in(client, database + "_b")["b"] == before["big"]


def test_a_batch_that_is_sent_again_counts_as_done_and_a_stranger_does_not(client: Client, small: str) -> None:
    kept = Kept(client, small)
    blocks = kept.blocks[f"{small}.orders"]
    kept.blocks[f"{small}.orders"] = [*blocks]

    def twice(entry: CollectionEntry) -> Iterator[bytes]:
        yield from kept.read_chunks(entry)
        yield from kept.read_chunks(entry)

    plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE, only=[f"{small}.orders"])
    with pytest.raises(LandingDiffers, match=r"500 documents landed .* instead of 1000"):
        carry_out(plan, client, twice, clock=CLOCK)

    def changed(entry: CollectionEntry) -> Iterator[bytes]:
        yield from kept.read_chunks(entry)
        yield from (block.replace(b"old", b"new") for block in kept.read_chunks(entry))

    with pytest.raises(LandingDiffers, match="did not take"):
        carry_out(plan, client, changed, clock=CLOCK)


def test_names_that_cannot_be_are_refused_before_anything_happens(client: Client, small: str) -> None:
    kept = Kept(client, small)

    def refused(match: str, **more: Any) -> None:
        with pytest.raises(RestorePlanInvalid, match=match):
            plan = plan_restore(client, kept.entries, target=Target.OVER_LIVE, **more)
            carry_out(plan, client, kept.read_chunks, clock=CLOCK)

    refused("nothing called", only=["other.things"])
    refused("cannot be read", renames=["shop"])
    refused("cannot be read", renames=["shop.orders=other"])
    refused("is called other", renames=["other=new"])
    refused("two collections", renames=[f"{small}.orders={small}.users"])
    refused("255 bytes", renames=[f"{small}.orders={small}.{'x' * 250}"])
    refused("belongs to the server", renames=[f"{small}=admin"])


def test_a_name_of_255_bytes_is_restored_over_live(client: Client, database: str) -> None:
    name = "x" * (254 - len(database))
    client[database][name].insert_one({"_id": 1})
    kept = Kept(client, database)
    client[database][name].delete_many({})
    restore(client, kept, Target.OVER_LIVE)
    assert client[database][name].find_one() == {"_id": 1}


def test_the_plan_says_what_it_replaces_and_what_it_leaves(client: Client, small: str) -> None:
    kept = Kept(client, small)
    client[small].later.insert_one({})
    plan: RestorePlan = plan_restore(client, kept.entries, target=Target.OVER_LIVE)
    assert plan.lines() == [
        f"{small}.orders: collection, replaces a collection of about 500 documents",
        f"{small}.some: view, is already restored and stays",
        f"{small}.users: collection, replaces a collection of about 3 documents",
        f"{small}.later: not in the snapshot, stays as it is",
    ]


def test_everything_comes_back_on_a_standalone_too() -> None:
    with private_server(nodes=0) as server, MongoClient(server.uri) as client:
        fill(client, "shop", orders=50)
        before, kept = everything_in(client, "shop"), Kept(client, "shop")
        client.shop.orders.drop()
        client.shop["system.js"].delete_many({})
        report = restore(client, kept, Target.OVER_LIVE)
        assert everything_in(client, "shop") == before
        assert not any_problem(report.findings)


def test_a_chunk_larger_than_a_command_may_be_comes_whole(client: Client, database: str) -> None:
    """A chunk ends behind the document that its cut falls into, so a few large ones can exceed 16 MiB together."""
    client[database].large.insert_many({"_id": n, "text": "x" * size} for n, size in enumerate([3_900_000, 15_000_000]))
    before, kept = everything_in(client, database), Kept(client, database)
    kept.blocks[f"{database}.large"] = [b"".join(kept.blocks[f"{database}.large"])]
    restore(client, kept, Target.EMPTY_PLACE, renames=[f"{database}={database}_copy"])
    assert everything_in(client, database + "_copy") == before


def test_views_that_look_at_each_other_the_other_way_round_come_back(client: Client, database: str) -> None:
    shop = client[database]
    shop.orders.insert_one({"_id": 1})
    swedish = {"locale": "sv"}
    for view, on in (("a", "b"), ("b", "c"), ("c", "orders")):
        shop.create_collection(view, viewOn=on, pipeline=[{"$match": {view: 1}}])
    before, kept = everything_in(client, database), Kept(client, database)
    for view, on in (("b", "orders"), ("c", "b"), ("a", "c")):
        shop.command("collMod", view, viewOn=on, pipeline=[])
    report = restore(client, kept, Target.OVER_LIVE)
    assert everything_in(client, database) == before and not report.findings
    for view in "abc":
        shop[view].drop()
    for view, on in (("b", "orders"), ("c", "b"), ("a", "c")):
        shop.create_collection(view, viewOn=on, pipeline=[], collation=swedish)
    report = restore(client, kept, Target.OVER_LIVE)
    assert everything_in(client, database) == before and not report.findings


def test_a_view_that_the_server_refuses_is_a_finding_and_is_tried_by_the_next_run(client: Client, small: str) -> None:
    kept, marks = Kept(client, small), []
    client[small].some.drop()
    client[small].create_collection("blocks", viewOn="some", pipeline=[], collation={"locale": "sv"})
    report = restore(client, kept, Target.OVER_LIVE, mark=lambda step, name: marks.append(f"{step} {name}"))
    assert [finding.code for finding in report.findings] == ["view-not-restored"]
    client[small].blocks.drop()
    restore(client, kept, Target.OVER_LIVE, finished=frozenset(marks))
    assert "some" in client[small].list_collection_names()
