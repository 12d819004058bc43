"""Everything that a server can hold goes through a real repository and comes back as it was, wherever it is restored."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bare import BARE
from mongod import MONGOD, private_server
from mongodb_samples import Client, everything_in
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from test_rights import ROLES
from versitygw import versitygw_for_tests
from zoo import NAMES, OPTIONS, VIEWS, build_zoo

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.finding import Level
from lifeboat.operations.reports.restores import RestoreReport, RestoreRequest
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

Contents = dict[str, Any]
ZOO = "zöo"


class Keeper:
    """The zoo's server, and its backups."""

    def __init__(self, folder: Path, uri: str, client: Client) -> None:
        self.client = client
        self.settings = {
            "MONGODB_URI": uri,
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "HOME": str(folder),
            **BARE,
        }
        self.folder = folder

    def lifeboat(self) -> Lifeboat:
        return Lifeboat(read_settings(None, self.settings, self.folder))

    def back_up(self) -> None:
        self.lifeboat().initialise(guarded=False, new_key=None)
        [snapshot] = self.lifeboat().backup("db").snapshots
        assert snapshot.complete, snapshot.findings

    def restore(self, **how: Any) -> RestoreReport:
        report = self.lifeboat().restore(RestoreRequest(source="db", **how))
        assert not [one for one in report.findings if one.level is Level.PROBLEM], report.findings
        return report


def differences(found: Contents, wanted: Contents) -> list[str]:
    """Names of what is not as it was; a whole zoo in a message helps nobody."""
    return sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))


def ruin(client: Client, name: str) -> None:
    """Nothing stays as it was: emptied, gone, of another kind, or with one document changed."""
    database = client[name]
    for number, listed in enumerate(sorted(database.list_collections(), key=lambda one: str(one["name"]))):
        collection = listed["name"]
        if collection.startswith("system."):
            continue
        if listed["type"] == "view" or number % 3 == 0:
            database.command("drop", collection)
        elif listed["type"] == "collection" and not listed["options"].get("capped"):
            collection_of(database, collection).delete_many({} if number % 3 == 1 else {"n": 7})
            collection_of(database, collection).drop_indexes()
        if number % 9 == 0:
            database.command("create", collection, viewOn="elsewhere", pipeline=[])
    database["system.js"].delete_many({})


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    with private_server() as server, MongoClient(server.uri) as client:
        build_zoo(client, ZOO)
        made = Keeper(tmp_path_factory.mktemp("zoo"), server.uri_for(None, None, ZOO), client)
        made.back_up()
        yield made


@pytest.fixture(scope="module")
def before(keeper: Keeper) -> Contents:
    return everything_in(keeper.client, ZOO)


def test_the_zoo_is_one(before: Contents) -> None:
    kinds = {held["type"] for held in before.values()}
    assert kinds == {"collection", "view", "timeseries"}
    assert {*NAMES, *OPTIONS, *VIEWS} <= before.keys()
    assert len(before) > 60 and sum(len(held.get("indexes", ())) for held in before.values()) > 100


def test_over_the_ruins_of_itself(keeper: Keeper, before: Contents) -> None:
    ruin(keeper.client, ZOO)
    assert len(differences(everything_in(keeper.client, ZOO), before)) > 40
    keeper.restore(over_live=True)
    assert differences(everything_in(keeper.client, ZOO), before) == []
    keeper.restore(over_live=True, snapshot=latest(keeper))  # over itself, whole
    assert differences(everything_in(keeper.client, ZOO), before) == []


def latest(keeper: Keeper) -> str:
    """The backup itself, not what restores kept for safety, which may be of the same second."""
    backups = [one for one in keeper.lifeboat().snapshots() if one.purpose == "backup"]
    return min(backups, key=lambda one: one.instant).snapshot


def test_under_another_name_and_one_by_one(keeper: Keeper, before: Contents) -> None:
    keeper.restore(to="copy", snapshot=latest(keeper))
    copy = everything_in(keeper.client, "copy")
    assert differences(copy, before) == []
    chosen = ["weather", "view a", "capped and checked", "a..b", "odd documents"]
    keeper.client.drop_database("copy")
    for collection in chosen:
        keeper.restore(to="copy", snapshot=latest(keeper), namespaces=(f"{ZOO}.{collection}",))
    copy = everything_in(keeper.client, "copy")
    assert differences(copy, {name: before[name] for name in [*chosen, "system.buckets.weather"]}) == []
    renamed = tuple((f"{ZOO}.{name}", f"copy.{name}, renamed") for name in chosen)
    names = tuple(f"{ZOO}.{name}" for name in chosen)
    keeper.restore(to="copy", snapshot=latest(keeper), namespaces=names, renames=renamed)
    copy = everything_in(keeper.client, "copy")
    assert [name for name in chosen if copy[f"{name}, renamed"] != before[name]] == []
    keeper.client.drop_database("copy")


@pytest.mark.parametrize("nodes", [0, pytest.param(3, marks=pytest.mark.long)])
def test_on_another_server_and_back_from_there(keeper: Keeper, before: Contents, tmp_path: Path, nodes: int) -> None:
    with private_server(nodes=nodes) as server, MongoClient(server.uri) as client:
        keeper.restore(to=server.uri_for(None, None, ZOO), snapshot=latest(keeper))
        assert differences(everything_in(client, ZOO), before) == []
        other = Keeper(tmp_path, server.uri_for(None, None, ZOO), client)
        other.back_up()
        ruin(client, ZOO)
        other.restore(over_live=True)
        assert differences(everything_in(client, ZOO), before) == []
        assert not [name for name in client[ZOO].list_collection_names() if is_ours(name)]


