"""``keygen`` and ``init``: a key is never lost, never shown where it could be kept, never in the clear on disk."""

import json
import os
import re
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


def pretend_crontab(folder: Path) -> dict[str, str]:
    """A ``crontab`` that takes what it is given, so that none of this machine's is touched."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin/crontab"
    program.write_text(f'#!/bin/sh\n[ "$1" = - ] && cat > {folder}/the-crontab\n')
    program.chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def types_the_groups(person: Person, spoilt: str = "") -> None:
    """Read the key off the screen, as if it had been stored, and type what is asked for."""
    person.sees("From the stored copy: groups ")
    person.sees(" of 10")
    [numbers] = re.findall(r"groups (\d+) and (\d+) of 10", person.screen)[-1:]
    groups = re.findall(r"LIFEBOAT1-([A-Z2-7-]+)", person.screen)[-1].split("-")
    assert len(groups) == 10
    person.types(" ".join(groups[int(number) - 1] for number in numbers) + spoilt)


def test_a_newcomer_answers_questions_and_finds_the_answers_kept(tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    environment = {"HOME": str(tmp_path), **pretend_crontab(tmp_path)}
    with Person(tmp_path, environment, "init") as person:
        person.sees("1 of 4. MongoDB URI")
        person.types("mongodb://app:pl4nted@db/shop")
        person.sees("trying the database")
        person.sees("2 of 4. Folder of the uploaded files")
        person.types("no-such-folder")
        person.sees("there is no folder")
        person.types("uploads")
        person.sees("3 of 4. Where shall the backups lie?")
        person.types("http://nowhere")
        person.sees("is no place Lifeboat can store in")
        person.types("s3://traf3li-backups/prod")
        person.sees("Access key id")
        person.types("AKIA-PLANTED")
        person.sees("Secret access key")
        person.types("pl4nted-too")
        person.sees("Address of the S3")
        person.types("")
        person.sees("Region of the bucket")
        person.types("me-south-1")
        person.sees("4 of 4. Which key?")
        person.types("1")
        person.sees("Store it now in two")
        person.sees("it dies with the machine")
        types_the_groups(person, "X")
        person.sees("that is not what stands there")
        types_the_groups(person)
        person.sees("it is remembered that the key is stored")
        person.sees("Take the first backup now?")
        person.types("y")
        person.sees("stored whole")
        person.sees("Back up by itself from now on")
        person.types("n")
        assert person.leaves() == 0
    assert "pl4nted" not in person.screen
    assert person.screen.count("LIFEBOAT1-") == 1
    assert "pl4nted" not in (tmp_path / "lifeboat.toml").read_text()
    state = tmp_path / ".local/state/lifeboat"
    assert private(state / "mongodb-uri") and private(state / "s3-secret-access-key")
    settings = read_settings(None, {**environment, "LIFEBOAT_STATE": str(state)}, tmp_path)
    assert str(settings.need_repository()) == "s3://traf3li-backups/prod"
    assert settings.need_mongodb().reveal() == "mongodb://app:pl4nted@db/shop"
    assert settings.repository.secret_access_key and settings.repository.region == "me-south-1"
    assert settings.need_files().paths == (tmp_path / "uploads",)
    assert settings.need_key() == key_in(state / "identity.key").to_text()


def test_a_store_that_does_not_answer_is_asked_for_again_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    with Person(tmp_path, {"HOME": str(tmp_path), **pretend_crontab(tmp_path)}, "init") as person:
        for answer in ("", "", "s3://no-such-bucket/x", "AKIA-WRONG", "pl4nted-wrong", "", "eu-central-1"):
            person.sees(": ")
            person.types(answer)
        person.sees("mend  the store answers: there is no such bucket")
        person.sees("make it first")
        person.sees("Keep it all the same?")
        person.types("n")
        person.sees("3 of 4. Where shall the backups lie?")
        person.types("s3://traf3li-backups/prod")
        person.sees("Access key id")
        person.types("AKIA-RIGHT")
        person.sees("Secret access key")
        person.types("pl4nted-right")
        person.sees("Address of the S3")
        person.types("https://s3.example.com")
        person.sees("good  the store answers")
        person.sees("4 of 4. Which key?")  # All that was asked before is kept by now.
    settings = read_settings(None, {"HOME": str(tmp_path)}, tmp_path)
    assert str(settings.need_repository()) == "s3://traf3li-backups/prod"
    assert settings.repository.endpoint_url == "https://s3.example.com" and settings.repository.region is None
    assert settings.repository.secret_access_key and settings.repository.secret_access_key.reveal() == "pl4nted-right"
    state = tmp_path / ".local/state/lifeboat"
    assert not [path for path in state.rglob("*") if path.is_file() and "WRONG" in path.read_text().upper()]


def test_only_what_is_not_set_is_asked_and_an_existing_file_keeps_its_words(shell: Shell, tmp_path: Path) -> None:
    del shell.environment["LIFEBOAT_REPOSITORY"]
    before = '# ours\n[repository]\nregion = "eu"  # Frankfurt\n[limits]\nthreads = 2\n'
    (tmp_path / "lifeboat.toml").write_text(before)
    with Person(tmp_path, {**shell.environment, **pretend_crontab(tmp_path)}, "init") as person:
        person.sees("Where shall the backups lie?")
        person.types("backups")
        person.sees("Is the key stored in two places outside this machine?")
        person.types("n")
        person.sees("lifeboat keygen --stored")
        person.sees("Take the first backup now?")
        person.types("n")
        person.sees("Back up by itself from now on")
        person.types("n")
        assert person.leaves() == 0
    assert "MongoDB URI" not in person.screen
    after = (tmp_path / "lifeboat.toml").read_text()
    assert [line for line in after.splitlines() if not line.startswith("location")] == before.splitlines()
    assert read_settings(None, {"HOME": str(tmp_path)}, tmp_path).repository.location == tmp_path / "backups"


def test_the_guarded_key_is_shown_once_and_has_to_be_typed_from_where_it_is_stored(
    shell: Shell, tmp_path: Path
) -> None:
    del shell.environment["BACKUP_ENCRYPTION_KEY"]
    with Person(tmp_path, shell.environment, "init", "--guarded") as person:
        person.sees("Which key?")
        person.types("1")
        for _ in range(3):
            types_the_groups(person, "X")
            person.sees("that is not what stands there")
        assert person.leaves() == 130
        assert person.screen.count("LIFEBOAT1-") == 1
        assert "the repository is made" not in person.screen
    with Person(tmp_path, {**shell.environment, **pretend_crontab(tmp_path)}, "init", "--guarded") as person:
        person.sees("Which key?")
        person.types("1")
        types_the_groups(person)
        person.sees("the repository is made")
        person.sees("Take the first backup now?")
        person.types("n")
        person.sees("Back up by itself")
        person.types("n")
        assert person.leaves() == 0


def test_a_key_of_ones_own_is_checked_by_eight_digits(shell: Shell, tmp_path: Path) -> None:
    with Person(tmp_path, shell.environment, "keygen", "--stored") as person:
        person.sees("From the stored copy: groups ")
        person.types("abababab")
        person.sees("that is not what stands there; groups are 8 digits")
        person.types("ABABABAB abababab")
        person.sees("it is remembered")
        assert person.leaves() == 0
    assert shell("keygen", "--stored").status == 2


def test_the_timer_that_is_offered_is_installed_with_who_is_told(shell: Shell, tmp_path: Path) -> None:
    """What only this shell has is refused by name at the end, and everything before it stays done."""
    with Person(tmp_path, {**shell.environment, **pretend_crontab(tmp_path)}, "init") as person:
        person.sees("Is the key stored in two places")
        person.types("n")
        person.sees("Take the first backup now?")
        person.types("n")
        person.sees("Back up by itself from now on")
        person.types("y")
        person.sees("Who is told when a backup fails?")
        person.types("ops")
        person.sees("it looks like")
        person.types("ops@example.com")
        person.sees("Mail server")
        person.types("127.0.0.1:1")
        person.sees("User there")
        person.types("")
        person.sees("set in this shell only")
        person.sees("lifeboat schedule install")
        assert person.leaves() == 0
    assert not (tmp_path / "the-crontab").exists()
    assert 'email = ["ops@example.com"]' in (tmp_path / "lifeboat.toml").read_text()


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
