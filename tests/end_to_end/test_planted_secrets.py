"""Secrets planted in the settings turn up nowhere: no output, no process list, no temporary file, no state file but one."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from machine import KEY, PASSWORD, Machine, fill_some, grow_some
from versitygw import RunningS3

from lifeboat.sources.mongodb.private_server import PrivateServer

CANARY = "canary-in-a-document-and-a-file"
"""Plain content: encrypted or not at all, so never to be found outside the live data."""


class ProcessList:
    """What anybody on the machine can see in the process list, sampled many times during each command."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._ended = threading.Event()

    def watch(self) -> None:
        while not self._ended.is_set():
            for one in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = one.read_bytes()
                except OSError:
                    continue
                # The pytest that holds this very test knows the secrets, but not in its command line.
                self.seen.add(words)
            time.sleep(0.04)

    def end(self) -> None:
        self._ended.set()


@contextmanager
def watched_process_list() -> Iterator[ProcessList]:
    listed = ProcessList()
    thread = threading.Thread(target=listed.watch)
    thread.start()
    try:
        yield listed
    finally:
        listed.end()
        thread.join()


@pytest.fixture
def machine(make_machine, s3: RunningS3, tmp_path: Path) -> Machine:
    bucket = f"planted-{os.urandom(4).hex()}"
    s3.make_bucket(bucket)
    made: Machine = make_machine(
        tmp_path / "machine",
        LIFEBOAT_REPOSITORY=f"s3://{bucket}/here",
        AWS_ACCESS_KEY_ID=s3.access_key_id,
        AWS_SECRET_ACCESS_KEY=s3.secret_access_key,
        AWS_REGION=s3.region,
        AWS_ENDPOINT_URL=s3.endpoint_url,
        TMPDIR=str(tmp_path / "temporary"),
    )
    (tmp_path / "temporary").mkdir()
    fill_some(made.collections)
    grow_some(made.uploads)
    made.collections["canaries"].insert_one({"_id": CANARY})
    (made.uploads / "canary.txt").write_text(CANARY)
    return made


def planted(s3: RunningS3) -> list[str]:
    return [KEY, PASSWORD, quote_plus(PASSWORD), s3.secret_access_key]


@pytest.mark.long
def test_no_secret_leaves_by_any_door(machine: Machine, s3: RunningS3, server: PrivateServer, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    kept: dict[str, bytes] = {}
    ended = threading.Event()

    def keep_temporaries() -> None:
        while not ended.is_set():
            for one in (one for one in temporary.rglob("*") if one.is_file()):
                try:
                    kept[str(one)] = one.read_bytes()
                except OSError:
                    continue
            time.sleep(0.04)

    keeper = threading.Thread(target=keep_temporaries)
    keeper.start()
    with watched_process_list() as listed:
        machine.run("init", "--yes")
        machine.run("backup", "all")
        machine.run("status", code=0)
        machine.run("doctor")
        machine.run("verify", "--level", "full")
        machine.run(
            "restore",
            "db",
            "--to",
            "env:TARGET",
            "--rename",
            f"{machine.database}=planted_copy",
            TARGET=server.uri_for("owner", PASSWORD),
        )
        machine.run("restore", "all", "--over-live", "--yes")
        machine.run("restore", "files", "--to", str(tmp_path / "files"))
        # And where things go wrong, which is where secrets usually get out.
        wrong = server.uri_for("owner", f"{PASSWORD}-wrong", machine.database)
        machine.refuses(13, "database-password-wrong", "backup", "db", MONGODB_URI=wrong)
        machine.refuses(12, "storage-denied", "backup", "all", AWS_SECRET_ACCESS_KEY=f"{s3.secret_access_key}x")
        machine.ends(
            "backup", "db", MONGODB_URI=server.uri_for("owner", PASSWORD, machine.database).replace("?", "?nonsense=%&")
        )
        machine.ends("backup", "--no-such-option", "--json")
    ended.set()
    keeper.join()
    machine.client.drop_database("planted_copy")

    for secret in planted(s3):
        for said in machine.said:
            assert secret not in said, f"said aloud: {said}"
        for words in listed.seen:
            # The test's own S3 server takes its owner's key as an argument; no process of Lifeboat's does.
            if b"versitygw" not in words:
                assert secret.encode() not in words, words
        for path, content in kept.items():
            assert secret.encode() not in content, path
    assert any(b"lifeboat" in words for words in listed.seen), "the sampling must have seen the command at all"
    for path, content in kept.items():
        assert CANARY.encode() not in content, f"plaintext in {path}"


def test_the_state_folder_holds_no_secret_but_the_writer_s_own(machine: Machine, s3: RunningS3) -> None:
    machine.run("init", "--yes")
    machine.run("backup", "all")
    machine.run("restore", "all", "--over-live", "--yes")
    state = machine.folder / ".local/state/lifeboat"
    files = [one for one in state.rglob("*") if one.is_file()]
    (writer,) = [one for one in files if one.name == "writer.json"]
    writer_secret = json.loads(writer.read_text())["secret"]
    assert writer.stat().st_mode & 0o077 == 0
    for one in files:
        content = one.read_bytes()
        assert one.stat().st_mode & 0o077 == 0, one
        for secret in (*planted(s3), CANARY):
            assert secret.encode() not in content, one
        if one != writer:
            assert writer_secret.encode() not in content and bytes.fromhex(writer_secret) not in content, one
    assert os.stat(state).st_mode & 0o077 == 0


def test_what_is_stored_shows_no_content_and_no_name(machine: Machine, s3: RunningS3) -> None:
    machine.run("init", "--yes")
    machine.run("backup", "all")
    stored = [
        one
        for one in (s3.folder / "buckets" / machine.variables["LIFEBOAT_REPOSITORY"].split("/")[2]).rglob("*")
        if one.is_file()
    ]
    assert stored
    for one in stored:
        content = one.read_bytes()
        for hidden in (*planted(s3), CANARY, "contracts", "canaries", machine.database):
            assert hidden.encode() not in content, (hidden, one)
            assert hidden not in one.name
