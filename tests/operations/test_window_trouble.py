"""What stands in the way of a window is said with its remedy; what interrupts one does not change what comes out."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bson import Binary
from mongod import MONGOD, private_server
from pymongo import MongoClient, WriteConcern
from pymongo.errors import PyMongoError
from window_kit import Client, WindowKit, differing, end_of, held_now, truth_at

from lifeboat.foundation.secret import Secret
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.connect import connect
from lifeboat.sources.mongodb.errors import CaptureMoved, CaptureTooSlow, OplogGap, OplogNotFollowed
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

LONG = "x" * 400_000
ROLES = json.loads((Path(__file__).parents[1] / "mongodb" / "roles.json").read_text())


@pytest.fixture
def kit(tmp_path: Path) -> WindowKit:
    return WindowKit(tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server(authentication=True) as running, MongoClient(running.uri) as root:
        for role in ("lifeboatCapture", "lifeboatCaptureOne", "lifeboatStream"):
            root.admin.command("createRole", role, privileges=ROLES[role], roles=[])
            root.admin.command("createUser", role, pwd="p", roles=[role])
        root.admin.command("createUser", "both", pwd="p", roles=["lifeboatCaptureOne", "lifeboatStream"])
        yield running


@pytest.fixture
def root(server: PrivateServer) -> Iterator[Client]:
    with MongoClient[dict[str, Any]](server.uri) as client:
        for name in ("shop", "shop_copy"):
            client.drop_database(name)
        client.shop.orders.insert_many({"_id": n, "text": LONG} for n in range(60))
        client.shop.people.insert_many({"_id": n} for n in range(10))
        yield client
        client.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=300)


def as_user(server: PrivateServer, user: str) -> Client:
    return connect(Secret(server.uri_for(user, "p")))


def once(name: str, act: Any) -> Any:
    done: list[bool] = []

    def after_block(entry: CollectionEntry) -> None:
        if entry.name == name and not done:
            done.append(True)
            act()

    return after_block


def history_passes(root: Client) -> None:
    root.admin.command("setParameter", 1, minSnapshotHistoryWindowInSeconds=1)
    for _ in range(25):
        root.shop.people.update_one({"_id": 1}, {"$inc": {"n": 1}})
        time.sleep(0.15)


def assert_truth(kit: WindowKit, taken: Any, client: Client) -> None:
    truth = truth_at(client, "shop", end_of(kit, taken))
    _, findings = kit.restore(taken, client, renames=["shop=shop_copy"])
    assert not findings
    assert differing(truth, held_now(client, "shop_copy")) == {}


@pytest.mark.parametrize("user", ["lifeboatCapture", "both"])
def test_the_documented_roles_follow_the_oplog(kit: WindowKit, server: PrivateServer, root: Client, user: str) -> None:
    with as_user(server, user) as client:
        taken = kit.back_up(client, ["shop"], once("orders", lambda: root.shop.orders.rename("bought")))
    with kit.reading(taken) as reader:
        assert "window" in reader.details
    assert_truth(kit, taken, root)


def test_without_the_right_a_capped_collection_is_flagged_and_the_right_is_named(
    kit: WindowKit, server: PrivateServer, root: Client
) -> None:
    root.shop.create_collection("log", capped=True, size=4096)
    root.shop.log.insert_one({"_id": 1})
    with as_user(server, "lifeboatCaptureOne") as client:
        taken = kit.back_up(client, ["shop"])
    assert not taken.record.one_instant
    [finding] = [one for one in taken.report.findings if one.code == "capped-not-at-one-instant"]
    assert "local.oplog.rs" in finding.hint


def test_without_the_right_a_slow_backup_fails_with_both_remedies(
    kit: WindowKit, server: PrivateServer, root: Client
) -> None:
    with as_user(server, "lifeboatCaptureOne") as client, pytest.raises(CaptureTooSlow) as raised:
        kit.back_up(client, ["shop"], once("orders", lambda: history_passes(root)))
    assert "local.oplog.rs" in raised.value.hint and "minSnapshotHistoryWindowInSeconds" in raised.value.hint


def test_without_the_right_a_disturbed_backup_begins_anew_and_at_last_names_the_right(
    kit: WindowKit, server: PrivateServer, root: Client
) -> None:
    def disturb(entry: CollectionEntry) -> None:
        if entry.name == "orders":
            root.shop.orders.rename("tmp1")
            root.shop.tmp1.rename("orders")

    with as_user(server, "lifeboatCaptureOne") as client:
        taken = kit.back_up(client, ["shop"], once("orders", lambda: root.shop.orders.rename("bought")))
        assert taken.record.one_instant and any("beginning anew" in note for note in kit.progress.notes)
        root.shop.bought.rename("orders")
        with pytest.raises(CaptureMoved) as raised:
            kit.back_up(client, ["shop"], disturb)
    assert "local.oplog.rs" in raised.value.hint


def test_a_document_deleted_and_inserted_again_behind_the_reading_comes_once(
    kit: WindowKit, server: PrivateServer, root: Client
) -> None:
    blocks = 0

    def after_block(entry: CollectionEntry) -> None:
        nonlocal blocks
        if entry.name != "orders":
            return
        blocks += 1
        if blocks == 1:
            root.shop.orders.rename("bought")
            root.shop.bought.rename("orders")  # the read at T is over; the next is of what is there
        elif blocks == 2:
            for n, text in ((0, LONG), (1, "changed"), (2, LONG)):
                root.shop.orders.delete_one({"_id": n})
                root.shop.orders.insert_one({"_id": n, "text": text})

    taken = kit.back_up(root, ["shop"], after_block)
    with kit.reading(taken) as reader:
        [stream] = [one for name, one in reader.streams().items() if name.endswith(".orders")]
        stored = b"".join(reader.stream(stream))
    assert len(stored) > 62 * 400_000, "they were meant to come twice"
    assert_truth(kit, taken, root)


def test_a_command_that_cannot_be_followed_is_refused(kit: WindowKit, server: PrivateServer, root: Client) -> None:
    """The same UUID again, as a restore with --preserveUUID makes it."""
    root.shop.create_collection("log", capped=True, size=4096)
    root.shop.log.insert_one({"_id": 1})
    [uuid] = [one["info"]["uuid"] for one in root.shop.list_collections(filter={"name": "people"})]

    def again() -> None:
        root.shop.people.drop()
        entry = {
            "op": "c",
            "ns": "shop.$cmd",
            "ui": Binary.from_uuid(Binary(uuid, 4).as_uuid()),
            "o": {"create": "people"},
        }
        root.admin.command("applyOps", [entry])
        root.shop.people.insert_one({"_id": "of another life"})

    with pytest.raises(OplogNotFollowed, match="same UUID") as raised:
        kit.back_up(root, ["shop"], once("orders", again))
    assert "--preserveUUID" in raised.value.hint


@pytest.mark.long  # an oplog is shortened once a minute
def test_an_oplog_that_is_overwritten_meanwhile_is_a_gap_with_its_remedy(tmp_path: Path) -> None:
    options = ServerOptions(oplog_mib=1, parameters={"syncdelay": "1"})
    with PrivateServer(MONGOD, options) as server, MongoClient[dict[str, Any]](server.uri) as client:
        client.shop.orders.insert_many({"_id": n, "text": LONG} for n in range(60))
        before = client.local.command("collStats", "oplog.rs")["maxSize"]

        def flood() -> None:
            client.shop.orders.rename("bought")
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                client.flood.c.insert_many({"text": "f" * 100_000} for _ in range(60))
                [oldest] = client.local["oplog.rs"].find(sort=[("$natural", 1)], limit=1)
                if oldest["ns"].startswith("flood") and oldest["op"] == "i":
                    return
            pytest.skip(f"this server does not let go of its oplog ({before} bytes)")

        kit = WindowKit(tmp_path)
        with pytest.raises(OplogGap) as raised:
            kit.back_up(client, ["shop"], once("orders", flood))
        assert "replSetResizeOplog" in raised.value.hint


@pytest.mark.long
@pytest.mark.parametrize(("nodes", "what"), [(1, "kill"), (3, "kill"), (3, "step down")])
@pytest.mark.parametrize("window", [False, True])
def test_a_backup_outlives_the_loss_of_the_primary(tmp_path: Path, nodes: int, what: str, window: bool) -> None:
    """The backup runs beside: a private server's processes die with the thread that started them."""
    with (
        private_server(nodes=nodes) as server,
        MongoClient[dict[str, Any]](server.uri, serverSelectionTimeoutMS=3000) as client,
        MongoClient[dict[str, Any]](server.uri) as other,
        ThreadPoolExecutor(1) as beside,
    ):
        shop = other.get_database("shop", write_concern=WriteConcern("majority"))
        shop.orders.insert_many({"_id": n, "text": LONG} for n in range(100))
        shop.people.insert_many({"_id": n} for n in range(100))
        if window:
            shop.create_collection("log", capped=True, size=100_000)
            shop.log.insert_many({"n": n} for n in range(50))
        reached, lost = threading.Event(), threading.Event()

        def meanwhile() -> None:
            shop.people.delete_many({"_id": {"$lt": 10}})
            reached.set()
            lost.wait()

        kit = WindowKit(tmp_path)
        backing_up = beside.submit(kit.back_up, client, ["shop"], once("orders", meanwhile))
        assert reached.wait(60)
        lose_primary(server, other, what, lost)
        taken = backing_up.result()
        assert taken.record.one_instant
        with kit.reading(taken) as reader:
            assert ("window" in reader.details) or not window
        assert_truth(kit, taken, other)


def lose_primary(server: PrivateServer, client: Client, what: str, lost: threading.Event) -> None:
    primary: Any = client.primary
    node = server.ports.index(primary[1])
    if what == "kill":
        server.kill(node)
        lost.set()
        time.sleep(3)
        server.restart(node)
        return
    with contextlib.suppress(PyMongoError):  # the connection may go with the office
        client.admin.command("replSetStepDown", 10, force=True)
    lost.set()