def test_what_is_compared_is_compared(keeper: Keeper, before: Contents) -> None:
    changes: list[Callable[[Any], Any]] = [
        lambda zoo: zoo.names.update_one({}, {"$set": {"more": 1}}),
        lambda zoo: zoo.command("collMod", "weather", expireAfterSeconds=10**8),
        lambda zoo: zoo.indexed.drop_index("flat"),
        lambda zoo: zoo["capped, odd size"].insert_one({}),
    ]
    for change in changes:
        change(keeper.client[ZOO])
    changed = {"names", "weather", "system.buckets.weather", "indexed", "capped, odd size"}
    assert set(differences(everything_in(keeper.client, ZOO), before)) == changed
    keeper.restore(over_live=True, snapshot=latest(keeper))
    assert differences(everything_in(keeper.client, ZOO), before) == []


def test_through_an_s3_store(keeper: Keeper, before: Contents, tmp_path: Path) -> None:
    with versitygw_for_tests() as s3:
        s3.make_bucket("zoo")
        there = Keeper(tmp_path, keeper.settings["MONGODB_URI"], keeper.client)
        there.settings |= {
            "LIFEBOAT_REPOSITORY": "s3://zoo/backups",
            "AWS_ENDPOINT_URL": s3.endpoint_url,
            "AWS_REGION": s3.region,
            "AWS_ACCESS_KEY_ID": s3.access_key_id,
            "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        }
        there.back_up()
        there.restore(to="copy")
        assert differences(everything_in(keeper.client, "copy"), before) == []
        keeper.client.drop_database("copy")


def test_the_documented_roles_are_enough_for_it(tmp_path: Path) -> None:
    with private_server(authentication=True) as server, MongoClient(server.uri) as root:
        for role, privileges in ROLES.items():
            root.admin.command("createRole", role, privileges=privileges, roles=[])
        restoring = ["lifeboatCaptureOne", "lifeboatRestoreOne", "lifeboatUsers"]
        for user, roles in {"all": ["lifeboatCapture"], "one": ["lifeboatCaptureOne"], "back": restoring}.items():
            root.admin.command("createUser", user, pwd="p", roles=roles)
        build_zoo(root, "shop")
        root.shop.command("createUser", "anna", pwd="p", roles=["read"])
        before = everything_in(root, "shop")
        for user in ("one", "all"):
            (tmp_path / user).mkdir()
            Keeper(tmp_path / user, server.uri_for(user, "p", "shop"), root).back_up()
        ruin(root, "shop")
        root.shop.command("dropUser", "anna")
        report = Keeper(tmp_path / "all", server.uri_for("back", "p", "shop"), root).restore(over_live=True)
        assert differences(everything_in(root, "shop"), before) == []
        assert "users-restored" in {finding.code for finding in report.findings}, report.findings
        assert root.shop.command("usersInfo", "anna")["users"]


def test_users_sign_in_after_a_restore_on_another_server(tmp_path: Path) -> None:
    guarded = ServerOptions(authentication=True)
    with PrivateServer(MONGOD, guarded) as first, MongoClient(first.uri) as root:
        root.admin.command("createUser", "owner", pwd="p", roles=["root"])
        root.shop.orders.insert_one({"_id": 1})
        can = [{"resource": {"db": "shop", "collection": ""}, "actions": ["find"]}]
        root.shop.command("createRole", "clerk", privileges=can, roles=[])
        for number, mechanism in enumerate(["SCRAM-SHA-1", "SCRAM-SHA-256"]):
            name = f"ännä {number}"
            root.shop.command("createUser", name, pwd="pä:ss/w@rd", roles=["clerk"], mechanisms=[mechanism])
        there = {"clientSource": ["127.0.0.1"]}
        root.admin.command(
            "createUser", "boss", pwd="p", roles=[{"role": "dbOwner", "db": "shop"}], customData={"a": {"b": [1]}},
            authenticationRestrictions=[there],
        )  # fmt: skip
        Keeper(tmp_path, first.uri_for("owner", "p", "shop"), root).back_up()
        kept = Keeper(tmp_path, first.uri_for("owner", "p", "shop"), root)
        with PrivateServer(MONGOD, guarded) as second, MongoClient(second.uri) as other:
            other.admin.command("createUser", "owner", pwd="p", roles=["root"])
            kept.restore(to=second.uri_for("owner", "p", "shop"), with_users=True)
            assert users_of(other) == users_of(root)
            for number in range(2):
                uri = second.uri_for(f"ännä {number}", "pä:ss/w@rd", "shop").replace(
                    "authSource=admin", "authSource=shop"
                )
                with MongoClient(uri) as anna:
                    assert anna.shop.orders.find_one() == {"_id": 1}
                    with pytest.raises(OperationFailure):
                        anna.shop.orders.insert_one({})


def users_of(client: Client) -> list[str]:
    return sorted(map(str, client.admin["system.users"].find({"user": {"$nin": ["root", "owner"]}})))
