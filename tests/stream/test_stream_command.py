"""``lifeboat stream`` as people run it: a process of its own, killed and stopped in every way, that loses nothing."""

import contextlib
import json
import os
import pty
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import warm
from bare import BARE
from mongod import private_server
from pymongo import MongoClient
from stream_kit import Client, StreamKit, wait_for
from test_stream import Writer

sys.path.insert(0, str(Path(__file__).parents[1] / "services"))
from post import mail_server

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.segments import list_segments, stretches
from lifeboat.sources.mongodb.private_server import PrivateServer
from lifeboat.storage.open_store import open_store

LIFEBOAT = str(Path(sys.executable).with_name("lifeboat"))
KEY = "5e" * 32


@dataclass
class Host:
    """A folder with an application in it."""

    folder: Path
    uri: str
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **BARE,
            "HOME": str(self.folder),
            "MONGODB_URI": self.uri,
            "LIFEBOAT_REPOSITORY": str(self.folder / "repository"),
            "LIFEBOAT_STATE": str(self.folder / "state"),
            "BACKUP_ENCRYPTION_KEY": KEY,
            "LIFEBOAT_LABEL": "host",
            **self.more,
        }

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return warm.run(arguments, self.folder, self.environment, 120)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [LIFEBOAT, "stream", *arguments],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def kit(self) -> StreamKit:
        """The same repository, to look at what is in it."""
        kit = StreamKit.__new__(StreamKit)
        kit.folder = self.folder / "reader"
        kit.folder.mkdir(exist_ok=True)
        kit.identity = Identity.from_text(KEY)
        kit.store = open_store(str(self.folder / "repository"), clock=SystemClock())
        return kit

    def segments(self) -> int:
        return len(self.kit().segments())


@pytest.fixture
def host(tmp_path: Path, server: PrivateServer, client: Client, database: str) -> Iterator[Host]:
    client[database].orders.insert_one({"_id": "first"})
    made = Host(tmp_path, server.uri.replace("/?", f"/{database}?"))
    assert made.run("init", "--yes").returncode == 0
    yield made


def test_sigterm_stores_what_was_read_and_ends_well(host: Host, client: Client, database: str) -> None:
    child = host.start("--every", "60")
    wait_for(lambda: host.kit().repository().snapshots(), 60)
    client[database].orders.insert_many([{"_id": number} for number in range(100)])
    time.sleep(8)  # a busy machine starts it slowly
    for number in (signal.SIGTERM, signal.SIGINT):
        child.send_signal(number)
        out, _ = child.communicate(timeout=60)
        assert child.returncode == 0, out
        assert ("archived through" in out and "the archive begins" in out) or number == signal.SIGINT
        if number == signal.SIGTERM:
            child = host.start("--every", "60", "--json")
            assert child.stdout is not None
            first = child.stdout.readline()
            client[database].orders.insert_one({"_id": "more"})
            time.sleep(8)  # a busy machine starts it slowly
    lines = [json.loads(first)] + [json.loads(line) for line in out.splitlines()]
    assert {line["kind"] for line in lines} == {"event", "status"}
    assert len(host.kit().compare(client, [database])) == 101


def test_killed_again_and_again_under_load_there_is_no_gap(host: Host, client: Client, database: str) -> None:
    chance = random.Random(1)
    with Writer(client, database) as writer:
        for _ in range(6):
            child = host.start("--every", "1")
            time.sleep(chance.uniform(1.0, 4.0))
            child.kill()
            child.communicate()
        stored = host.segments()
        child = host.start("--every", "1")
        # It is this one that streams, not one of those before it: told to end while it starts, it says so and ends with 130.
        wait_for(lambda: host.kit().repository().snapshots() and host.segments() > stored + 1, 60)
        before = writer.rounds
        wait_for(lambda: writer.rounds > before + 50)
    child.terminate()
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0, out
    (stretch,) = list(host.kit().stretches())
    assert len(host.kit().compare(client, [database], stretch)) > 500


def test_once_by_cron_takes_the_first_snapshot_and_leaves_word(host: Host, client: Client, database: str) -> None:
    done = host.run("stream", "--once")
    assert done.returncode == 0, done.stderr
    client[database].orders.delete_one({"_id": "first"})
    done = host.run("stream", "--once", "--json")
    assert done.returncode == 0, done.stderr
    assert len(host.kit().repository().snapshots()) == 1
    events = host.kit().compare(client, [database])
    assert len(events) == 1
    told = json.loads(next((host.folder / "state").glob("*/stream-state.json")).read_text())
    assert told["ended"] and told["gap"] is None and told["waiting_for"] is None


