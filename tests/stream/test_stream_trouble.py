"""What happens to servers, networks and stores does not end a stream; what is lost to it is said, never bridged."""

import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mongod import MONGOD, private_server
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from stream_kit import CLOCK, QUICK, Client, Snapshots, StreamKit, now_of, truth, wait_for
from test_stream import Writer

sys.path.insert(0, str(Path(__file__).parents[1] / "mongodb"))
sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))
from policed_store import PolicedStore
from shaky_network import ShakyNetwork

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.stream.memory import FILE
from lifeboat.repository.roles import Role, rights_of
from lifeboat.sources.mongodb.errors import DatabaseRightMissing, DatabaseUnsupported
from lifeboat.sources.mongodb.landing_names import landing_name
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions
from lifeboat.storage.errors import StorageDenied, StorageFull, StorageUnreachable
from lifeboat.storage.faults import Call, CrashAtCall, Killed, Passing, RepliesLostFor, StoreBusyFor, When
from lifeboat.storage.memory import MemoryStore

NOOPS = {"periodicNoopIntervalSecs": "1"}


class SwitchedStore(Passing):
    """Does what it should, until ``trouble`` is set: then every call raises it."""

    trouble: LifeboatError | None = None
    refused = 0

    def _around(self, call: Call, effect: Any) -> Any:
        if self.trouble is not None:
            self.refused += 1
            raise self.trouble
        return effect()

    def time_there(self) -> Any:
        return self._around(Call("time", ""), super().time_there)


@pytest.mark.parametrize(
    "trouble",
    [
        StorageUnreachable("nobody there"),
        pytest.param(StorageFull("no room"), marks=pytest.mark.long),
        pytest.param(StorageDenied("not yours"), marks=pytest.mark.long),
    ],
)
def test_a_store_that_is_away_is_waited_for_and_nothing_is_lost(
    kit: StreamKit, client: Client, database: str, trouble: LifeboatError
) -> None:
    store = SwitchedStore(kit.store)
    with kit.stream(client, [database], store=store) as running, Writer(client, database) as writer:
        wait_for(lambda: running.snapshots.taken and kit.segments())
        store.trouble = trouble
        wait_for(lambda: store.refused >= 1)
        before = writer.rounds
        wait_for(lambda: writer.rounds > before + 300)
        assert kit.heard.statuses[-1].waiting_for == trouble.message
        store.trouble = None
        wait_for(lambda: "takes the archive again" in kit.heard.words("stream-store-away"))
    assert kit.heard.problems() == ["stream-store-away"]
    kit.compare(client, [database])


def test_asked_to_end_while_the_store_is_away_it_ends_and_the_next_start_reads_again(
    kit: StreamKit, client: Client, database: str
) -> None:
    store = SwitchedStore(kit.store)
    writer = Writer(client, database)
    with kit.stream(client, [database], store=store) as running:
        writer.one_round()
        wait_for(lambda: running.snapshots.taken and kit.segments())
        store.trouble = StorageUnreachable("nobody there")
        writer.one_round()
        wait_for(lambda: store.refused >= 1)
    assert running.report is not None and not running.report.all_stored
    kit.once(client, [database])
    kit.compare(client, [database])


@pytest.mark.parametrize("kind", [StoreBusyFor, RepliesLostFor])
def test_a_store_that_stumbles_at_every_call_keeps_nothing_from_it(
    kit: StreamKit, client: Client, database: str, kind: type[StoreBusyFor]
) -> None:
    """Without the retries that a real store has around it. A reply that is lost leaves a segment twice, which is no harm."""
    writer = Writer(client, database)
    kit.back_up(client, [database] if writer.one_round() is None else [])
    with kit.stream(client, [database]) as running:
        wait_for(lambda: kit.heard.words("stream-begins"))
        store = kind(kit.store, 3)
        running.stream._segments._repository.store = store
        for _ in range(3):
            writer.one_round()
            threading.Event().wait(1.2)
        wait_for(lambda: store.was_hit and running.stream._storing.is_idle)
        writer.one_round()
    kit.compare(client, [database])


