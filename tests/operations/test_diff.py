"""What ``diff`` says of two instants is what the server itself held at both."""

import random
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import SON, Int64, Timestamp
from bson.raw_bson import RawBSONDocument
from point_kit import PointKit, now_of
from test_window import Once
from window_kit import CLOCK, Client, end_of, truth_at

from lifeboat.app.diffing import Diffing
from lifeboat.app.points import open_point
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.operations.diff_report import DiffReport, DiffRequest
from lifeboat.operations.differing import touched_between
from lifeboat.repository.errors import SnapshotUnknown
from lifeboat.sources.mongodb.errors import CollectionRefused, FilterInvalid, RestorePlanInvalid
from lifeboat.sources.mongodb.private_server import PrivateServer

RAW: Any = bson.CodecOptions(document_class=RawBSONDocument)
ALL = 100_000


class DiffKit(PointKit):
    """A repository, an archive, and the question."""

    uri = ""
    begin = Timestamp(0, 0)

    def diff(
        self, since: str, until: str, collection: str = "orders", progress: Progress | None = None, **more: Any
    ) -> DiffReport:
        given = {"MONGODB_URI": self.uri, "LIFEBOAT_REPOSITORY": str(self.folder / "unused"), "HOME": str(self.folder)}
        settings = read_settings(None, given, self.folder)
        request = DiffRequest(f"shop.{collection}", since, until, **{"limit": ALL, **more})
        return Diffing(settings, self.repository, CLOCK, progress or Silent(), request).run()


@pytest.fixture
def kit(tmp_path: Path, server: PrivateServer) -> DiffKit:
    made = DiffKit(tmp_path)
    made.uri = server.uri
    return made


class Counting(Silent):
    """Progress that knows how much of how much was read."""

    def __init__(self) -> None:
        self.total_bytes = self.done_bytes = 0

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self.total_bytes = total_bytes or 0

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        self.done_bytes += done_bytes


def words(instant: Timestamp) -> str:
    return f"{instant.time}.{instant.inc}"


def some_writes(client: Client, chance: random.Random, count: int = 80) -> None:
    orders = client.shop.orders
    for n in range(count):
        where = {"_id": chance.randrange(150)}
        act = chance.randrange(7)
        if act == 0:
            orders.delete_one(where)
        elif act == 1:
            orders.replace_one(where, {"whole": n, "list": [n]}, upsert=True)
        elif act == 2:
            orders.update_one(where, {"$set": {"n": 0}, "$unset": {"list": 1}})
        elif act == 3:
            orders.update_one(where, {"$set": {"n": n}})
            orders.update_one(where, {"$unset": {"n": 1}})
        else:
            orders.update_one(where, {"$set": {"n": n}, "$push": {"list": {"at": n}}})


def truth(client: Client, at: Timestamp | None) -> dict[Any, bytes]:
    """By ``_id``; None: what is live."""
    if at is None:
        found: Any = client.shop.get_collection("orders", codec_options=RAW).find()
        documents = [bytes(one.raw) for one in found]
    else:
        documents = truth_at(client, "shop", at).get("orders", {"documents": []})["documents"]
    return {repr(bson.decode(one)["_id"]): one for one in documents}


def expected(before: dict[Any, bytes], after: dict[Any, bytes]) -> dict[str, str]:
    found = {}
    for key in before.keys() | after.keys():
        if key not in before:
            found[key] = "added"
        elif key not in after:
            found[key] = "removed"
        elif before[key] != after[key]:
            found[key] = "changed"
    return found


def told(report: DiffReport) -> dict[str, str]:
    verdicts = {row.document: row.verdict for row in report.rows}
    counts = Counter(verdicts.values())
    assert len(verdicts) == len(report.rows)
    assert (report.added, report.removed, report.changed) == tuple(
        counts[one] for one in ("added", "removed", "changed")
    )
    return verdicts


@pytest.mark.parametrize("seed", range(2))
def test_any_two_moments_of_one_snapshot(kit: DiffKit, client: Client, seed: int) -> None:
    chance = random.Random(seed)
    client.shop.orders.insert_many({"_id": n, "n": n, "list": []} for n in range(100))
    taken = kit.back_up(client, ["shop"])
    moments = [end_of(kit, taken)]
    for _ in range(3):
        some_writes(client, chance)
        moments.append(now_of(client))
    kit.archive(client, moments[0])
    truths = [truth(client, at) for at in moments]
    for first, before in zip(moments, truths, strict=True):
        for last, after in zip(moments, truths, strict=True):
            report = kit.diff(words(first), words(last))
            assert told(report) == expected(before, after)
            assert report.since.snapshot == report.until.snapshot == taken.record.snapshot
            assert (report.since.cluster_time, report.until.cluster_time) == (words(first), words(last))


