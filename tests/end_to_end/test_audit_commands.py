"""What people do leaves a record that they cannot change unnoticed, and that never stands in their way."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import warm
from bare import BARE

KEY = "ab" * 32
PASSWORD = "pa55word-of-the-target"
CHECKER = Path(__file__).parents[2] / "docs" / "check-audit.py"


class Shop:
    """A machine that backs up a folder to another folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uploads = folder / "uploads"
        self.uploads.mkdir()
        (self.uploads / "contract.txt").write_text("a contract")
        self.environment = {
            **BARE,
            "HOME": os.environ["HOME"],
            "LIFEBOAT_REPOSITORY": str(folder / "backups"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "UPLOADS_DIR": str(self.uploads),
            "BACKUP_ENCRYPTION_KEY": KEY,
            "SUDO_USER": "anna",
            "SSH_CONNECTION": "203.0.113.7 50000 10.0.0.1 22",
        }

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "lifeboat", *arguments],
            cwd=self.folder,
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return warm.run(arguments, self.folder, {**self.environment, **more})

    def done(self, *arguments: str, **more: str) -> str:
        ended = self.run(*arguments, **more)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @property
    def state(self) -> Path:
        (found,) = [one.parent for one in (self.folder / "state").glob("*/writer.json")]
        return found

    @property
    def log(self) -> Path:
        return self.state / "audit.jsonl"

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def findings(self, **more: str) -> list[dict[str, Any]]:
        ended = self.run("audit", "verify", "--json", **more)
        assert ended.returncode in (0, 3), ended.stderr
        found: list[dict[str, Any]] = json.loads(ended.stdout)["findings"]
        assert (ended.returncode == 3) == any(one["level"] == "problem" for one in found)
        return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.done("init", "--yes")
    made.done("backup", "files")
    return made


def test_a_changed_line_is_named(shop: Shop) -> None:
    shop.done("restore", "files", "latest", "--to", str(shop.folder / "restored"))
    assert shop.findings() == []
    lines = shop.log.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if '"restore files"' in line and '"ended"' in line)
    lines[at] = lines[at].replace('"anna"', '"eve"')
    shop.log.write_text("\n".join(lines) + "\n")
    (found,) = shop.findings()
    assert (found["code"], found["subject"]) == ("audit-entry-changed", f"entry {at + 1}")
    said = shop.run("audit", "verify")
    assert said.returncode == 3 and f"entry {at + 1}" in said.stdout and "restore files" in said.stdout


def test_each_act_is_noted_with_who_from_where_and_what_came_of_it(shop: Shop) -> None:
    shop.run("restore", "db", "latest", "--to", "shop_copy")
    shop.done("snapshots", "latest")
    shop.done("snapshots")
    shop.done("status", "--json")
    acts = [(one["act"], one["phase"], one.get("result", {}).get("error")) for one in shop.entries()]
    assert acts == [
        ("init", "begun", None),
        ("init", "ended", None),
        ("backup files", "begun", None),
        ("backup files", "ended", None),
        ("restore db", "begun", None),
        ("restore db", "ended", "snapshot-unknown"),
        ("snapshots", "begun", None),
        ("snapshots", "ended", None),
    ], "status and a plain list are no acts"
    backup = shop.entries()[3]
    assert backup["who"]["sudo"] == "anna" and backup["from"]["ssh"] == "203.0.113.7"
    assert len(backup["subject"]["snapshots"][0]) == 32
    assert [
        one["words"] for one in json.loads(shop.done("audit", "query", "--act", "restore db", "--json"))["entries"]
    ] == [
        "restore db latest --to shop_copy",
        "restore db latest --to shop_copy",
    ]
    assert json.loads(shop.done("audit", "query", "--who", "203.0.113", "--since", "1 hour ago", "--json"))["entries"]
    assert not json.loads(shop.done("audit", "query", "--who", "nobody-of-that-name", "--json"))["entries"]


def test_who_takes_the_schedule_away_is_noted(shop: Shop) -> None:
    shop.run("schedule", "remove")
    assert [(one["act"], one["phase"]) for one in shop.entries()][-2:] == [
        ("schedule remove", "begun"),
        ("schedule remove", "ended"),
    ]


def test_no_secret_and_nothing_that_was_looked_for_is_noted(shop: Shop) -> None:
    uri = f"mongodb://app:{PASSWORD}@127.0.0.1:1/shop"
    shop.run(
        "restore", "db", "latest", "--to", uri, "--ns", "shop.users", "--filter", '{"email": "looked-for@example.com"}'
    )
    shop.run("restore", "db", "latest", "--to", uri, '--filter={"email": "looked-for@example.com"}')
    kept = b"".join(one.read_bytes() for one in shop.state.iterdir())
    for secret in (PASSWORD, KEY, "looked-for"):
        assert secret.encode() not in kept
    assert "restore db latest" in shop.log.read_text()


