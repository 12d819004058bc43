"""Fed with nothing but the oplog, the pure steps give every moment; and a comparison that is given something broken says so."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from model import Model, OplogReader, held_of
from point_kit import PointKit, now_of
from pymongo import MongoClient
from truth import Client, Held, Truth, TruthTeller, differences, restored
from workload import Pace, Workload

from lifeboat.sources.mongodb.catalog_read import read_catalog
from lifeboat.sources.mongodb.errors import CaptureMoved
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Event
from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.sources.mongodb.server_facts import look_at_server


@dataclass(frozen=True)
class Load:
    """Args: began: Before anything was written. moments: What was read at instants during it, with the catalog as captures read it."""

    client: Client
    began: Timestamp
    moments: list[tuple[Truth, dict[str, Held]]]


@contextmanager
def loaded(source: PrivateServer, seed: int, seconds: float) -> Iterator[Load]:
    with MongoClient[dict[str, Any]](source.uri) as client:
        facts, began = look_at_server(client), now_of(client)
        load = Load(client, began, [])
        with Workload(source.uri, seed, Pace(pause_seconds=0.01, ddl_pause_seconds=0.2)) as workload:
            teller = TruthTeller(client, workload.ddl_gate, workload.capped_gate)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                time.sleep(0.3)
                truth = teller.at_rest() if len(load.moments) % 3 == 0 else teller.in_motion()
                try:
                    found = read_catalog(client, facts, None, at=truth.at).entries if truth else ()
                except CaptureMoved:
                    continue
                entries = [entry for entry in found if not entry.is_temporary]
                if truth is not None:
                    load.moments.append((truth, {entry.namespace: as_captured(truth, entry) for entry in entries}))
        yield load


def as_captured(truth: Truth, entry: Any) -> Held:
    there = truth.held[f"{entry.database}.{entry.stored_as}"]
    return held_of(entry, 0, f"{0:064x}") if entry.kind == "view" else held_of(entry, there.documents, there.digest)


def without_lost_views(truth: Truth, captured: dict[str, Held]) -> frozenset[str]:
    """Databases whose views went out of reach between reading the truth and reading the catalog."""
    views = {name for name, held in truth.held.items() if held.kind in ("view", "timeseries")}
    return truth.blind | {name.partition(".")[0] for name in views - captured.keys()}


def wrong_moments(load: Load, events: Iterator[Event]) -> list[str]:
    """What differs at any of the moments when these events are all that is known."""
    model = Model([], {})
    said = []
    waiting = next(events, None)
    for truth, captured in load.moments:
        while waiting is not None and waiting.when <= truth.at:
            model.take(waiting)
            waiting = next(events, None)
        blind = without_lost_views(truth, captured)
        wanted = Truth(truth.at, captured, truth.unasked, blind)
        said += [f"{truth.spelled}: {one}" for one in differences(wanted, model.held())]
    return said


@pytest.mark.parametrize("seconds", [8, pytest.param(120, marks=pytest.mark.long)])
def test_the_oplog_alone_gives_every_moment_and_less_of_it_does_not(source: PrivateServer, seconds: float) -> None:
    with loaded(source, seed=int(seconds), seconds=seconds) as load:
        events = list(OplogReader(load.client).events(load.began, load.moments[-1][0].at))
    assert len(load.moments) > seconds / 2 and len(events) > 100 * seconds
    assert wrong_moments(load, iter(events)) == []
    # Without the last insert of a document that is still there at the end, one is missing.
    lost = next(one for one in reversed(events) if is_into_ledger(one, "i") and is_last_of_its_document(events, one))
    assert any("shop.ledger" in one for one in wrong_moments(load, (one for one in events if one is not lost)))


def is_into_ledger(event: Event, kinds: str) -> bool:
    return isinstance(event, Change) and event.namespace == "shop.ledger" and event.kind in kinds


def is_last_of_its_document(events: list[Event], this: Any) -> bool:
    of_it = [one for one in events if is_into_ledger(one, "iud") and one.document_id == this.document_id]  # type: ignore[union-attr]
    return of_it[-1] is this


@dataclass
class Leaky(PointKit):
    """An archive that loses one change on its way. Args: loses: The how-manieth of ``shop.kept``; None for none."""

    loses: int | None = None

    def _blocks(self, events: Any) -> list[bytes]:
        kept = [one for one in events if isinstance(one, Change) and one.namespace == "shop.kept"]
        gone = kept[self.loses] if self.loses is not None else None
        return super()._blocks([one for one in events if one is not gone])


@pytest.mark.parametrize(("loses", "differs"), [(None, False), (0, True), (1, True), (2, True), (3, True)])
def test_a_restore_from_an_archive_that_lost_one_change_is_noticed(
    source: PrivateServer, target: PrivateServer, tmp_path: Path, loses: int | None, differs: bool
) -> None:
    kit = Leaky(tmp_path, loses=loses)
    with MongoClient[dict[str, Any]](source.uri) as client, MongoClient[dict[str, Any]](target.uri) as other:
        client.shop.kept.insert_many({"_id": n, "list": [n]} for n in range(9))
        client.shop.create_collection("line", capped=True, size=4096)
        since = now_of(client)
        kit.back_up(client, None)
        client.shop.kept.insert_one({"_id": "new"})
        client.shop.kept.update_one({"_id": 3}, {"$push": {"list": 4}})
        client.shop.kept.replace_one({"_id": 4}, {"other": 1})
        client.shop.kept.delete_one({"_id": 5})
        client.shop.line.insert_many({"_id": n} for n in range(5))
        workload = Workload(source.uri, 1)
        truth = TruthTeller(client, workload.ddl_gate, workload.capped_gate).at_rest()
        kit.archive(client, since, truth.at)
        kit.restore_at(truth.at, other)
        said = differences(truth, restored(other))
    assert bool(said) == differs, said
    assert all("shop.kept" in one for one in said)


def test_what_a_person_would_see_differ_is_said(target: PrivateServer) -> None:
    with MongoClient[dict[str, Any]](target.uri) as client:
        shop = client.shop
        shop.create_collection("line", capped=True, size=4096)
        shop.line.insert_many([{"_id": 1}, {"_id": 2}])
        shop.plain.insert_one({"_id": 1, "a": 1, "b": 2})
        shop.plain.create_index("a")
        shop.create_collection("seen", viewOn="plain", pipeline=[])
        before = restored(client)
        truth = Truth(Timestamp(1, 1), before)
        assert differences(truth, restored(client)) == []
        shop.line.drop()
        shop.create_collection("line", capped=True, size=4096)
        shop.line.insert_many([{"_id": 2}, {"_id": 1}])
        shop.plain.replace_one({"_id": 1}, {"b": 2, "a": 1})
        shop.plain.drop_index("a_1")
        shop.plain.create_index("a", sparse=True)
        shop.command("collMod", "seen", viewOn="plain", pipeline=[{"$limit": 1}])
        shop.more.insert_one({})
        said = differences(truth, restored(client))
    for what in (
        "shop.line: 2 documents",
        "shop.plain: 1 documents",
        "index a_1",
        "shop.seen: options",
        "shop.more is too",
    ):
        assert any(what in one for one in said), (what, said)
