"""Each check of ``doctor``, on something whole and on something broken."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mongod import MONGOD, private_server
from pymongo import MongoClient

from lifeboat.app.diagnosis import Diagnosis
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.secret import Secret
from lifeboat.operations.doctor import database, keys, places, store, trees
from lifeboat.operations.doctor.checks import Check, examine
from lifeboat.operations.doctor.proof import check_proved
from lifeboat.operations.key_escrow import remember_escrow
from lifeboat.operations.reports.checks import CheckResult
from lifeboat.sources.mongodb.connect import connect
from lifeboat.sources.mongodb.history import OplogWindow
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions
from lifeboat.sources.mongodb.rights import capture_one, look_at_account, name_of, restore_one, role_in_mongosh
from lifeboat.sources.mongodb.server_facts import ServerFacts
from lifeboat.storage.memory import MemoryStore

ROLES = json.loads((Path(__file__).parents[1] / "mongodb/roles.json").read_text())
DOCUMENT = (Path(__file__).parents[2] / "docs/operations.md").read_text()
KEY = "7c" * 32
SET = ServerFacts("6.0.5", "rs0", "6.0")
ALONE = ServerFacts("7.0.1", None, None)


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    options = ServerOptions(authentication=True)
    with PrivateServer(MONGOD, options) as running:
        with MongoClient(running.uri) as root:
            root.shop.orders.insert_many([{"_id": n} for n in range(20)])
            for role, privileges in ROLES.items():
                root.admin.command("createRole", role, privileges=privileges, roles=[])
                root.admin.command("createUser", role, pwd="p", roles=[role])
            root.admin.command("createUser", "builtin", pwd="p", roles=["backup", "restore", "readWriteAnyDatabase"])
            root.admin.command("createUser", "nobody", pwd="p", roles=[{"role": "readWrite", "db": "elsewhere"}])
        yield running


def one(findings: list[Finding]) -> Finding:
    [found] = findings
    return found


def only(results: list[CheckResult], name: str) -> CheckResult:
    [found] = [result for result in results if result.check == name]
    return found


def rights(server: PrivateServer, user: str, command: str, databases: list[str] | None = None) -> Finding:
    with connect(Secret(server.uri_for(user, "p"))) as client:
        return one(database.check_rights(client, databases or ["shop"], command))


def machine(folder: Path, uri: str, **more: str) -> dict[str, str]:
    (folder / "uploads").mkdir()
    (folder / "uploads/a.pdf").write_text("a")
    return {
        "HOME": str(folder),
        "MONGODB_URI": uri,
        "UPLOADS_DIR": str(folder / "uploads"),
        "LIFEBOAT_REPOSITORY": str(folder / "repository"),
        "BACKUP_ENCRYPTION_KEY": KEY,
        "LIFEBOAT_STATE": str(folder / "state"),
    } | more


def diagnosis(folder: Path, variables: dict[str, str]) -> list[CheckResult]:
    return Diagnosis(read_settings(None, variables, folder), SystemClock()).run()


# the frame


def test_a_check_that_fails_stops_only_those_that_rest_on_it() -> None:
    def broken() -> list[Finding]:
        raise StorageError("nobody answers", "is it up?")

    good = Finding(Level.OK, "x", "", "fine")
    results = examine(
        [
            Check("a", "a", broken),
            Check("b", "b", lambda: [good], after=("a",)),
            Check("c", "c", lambda: [good], after=("b",)),
            Check("d", "d", lambda: [good]),
        ]
    )
    assert [result.level for result in results] == [Level.PROBLEM, None, None, Level.OK]
    assert [result.waits_for for result in results] == [None, "a", "b", None]
    assert results[0].findings and results[0].findings[0].hint == "is it up?"


def test_every_check_and_its_remedy_is_told_in_the_document(tmp_path: Path) -> None:
    settings = read_settings(None, machine(tmp_path, "mongodb://nowhere/shop"), tmp_path)
    names = [check.name for check in Diagnosis(settings, SystemClock()).checks()]
    assert len(names) == len(set(names)) >= 22
    assert [name for name in names if f"| `{name}` |" not in DOCUMENT] == []


def test_a_machine_that_is_set_up_has_nothing_to_mend(tmp_path: Path, server: PrivateServer) -> None:
    variables = machine(tmp_path, server.uri_for("builtin", "p", "shop"))
    settings = read_settings(None, variables, tmp_path)
    lifeboat = Lifeboat(settings)
    lifeboat.initialise(guarded=False, new_key=None)
    lifeboat.backup("all")
    results = lifeboat.doctor()
    assert [result for result in results if result.level is Level.PROBLEM] == []
    assert not [result for result in results if result.findings is None]
    good = {result.check for result in results if result.level is Level.OK}
    assert {"store", "clock", "repository", "key", "connection", "sign-in", "rights-backup", "rights-restore"} <= good
    assert "the last backup took" in str(only(results, "history-window"))


def test_a_keeper_protects_nothing_and_is_told_so_without_alarm(tmp_path: Path) -> None:
    variables = {
        "HOME": str(tmp_path),
        "LIFEBOAT_STATE": str(tmp_path / "s"),
        "LIFEBOAT_REPOSITORY": str(tmp_path / "r"),
    }
    settings = read_settings(None, variables | {"BACKUP_ENCRYPTION_KEY": KEY}, tmp_path)
    Lifeboat(settings).initialise(guarded=False, new_key=None)
    results = Lifeboat(settings).doctor()
    assert only(results, "settings").level is Level.WARNING and "keeper" in str(only(results, "settings"))
    assert not [result for result in results if result.level is Level.PROBLEM]
    assert "config" not in {result.check for result in results}


def test_a_machine_without_anything_is_told_what_to_set(tmp_path: Path) -> None:
    results = diagnosis(tmp_path, {"HOME": str(tmp_path), "LIFEBOAT_STATE": str(tmp_path / "state")})
    settings = only(results, "settings")
    assert settings.level is Level.PROBLEM and "S3_BACKUP_BUCKET" in str(settings)


# the database


def test_a_server_that_is_not_there_and_a_wrong_password_are_two_checks(tmp_path: Path, server: PrivateServer) -> None:
    gone = machine(tmp_path, "mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=300")
    results = diagnosis(tmp_path, gone)
    assert only(results, "connection").level is Level.PROBLEM
    assert only(results, "sign-in").findings is None and only(results, "rights-backup").waits_for == "connection"
    gone["MONGODB_URI"] = server.uri_for("builtin", "wr0ng-secret", "shop")
    results = diagnosis(tmp_path, gone)
    assert only(results, "connection").level is Level.OK
    assert only(results, "sign-in").level is Level.PROBLEM and "wr0ng" not in str(results)
    gone["MONGODB_URI"] = server.uri_for(None, None, "shop")
    results = diagnosis(tmp_path, gone)
    assert only(results, "rights-backup").level is Level.PROBLEM or only(results, "sign-in").level is not Level.OK


@pytest.mark.parametrize(
    ("user", "command", "level"),
    [
        ("builtin", "backup", Level.OK),
        ("builtin", "restore", Level.OK),
        ("builtin", "users", Level.OK),
        ("lifeboatCapture", "backup", Level.OK),
        ("lifeboatCapture", "restore", Level.WARNING),
        ("lifeboatCaptureOne", "backup", Level.WARNING),
        ("lifeboatRestoreOne", "restore", Level.OK),
        ("lifeboatUsers", "users", Level.OK),
        ("nobody", "backup", Level.PROBLEM),
        ("nobody", "users", Level.WARNING),
    ],
)
def test_the_rights_of_each_command_are_judged(server: PrivateServer, user: str, command: str, level: Level) -> None:
    found = rights(server, user, command)
    assert found.level is level, found
    if level is not Level.OK:
        assert "missing:" in found.message and f"doctor --role {command}" in found.hint


def test_all_databases_want_rights_on_all_of_them(server: PrivateServer) -> None:
    with connect(Secret(server.uri_for("lifeboatCapture", "p"))) as client:
        assert one(database.check_rights(client, None, "backup")).level is Level.OK
    with connect(Secret(server.uri_for("lifeboatCaptureOne", "p"))) as client:
        found = one(database.check_rights(client, None, "backup"))
    assert found.level is Level.PROBLEM and "listDatabases on the cluster" in found.message


@pytest.mark.parametrize(
    ("kind", "needed"), [("backup", capture_one("shop")[:1]), ("restore", restore_one("shop")[:1])]
)
def test_each_action_that_is_taken_away_is_named(server: PrivateServer, kind: str, needed: Any) -> None:
    """Leave out one action after the other; the check itself is tried on something broken."""
    whole = ROLES["lifeboatCaptureOne" if kind == "backup" else "lifeboatRestoreOne"]
    with MongoClient(server.uri) as root:
        for action in needed[0]["actions"]:
            less = [
                {**one, "actions": [other for other in one["actions"] if other != action or one != whole[0]]}
                for one in whole
            ]
            root.admin.command("createRole", "less", privileges=less, roles=[])
            root.admin.command("createUser", "less", pwd="p", roles=["less"])
            try:
                assert f"missing: {action} on shop" in rights(server, "less", kind).message
            finally:
                root.admin.command("dropUser", "less")
                root.admin.command("dropRole", "less")


@pytest.mark.parametrize("kind", ["backup", "restore", "users"])
def test_the_role_that_is_printed_is_what_is_missing(server: PrivateServer, kind: str) -> None:
    """An administrator pastes the text: here its JSON is carried out, and nothing is missing any more."""
    words = role_in_mongosh(kind, ["shop"])
    text = words.partition("createRole(")[2].partition(")\n")[0]
    role = json.loads(text)
    assert role["privileges"] == ROLES[role["role"]]
    with MongoClient(server.uri) as root:
        root.admin.command("createUser", f"pasted-{kind}", pwd="p", roles=[role["role"]])
    found = rights(server, f"pasted-{kind}", kind)
    assert found.level is (Level.WARNING if kind == "backup" else Level.OK)
    assert kind != "backup" or "ordinary collections" in found.message


def test_the_role_for_all_databases_is_the_documented_one() -> None:
    text = role_in_mongosh("backup", None).partition("createRole(")[2].partition(")\n")[0]
    assert json.loads(text)["privileges"] == ROLES["lifeboatCapture"]


def test_nobody_signed_in_is_worth_a_look() -> None:
    with private_server(nodes=0) as server, connect(Secret(server.uri)) as client:
        assert one(database.check_sign_in(client, "db")).code == "no-sign-in"
        assert one(database.check_rights(client, ["shop"], "restore")).level is Level.OK
        assert look_at_account(client).names == ()
        assert one(database.check_history(client, ALONE, 5.0)).level is Level.OK
        assert one(database.check_oplog(client, ALONE, 3600)).level is Level.OK
    alone = one(database.check_replica_set(ALONE))
    assert alone.level is Level.WARNING and "rs.initiate()" in alone.hint
    assert one(database.check_replica_set(SET)).level is Level.OK


def test_a_version_that_was_not_tried_is_said() -> None:
    assert one(database.check_version(SET)).level is Level.OK
    assert one(database.check_version(ALONE)).code == "version-untried"


def test_a_dump_that_outgrows_the_history_window_is_said_with_the_command(server: PrivateServer) -> None:
    with connect(Secret(server.uri)) as client:
        assert one(database.check_history(client, SET, None)).level is Level.OK
        assert one(database.check_history(client, SET, 149.0)).level is Level.OK
        slow = one(database.check_history(client, SET, 1000.0))
    assert slow.code == "history-window-short" and "minSnapshotHistoryWindowInSeconds: 4000" in slow.hint
    with connect(Secret(server.uri_for("nobody", "p"))) as client:
        assert "by default" in one(database.check_history(client, SET, 3.0)).message


def test_an_oplog_that_is_too_small_for_an_outage_is_said(
    server: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(Secret(server.uri)) as client:
        assert one(database.check_oplog(client, SET, 3600)).level is Level.OK, "a young oplog still grows"
        monkeypatch.setattr(database, "oplog_window", lambda _: OplogWindow(7200.0, 7200.0))
        short = one(database.check_oplog(client, SET, 3600))
    assert short.code == "oplog-window-short" and "replSetResizeOplog" in short.hint
    monkeypatch.undo()
    with connect(Secret(server.uri_for("nobody", "p"))) as client:
        assert one(database.check_oplog(client, SET, 3600)).code == "oplog-closed"


def test_resources_have_names_people_use() -> None:
    assert name_of({"db": "", "collection": "system.js"}) == "system.js of every database"
    assert name_of({"db": "shop", "system_buckets": ""}) == "shop's time-series"


# key, store, places


def test_a_key_that_is_only_here_has_to_be_mended_and_one_that_was_shown_is_good(tmp_path: Path) -> None:
    variables = machine(tmp_path, "")
    settings = read_settings(None, variables, tmp_path)
    lifeboat = Lifeboat(settings)
    lifeboat.initialise(guarded=False, new_key=None)
    repository = lifeboat._open()
    now = datetime(2026, 11, 25, tzinfo=UTC)
    assert one(keys.check_stored_elsewhere(repository, "/state/identity.key", now)).code == "key-only-here"
    assert one(keys.check_stored_elsewhere(repository, None, now)).level is Level.WARNING
    assert repository.identity
    remember_escrow(repository.state, repository.identity.recipient.fingerprint_short, "typed in", now)
    assert one(keys.check_stored_elsewhere(repository, "/state/identity.key", now)).level is Level.OK
    later = one(keys.check_stored_elsewhere(repository, None, now + timedelta(days=200)))
    assert later.code == "key-not-checked-lately"
    remember_escrow(repository.state, "another key", "typed in", now)
    assert one(keys.check_stored_elsewhere(repository, "/k", now)).code == "key-only-here"
    repository.state.write_json("escrow.json", {"fingerprint": 1})
    assert one(keys.check_stored_elsewhere(repository, None, now)).level is Level.WARNING


def test_copies_that_nobody_read_back_are_worth_a_look(tmp_path: Path) -> None:
    variables = machine(tmp_path, "") | {"MONGODB_URI": ""}
    lifeboat = Lifeboat(read_settings(None, variables, tmp_path))
    lifeboat.initialise(guarded=False, new_key=None)
    assert "no snapshot yet" in one(check_proved(lifeboat._open(), ["files"], 0.0)).message
    lifeboat.backup("files")
    assert one(check_proved(lifeboat._open(), ["files"], 3600)).level is Level.OK
    never = one(check_proved(lifeboat._open(), ["files"], -1))
    assert never.code == "not-proved" and "verify" in never.hint
    lifeboat.verify("full")
    assert one(check_proved(lifeboat._open(), ["files"], 3600)).message.startswith("the newest proved snapshot is")


def test_a_key_in_one_file_with_the_credentials_is_said(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"BACKUP_ENCRYPTION_KEY={KEY}\nAWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n")
    settings = read_settings(None, {"HOME": str(tmp_path)}, tmp_path)
    assert one(keys.check_apart(settings.key_from, settings.repository.secret_from)).code == "key-beside-credentials"
    settings = read_settings(None, {"HOME": str(tmp_path), "BACKUP_ENCRYPTION_KEY": KEY}, tmp_path)
    assert one(keys.check_apart(settings.key_from, settings.repository.secret_from)).level is Level.OK


def test_where_the_copies_lie_is_said_and_what_is_near_is_not_taken_for_there() -> None:
    for region, words in (
        ("us-east-1", "United States"),
        ("me-south-1", "Bahrain"),
        ("me-central-1", "Emirates"),
        ("xx-new-9", "Is that in Saudi Arabia?"),
    ):
        found = one(store.check_residency("s3://b", region, None, False))
        assert words in found.message and "article 29" in found.message and "no legal advice" in found.message
    assert "article 29" not in one(store.check_residency("s3://b", "me-west-1", None, False)).message
    assert one(store.check_residency("s3://b", None, None, False)).code == "residency-unknown"
    assert "s3.example.com" in one(store.check_residency("s3://b", None, "https://s3.example.com:9000", False)).message


class FastClock(SystemClock):
    def now(self) -> datetime:
        return super().now() + timedelta(minutes=10)


def test_a_clock_that_is_off_is_said_with_the_command() -> None:
    assert one(store.check_clock(MemoryStore(SystemClock()), SystemClock())).level is Level.OK
    wrong = one(store.check_clock(MemoryStore(SystemClock()), FastClock()))
    assert wrong.code == "clock-off" and "ahead" in wrong.message and "timedatectl" in wrong.hint


def test_a_disk_without_room_is_said(tmp_path: Path) -> None:
    assert one(places.check_room(tmp_path / "not/yet/there", 0, "memory")).level is Level.OK
    full = one(places.check_room(tmp_path, 2**60, "the repository"))
    assert full.code == "space-low" and "df -h" in full.hint


def test_files_that_cannot_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    for number in range(7):
        (tmp_path / "sub" / f"{number}.pdf").write_text("x")
    assert one(trees.check_trees([tmp_path])).level is Level.OK
    assert one(trees.check_trees([tmp_path / "gone"])).code == "path-missing"
    real = os.access
    closed = {f"{number}.pdf" for number in range(6)}  # root may read all: this is what the system answers others
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name not in closed and real(path, mode))
    found = one(trees.check_trees([tmp_path]))
    assert found.code == "files-unreadable" and "sub/0.pdf" in found.message and "1 more" in found.message
    assert "setfacl" in found.hint
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert one(trees.check_trees([tmp_path])).code == "path-unreadable"


def test_no_configuration_is_worth_a_look(tmp_path: Path) -> None:
    results = diagnosis(tmp_path, machine(tmp_path, "") | {"MONGODB_URI": ""})
    assert only(results, "config").level is Level.WARNING
