"""What goes wrong is said in a sentence, a hint and a number; a bug shows its traceback; a secret never shows."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from person import LOOK, Person
from pretend_shell import KEY, Shell

from lifeboat.cli.exit_status import FAMILIES, MEANINGS, ExitStatus, status_of
from lifeboat.cli.scrub import scrub
from lifeboat.foundation.errors import KeyTrouble, LifeboatError, SettingsError, StorageError

PLANTED = {
    "MONGODB_URI": "mongodb://app:pl4nted%2Furi@db.example/shop",
    "AWS_ACCESS_KEY_ID": "AKIApl4ntedid",
    "AWS_SECRET_ACCESS_KEY": "pl4nted+secret/key",
    "AWS_SESSION_TOKEN": "pl4nted-token==",
    "BACKUP_ENCRYPTION_KEY": KEY,
}
HIDDEN = (
    "pl4nted%2Furi",
    "pl4nted/uri",
    "pl4nted+secret/key",
    "pl4nted%2Bsecret%2Fkey",
    "pl4nted-token==",
    KEY,
    "AKIApl4ntedid",
)


def test_each_family_has_its_own_number_and_each_number_a_meaning() -> None:
    assert len({status for _, status in FAMILIES}) == len(FAMILIES)
    assert set(MEANINGS) == set(ExitStatus)
    assert {family for family, _ in FAMILIES} <= set(LifeboatError.__subclasses__())


@pytest.mark.parametrize(("family", "status"), FAMILIES)
def test_an_explained_failure_is_a_sentence_a_hint_and_a_number(
    shell: Shell, family: type[LifeboatError], status: ExitStatus
) -> None:
    kind = type("Kind", (family,), {"code": "some-code"})
    shell.answers = {"fails_with": kind("the thing is broken", "is it plugged in?")}
    outcome = shell("status")
    assert outcome.status == status == status_of(kind)
    assert outcome.err == "error: the thing is broken [some-code]\nhint: is it plugged in?\n"
    assert outcome.out == ""
    as_json = shell("status", "--json")
    assert as_json.status == status
    assert json.loads(as_json.out) == {
        "error": {
            "code": "some-code",
            "message": "the thing is broken",
            "hint": "is it plugged in?",
            "exit_status": status,
        }
    }
    assert as_json.err == ""


def test_a_bug_shows_its_traceback_and_asks_to_be_reported(shell: Shell) -> None:
    shell.answers = {"fails_with": ZeroDivisionError("division by zero")}
    outcome = shell("status")
    assert outcome.status == 1
    assert "Traceback" in outcome.err
    assert "pretend_lifeboat.py" in outcome.err
    assert "please report it" in outcome.err
    as_json = shell("status", "--json")
    assert json.loads(as_json.out)["error"]["code"] == "bug"
    assert "Traceback" in as_json.err


def test_an_end_of_file_inside_lifeboat_is_a_bug_not_a_persons_wish(shell: Shell) -> None:
    shell.answers = {"fails_with": EOFError("ran out")}
    assert shell("status").status == 1


@pytest.mark.parametrize("arguments", [("status",), ("status", "--json")])
@pytest.mark.parametrize("make", [ValueError, StorageError])
def test_no_planted_secret_reaches_any_output(shell: Shell, arguments: tuple[str, ...], make: type[Exception]) -> None:
    shell.environment |= PLANTED
    inner = RuntimeError(f"request to {PLANTED['MONGODB_URI']} with {PLANTED!r}")
    failure = make(f"cannot reach {' and '.join(HIDDEN)}")
    failure.__cause__ = inner
    shell.answers = {"fails_with": failure}
    outcome = shell(*arguments)
    assert "[secret]" in outcome.out + outcome.err
    for secret in HIDDEN:
        assert secret not in outcome.out + outcome.err


def test_secrets_of_dotenv_key_file_and_arguments_are_hidden_as_well(shell: Shell) -> None:
    key_file = shell.folder / "k"
    key_file.write_text("pl4nted-in-a-file")
    key_file.chmod(0o600)
    (shell.folder / ".env").write_text(
        f"LIFEBOAT_KEY_FILE={key_file}\nAWS_ACCESS_KEY_ID=A\nAWS_SECRET_ACCESS_KEY='pl4nted two'\n"
    )
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    shell.answers = {"fails_with": ValueError("pl4nted-in-a-file, pl4nted two, pl4nted3")}
    outcome = shell("restore", "db", "--to", "mongodb://u:pl4nted3@h/d", "--yes")
    assert outcome.status == 1
    assert "pl4nted" not in outcome.out + outcome.err


def test_settings_that_cannot_be_read_give_no_secret_away(shell: Shell) -> None:
    (shell.folder / "lifeboat.toml").write_text(
        '[mongodb]\nuri = "mongodb://a:pl4nted@h/d"\n[repository]\nkey = "pl4nted2"'
    )
    outcome = shell("status")
    assert outcome.status == 10
    assert "pl4nted" not in outcome.out + outcome.err


@given(st.text(min_size=4), st.text(), st.text())
def test_scrubbing_leaves_no_hidden_text(secret: str, before: str, after: str) -> None:
    if secret not in "[secret]":
        assert secret not in scrub(before + secret + after, [secret]).replace("[secret]", "\0")


@pytest.mark.parametrize(
    "text",
    [
        "mongodb://user:pl4nted@host/db",
        "https://user:pl4nted@host",
        "('mongodb+srv://u:pl4nted@h')",
        "mongodb://u:pl4n@ted@h/d",
        "mongodb://u:pl4/nted@h/d",
        "key LIFEBOAT1-BNVVOG-3NLQSU-R53GTK-6JS4PS-J4676R-NPATAX-6GNQIY-G3GCV5-JOD6H7-RTE4 here",
    ],
)
def test_what_looks_like_a_secret_is_taken_out_without_being_known(text: str) -> None:
    clean = scrub(text, [])
    assert "[secret]" in clean
    for piece in ("pl4n", "nted", "BNVVOG", "RTE4"):
        assert piece not in clean


def test_an_address_without_a_password_stays_readable() -> None:
    for text in ("mongodb://host:27017/db", "https://example.com/a@b", "s3://bucket/prefix"):
        assert scrub(text, []) == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("restor", "db"), "did you mean `lifeboat restore`?"),
        (("backup",), "say which: all, db, files, config"),
        (("backup", "everything"), "'everything' is not one of"),
        (("verify", "--levl", "full"), "--level"),
        (("verify", "--percent", "0", "--level", "sample"), "percent"),
        ((), "First steps"),
    ],
)
def test_a_slip_on_the_command_line_is_answered_with_what_to_type(
    shell: Shell, arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = shell(*arguments)
    assert outcome.status == 2
    assert said in outcome.err + capsys.readouterr().err


def test_even_a_slip_is_answered_as_json_when_json_was_asked_for(shell: Shell) -> None:
    for arguments in (("backup", "--json"), ("--json", "nonsense"), ("verify", "--levl", "--json")):
        outcome = shell(*arguments)
        assert outcome.status == 2
        assert json.loads(outcome.out)["error"]["code"] == "usage"


def test_a_missing_setting_says_what_to_set(shell: Shell) -> None:
    del shell.environment["LIFEBOAT_REPOSITORY"]
    outcome = shell("init", "--yes")
    assert outcome.status == 10
    assert "LIFEBOAT_REPOSITORY" in outcome.err


def test_names_in_messages_cannot_move_the_cursor(shell: Shell) -> None:
    shell.answers = {"fails_with": SettingsError("file \x1b[2J is odd", "rename it\r")}
    assert "\x1b" not in shell("status").err


@pytest.mark.parametrize("how", ["control-c", signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_backup_says_that_nothing_is_lost(shell: Shell, tmp_path: Path, how: str | signal.Signals) -> None:
    with Person(tmp_path, shell.environment, "backup", "db", answers='{"slow": true}') as person:
        person.sees("reading shop.users")
        time.sleep(0.3)
        if isinstance(how, signal.Signals):
            person.sends(how)
        else:
            person.presses_control_c()
        assert person.leaves() == 130
        assert "nothing is lost" in person.screen
        assert "Traceback" not in person.screen
        assert person.screen.rstrip().endswith("goes on from where it was")


def test_a_reader_that_goes_away_ends_the_talking_not_the_work(shell: Shell, tmp_path: Path) -> None:
    environment = {**os.environ, **shell.environment, "PYTHONPATH": str(LOOK.parent)}
    command = [sys.executable, str(LOOK), '{"complete": false}', "backup", "all"]
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, cwd=tmp_path, env=environment)
    assert done.stderr == b""
    assert done.returncode == ExitStatus.INCOMPLETE


def test_a_wrong_key_is_told_apart_from_a_missing_one(shell: Shell) -> None:
    shell.environment["BACKUP_ENCRYPTION_KEY"] = "generate_with_crypto_randomBytes_32_hex"
    outcome = shell("init", "--yes")
    assert outcome.status == status_of(KeyTrouble)
    assert "generate_with" not in outcome.err
    assert "[key-malformed]" in outcome.err