def test_a_log_that_cannot_be_written_stops_nothing(shop: Shop) -> None:
    shop.log.unlink()
    shop.log.mkdir()
    (shop.state / "journal.sqlite3").unlink()
    (shop.state / "journal.sqlite3").mkdir()
    ended = shop.run("backup", "files", "--json")
    assert ended.returncode == 0 and len(json.loads(ended.stdout)["snapshots"]) == 1
    assert "audit log" in ended.stderr


def test_an_act_that_was_killed_has_begun_and_not_ended_and_the_chain_goes_on(shop: Shop) -> None:
    with (shop.uploads / "large").open("wb") as file:
        file.write(os.urandom(20_000_000))
    shop.done("backup", "files")
    export = shop.start("export", "files", "-")
    assert export.stdout is not None
    assert export.stdout.read(1000)
    export.send_signal(signal.SIGKILL)
    export.communicate()
    shop.done("snapshots", "latest")
    phases = [(one["act"], one["phase"]) for one in shop.entries()]
    assert ("export", "begun") in phases and ("export", "ended") not in phases
    assert shop.findings() == []


@pytest.mark.long
def test_many_commands_at_once_make_one_chain(shop: Shop) -> None:
    running = [shop.start("snapshots", "latest") for _ in range(8)]
    for one in running:
        one.communicate()
        assert one.returncode == 0
    assert len(shop.entries()) == 4 + 16
    shop.done("snapshots", "latest")
    assert shop.findings() == []


def test_another_machine_with_the_key_checks_the_anchors_alone(shop: Shop) -> None:
    keeper = {"LIFEBOAT_STATE": str(shop.folder / "keeper")}
    assert shop.findings(**keeper) == []
    entries = json.loads(shop.done("audit", "query", "--json", **keeper))["entries"]
    assert [one["act"] for one in entries] == ["init", "init", "backup files", "backup files"]
    (first,) = list((shop.folder / "backups").rglob("audit-00000001-*"))
    first.unlink()
    assert {one["code"] for one in shop.findings(**keeper)} == {"audit-anchor-removed"}


def test_an_auditor_without_lifeboat_checks_an_export(shop: Shop) -> None:
    out = shop.folder / "audit.jsonl"
    shop.done("audit", "export", str(out))
    assert shop.run("audit", "export", str(out)).returncode == 10, "nothing is overwritten"

    def check() -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, str(CHECKER), str(out)], capture_output=True, text=True, check=False)

    whole = out.read_text()
    assert check().returncode == 0 and "4 entries and 2 anchors" in check().stdout
    lines = whole.splitlines()
    for number, line in enumerate(lines):
        if '"entry"' in line or '"anchor"' in line:
            out.write_text(
                "\n".join(
                    [
                        *lines[:number],
                        line.replace("backup files", "status").replace("init", "demo"),
                        *lines[number + 1 :],
                    ]
                )
            )
            assert check().returncode == 3, line
            out.write_text("\n".join([*lines[:number], *lines[number + 1 :]]))
            last_anchor = number == len(lines) - 1
            assert check().returncode == (0 if last_anchor else 3), "the end of a file is known from the bucket alone"


def test_the_journal_knows_the_runs_and_what_they_stored(shop: Shop) -> None:
    shop.run("backup", "db")
    connection = sqlite3.connect(shop.state / "journal.sqlite3")
    rows = connection.execute("SELECT job, status, error, report IS NULL FROM runs ORDER BY number").fetchall()
    assert rows == [("backup files", 0, None, 0), ("backup db", 10, "setting-missing", 1)]
    assert connection.execute("SELECT source, items FROM sizes").fetchall() == [("files", 2)]


@pytest.mark.long
def test_a_closing_line_for_log_collectors_and_none_unless_asked_for(shop: Shop) -> None:
    assert "run ended" not in shop.run("backup", "files").stderr
    ended = shop.run("backup", "files", "--json", LIFEBOAT_LOG="json")
    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert json.loads(ended.stdout)["snapshots"], "the report is alone on standard output"
    assert (lines[-1]["event"], lines[-1]["job"], lines[-1]["result"], lines[-1]["error"]) == (
        "run ended",
        "backup files",
        "done",
        None,
    )
    assert lines[-1]["bytes"] == 10 and len(lines[-1]["snapshots"]) == 1
    failed = [json.loads(line) for line in shop.run("backup", "db", LIFEBOAT_LOG="json").stderr.splitlines()]
    assert (failed[-1]["result"], failed[-1]["error"], failed[0]["level"]) == ("failed", "setting-missing", "error")
    assert "run ended: job=backup files result=done" in shop.run("backup", "files", LIFEBOAT_LOG="console").stderr
    assert shop.run("status", LIFEBOAT_LOG="colourful").returncode == 10


def test_a_schedule_anchors_now_and_then_and_a_person_at_once(shop: Shop) -> None:
    def anchors() -> int:
        return len(list((shop.folder / "backups").rglob("audit-*")))

    before = anchors()
    shop.done("backup", "files", LIFEBOAT_BEGUN_BY="schedule")
    assert anchors() == before
    shop.done("snapshots", "latest")
    assert anchors() == before + 1
    assert shop.findings() == []
