"""``keygen`` and ``init``: a key is never lost, never shown where it could be kept, never in the clear on disk."""

import json
import stat
from pathlib import Path

import pytest
from person import Person
from pretend_shell import KEY, Shell

from lifeboat.app.read_settings import read_settings
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import SettingsError, StorageError


def key_in(path: Path) -> Identity:
    lines = path.read_text().splitlines()
    return Identity.from_text(next(line for line in lines if not line.startswith("#")))


def private(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("arguments", [("keygen",), ("keygen", "--json")])
def test_a_new_key_is_not_written_into_a_pipe(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell(*arguments)
    assert outcome.status == 2
    assert "LIFEBOAT1" not in outcome.out + outcome.err
    assert "--out" in outcome.out + outcome.err


def test_a_terminal_gets_the_key_alone_on_standard_output(shell: Shell) -> None:
    shell.terminal = True
    outcome = shell("keygen")
    assert Identity.from_text(outcome.out).recipient.fingerprint_short in outcome.err


def test_a_key_file_is_private_and_never_overwritten(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shell.folder)
    outcome = shell("keygen", "--out", "my.key", "--json")
    path = shell.folder / "my.key"
    assert private(path)
    said = json.loads(outcome.out)
    assert said["recipient"] == key_in(path).recipient.to_text()
    assert "LIFEBOAT1" not in outcome.out + outcome.err
    before = path.read_bytes()
    assert shell("keygen", "--out", "my.key").status == 10
    assert path.read_bytes() == before


def test_the_public_half_comes_from_settings_file_or_standard_input(shell: Shell) -> None:
    expected = Identity.from_text(KEY).recipient.to_text()
    assert shell("keygen", "--recipient").out.strip() == expected
    (shell.folder / "k").write_text(KEY)
    (shell.folder / "k").chmod(0o600)
    assert shell("keygen", "--recipient", "--from", "k").out.strip() == expected
    assert shell("keygen", "--recipient", "--from", "-", typed=f"{KEY}\n").out.strip() == expected
    assert json.loads(shell("keygen", "--recipient", "--json").out)["recipient"] == expected
    assert shell("keygen", "--recipient", "--from", "-", typed="nonsense").status == 11


def test_init_with_a_key_set_makes_none(shell: Shell) -> None:
    outcome = shell("init", "--yes")
    assert outcome.status == 0
    assert outcome.called == [("initialise", False, None)]
    assert not list(shell.folder.rglob("identity.key"))
    assert "stored outside this machine" in outcome.out


def test_init_without_a_key_keeps_a_new_one_and_says_so_loudly(shell: Shell) -> None:
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    shell.environment["LIFEBOAT_STATE"] = str(shell.folder / "state")
    for arguments in (("init", "--yes"), ("init", "--yes", "--json"), ("init", "--yes", "--quiet")):
        (shell.folder / "state/identity.key").unlink(missing_ok=True)
        outcome = shell(*arguments)
        path = shell.folder / "state/identity.key"
        assert outcome.status == 0
        assert private(path)
        assert outcome.called[0][2] == key_in(path).to_text()
        assert str(path) in outcome.out + outcome.err
        assert "LIFEBOAT1" not in outcome.out + outcome.err
    assert read_settings(None, shell.environment, shell.folder).need_key() == key_in(path).to_text()
    assert shell("status").status == 0


def test_init_asks_nobody_in_a_pipe(shell: Shell) -> None:
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    outcome = shell("init")
    assert (outcome.status, outcome.called) == (2, [])
    assert "BACKUP_ENCRYPTION_KEY" in outcome.err


def test_the_guarded_key_is_never_kept_and_never_piped(shell: Shell) -> None:
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    outcome = shell("init", "--guarded", "--yes")
    assert (outcome.status, outcome.called) == (2, [])
    out = shell.folder / "take-away.key"
    outcome = shell("init", "--guarded", "--yes", "--out", str(out))
    assert private(out)
    assert outcome.called == [("initialise", True, key_in(out).to_text())]
    assert "Take this file away from this machine" in outcome.out
    assert not list(shell.folder.rglob("identity.key"))


def test_a_newcomer_answers_questions_and_finds_the_answers_kept(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    environment = {"HOME": str(tmp_path)}
    with Person(tmp_path, environment, "init") as person:
        person.sees("Where shall the backups lie?")
        person.types("http://nowhere")
        person.sees("is no place Lifeboat can store in")
        person.types("s3://traf3li-backups/prod")
        person.sees("MongoDB URI")
        person.types("mongodb://app:pl4nted@db/shop")
        person.sees("Folder of the uploaded files")
        person.types("no-such-folder")
        person.sees("is no folder")
        person.types("uploads")
        person.sees("Which key?")
        person.types("1")
        person.sees("This file is the only copy of the key.")
        person.sees("Take the first backup now?")
        person.types("y")
        assert person.leaves() == 0
        person.sees("stored whole")
    assert "pl4nted" not in person.screen
    assert "LIFEBOAT1" not in person.screen
    assert "pl4nted" not in (tmp_path / "lifeboat.toml").read_text()
    state = tmp_path / ".local/state/lifeboat"
    assert private(state / "mongodb-uri")
    settings = read_settings(None, {**environment, "LIFEBOAT_STATE": str(state)}, tmp_path)
    assert str(settings.need_repository()) == "s3://traf3li-backups/prod"
    assert settings.need_mongodb().reveal() == "mongodb://app:pl4nted@db/shop"
    assert settings.need_files().paths == (tmp_path / "uploads",)
    assert settings.need_key() == key_in(state / "identity.key").to_text()


def test_only_what_is_not_set_is_asked_and_an_existing_file_keeps_its_words(shell: Shell, tmp_path: Path) -> None:
    del shell.environment["LIFEBOAT_REPOSITORY"]
    before = '# ours\n[repository]\nregion = "eu"  # Frankfurt\n[limits]\nthreads = 2\n'
    (tmp_path / "lifeboat.toml").write_text(before)
    with Person(tmp_path, shell.environment, "init") as person:
        person.sees("Where shall the backups lie?")
        person.types("backups")
        person.sees("Take the first backup now?")
        person.types("n")
        assert person.leaves() == 0
    assert "MongoDB URI" not in person.screen
    after = (tmp_path / "lifeboat.toml").read_text()
    assert [line for line in after.splitlines() if not line.startswith("location")] == before.splitlines()
    assert read_settings(None, {"HOME": str(tmp_path)}, tmp_path).repository.location == tmp_path / "backups"


def test_the_guarded_key_is_shown_once_and_has_to_be_confirmed(shell: Shell, tmp_path: Path) -> None:
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    with Person(tmp_path, shell.environment, "init", "--guarded") as person:
        person.sees("Which key?")
        person.types("1")
        person.sees("LIFEBOAT1-")
        person.sees("Type stored to go on")
        person.types("no")
        assert person.leaves() == 130
        assert person.screen.count("LIFEBOAT1-") == 1
        assert "the repository is made" not in person.screen


class Exists(SettingsError):
    """As the real one answers where a repository lies already."""

    code = "repository-exists"


def test_a_key_made_for_a_repository_that_exists_is_not_left_to_mislead(shell: Shell) -> None:
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    shell.answers = {"fails_with": Exists("there is one already", "use it")}
    assert shell("init", "--yes").status == 10
    assert not list(shell.folder.rglob("identity.key"))


def test_a_key_made_before_the_store_failed_is_used_by_the_next_init_and_still_told_of(shell: Shell) -> None:
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    shell.environment["LIFEBOAT_STATE"] = str(shell.folder / "state")
    shell.answers = {"fails_with": StorageError("the bucket does not answer", "is it up?")}
    assert shell("init", "--yes").status == 12
    key = key_in(shell.folder / "state/identity.key")
    shell.answers = {}
    outcome = shell("init", "--yes")
    assert outcome.called == [("initialise", False, key.to_text())]
    assert "only copy of the key" in outcome.out