@pytest.mark.parametrize("when", [When.BEFORE, When.AFTER])
def test_killed_at_any_call_of_the_store_it_loses_nothing(
    tmp_path: Path, client: Client, database: str, when: When
) -> None:
    """Each run is killed at its 1st, 2nd, 3rd ... write, and gone on with by the next."""
    kit = StreamKit(tmp_path)
    writer = Writer(client, database)
    writer.one_round()
    kit.back_up(client, [database])
    kills = 0
    for nth in (1, 2, 3, 1, 2, 3):
        with client.start_session() as session, session.start_transaction():
            for number in range(3):
                client[database].big.insert_one({"n": number, "text": "x" * 300_000}, session=session)
        writer.one_round()
        store = CrashAtCall(kit.store, nth, when, frozenset({"write"}))
        stream = kit.stream(client, [database], replace(QUICK, once=True, segment_bytes=250_000), store=store)
        try:
            stream.stream.run()
        except Killed:
            kills += 1
    assert kills == 6
    kit.once(client, [database], segment_bytes=250_000)
    assert any(one.is_part for one in kit.segments())
    kit.compare(client, [database])


def test_a_network_that_is_cut_and_one_that_stalls_cost_nothing(
    kit: StreamKit, server: PrivateServer, client: Client, database: str
) -> None:
    with ShakyNetwork(server.ports[0]) as network:
        uri = f"mongodb://127.0.0.1:{network.port}/?directConnection=true"
        with (
            MongoClient(uri, serverSelectionTimeoutMS=1000, socketTimeoutMS=2000) as shaky,
            kit.stream(shaky, [database], snapshot_client=client) as running,
            Writer(client, database) as writer,
        ):
            wait_for(lambda: running.snapshots.taken and kit.segments())
            network.cut()
            wait_for(lambda: kit.heard.statuses[-1].waiting_for, 60)
            network.mend()
            before = len(kit.segments())
            wait_for(lambda: len(kit.segments()) > before)
            network.stall()
            threading.Event().wait(4)
            network.mend()
            before = len(kit.segments())
            wait_for(lambda: len(kit.segments()) > before)
            assert writer.rounds
            running.stop()
    kit.compare(client, [database])
    assert not kit.heard.problems()


@pytest.fixture
def alone() -> Iterator[PrivateServer]:
    """A server of its own, to be killed."""
    options = ServerOptions(parameters=NOOPS, oplog_mib=50)
    with PrivateServer(MONGOD, options) as running:
        yield running


def test_a_server_that_is_killed_and_comes_back_is_waited_for(kit: StreamKit, alone: PrivateServer) -> None:
    with MongoClient(alone.uri, serverSelectionTimeoutMS=1000) as client:
        with kit.stream(client, ["shop"]) as running:
            writer = Writer(client, "shop")
            for _ in range(3):
                writer.one_round()
                wait_for(lambda: running.snapshots.taken and kit.segments())
                alone.kill()
                wait_for(lambda: kit.heard.statuses[-1].waiting_for)
                alone.restart()
            writer.one_round()
        kit.compare(client, ["shop"])
    assert not kit.heard.problems()


def test_step_downs_and_a_killed_primary_cost_nothing(kit: StreamKit) -> None:
    options = ServerOptions(nodes=3, parameters={**NOOPS, "shutdownTimeoutMillisForSignaledShutdown": "1000"})
    with PrivateServer(MONGOD, options) as server, MongoClient(server.uri) as client:
        writer = Writer(client, "shop")
        writer.one_round()
        with kit.stream(client, ["shop"]) as running:
            wait_for(lambda: running.snapshots.taken)
            for _ in range(2):
                with pytest.raises(PyMongoError):
                    client.admin.command("replSetStepDown", 5, force=True)
                    raise PyMongoError
                wait_for(lambda: client.primary)
                writer.one_round()
            victim: Any = client.primary
            server.kill(server.ports.index(victim[1]))
            wait_for(lambda: client.primary and client.primary != victim)
            writer.one_round()
            server.restart(server.ports.index(victim[1]))
            writer.one_round()
        events = kit.compare(client, ["shop"])
        assert len({event.term for event in events}) >= 3
    assert not kit.heard.problems()