@pytest.mark.parametrize("held_at_most_bytes", [100_000, 8_000, 1_000])
def test_memory_is_bounded_by_more_rounds(kit: DiffKit, client: Client, held_at_most_bytes: int) -> None:
    chance = random.Random(held_at_most_bytes)
    client.shop.orders.insert_many({"_id": n, "n": n, "list": []} for n in range(100))
    taken = kit.back_up(client, ["shop"])
    some_writes(client, chance, 200)
    first = now_of(client)
    some_writes(client, chance, 200)
    last = now_of(client)
    kit.archive(client, end_of(kit, taken))
    with ExitStack() as stack:
        earlier, later = (open_point(kit.repository, ClusterTime(at.time, at.inc), stack) for at in (first, last))
        stored = earlier.by_namespace["shop.orders"]
        pairs = list(touched_between(earlier, later, stored, first, held_at_most_bytes=held_at_most_bytes))
    before, after = truth(client, first), truth(client, last)
    wanted = [(before.get(key), after.get(key)) for key in expected(before, after)]
    assert sorted(pairs, key=repr) == sorted(wanted, key=repr)


def test_what_is_live(kit: DiffKit, client: Client) -> None:
    chance = random.Random(5)
    client.shop.orders.insert_many({"_id": n, "n": n, "list": []} for n in range(100))
    client.shop.orders.insert_many([{"_id": Int64(1000)}, {"_id": {"a": 1}}, {"_id": None}, {"_id": "text"}])
    taken = kit.back_up(client, ["shop"])
    some_writes(client, chance)
    at = now_of(client)
    kit.archive(client, end_of(kit, taken))
    some_writes(client, chance)
    client.shop.orders.replace_one({"_id": 1000}, {"_id": 1000.0, "respelled": True})
    report = kit.diff(words(at), "live")
    assert told(report)["1000.0"] == "changed"  # one document, however its _id is written
    client.shop.orders.delete_one({"_id": 1000})
    report = kit.diff(words(at), "live")
    assert told(report) == expected(truth(client, at), truth(client, None))
    assert report.until.cluster_time is None and report.until.uuid == report.since.uuid


def test_two_snapshots_are_compared_by_what_they_do_not_share(kit: DiffKit, client: Client) -> None:
    # Much more than the few chunks that are not shared, wherever this repository's secret makes it cut.
    client.shop.orders.insert_many({"_id": n, "n": n, "text": random.Random(n).randbytes(3000)} for n in range(9000))
    one = kit.back_up(client, ["shop"])
    client.shop.orders.update_many({"_id": {"$gte": 100, "$lt": 110}}, {"$set": {"n": "changed"}})
    client.shop.orders.delete_one({"_id": 50})
    client.shop.orders.insert_one({"_id": 9000})
    other = kit.back_up(client, ["shop"])
    before, after = truth(client, end_of(kit, one)), truth(client, end_of(kit, other))
    progress = Counting()
    report = kit.diff(one.record.snapshot[:10], "latest", progress=progress)
    assert 0 < progress.done_bytes < progress.total_bytes / 2
    assert told(report) == expected(before, after)
    assert report.changed == 10 and len(report.rows) == 12
    few = kit.diff(one.record.snapshot[:10], other.record.snapshot, limit=3)
    assert (few.added, few.removed, few.changed) == (1, 1, 10)
    assert sorted(row.verdict for row in few.rows) == ["added", "changed", "removed"]
    [row] = [row for row in report.rows if row.document == "100"]
    [change] = row.fields
    assert (change.path, change.before, change.after) == ("n", "100", '"changed"')


def test_a_snapshot_read_while_the_database_changed(kit: DiffKit, client: Client) -> None:
    client.shop.orders.insert_many({"_id": n, "n": n, "list": []} for n in range(100))
    client.shop.create_collection("log", capped=True, size=65536)
    client.shop.log.insert_many({"_id": n} for n in range(40))
    one = kit.back_up(client, ["shop"], Once("log", lambda: some_writes(client, random.Random(1))))
    some_writes(client, random.Random(2))
    last = now_of(client)
    other = kit.back_up(client, ["shop"], Once("log", lambda: some_writes(client, random.Random(3))))
    kit.archive(client, end_of(kit, one))
    first = truth(client, end_of(kit, one))
    assert told(kit.diff(one.record.snapshot, words(last))) == expected(first, truth(client, last))
    two = kit.diff(one.record.snapshot, other.record.snapshot)
    assert told(two) == expected(first, truth(client, end_of(kit, other)))


def test_across_a_gap_of_the_archive(kit: DiffKit, client: Client) -> None:
    client.shop.orders.insert_many({"_id": n, "n": n, "list": []} for n in range(100))
    one = kit.back_up(client, ["shop"])
    some_writes(client, random.Random(1))
    first = now_of(client)
    kit.archive(client, end_of(kit, one), first)
    some_writes(client, random.Random(2))
    other = kit.back_up(client, ["shop"])
    some_writes(client, random.Random(3))
    last = now_of(client)
    kit.archive(client, end_of(kit, other), last)
    report = kit.diff(words(first), words(last))
    assert report.since.snapshot != report.until.snapshot
    assert told(report) == expected(truth(client, first), truth(client, last))


