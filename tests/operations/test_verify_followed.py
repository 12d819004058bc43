"""A full verification follows the archive of a real server from snapshot to snapshot, and says where it leads elsewhere."""

from collections.abc import Sequence
from pathlib import Path

from point_kit import PointKit
from window_kit import CLOCK, Client, end_of

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Silent
from lifeboat.operations.verify.run import verify
from lifeboat.repository.segments import list_segments
from lifeboat.sources.mongodb.oplog.command import Command, Event


class Forgetful(PointKit):
    """A stream that leaves out one command."""

    def _blocks(self, events: Sequence[Event]) -> list[bytes]:
        return super()._blocks(self._others(events))

    def _summary(self, events: Sequence[Event]) -> bytes:
        return super()._summary(self._others(events))

    def _others(self, events: Sequence[Event]) -> list[Event]:
        return [one for one in events if not (isinstance(one, Command) and one.name == "drop")]


def history(kit: PointKit, client: Client) -> None:
    """Snapshot, a day of everything, snapshot, a little more."""
    shop = client.shop
    shop.orders.insert_many([{"_id": n} for n in range(50)])
    shop.create_collection("events", timeseries={"timeField": "at", "metaField": "who"})
    begin = end_of(kit, kit.back_up(client, ["shop"]))
    shop.create_collection("cheap", viewOn="orders", pipeline=[{"$match": {"_id": {"$lt": 9}}}])
    shop.fresh.insert_one({"_id": 1})
    shop.fresh.rename("renamed")
    shop.orders.create_index("price")
    shop.command("collMod", "orders", validator={"_id": {"$exists": True}})
    with client.start_session() as session, session.start_transaction():
        shop.orders.insert_many([{"_id": n} for n in range(50, 200)], session=session)
    shop.gone.insert_one({"_id": 1})
    shop.gone.drop()
    between = kit.archive(client, begin, part=40)
    kit.back_up(client, ["shop"])
    shop.orders.update_many({}, {"$set": {"price": 1}})
    shop.renamed.drop()
    kit.archive(client, between)


def look(kit: PointKit) -> list[Finding]:
    report = verify(kit.repository, "full", objectives={}, sample_percent=100, clock=CLOCK, progress=Silent())
    return [one for one in report.findings if one.level != "ok" and one.code != "rescue-kit-missing"]  # fmt: skip


def test_a_real_archive_leads_from_snapshot_to_snapshot(tmp_path: Path, client: Client) -> None:
    kit = PointKit(tmp_path, databases=["shop"])
    history(kit, client)
    assert any(one.is_part for one in list_segments(kit.repository))
    assert look(kit) == []


def test_a_drop_that_was_not_archived_is_found(tmp_path: Path, client: Client) -> None:
    kit = Forgetful(tmp_path, databases=["shop"])
    history(kit, client)
    found = {one.code: one for one in look(kit)}
    assert "shop.gone" in found["archive-contradicts-snapshot"].message
