"""Secrets planted everywhere, in every form, looked for in all that any command leaves, says or shows: also of acts about keys, drills and paper."""

import base64
import os
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from machine import KEY, PASSWORD, Machine, fill_some, grow_some
from test_planted_secrets import watched_process_list

from lifeboat.crypto.identity import Identity

Tried = Callable[[str, int], None]
HOOK = "https://hooks.example.com/services/T000/pl4nted-token"
SMTP = "pl4nted smtp/p@ssword"
CHECK = "pl4nted-check-token"
PERSON = "anna.planted@example.com"
TOML = """
[[replica]]
name = "second"
location = "second"

[notify]
webhook = "env:PLANTED_HOOK"
smtp_host = "127.0.0.1"
smtp_user = "lifeboat"
smtp_password = "env:PLANTED_SMTP"
smtp_security = "none"
email = ["ops@example.com"]

[[drills.check]]
name = "asks"
kind = "http"
url = "http://127.0.0.1:9/nobody"
secret_headers = { Authorization = "env:PLANTED_CHECK" }
timeout = "1s"
"""


def forms(secret: str) -> Iterator[bytes]:
    """As it may have been written on the way."""
    raw = secret.encode()
    yield from {
        raw,
        quote(secret).encode(),
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        raw.hex().encode(),
        repr(secret)[1:-1].encode(),
    }


def found_in(content: bytes, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets for form in forms(secret) if form in content]


def every_place(folder: Path) -> Iterator[tuple[str, bytes]]:
    """All files below it, archives and databases also as what is in them."""
    for path in (one for one in folder.rglob("*") if one.is_file() and not one.is_symlink()):
        yield str(path), path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as bundle:
                yield from ((f"{path}: {name}", bundle.read(name)) for name in bundle.namelist())
        if path.read_bytes()[:15] == b"SQLite format 3":
            with sqlite3.connect(path) as base:
                yield f"{path}: dump", "\n".join(base.iterdump()).encode()


@pytest.fixture
def machine(make_machine, tmp_path: Path) -> Machine:
    made: Machine = make_machine(
        tmp_path / "shop",
        PLANTED_HOOK=HOOK,
        PLANTED_SMTP=SMTP,
        PLANTED_CHECK=CHECK,
        WHO=PERSON,
        XDG_CONFIG_HOME=str(tmp_path / "shop" / "config home"),
    )
    (made.folder / "lifeboat.toml").write_text(TOML)
    fill_some(made.collections, 30)
    grow_some(made.uploads, 5)
    return made


@pytest.mark.long
def test_no_act_lets_a_secret_out_in_any_form(machine: Machine, tmp_path: Path, tried: Tried) -> None:
    out = machine.folder / "out"
    out.mkdir()
    machine.run("init", "--yes")
    with watched_process_list() as listed:
        machine.run("backup", "all")
        machine.ends("verify", "--level", "full", "--json")
        collection = f"{machine.database}.clients"
        machine.ends("erase", "record", "--collection", collection, "--field", "email", "--value-env", "WHO")
        machine.ends("erase", "list", "--json")
        machine.run("keygen", "--out", "safe.key")
        (machine.folder / "safe.pub").write_text(machine.run("keygen", "--recipient", "--from", "safe.key"))
        machine.run("recipient", "add", "safe", "safe.pub", "--yes")
        machine.ends("recipient", "list", "--look", "--json")
        machine.ends("drill", "--no-notice", "--out", str(out / "drill"), "--json")
        machine.ends("report", "plan", "--out", str(out / "plan.md"))
        machine.ends("report", "compliance", "--out", str(out / "bundle.zip"))
        machine.ends("schedule", "install", "kubernetes", "--json")
        machine.ends("metrics")
        machine.ends("alerts", "list", "--json")
        machine.ends("audit", "export", str(out / "audit.jsonl"))
        machine.ends("replicate")
        machine.ends("doctor", "--json")
        # Where it goes wrong.
        machine.ends("schedule", "test-notice")
        machine.ends(
            "backup", "db", MONGODB_URI=machine.variables["MONGODB_URI"].replace("127.0.0.1", "nowhere.invalid")
        )
        machine.ends("backup", "files", BACKUP_ENCRYPTION_KEY=KEY[:-1] + "0")
        machine.ends("backup", "files", BACKUP_ENCRYPTION_KEY=KEY + "zz")
        machine.ends("recipient", "replace", "key", "--by", "safe.key", "--yes", "--json")

    safe = Identity.from_text((machine.folder / "safe.key").read_text().splitlines()[-1])
    secrets = [KEY, PASSWORD, HOOK, SMTP, CHECK, PERSON, safe.to_text().reveal()]
    raw = [bytes.fromhex(KEY)]
    looked = 0
    for said in machine.said:
        assert found_in(said.encode(), secrets) == [], said
        looked += 1
    for words in listed.seen:
        assert found_in(words, secrets) == [], words
        looked += 1
    allowed = {machine.folder / "safe.key"}
    live = {machine.uploads}
    for where, content in every_place(machine.folder):
        path = Path(where.split(": ")[0])
        if path in allowed:
            assert path.stat().st_mode & 0o077 == 0 and path.stat().st_uid == os.getuid()
            continue
        if any(one in path.parents for one in live):
            continue
        assert found_in(content, secrets) == [], where
        assert not any(one in content for one in raw), where
        looked += 1
    assert looked > 60
    tried("places searched for secrets", looked)


@pytest.mark.parametrize("form", range(len(set(forms(PASSWORD)))))
def test_the_search_finds_a_planted_leak_of_every_form(tmp_path: Path, form: int) -> None:
    every = sorted(forms(PASSWORD))
    (tmp_path / "leak").write_bytes(b"before " + every[form] + b" after")
    with zipfile.ZipFile(tmp_path / "leak.zip", "w") as bundle:
        bundle.writestr("inner", every[form])
    with sqlite3.connect(tmp_path / "leak.db") as base:
        base.execute("create table t (words text)")
        base.execute("insert into t values (?)", (every[form].decode("latin-1"),))
    base.close()
    leaks = [where for where, content in every_place(tmp_path) if found_in(content, [PASSWORD])]
    assert {re.sub(r".*/", "", one) for one in leaks} >= {"leak", "leak.zip: inner"}
    assert any("leak.db" in one for one in leaks)
