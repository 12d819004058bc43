"""``lifeboat restore`` guesses nothing, shows what it will do, and asks before it replaces anything."""

import json
from pathlib import Path

import pytest
from person import Person
from pretend_lifeboat import NOW
from pretend_shell import Shell

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.operations.reports.restores import RestoreRequest


def test_without_a_target_nothing_is_even_opened(shell: Shell) -> None:
    for arguments in (("restore", "db"), ("restore",), ("restore", "db", "--to", "")):
        outcome = shell(*arguments, "--yes")
        assert (outcome.status, outcome.called) == (2, [])
        assert "hint: " in outcome.err


def test_nobody_to_ask_and_no_yes_means_no(shell: Shell) -> None:
    for arguments in (("db", "--over-live"), ("files", "--over-live"), ("--undo",)):
        outcome = shell("restore", *arguments)
        assert (outcome.status, outcome.called) == (2, [])
        assert "--yes" in outcome.err


def test_beside_the_live_data_nobody_has_to_be_asked(shell: Shell) -> None:
    for arguments in (("db", "--to", "copy"), ("files", "latest", "--to", "/x")):
        outcome = shell("restore", *arguments)
        assert [call[0] for call in outcome.called] == ["plan_restore", "restore"]


def test_a_dry_run_shows_the_plan_and_stops(shell: Shell) -> None:
    outcome = shell("restore", "db", "--over-live", "--dry-run")
    assert [call[0] for call in outcome.called] == ["plan_restore"]
    assert "replace" in outcome.out
    assert "restore --undo" in outcome.out
    assert json.loads(shell("restore", "db", "--over-live", "--dry-run", "--json").out)["safety_snapshot"] is True


def test_the_whole_request_arrives(shell: Shell) -> None:
    outcome = shell(
        *("restore", "db", "3f2a", "--to", "copy", "--ns", "shop.users", "--ns", "shop.cases", "--yes"),
        *("--rename", "shop.users=copy.people", "--compare", "counts", "--no-users", "--no-resume"),
    )
    expected = RestoreRequest(
        "db",
        "3f2a",
        "copy",
        namespaces=("shop.users", "shop.cases"),
        renames=(("shop.users", "copy.people"),),
        compare="counts",
        with_users=False,
    )
    assert outcome.called == [("plan_restore", expected), ("restore", expected, False)]
    files = shell("restore", "files", "--to", "/x", "--include", "*.pdf", "--exclude", "tmp/*", "--yes").called[0][1]
    assert (files.snapshot, files.include, files.exclude) == ("latest", ("*.pdf",), ("tmp/*",))


@pytest.mark.parametrize(
    "arguments",
    [
        ("db", "--to", "x", "--over-live"),
        ("db", "--to", "x", "--rename", "nonsense"),
        ("db", "--to", "x", "--rename", "shop.a=shop.b"),
        ("files", "--to", "x", "--ns", "shop.users"),
        ("db", "--to", "x", "--include", "*.pdf"),
        ("db", "--undo"),
        ("--undo", "--over-live"),
        ("--undo", "--dry-run"),
        ("--undo", "--ns", "shop.users"),
        ("everything", "--to", "x"),
    ],
)
def test_words_that_do_not_go_together_are_refused(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell("restore", *arguments, "--yes")
    assert (outcome.status, outcome.called) == (2, [])


def test_all_of_a_database_can_be_asked_for_as_the_help_says(shell: Shell) -> None:
    outcome = shell("restore", "db", "--to", "copy", "--ns", "shop.*", "--ns", "other.users")
    [request] = [call[1] for call in outcome.called if call[0] == "restore"]
    assert request.namespaces == ("shop", "other.users")


def test_a_password_in_an_argument_works_but_is_warned_of_and_not_shown(shell: Shell) -> None:
    outcome = shell("restore", "db", "--to", "mongodb://app:pl4nted@other/shop", "--yes")
    assert outcome.status == 0
    assert "env:VARIABLE" in outcome.err
    assert "pl4nted" not in outcome.out + outcome.err
    assert shell("restore", "db", "--to", "mongodb://other/shop", "--yes").err == ""


def test_replacing_live_data_takes_the_databases_name(shell: Shell, tmp_path: Path) -> None:
    with Person(tmp_path, shell.environment, "restore", "db", "--over-live") as person:
        person.sees("replace 2")
        person.sees("Type shop to go on")
        person.types("shop")
        assert person.leaves() == 0
        assert "restored" in person.screen


@pytest.mark.parametrize("typed", ["", "y", "Shop", "shop2"])
def test_anything_else_typed_changes_nothing(shell: Shell, tmp_path: Path, typed: str) -> None:
    with Person(tmp_path, shell.environment, "restore", "db", "--over-live") as person:
        person.sees("Type shop to go on")
        person.types(typed)
        assert person.leaves() == 130
        assert "nothing was changed" in person.screen
        assert "restored:" not in person.screen


def test_a_restore_beside_the_live_data_takes_a_yes(shell: Shell, tmp_path: Path) -> None:
    with Person(tmp_path, shell.environment, "restore", "db", "--to", "copy") as person:
        person.sees("Go on? [y/N]")
        person.types("n")
        assert person.leaves() == 130


def test_a_variable_without_a_connection_string_is_no_name_of_a_live_database(shell: Shell) -> None:
    shell.environment["STAGING_URI"] = "staging.example.com:27017/shop"
    outcome = shell("restore", "db", "--to", "env:STAGING_URI", "--rename", "shop.users=shop.people", "--yes")
    assert (outcome.status, outcome.called) == (2, [])
    assert "STAGING_URI does not hold a connection string" in outcome.err


def test_ten_minutes_ago_is_ten_minutes_before_it_was_typed_not_before_it_was_confirmed(shell: Shell) -> None:
    called = shell("restore", "db", "--at", "10 minutes ago", "--over-live", "--yes").called
    asked = {getattr(call[1], "at", None) for call in called if call[0] in ("plan_restore", "restore")}
    assert asked == {ClusterTime(int(NOW.timestamp()) - 600, 0).words()}
