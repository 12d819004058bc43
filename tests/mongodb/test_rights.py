"""The documented roles suffice, a missing right is named, and users come back with their passwords."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from mongod import private_server
from mongodb_samples import RAW, Client, everything_in, fill, fill_series
from pymongo import MongoClient
from test_restore import Kept, restore

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Level, any_problem
from lifeboat.foundation.secret import Secret
from lifeboat.sources.mongodb.capture import capture
from lifeboat.sources.mongodb.connect import connect
from lifeboat.sources.mongodb.errors import DatabasePasswordWrong, DatabaseRightMissing, SeriesNotReplaceable
from lifeboat.sources.mongodb.landing import Target
from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.sources.mongodb.target_server import TargetServer
from lifeboat.sources.mongodb.users_restore import restore_users

ROLES = json.loads(Path(__file__).with_name("roles.json").read_text())
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def guarded() -> Iterator[PrivateServer]:
    """A server with access control, the documented roles, and a user for each of them."""
    with private_server(authentication=True) as server, MongoClient(server.uri) as root:
        for role, privileges in ROLES.items():
            root.admin.command("createRole", role, privileges=privileges, roles=[])
            root.admin.command("createUser", role, pwd="pä:ss/w@rd", roles=[role])
        root.admin.command("createUser", "builtin", pwd="p", roles=["backup"])
        root.admin.command("createUser", "restorer", pwd="pä:ss/w@rd", roles=["restore", "readWriteAnyDatabase"])
        root.admin.command("createUser", "reader", pwd="p", roles=[{"role": "read", "db": "shop"}])
        without_apply_ops = [one for one in ROLES["lifeboatRestoreOne"] if "applyOps" not in one["actions"]]
        root.admin.command("createRole", "hosted", privileges=without_apply_ops, roles=[])
        root.admin.command("createUser", "hosted", pwd="p", roles=["hosted"])
        root.admin.command("createUser", "nobody", pwd="p", roles=[{"role": "readWrite", "db": "elsewhere"}])
        fill(root, "shop", orders=50)
        fill_series(root, "shop")
        yield server


@pytest.fixture
def root(guarded: PrivateServer) -> Iterator[Client]:
    with MongoClient(guarded.uri) as client:
        yield client


def as_user(server: PrivateServer, user: str, password: str = "pä:ss/w@rd", database: str = "") -> Client:
    return connect(Secret(server.uri_for(user, password, database)))


@pytest.mark.parametrize("user", ["lifeboatCapture", "lifeboatCaptureOne", "builtin"])
def test_the_capture_roles_suffice(guarded: PrivateServer, root: Client, user: str) -> None:
    password = "p" if user == "builtin" else "pä:ss/w@rd"
    with capture(root, ["shop"], clock=CLOCK) as full:
        expected = [(entry.namespace, entry.options, len(entry.indexes), entry.uuid) for entry in full.collections]
        bytes_expected = [b"".join(full.blocks(entry)) for entry in full.collections]
    with as_user(guarded, user, password) as client, capture(client, ["shop"], clock=CLOCK) as captured:
        found = [(entry.namespace, entry.options, len(entry.indexes), entry.uuid) for entry in captured.collections]
        assert found == expected
        assert [b"".join(captured.blocks(entry)) for entry in captured.collections] == bytes_expected
        codes = {finding.code for finding in captured.findings}
        assert ("users-not-captured" in codes) == (user == "lifeboatCaptureOne")


@pytest.mark.parametrize("user", ["lifeboatRestoreOne", "restorer"])
def test_the_restore_roles_suffice_over_live(guarded: PrivateServer, root: Client, user: str) -> None:
    before, kept = everything_in(root, "shop"), Kept(root, "shop")
    root.shop.orders.delete_many({})
    root.shop["system.js"].delete_many({})
    root.shop.cheap.drop()
    root.shop.weather.delete_many({"place.city": "c1"})
    with as_user(guarded, user) as client:
        report = restore(client, kept, Target.OVER_LIVE)
    assert not any_problem(report.findings)
    assert everything_in(root, "shop") == before


def test_buckets_that_may_not_be_read_are_left_out_with_the_action_and_the_role(guarded: PrivateServer) -> None:
    with as_user(guarded, "reader", "p") as client, capture(client, ["shop"], clock=CLOCK) as captured:
        assert "weather" not in {entry.name for entry in captured.collections}
        [finding] = [finding for finding in captured.findings if finding.code == "time-series-left-out"]
    assert finding.level is Level.PROBLEM and finding.hurts == ("shop.weather",)
    assert "may not find on shop.system.buckets.weather" in finding.message
    assert "role `backup`" in finding.hint and "lifeboatCaptureOne" in finding.hint


def test_a_time_series_is_not_begun_over_a_live_one_where_apply_ops_is_missing(
    guarded: PrivateServer, root: Client
) -> None:
    before, kept = everything_in(root, "shop"), Kept(root, "shop")
    with as_user(guarded, "hosted", "p") as client:
        with pytest.raises(SeriesNotReplaceable, match=r"shop\.weather .* may not applyOps") as raised:
            restore(client, kept, Target.OVER_LIVE)
        assert "--rename" in raised.value.hint and "docs/operations.md" in raised.value.hint
        assert everything_in(root, "shop") == before
        report = restore(client, kept, Target.OVER_LIVE, only=["shop.weather"], renames=["shop.weather=shop.rain"])
        assert not report.findings
    assert everything_in(root, "shop").pop("rain") == before["weather"]
    root.shop.rain.drop()


def test_a_missing_right_is_named(guarded: PrivateServer, root: Client) -> None:
    kept = Kept(root, "shop")
    before = everything_in(root, "shop")
    with as_user(guarded, "nobody", "p") as client:
        with (
            pytest.raises(DatabaseRightMissing, match=r"may not listCollections on shop"),
            capture(client, ["shop"], clock=CLOCK),
        ):
            pass
        with (
            pytest.raises(DatabaseRightMissing, match=r"listCollections and listIndexes on admin") as raised,
            capture(client, None, clock=CLOCK),
        ):
            pass
        assert "backup" in raised.value.hint
    with (
        as_user(guarded, "lifeboatCapture") as client,
        pytest.raises(DatabaseRightMissing, match=r"may not (dropCollection|createCollection) on shop\.lifeboat"),
    ):
        restore(client, kept, Target.OVER_LIVE, only=["shop.orders"])
    assert everything_in(root, "shop") == before


def test_users_come_back_with_their_passwords_and_living_ones_keep_theirs(guarded: PrivateServer, root: Client) -> None:
    root.shop.command("createRole", "clerk", roles=[], privileges=[])
    root.shop.command("createUser", "anna", pwd="old", roles=["clerk"])
    root.admin.command("createUser", "berta", pwd="old", roles=[{"role": "clerk", "db": "shop"}])
    raw_before = list(root.admin["system.users"].find({"user": "anna"}))
    kept = Kept(root, "shop")
    root.shop.command("dropUser", "anna")
    root.shop.command("dropRole", "clerk")
    root.admin.command("updateUser", "berta", pwd="new")
    [user_names] = [sorted(str(user["user"]) for user in _decoded(kept.users))]
    assert user_names[0] == "anna" and "berta" in user_names and "root" not in user_names
    with as_user(guarded, "lifeboatUsers") as client:
        [finding] = restore_users(TargetServer(client), kept.users, kept.roles)
    assert "shop.anna" in finding.message and "shop.clerk" in finding.message
    assert list(root.admin["system.users"].find({"user": "anna"})) == raw_before
    with MongoClient(guarded.uri_for("anna", "old").replace("authSource=admin", "authSource=shop")) as anna:
        anna.admin.command("ping")
    as_user(guarded, "berta", "new").close()
    assert not [name for name in root.admin.list_collection_names() if name.startswith("temp")]


def test_users_that_may_not_be_restored_are_a_finding_not_a_failure(guarded: PrivateServer, root: Client) -> None:
    kept = Kept(root, "shop")
    users = [document.raw for document in _raw_users(root)]
    with as_user(guarded, "lifeboatRestoreOne") as client:
        report = restore(client, kept, Target.OVER_LIVE, users=users)
    assert [finding.code for finding in report.findings] == ["users-not-restored"]


def test_a_wrong_password_and_a_missing_one_are_told_apart_from_everything_else(guarded: PrivateServer) -> None:
    with pytest.raises(DatabasePasswordWrong, match="does not accept") as raised:
        as_user(guarded, "lifeboatCapture", "wr0ng-secret")
    assert "wr0ng-secret" not in raised.value.message + raised.value.hint
    with (
        connect(Secret(guarded.uri_for(None, None))) as client,
        pytest.raises(DatabasePasswordWrong, match="wants a user name"),
        capture(client, None, clock=CLOCK),
    ):
        pass


def _decoded(documents: list[bytes]) -> list[dict[str, Any]]:
    return [bson.decode(document) for document in documents]


def _raw_users(root: Client) -> list[Any]:
    return list(root.admin.get_collection("system.users", codec_options=RAW).find({"user": "nobody"}))
