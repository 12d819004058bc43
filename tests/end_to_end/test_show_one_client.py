"""Show 2: one deleted client is found by a filter, shown, put back, and nothing else is touched; killed at any moment it leads back."""

import json
import time
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from machine import PASSWORD, Machine, fill_some, grow_some

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
ROLES = json.loads((Path(__file__).parents[1] / "mongodb/roles.json").read_text())


@pytest.fixture
def machine(make_machine, tmp_path: Path) -> Machine:
    made: Machine = make_machine(tmp_path / "machine")
    fill_some(made.collections)
    made.collections["clients"].update_many({}, [{"$set": {"email": {"$concat": ["$name", "@example.com"]}}}])
    grow_some(made.uploads, 3)
    made.run("init", "--yes")
    made.run("backup", "all")
    return made


def all_bytes(machine: Machine) -> dict[str, dict[bytes, bytes]]:
    found: dict[str, dict[bytes, bytes]] = {}
    for name in machine.collections.list_collection_names(filter={"type": "collection"}):
        if not name.startswith("system."):
            documents: Any = machine.collections.get_collection(name, codec_options=RAW).find()
            found[name] = {bson.encode({"_id": one["_id"]}): bytes(one.raw) for one in documents}
    return found


def hashes(machine: Machine) -> dict[str, str]:
    return dict(machine.collections.command("dbHash")["collections"])


def restore(machine: Machine, wanted: str, *more: str) -> tuple[str, ...]:
    return ("restore", "db", "--ns", f"{machine.database}.clients", "--filter", wanted, "--over-live", "--yes", *more)


def test_one_deleted_client_is_put_back_and_nothing_else_is_touched(machine: Machine) -> None:
    wanted = '{"email": "clients 7@example.com"}'
    as_backed_up = all_bytes(machine)
    machine.collections["clients"].delete_many({"_id": {"$in": [7, 8]}})
    machine.collections["cases"].update_one({"_id": 1}, {"$set": {"text": "worked on since"}})
    before, hashed = all_bytes(machine), hashes(machine)
    shown = machine.run(*restore(machine, wanted, "--dry-run"))
    assert "1 gone, 0 changed, 0 as stored" in shown and "clients 7@example.com" in shown
    assert (all_bytes(machine), hashes(machine)) == (before, hashed)
    said = machine.run(*restore(machine, wanted))
    assert "restored: 1 put back" in said and "restore --undo" in said
    key = bson.encode({"_id": 7})
    before["clients"][key] = as_backed_up["clients"][key]
    assert all_bytes(machine) == before
    assert {name: one for name, one in hashes(machine).items() if name != "clients"} == {
        name: one for name, one in hashed.items() if name != "clients"
    }
    machine.run("restore", "--undo", "--yes")
    assert hashes(machine) == hashed


def test_the_rights_that_the_documents_name_are_enough(machine: Machine, client: Any, server: Any) -> None:
    admin = client["admin"]
    names = [f"{machine.database}{one}" for one in ("Capture", "Restore")]
    for name, role in zip(names, ("lifeboatCaptureOne", "lifeboatRestoreOne"), strict=True):
        privileges = [
            {**one, "resource": {**one["resource"], "db": machine.database}}
            if one["resource"].get("db") == "shop"
            else one
            for one in ROLES[role]
        ]
        admin.command("createRole", name, privileges=privileges, roles=[])
    admin.command("createUser", machine.database, pwd=PASSWORD, roles=names)
    machine.variables["MONGODB_URI"] = server.uri_for(machine.database, PASSWORD, machine.database)
    try:
        hashed = hashes(machine)
        machine.collections["clients"].delete_one({"_id": 7})
        machine.collections["clients"].update_one({"_id": 8}, {"$set": {"name": "wrong"}})
        changed = hashes(machine)
        machine.run(*restore(machine, "{_id: {$in: [7, 8, 9]}}"))
        assert hashes(machine) == hashed
        machine.run("restore", "--undo", "--yes")
        assert hashes(machine) == changed
    finally:
        admin.command("dropUser", machine.database)
        for name in names:
            admin.command("dropRole", name)


@pytest.mark.parametrize("share", [0.7, *(pytest.param(n / 20, marks=pytest.mark.long) for n in range(4, 20))])
def test_killed_anywhere_and_typed_again_and_its_undo_killed_too(machine: Machine, share: float) -> None:
    clients = machine.collections["clients"]
    clients.delete_many({"_id": {"$lt": 150}})
    clients.update_many({"_id": {"$gte": 300}}, {"$set": {"name": "wrong"}})
    before = hashes(machine)
    arguments = restore(machine, "{}")
    began = time.monotonic()
    machine.run(*arguments)
    undo_began = time.monotonic()
    restored = hashes(machine)
    machine.run("restore", "--undo", "--yes")
    ended = time.monotonic()
    assert hashes(machine) == before
    kill_after(machine, share * (undo_began - began), *arguments)
    machine.run(*arguments)
    assert hashes(machine) == restored
    kill_after(machine, share * (ended - undo_began), "restore", "--undo", "--yes")
    again = machine.ends("restore", "--undo", "--yes")
    assert again.code == 0 or "nothing-to-undo" in again.err, again
    assert hashes(machine) == before


def kill_after(machine: Machine, seconds: float, *arguments: str) -> None:
    run = machine.start(*arguments)
    time.sleep(seconds)
    run.kill()
    run.communicate()