@pytest.mark.long
def test_an_oplog_that_was_overwritten_is_a_gap_with_a_snapshot_after_it(kit: StreamKit, alone: PrivateServer) -> None:
    with MongoClient(alone.uri) as client:
        client.shop.orders.insert_one({"_id": 1})
        for number in (2, 3):
            client.shop.orders.insert_one({"_id": number})
            kit.once(client, ["shop"])
        ends = max(one.through for one in kit.segments())
        roll_over(client, ends)
        client.shop.orders.insert_one({"_id": 4})
        report = kit.once(client, ["shop"])
        assert not report.snapshot_missing
        assert kit.heard.problems() == ["stream-gap"]
        assert "overwritten before it was read" in kit.because()[-1]
        client.shop.orders.insert_one({"_id": 5})
        kit.once(client, ["shop"])
        before, after = kit.stretches()
        assert before.through < after.after
        kit.compare(client, ["shop"], after)
        base = kit.repository().snapshots()[0]
        assert base.one_instant and base.instant.timestamp() >= after.after.seconds


@pytest.mark.long
def test_after_a_gap_it_begins_at_a_snapshot_that_was_taken_meanwhile(kit: StreamKit, alone: PrivateServer) -> None:
    """A stream that stood still for days while backups went on needs no other base."""
    with MongoClient(alone.uri) as client:
        for number in range(3):
            client.shop.orders.insert_one({"_id": number})
            kit.once(client, ["shop"])
        roll_over(client, max(one.through for one in kit.segments()))
        kit.back_up(client, ["shop"])
        taken = len(kit.repository().snapshots())
        client.shop.orders.insert_one({"_id": "after"})
        kit.once(client, ["shop"])
        assert len(kit.repository().snapshots()) == taken
        assert [event.document_id for event in kit.compare(client, ["shop"], kit.stretches()[-1])]  # type: ignore[union-attr]


def test_a_server_that_was_set_back_is_another_history(kit: StreamKit, alone: PrivateServer, tmp_path: Path) -> None:
    """Its data files are those of yesterday's copy: nothing that was archived since happened, and no snapshot from then is a base."""
    with MongoClient(alone.uri, serverSelectionTimeoutMS=5000) as client:
        client.shop.orders.insert_one({"_id": "first"})
        kit.once(client, ["shop"])
        node = alone._nodes[0]
        node.end(CLOCK)
        shutil.copytree(node.data, tmp_path / "copy")
        alone.restart()
        for number in range(3):
            client.shop.orders.insert_one({"_id": f"lost {number}"})
        kit.back_up(client, ["shop"])
        kit.once(client, ["shop"])
        node.end(CLOCK)
        shutil.rmtree(node.data)
        shutil.copytree(tmp_path / "copy", node.data)
        alone.restart()
        client.shop.orders.insert_one({"_id": "other"})
        taken = len(kit.repository().snapshots())
        kit.once(client, ["shop"])
        assert kit.heard.problems() == ["stream-gap"]
        assert "tells another history" in kit.because()[-1]
        assert len(kit.repository().snapshots()) == taken + 1
        client.shop.orders.insert_one({"_id": "later"})
        kit.once(client, ["shop"])
        kit.compare(client, ["shop"], max(kit.stretches(), key=lambda one: one.through))


def test_a_server_that_is_not_as_far_as_the_archive_is_waited_for_and_then_not_believed(
    kit: StreamKit, client: Client, database: str
) -> None:
    writer = Writer(client, database)
    for _ in range(2):
        writer.one_round()
        kit.once(client, [database])
    said = kit.state.read_json(FILE)
    assert said is not None
    said["through"][0] += 3600
    kit.state.write_json(FILE, said)
    kit.once(client, [database], behind_seconds=2)
    assert "history ends at" in kit.because()[-1] and kit.heard.problems() == ["stream-gap"]


def test_an_entry_that_no_restore_can_follow_is_found_while_archiving(
    kit: StreamKit, client: Client, database: str
) -> None:
    """A collection out of sight, of which nothing was archived, comes into sight: its documents are in no snapshot."""
    hidden, orders = client[database][landing_name("somebody's")], client[database].orders
    hidden.insert_many([{"_id": number} for number in range(5)])
    orders.insert_one({"_id": "seen"})
    with kit.stream(client, [database], replace(QUICK, restore_quiet_seconds=1)) as running:
        wait_for(lambda: running.snapshots.taken and running.stream._catalog.is_on)
        orders.insert_one({"_id": "before"})
        hidden.rename("came")
        orders.insert_one({"_id": "after"})
        wait_for(lambda: running.snapshots.taken > 1)
        orders.insert_one({"_id": "later"})
    assert kit.heard.problems() == ["stream-gap"]
    assert "came" in kit.because()[-1]
    first, second = kit.stretches()
    assert first.through < second.after
    for stretch in (first, second):
        kit.compare(client, [database], stretch)