def test_a_filter_chooses_what_fits_at_one_of_the_two(kit: DiffKit, client: Client) -> None:
    client.shop.orders.insert_many({"_id": n, "kind": "a" if n % 2 else "b", "n": 0} for n in range(10))
    taken = kit.back_up(client, ["shop"])
    first = end_of(kit, taken)
    client.shop.orders.update_one({"_id": 1}, {"$set": {"kind": "b"}})
    client.shop.orders.update_one({"_id": 2}, {"$set": {"kind": "a"}})
    client.shop.orders.update_one({"_id": 3}, {"$set": {"n": 1}})
    client.shop.orders.update_one({"_id": 4}, {"$set": {"n": 1}})
    client.shop.orders.delete_many({"_id": {"$in": [5, 6]}})
    client.shop.orders.insert_many([{"_id": 20, "kind": "a"}, {"_id": 21, "kind": "b"}])
    last = now_of(client)
    kit.archive(client, first)
    for until in (words(last), "live"):
        report = kit.diff(words(first), until, filter='{kind: "a"}')
        assert told(report) == {"1": "changed", "2": "changed", "3": "changed", "5": "removed", "20": "added"}
    client.drop_database("shop")
    assert kit.diff(words(first), words(last), filter="{n: 1}").changed == 2
    with pytest.raises(FilterInvalid):
        kit.diff(words(first), words(last), filter="{kind: {$unknown: 1}}")


def test_a_name_that_means_another_collection_or_none(kit: DiffKit, client: Client) -> None:
    client.shop.orders.insert_many({"_id": n, "n": n} for n in range(5))
    client.shop.people.insert_one({"_id": 1})
    taken = kit.back_up(client, ["shop"])
    first = end_of(kit, taken)
    client.shop.orders.rename("old_orders")
    without = now_of(client)
    client.shop.orders.insert_many([{"_id": 1, "n": 1}, {"_id": 9}])
    last = now_of(client)
    kit.archive(client, first)
    gone = kit.diff(words(first), words(without))
    assert (gone.added, gone.removed, gone.changed) == (0, 5, 0)
    assert gone.until.uuid is None and [one.code for one in gone.findings] == ["collection-absent"]
    assert f"called shop.old_orders at {words(without)}" in gone.findings[0].hint
    born = kit.diff(words(without), words(last))
    assert (born.added, born.removed, born.changed) == (2, 0, 0)
    other = kit.diff(words(first), words(last))
    assert (other.added, other.removed, other.changed) == (1, 4, 0)
    assert [one.code for one in other.findings] == ["another-collection"]
    live = kit.diff(words(first), "live")
    assert (live.added, live.removed, live.changed) == (1, 4, 0)
    client.shop.orders.drop()
    assert kit.diff(words(last), "live").removed == 2
    with pytest.raises(RestorePlanInvalid) as refused:
        kit.diff(words(first), words(last), collection="ordres")
    assert refused.value.hint.startswith("did you mean shop.orders? ")


def test_what_cannot_be_compared_is_refused(kit: DiffKit, client: Client) -> None:
    client.shop.orders.insert_one({"_id": 1})
    client.shop.create_collection("view", viewOn="orders", pipeline=[])
    taken = kit.back_up(client, ["shop"])
    with pytest.raises(CollectionRefused):
        kit.diff("latest", "latest", collection="view")
    with pytest.raises(CollectionRefused):
        kit.diff(taken.record.snapshot, "live", collection="view")
    with pytest.raises(SettingsError):
        kit.diff("live", "latest")
    with pytest.raises(SnapshotUnknown):
        kit.diff("0123456789", "live")


def test_what_an_out_brings_into_sight_is_added_whole(kit: DiffKit, client: Client) -> None:
    client.shop.orders.insert_many({"_id": n} for n in range(10))
    first = kit.back_up(client, None)
    making = SON([("create", "tmp.agg_out.1"), ("temp", True)])
    client.admin.command({"applyOps": [{"op": "c", "ns": "shop.$cmd", "o": making}]})
    client.shop["tmp.agg_out.1"].insert_many([{"_id": n} for n in range(40)])
    kit.back_up(client, None)
    one = now_of(client)
    client.admin.command("renameCollection", "shop.tmp.agg_out.1", to="shop.totals")
    client.shop.orders.delete_one({"_id": 3})
    other = now_of(client)
    kit.archive(client, end_of(kit, first))
    report = kit.diff(words(one), words(other))
    assert told(report) == {"3": "removed"}
    assert report.since.snapshot == report.until.snapshot
    assert kit.diff(words(one), words(other), collection="totals").added == 40
