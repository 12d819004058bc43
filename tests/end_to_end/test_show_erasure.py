"""Show 3: somebody is erased, an older copy is restored, and they do not come back; the report says so."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from machine import KEY, Machine, fill_some, grow_some
from mongod import MONGOD

EMAIL = "Anna.Secretly@example.org"
SOMEBODY = ObjectId("65f0000000000000000000aa")


def put_anna_in(machine: Machine) -> None:
    live = machine.collections
    live["people"].insert_many(
        [{"_id": SOMEBODY, "email": EMAIL, "name": "Anna"}, {"_id": ObjectId(), "email": "ben@example.org"}]
    )
    live["letters"].insert_many({"_id": n, "to": [EMAIL.lower() if n % 2 else "ben@example.org"]} for n in range(20))
    live["files"].insert_many(
        {"_id": n, "client": SOMEBODY if n == 3 else n, "notes": "private", "open": True} for n in range(6)
    )
    folder = machine.uploads / "clients" / "anna"
    folder.mkdir(parents=True)
    (folder / "passport.txt").write_text("Anna's passport")
    os.link(folder / "passport.txt", machine.uploads / "of everybody.txt")
    (machine.uploads / "clients" / "ben.txt").write_text("Ben's")


def erase_anna_live(machine: Machine) -> None:
    live = machine.collections
    live["people"].delete_one({"_id": SOMEBODY})
    live["letters"].delete_many({"to": EMAIL.lower()})
    live["files"].update_many({"client": SOMEBODY}, {"$unset": {"notes": 1}})
    (machine.uploads / "clients" / "anna" / "passport.txt").unlink()
    (machine.uploads / "of everybody.txt").unlink()
    (machine.uploads / "clients" / "anna").rmdir()


@pytest.fixture
def machine(make_machine, tmp_path: Path) -> Machine:
    made: Machine = make_machine(tmp_path / "machine")
    fill_some(made.collections)
    grow_some(made.uploads, 3)
    put_anna_in(made)
    made.run("init", "--yes")
    made.run("backup", "all")
    return made


def request_file(machine: Machine, name: str = "request.toml") -> Path:
    database = machine.database
    file = machine.folder / name
    file.write_text(
        f"""
