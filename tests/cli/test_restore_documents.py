"""``restore db --filter``: the differences are shown, and what is put back is chosen by a person or by words."""

import json
from pathlib import Path

import pytest
from person import Person
from pretend_shell import Shell

from lifeboat.cli.restore_documents import read_numbers
from lifeboat.operations.reports.documents import DocumentsRequest

ASKED = ("restore", "db", "--ns", "shop.users", "--filter", '{"email": "x@y"}')


def test_the_request_arrives_whole(shell: Shell) -> None:
    outcome = shell(*ASKED, "3f2a", "--over-live", "--yes", "--only", "gone", "--bypass-validators")
    request = DocumentsRequest("shop.users", '{"email": "x@y"}', "3f2a", None, True)
    assert outcome.called == [("single_documents", request), ("put_back", "gone", None, True)]
    assert "1 gone, 1 changed, 3 as stored, 1 new" in outcome.out
    assert "\x1b[2J" not in outcome.out
    assert "restore --undo" in outcome.out


def test_a_moment_takes_the_place_of_a_snapshot(shell: Shell) -> None:
    """One that was left out on the way would put back documents of another instant."""
    for option, name in (("--at", "at"), ("--before-op", "before_op")):
        asked = shell(*ASKED, option, "1764123456.3", "--over-live", "--yes").called[0][1]
        assert (getattr(asked, name), asked.snapshot) == ("1764123456.3", "latest")
        assert shell(*ASKED, "3f2a", option, "1764123456.3", "--over-live", "--yes").called == []


def test_a_dry_run_puts_nothing_back_and_nobody_to_ask_means_no(shell: Shell) -> None:
    outcome = shell(*ASKED, "--over-live", "--dry-run", "--json")
    assert [call[0] for call in outcome.called] == ["single_documents"]
    assert json.loads(outcome.out)["collections"][0]["rows"][0]["verdict"] == "gone"
    assert shell(*ASKED, "--over-live").status == 2
    assert json.loads(shell(*ASKED, "--over-live", "--yes", "--json").out)["written"] == 1


def test_the_filter_may_lie_in_a_file(shell: Shell) -> None:
    (shell.folder / "filter.json").write_text("{a: 1}")
    asked = ("restore", "db", "--ns", "shop.users", "--to", "copy", "--filter")
    assert shell(*asked, "@filter.json").called[0][1].filter == "{a: 1}"
    outcome = shell(*asked, "@nowhere")
    assert (outcome.status, outcome.called) == (2, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("files", "--filter", "{}", "--to", "/x"),
        ("db", "--filter", "{}", "--over-live"),
        ("db", "--filter", "{}", "--over-live", "--ns", "shop.*"),
        ("db", "--filter", "{}", "--over-live", "--ns", "shop"),
        ("db", "--filter", "{}", "--ns", "shop.users"),
        ("db", "--filter", "{}", "--ns", "shop.users", "--to", "x", "--rename", "shop=x"),
        ("db", "--only", "gone", "--over-live"),
        ("--undo", "--filter", "{}"),
    ],
)
def test_words_that_do_not_go_together_are_refused(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell("restore", *arguments, "--yes")
    assert (outcome.status, outcome.called) == (2, [])


@pytest.mark.parametrize(("typed", "status"), [("all", 0), ("gone", 0), ("1-2", 0), ("none", 130)])
def test_a_person_chooses(shell: Shell, tmp_path: Path, typed: str, status: int) -> None:
    with Person(tmp_path, shell.environment, *ASKED, "--over-live") as person:
        person.sees("Put back all (2)")
        person.types("7")  # no such number
        person.sees("that is none of them")
        person.types(typed)
        assert person.leaves() == status
        assert ("nothing was changed" if status else "restored") in person.screen


def test_numbers_are_read_as_people_type_them() -> None:
    assert read_numbers("1, 3 5-7") == {1, 3, 5, 6, 7}
    assert read_numbers("x") == read_numbers("1-x") == read_numbers("1-99999999") == frozenset()
