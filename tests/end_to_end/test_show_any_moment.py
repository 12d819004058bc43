"""A stream runs, people write, somebody drops the database: it comes back as it was at the last write before that."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from machine import Contents, Machine, fill_some, read_database
from pymongo import WriteConcern


@pytest.fixture
def machine(make_machine: Any, tmp_path: Path) -> Machine:
    made: Machine = make_machine(tmp_path / "machine")
    fill_some(made.collections)
    made.run("init", "--yes")
    made.run("backup", "db")
    return made


@pytest.fixture
def stream(machine: Machine) -> Iterator["subprocess.Popen[str]"]:
    running = machine.start("stream", "--every", "1", "--json")
    until(lambda: spans(machine), "the stream has begun")
    yield running
    if running.poll() is None:
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)


def until(look: Any, what: str, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def spans(machine: Machine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = machine.json("timeline")["histories"][0]["spans"]
    return found


def archived(machine: Machine) -> str:
    """Wait until the archive holds all that was written so far; returns the newest operation that can be restored."""
    time_now = machine.client.admin.command("ping")["operationTime"]

    def reached() -> str | None:
        op = str(machine.json("timeline")["histories"][0]["newest_op"])
        return op if tuple(map(int, op.split("."))) >= (time_now.time, time_now.inc) else None

    return str(until(reached, "everything is archived"))


def work(machine: Machine, rounds: int = 20) -> Contents:
    live = machine.collections
    majority = WriteConcern("majority")
    for number in range(rounds):
        live["cases"].update_one({"_id": number}, {"$set": {"state": "closed", "n": number}, "$unset": {"text": ""}})
        live["messages"].delete_one({"_id": number})
        live["notes"].insert_one({"_id": number, "words": ["a", {"b": number}]})
    live.get_collection("notes", write_concern=majority).insert_one({"_id": "the last write before it"})
    return read_database(machine.client, machine.database)


@pytest.mark.usefixtures("stream")
def test_a_dropped_database_comes_back_up_to_the_last_write_before(machine: Machine) -> None:
    before = work(machine)
    machine.client.drop_database(machine.database)
    machine.collections["notes"].insert_one({"_id": "the application goes on"})
    archived(machine)

    shown = machine.run("timeline", "--suspects")
    found = re.search(rf"^(\d+\.\d+) .*database {machine.database} dropped: \d collections", shown, re.M)
    assert found, shown
    op = found[1]
    assert f"lifeboat restore db --before-op {op} --over-live" in shown
    assert "can be restored" in machine.run("timeline", "--before-op", op)

    seconds, increment = op.split(".")
    machine.refuses(
        10, "operation-unknown", "restore", "db", "--before-op", f"{seconds}.{int(increment) + 99}", "--to", "x"
    )
    machine.run("restore", "db", "--before-op", op, "--over-live", "--yes")
    assert read_database(machine.client, machine.database) == before

    later = machine.run("timeline", "--suspects")
    assert "database" in later, "the disaster stays in the list"
    archived(machine)
    assert "a restore by Lifeboat" in machine.run("timeline", "--suspects")


@pytest.mark.long
@pytest.mark.usefixtures("stream")
def test_a_mass_delete_is_found_by_its_count_and_undone_beside_the_live_data(machine: Machine) -> None:
    before = work(machine)
    machine.collections["cases"].delete_many({"_id": {"$gte": 50}})
    archived(machine)
    (suspect,) = machine.json("timeline", "--suspects", "--ns", f"{machine.database}.cases")["suspects"]
    assert (suspect["kind"], suspect["documents"], suspect["examples"]) == ("deletes", 350, ["50", "51", "52"])
    machine.run("export", "db", str(machine.folder / "out.archive"), "--before-op", suspect["op"])
    machine.run(
        "restore", "db", "--before-op", suspect["op"], "--over-live", "--yes", "--ns", f"{machine.database}.cases"
    )
    assert read_database(machine.client, machine.database) == before


@pytest.mark.long
def test_the_timeline_tells_what_can_be_restored_and_how_the_archive_does(
    machine: Machine, stream: "subprocess.Popen[str]"
) -> None:
    began = time.time()
    work(machine)
    newest = archived(machine)
    report = machine.json("timeline")
    (history,) = report["histories"]
    assert history["streamed"] and not history["stalled"] and not history["gaps"] and history["lag_seconds"] < 60
    picture = machine.run("timeline")
    assert newest.split(".")[0] in picture and "█" in picture and "▲" in picture
    at = datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
    machine.run("timeline", "--at", at)
    assert machine.json("timeline", "--at", "newest")["segments"] > 0
    machine.refuses(10, "moment-not-covered", "timeline", "--at", "2020-01-01T00:00:00Z")
    machine.refuses(10, "moment-unclear", "timeline", "--from", "1 hour ago", "--to", "2 hours ago")
    stream.send_signal(signal.SIGTERM)
    out, _ = stream.communicate(timeout=60)
    assert stream.returncode == 0 and all(json.loads(line) for line in out.splitlines())