request = "DSR-2026-17"
[[erase]]
collection = "{database}.people"
field = "email"
value = "{EMAIL}"
[[erase]]
collection = "{database}.letters"
field = "to"
value = " {EMAIL.upper()} "
ignore_case = true
[[erase]]
collection = "{database}.files"
field = "client"
type = "objectid"
value = "{SOMEBODY}"
unset = ["notes"]
[[erase]]
file = "{machine.uploads}/clients/anna/"
"""
    )
    return file


def record(machine: Machine) -> Any:
    return machine.json("erase", "record", "--from", str(request_file(machine)))


def holds_anna(collections: Any) -> list[str]:
    found = ["people"] if collections["people"].find_one({"_id": SOMEBODY}) else []
    found += ["letters"] if collections["letters"].find_one({"to": {"$regex": "anna", "$options": "i"}}) else []
    return found + (["files"] if collections["files"].find_one({"_id": 3, "notes": {"$exists": True}}) else [])


def rescue(machine: Machine, command: str, *out: str) -> tuple[int, str]:
    script = Path(__file__).parents[2] / "src/lifeboat/rescue/rescue.py"
    snapshot = [machine.snapshots("files" if command == "files" else "mongodb")[-1]["snapshot"]] if out else []
    words = [sys.executable, str(script), command, str(machine.repository), *snapshot, *out]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "BACKUP_ENCRYPTION_KEY": KEY})
    return done.returncode, done.stdout + done.stderr


def test_the_person_does_not_come_back_and_the_report_says_so(machine: Machine, tmp_path: Path) -> None:
    copy = f"{machine.database}_copy"
    machine.run("restore", "db", "--to", copy, "--yes")
    assert holds_anna(machine.client[copy]) == ["people", "letters", "files"], "else nothing is shown here"

    erase_anna_live(machine)
    recorded = record(machine)
    erased = recorded["erasure"]
    assert erased["state"] == "closed" and len(erased["id"]) == 8
    held = {
        one["place"].rpartition("/anna/")[1] or one["place"].partition(".")[2]: one["items"]
        for one in recorded["stored"]
    }
    assert held == {"people": 1, "letters": 10, "files": 1, "/anna/": 2}, "what the newest copies hold of it is told"
    others = machine.client[copy]["people"].count_documents({}), machine.client[copy]["letters"].count_documents({})
    machine.client.drop_database(copy)

    report = machine.json("restore", "db", "--to", copy, "--yes")
    restored = machine.client[copy]
    assert holds_anna(restored) == []
    assert others == (2, 20)
    assert (restored["people"].count_documents({}), restored["letters"].count_documents({})) == (1, 10)
    assert restored["files"].find_one({"_id": 3}) == {"_id": 3, "client": SOMEBODY, "open": True}
    assert restored["files"].count_documents({"notes": "private"}) == 5
    rows = {one["where"].partition(".")[2]: (one["left_out"], one["trimmed"]) for one in report["erasures"]}
    assert rows == {"people": (1, 0), "letters": (10, 0), "files": (0, 1)}
    assert {one["erasure"] for one in report["erasures"]} == {erased["id"]}

    said = machine.run("restore", "files", "--to", str(tmp_path / "back"), "--yes")
    assert "2 files of 1 erasure were not brought back" in said and erased["id"] in said
    assert not (tmp_path / "back/clients/anna").exists() and not (tmp_path / "back/of everybody.txt").exists()
    assert (tmp_path / "back/clients/ben.txt").read_text() == "Ben's"

    machine.run("restore", "all", "--over-live", "--yes")
    assert holds_anna(machine.collections) == []
    assert not (machine.uploads / "clients/anna").exists() and not (machine.uploads / "of everybody.txt").exists()
    status = machine.json("erase", "status", erased["id"])
    assert {one["what"] for one in status["copies"]} == {"db", "files"} and status["last_gone_by"]
    assert [one["left_out"] + one["trimmed"] for one in status["replayed"]] == [14, 2, 12]

    drilled = machine.json("drill", "--scenario", "server-loss", "--point", "oldest", LIFEBOAT_MONGOD=str(MONGOD))
    assert drilled["outcome"] == "passed" and drilled["erased"] == [erased["id"]]
    assert sum(one["erased"] for one in drilled["compared"]) == 13, "held against the copy without her"

    ended, said = rescue(machine, "files", str(tmp_path / "rescued"))
    assert ended == 0 and "were erased on request and left out" in said, said
    assert not list((tmp_path / "rescued").rglob("passport.txt")) and not list(
        (tmp_path / "rescued").rglob("of every*")
    )
    assert list((tmp_path / "rescued").rglob("ben.txt"))
    ended, said = rescue(machine, "dump", str(tmp_path / "dumped"))
    assert ended == 0 and f"{machine.database}.people by email" in said and "NOT replayed" in said, said
    assert erased["id"] in rescue(machine, "erasures")[1]

    machine.run("erase", "hold", erased["id"][:4], "court order 2026/17")
    machine.client.drop_database(copy)
    report = machine.json("restore", "db", "--to", copy, "--yes")
    assert holds_anna(machine.client[copy]) == ["people", "letters", "files"], "a legal hold wins"
    assert ["court order 2026/17" in one["message"] for one in report["findings"]] == [True]


def test_the_copy_of_what_was_there_before_a_restore_holds_nobody_back(machine: Machine) -> None:
    """The safety snapshot was taken while she was there; going back to it must not bring her back."""
    machine.run("restore", "db", "--over-live", "--yes")
    erase_anna_live(machine)
    record(machine)
    machine.run("restore", "--undo", "--yes")
    assert machine.collections["people"].count_documents({}) == 1
    assert holds_anna(machine.collections) == []


def test_who_comes_back_later_is_left_alone(machine: Machine) -> None:
    """An erasure that is open is replayed always, one that was closed on copies of before alone."""
    recorded = machine.ends("erase", "record", "--from", str(request_file(machine)), "--json")
    report = json.loads(recorded.out)
    assert recorded.code == 3, "live still holds her"
    assert report["erasure"]["state"] == "open"
    assert {
        (one["place"].rpartition("/")[2].partition(".")[2] or "folder", one["items"]) for one in report["live"]
    } == {
        ("people", 1),
        ("letters", 10),
        ("files", 1),
        ("folder", 1),
    }
    machine.refuses(13, "erasure-still-live", "erase", "close", report["erasure"]["id"])
    copy = f"{machine.database}_copy"
    machine.run("restore", "db", "--to", copy, "--yes")
    assert holds_anna(machine.client[copy]) == []
    erase_anna_live(machine)
    closed = machine.json("erase", "close", report["erasure"]["id"])["erasure"]
    assert closed["state"] == "closed"


@pytest.mark.parametrize("what", ["removed", pytest.param("damaged", marks=pytest.mark.long)])
def test_a_ledger_that_cannot_be_read_in_full_stops_the_restore(machine: Machine, what: str) -> None:
    erase_anna_live(machine)
    record(machine)
    [entry] = (machine.repository / "ledger").iterdir()
    if what == "removed":
        entry.unlink()
    else:
        os.chmod(entry, 0o600)
        entry.write_bytes(entry.read_bytes()[:-40] + b"x" * 40)
    copy = f"{machine.database}_copy"
    for command in (
        ("restore", "db", "--to", copy, "--yes"),
        ("restore", "files", "--to", str(machine.folder / "there"), "--yes"),
        ("export", "db", str(machine.folder / "out")),
    ):
        said = machine.refuses(14, "erasures-unreadable", *command)
        assert "--without-erasures" in said
    assert copy not in machine.client.list_database_names() and not (machine.folder / "there").exists()
    report = machine.json("restore", "db", "--to", copy, "--yes", "--without-erasures")
    assert [one["code"] for one in report["findings"]] == ["erasures-not-replayed"]
    assert any(one["subject"].get("erasures") for one in machine.json("audit", "query")["entries"]), (
        "who was erased is told"
    )
    assert any("--without-erasures" in one["words"] for one in machine.json("audit", "query")["entries"])


def test_neither_single_documents_nor_exports_bring_anybody_back(machine: Machine) -> None:
    erase_anna_live(machine)
    name = record(machine)["erasure"]["id"]
    ends = machine.ends(
        *("restore", "db", "--ns", f"{machine.database}.people", "--filter", "{}", "--over-live", "--yes")
    )
    assert machine.collections["people"].count_documents({}) == 1, ends.out
    assert name in ends.out and "was erased on request" in ends.out
    machine.run("restore", "db", "--ns", f"{machine.database}.files", "--filter", "{}", "--over-live", "--yes")
    assert holds_anna(machine.collections) == []

    out = machine.folder / "dump"
    report = machine.json("export", "db", str(out), "--format", "mongodump-dir")
    held = b"".join(one.read_bytes() for one in out.rglob("*.bson"))
    assert b"ben@example.org" in held and b"nna" not in held
    assert report["findings"], "it is said"
    machine.run("export", "files", str(machine.folder / "all.tar"))
    tar = (machine.folder / "all.tar").read_bytes()
    assert b"Ben's" in tar and b"passport" not in tar and b"everybody" not in tar


def test_the_value_stands_nowhere(machine: Machine) -> None:
    """In no argument, log, report, journal, audit, and in nothing that is stored."""
    erase_anna_live(machine)
    run = machine.start(
        *("erase", "record", "--collection", f"{machine.database}.people", "--field", "email"),
        *("--value-env", "WHO", "--json"),
        WHO=EMAIL,
        LIFEBOAT_LOG="json",
    )
    assert EMAIL not in Path(f"/proc/{run.pid}/cmdline").read_text()
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    failed = machine.ends(
        *("erase", "record", "--collection", f"{machine.database}.people", "--field", "email", "--type", "number"),
        *("--value-env", "WHO"),
        WHO=EMAIL,
    )
    assert failed.code == 10
    said = out + err + failed.out + failed.err
    for more in (
        ("erase", "list"),
        ("erase", "list", "--json"),
        ("audit", "query", "--json"),
        ("erase", "status", json.loads(out)["erasure"]["id"]),
    ):
        said += machine.run(*more)
    assert EMAIL not in said and EMAIL.lower() not in said.lower()
    for file in machine.folder.rglob("*"):
        if file.is_file() and "uploads" not in file.parts and not file.name.startswith("request"):
            assert EMAIL.encode() not in file.read_bytes(), file


def test_killed_between_landing_and_swap_it_goes_on_and_loses_no_count(machine: Machine) -> None:
    """Whenever it dies she is not live, and the report of the run that finishes tells of all that was left out."""
    erase_anna_live(machine)
    record(machine)
    died, end = 0, time.monotonic() + 100
    while time.monotonic() < end:
        run = machine.start("restore", "db", "--over-live", "--yes", "--json")
        journal: list[Path] = []
        wanted = ("erasing:", "erased:", "armed")[died] if died < 3 else "never"
        while run.poll() is None:
            journal = list((machine.folder).rglob("restore-*.json"))
            if any(wanted in _text(one) for one in journal):
                os.kill(run.pid, signal.SIGKILL)
                break
            time.sleep(0.002)
        out, err = run.communicate(timeout=60)
        assert holds_anna(machine.collections) == []
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL, err
        died += 1
    assert died >= 1, "it was never killed"
    rows = {one["where"].partition(".")[2]: (one["left_out"], one["trimmed"]) for one in json.loads(out)["erasures"]}
    assert rows == {"people": (1, 0), "letters": (10, 0), "files": (0, 1)}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""