def test_a_restore_into_the_source_breaks_nothing_and_brings_a_snapshot(
    kit: StreamKit, client: Client, database: str
) -> None:
    orders = client[database].orders
    orders.insert_many([{"_id": number} for number in range(5)])
    with kit.stream(client, [database], replace(QUICK, restore_quiet_seconds=2)) as running:
        wait_for(lambda: running.snapshots.taken and running.stream._catalog.is_on)
        landed = client[database][landing_name("orders")]
        landed.insert_many([{"_id": number, "restored": True} for number in range(3)])
        landed.rename("orders", dropTarget=True)
        wait_for(lambda: running.snapshots.taken > 1)
    assert not kit.heard.problems() and "a restore into this server was seen" in kit.heard.words("stream-restore-seen")
    assert len(kit.stretches()) == 1
    kit.compare(client, [database])


def test_a_snapshot_that_fails_is_told_and_tried_again(
    kit: StreamKit, client: Client, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeboat.operations.stream.needed_snapshot.FIRST_PAUSE_SECONDS", 0.5)
    client[database].orders.insert_one({})
    snapshots = Snapshots(kit, client, [database], fails=2)
    with kit.stream(client, [database], snapshots=snapshots):
        wait_for(lambda: "the archive has its snapshot" in kit.heard.words("stream-snapshot-failed"), 60)
    assert snapshots.taken == 1 and kit.heard.problems() == ["stream-snapshot-failed"] * 2


def test_a_guarded_writer_archives_without_the_key_and_with_its_rights_alone(
    kit: StreamKit, client: Client, database: str
) -> None:
    repository = kit.repository()
    writer = repository.writer(repository.store.time_there())
    policed = PolicedStore(kit.store, rights_of(Role.WRITER, writer.writer.hex()))
    traffic = Writer(client, database)
    options = replace(QUICK, once=True)
    for _ in range(3):
        traffic.one_round()
        kit.stream(client, [database], options, with_key=False, store=policed).stream.run()
    kit.compare(client, [database])
    assert not policed.refused or all("List" in str(one) for one in policed.refused)
    (kit.state.directory / FILE).unlink()
    traffic.one_round()
    kit.stream(client, [database], options, with_key=False, store=policed).stream.run()
    traffic.one_round()
    kit.stream(client, [database], options, with_key=False, store=policed).stream.run()
    assert len(kit.stretches()) == 2, "it may not look where it was, and says so by a new chain"
    for stretch in kit.stretches():
        kit.compare(client, [database], stretch)


def test_a_standalone_and_a_user_without_the_right_are_refused_in_words(kit: StreamKit, tmp_path: Path) -> None:
    with (
        private_server(nodes=0) as server,
        MongoClient(server.uri) as client,
        pytest.raises(DatabaseUnsupported, match="keeps no oplog"),
    ):
        kit.once(client, None)
    with private_server(authentication=True) as server:
        with MongoClient(server.uri) as root:
            root.admin.command("createUser", "app", pwd="p", roles=[{"role": "readWrite", "db": "shop"}])
        with (
            MongoClient(server.uri_for("app", "p")) as client,
            pytest.raises(DatabaseRightMissing, match="may not read the oplog"),
        ):
            kit.once(client, ["shop"])


def test_the_comparison_notices_a_change_that_is_missing(kit: StreamKit, client: Client, database: str) -> None:
    writer = Writer(client, database)
    for _ in range(3):
        writer.one_round()
        kit.once(client, [database])
    (stretch,) = kit.stretches()
    assert isinstance(kit.store, MemoryStore)
    kit.store.delete(stretch.segments[1].name)
    with pytest.raises((AssertionError, ValueError)):
        kit.compare(client, [database])
    assert truth(client, [database], stretch.after, now_of(client))


def roll_over(client: Client, ends: ClusterTime) -> None:
    """Write until the server has forgotten everything up to an instant: the oplog is shortened once a minute."""
    text = "x" * 1_000_000
    for _ in range(400):
        for _ in range(10):
            client.other.filler.insert_one({"text": text})
        client.admin.command("fsync")
        oldest = next(client.local["oplog.rs"].find().sort("$natural", 1).limit(1))["ts"]
        if ClusterTime(oldest.time, oldest.inc) > ends:
            return
    raise AssertionError("the oplog does not roll over")