@pytest.mark.long
def test_a_database_that_is_not_up_yet_is_waited_for(host: Host, server: PrivateServer) -> None:
    with private_server(parameters={"periodicNoopIntervalSecs": "1"}) as late:
        with MongoClient(late.uri) as client:
            client.shop.orders.insert_one({"_id": 1})
        late.kill()
        host.uri = late.uri.replace("/?", "/shop?") + "&serverSelectionTimeoutMS=500"
        child = host.start("--every", "1")
        time.sleep(8)  # a busy machine starts it slowly
        assert child.poll() is None
        late.restart()
        wait_for(host.segments, 60)
        child.terminate()
        out, _ = child.communicate(timeout=60)
        assert child.returncode == 0 and "trying again" in out, out


def test_a_second_one_is_refused_by_its_process_number(host: Host) -> None:
    child = host.start("--every", "1")
    wait_for(
        lambda: list((host.folder / "state").glob("*/stream.lock")) and host.run("status") and child.poll() is None
    )
    time.sleep(1)
    done = host.run("stream", "--once")
    assert done.returncode == 10 and str(child.pid) in done.stderr and "stream-runs" in done.stderr
    child.terminate()
    child.communicate(timeout=60)


@pytest.mark.long
def test_a_gap_is_told_by_mail_and_so_is_the_snapshot_that_failed(host: Host, client: Client, database: str) -> None:
    with mail_server() as mail:
        host.more = {
            "LIFEBOAT_NOTIFY_EMAIL": "ops@example.com",
            "LIFEBOAT_SMTP_HOST": "127.0.0.1",
            "LIFEBOAT_SMTP_PORT": str(mail.port),
        }
        for number in range(2):
            client[database].orders.insert_one({"_id": number})
            assert host.run("stream", "--once").returncode == 0
        assert mail.messages == [], "nothing is told of what is well"
        path = next((host.folder / "state").glob("*/stream.json"))
        said = json.loads(path.read_text())
        said["through"][3] = "A" * 43
        path.write_text(json.dumps(said))
        done = host.run("stream", "--once")
        assert done.returncode == 0 and "problem: the archive has a gap" in done.stderr, done.stderr
        (text,) = mail.texts()
        assert "stream-gap" in text and "another history" in text and "lifeboat timeline" in text
        assert "Every one before it can" in text.replace("\n", " ")
        said["through"][0] -= 1_000_000
        path.write_text(json.dumps(said))
        client.drop_database(database)
        path.with_name("last-instant.json").unlink()  # else the archive would begin at the snapshot it has
        done = host.run("stream", "--once")
        assert done.returncode == 4, done.stderr
        assert {"stream-gap", "stream-snapshot-failed"} <= {
            code for text in mail.texts()[1:] for code in ("stream-gap", "stream-snapshot-failed") if code in text
        }


def test_on_a_terminal_one_line_moves_and_what_happens_stays(host: Host, client: Client, database: str) -> None:
    ours, its = pty.openpty()
    child = subprocess.Popen(
        [LIFEBOAT, "stream", "--every", "1"],
        env={**host.environment, "TERM": "xterm", "COLUMNS": "80"},
        cwd=host.folder,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    said = b""
    until = time.monotonic() + 60
    while time.monotonic() < until and b"has its snapshot" not in said:
        if select.select([ours], [], [], 0.2)[0]:
            said += os.read(ours, 65536)
    client[database].orders.insert_one({"_id": "watched"})
    child.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):
        while block := os.read(ours, 65536):
            said += block
    assert child.wait(30) == 0
    text = said.decode()
    assert "note: the archive begins" in " ".join(text.split())
    assert "\r\x1b[Karchived through" in text
    assert not set(re.findall(r"\x1b\[[^A-Za-z]*[A-Za-z]", text)) - {"\x1b[K"}, "nothing else moves"


def names(rows: list[Any]) -> list[str]:
    return [one.name for one in rows]


def test_the_kit_reads_what_the_command_wrote(host: Host) -> None:
    """The comparison above is made by code that opens the repository by itself."""
    host.run("stream", "--once")
    repository = host.kit().repository()
    assert isinstance(repository.state, LocalState)
    assert names(list_segments(repository)) and stretches(list_segments(repository))
