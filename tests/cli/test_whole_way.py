"""The installed command on a real server with access control: a newcomer's day, from init to the bad day and back.

Compared by ``samples.fingerprint``, which shares no code with what backs up and restores.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import warm
from bare import BARE
from mongod import MONGOD
from pymongo import MongoClient

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.samples.application_database import fill
from lifeboat.samples.damage import lose_database, lose_files
from lifeboat.samples.fingerprint import differences, fingerprint
from lifeboat.samples.fingerprint_tree import differences_tree, fingerprint_tree
from lifeboat.samples.uploads_tree import Shape, grow
from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

PASSWORD = "pl4nted/p@ss"
KEY = Identity(b"planted-key-for-the-whole-way-te").to_text().reveal()
PLACES = ("cases", "messages", "invoices", "users", "clients", "fs.chunks", "audit_log", "settings", "directory")
SECRETS = (PASSWORD, "pl4nted%2Fp%40ss", KEY)


@dataclass
class Machine:
    """A folder with ``.env``, as the mission's application has one."""

    folder: Path
    server: PrivateServer
    client: MongoClient[dict[str, Any]]
    said: list[str] = field(default_factory=list)

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    @property
    def repository(self) -> Path:
        return self.folder / "repository"

    def run(self, *arguments: str, status: int = 0, **environment: str) -> str:
        """Run the command as cron would; fails unless it exits as expected."""
        done = warm.run(arguments, self.folder, {**BARE, "HOME": str(self.folder), **environment})
        self.said.append(done.stdout + done.stderr)
        assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{self.said[-1]}"
        return done.stdout

    def json(self, *arguments: str, status: int = 0, **environment: str) -> Any:
        return json.loads(self.run(*arguments, "--json", status=status, **environment))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A server with sample data, uploads, and a first backup made by the command line."""
    folder = tmp_path_factory.mktemp("machine")
    options = ServerOptions(authentication=True)
    with (
        PrivateServer(MONGOD, options) as server,
        MongoClient(server.uri) as client,
    ):
        client["admin"].command("createUser", "app", pwd=PASSWORD, roles=["root"])
        fill(client, "shop", clock=SystemClock(), scale=0.02)
        machine = Machine(folder, server, client)
        grow(machine.uploads, Shape(files=20, total_bytes=300_000))
        (folder / ".env").write_text(
            f"MONGODB_URI='{server.uri_for('app', PASSWORD, 'shop')}'\nUPLOADS_DIR=uploads\n"
            f"BACKUP_ENCRYPTION_KEY={KEY}\nLIFEBOAT_REPOSITORY=repository\n"
        )
        (folder / ".env").chmod(0o600)
        machine.run("init", "--yes")
        machine.run("backup", "all")
        yield machine
        for said in machine.said:
            for secret in SECRETS:
                assert secret not in said


def test_everything_lost_comes_back_equal(machine: Machine) -> None:
    machine.run("backup", "all")
    database, uploads = fingerprint(machine.client, "shop"), fingerprint_tree(machine.uploads)
    lose_database(machine.client, "shop")
    lose_files(machine.uploads)
    machine.run("restore", "db", "latest", "--over-live", "--yes")
    machine.run("restore", "files", "latest", "--to", "restored", "--yes")
    assert differences(database, fingerprint(machine.client, "shop")) == ()
    # Into an empty folder a tree lands with its own name, or as it is: either way its content is the same.
    restored = machine.folder / "restored"
    landed = next(one for one in (restored / "uploads", restored / str(machine.uploads)[1:], restored) if one.is_dir())
    assert differences_tree(uploads, fingerprint_tree(landed)) == ()
    machine.run("restore", "files", "latest", "--over-live", "--yes")
    assert differences_tree(uploads, fingerprint_tree(machine.uploads)) == ()


def test_a_restore_over_live_data_is_undone(machine: Machine) -> None:
    machine.run("backup", "db")
    machine.client["shop"]["messages"].insert_one({"_id": "written after the backup"})
    machine.run("restore", "db", "latest", "--over-live", "--yes")
    assert machine.client["shop"]["messages"].find_one({"_id": "written after the backup"}) is None
    machine.run("restore", "--undo", "--yes")
    assert machine.client["shop"]["messages"].find_one({"_id": "written after the backup"}) is not None


def test_a_copy_lands_beside_the_live_data(machine: Machine) -> None:
    live = fingerprint(machine.client, "shop", accounts=False)
    machine.run("backup", "db")
    machine.run("restore", "db", "--to", "shop_copy", "--yes")
    assert machine.client["shop_copy"]["messages"].count_documents({}) == live.collections["messages"].documents
    assert differences(live, fingerprint(machine.client, "shop", accounts=False)) == ()
    assert machine.json("restore", "db", "--to", "shop_copy", "--yes", status=15)["error"]["code"] == "target-not-empty"


def test_a_guessing_script_changes_nothing(machine: Machine) -> None:
    before = fingerprint(machine.client, "shop")
    machine.run("restore", "db", status=2)
    machine.run("restore", "db", "--over-live", status=2)
    plan = machine.json("restore", "db", "--over-live", "--dry-run")
    assert {step["action"] for step in plan["steps"]} <= {"replace", "leave"}
    assert differences(before, fingerprint(machine.client, "shop")) == ()


def test_the_machine_says_how_safe_it_is(machine: Machine) -> None:
    machine.run("backup", "all")
    status = machine.json("status")
    assert {one["source"] for one in status["sources"]} == {"mongodb", "files", "config"}
    assert all(one["meets_objective"] for one in status["sources"])
    machine.run("verify", "--level", "full")
    machine.run("doctor")
    newest = machine.json("snapshots")["snapshots"][0]
    assert machine.json("snapshots", newest["snapshot"][:8])["contents"]


def test_an_old_copy_fails_the_status(machine: Machine) -> None:
    (machine.folder / "strict.toml").write_text('[objectives]\ndb = "0.001s"\n')
    assert "not safe" in machine.run("--config", "strict.toml", "status", status=3)


@pytest.mark.parametrize(
    ("environment", "status", "code"),
    [
        ({"BACKUP_ENCRYPTION_KEY": "cd" * 32}, 11, "key-not-a-recipient"),
        ({"BACKUP_ENCRYPTION_KEY": "generate_with_crypto_randomBytes_32_hex"}, 11, "key-malformed"),
        ({"LIFEBOAT_REPOSITORY": "/nowhere/at/all"}, 12, "bucket-missing"),
        ({"LIFEBOAT_REPOSITORY": "ftp://x"}, 10, "repository-name-invalid"),
        ({"MONGODB_URI": "mongodb://127.0.0.1:1/shop?serverSelectionTimeoutMS=300"}, 13, "database-unreachable"),
        ({"MONGODB_URI": "nonsense"}, 13, "database-uri-invalid"),
    ],
)
def test_each_wrong_setting_has_its_sentence_hint_and_number(
    machine: Machine, environment: dict[str, str], status: int, code: str
) -> None:
    error = machine.json("backup", "db", status=status, **environment)["error"]
    assert (error["code"], error["exit_status"]) == (code, status)
    assert error["hint"]


def test_a_wrong_password_is_told_apart_and_not_repeated(machine: Machine) -> None:
    uri = machine.server.uri_for("app", "pl4nted-wrong", "shop")
    error = machine.json("backup", "db", status=13, MONGODB_URI=uri)["error"]
    assert error["code"] == "database-password-wrong"
    assert "pl4nted-wrong" not in machine.said[-1]


def test_one_flipped_bit_is_named_and_never_restored(machine: Machine) -> None:
    packs = machine.repository / "mongodb/pack"
    before = set(packs.rglob("*"))
    newest = machine.json("backup", "db", "--new-generation")["snapshots"][0]
    # The larger of the new ones holds the documents; the other only says which there are.
    pack = max(
        (one for one in packs.rglob("*") if one.is_file() and one not in before), key=lambda one: one.stat().st_size
    )
    whole = pack.read_bytes()
    middle = len(whole) // 2
    try:
        pack.chmod(0o600)
        pack.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        report = machine.json("verify", "--level", "full", status=3)
        damage = [one for one in report["findings"] if pack.name in one["subject"]]
        hurt = {name for name in PLACES if any(f"shop.{name}" in one for found in damage for one in found["hurts"])}
        assert hurt
        machine.run("restore", "db", newest["snapshot"], "--to", "shop_damaged", "--yes", status=14)
        assert not hurt & set(machine.client["shop_damaged"].list_collection_names())
    finally:
        pack.write_bytes(whole)
