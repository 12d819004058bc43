"""What each command prints and how it exits, for people and for programs."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pretend_lifeboat import DAMAGE, NOW, row
from pretend_shell import Shell

from lifeboat.cli.show.json_form import plain, to_json
from lifeboat.cli.show.moments import show_age, show_goal, show_moment, show_moment_short
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.secret import Secret
from lifeboat.operations.reports.standing import ArchiveStatus

EVERY = [
    ("backup", "all"),
    ("snapshots",),
    ("snapshots", "latest"),
    ("snapshots", "--forgotten"),
    ("snapshots", "3f2a91c0", "--keep", "before migration"),
    ("snapshots", "3f2a91c0", "--release"),
    ("prune", "--dry-run"),
    ("prune", "--yes", "--all"),
    ("restore", "db", "--to", "copy", "--yes"),
    ("restore", "db", "--over-live", "--dry-run"),
    ("restore", "--undo", "--yes"),
    ("verify",),
    ("status",),
    ("timeline",),
    ("timeline", "--suspects"),
    ("timeline", "--at", "newest"),
    ("doctor",),
    ("init", "--yes"),
]


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
def test_every_command_gives_one_json_object_and_nothing_beside_it(shell: Shell, arguments: tuple[str, ...]) -> None:
    for spelled in ((*arguments, "--json"), ("--json", *arguments)):
        outcome = shell(*spelled)
        assert outcome.status == 0
        assert isinstance(json.loads(outcome.out), dict)
        assert outcome.err == ""


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
def test_quiet_says_nothing_when_all_is_well(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell(*arguments, "--quiet")
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
def test_a_pipe_gets_no_colour_and_no_cursor_movement(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell(*arguments)
    assert "\x1b" not in outcome.out + outcome.err
    assert "\r" not in outcome.out


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
@pytest.mark.parametrize("columns", [40, 80])
def test_a_terminal_of_any_width_gets_no_longer_lines(
    shell: Shell, arguments: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeboat.cli.run.Run.width", lambda self, stream: columns)
    shell.answers["findings"] = (Finding(Level.WARNING, "odd", "a/rather/long/name", "something is odd " * 9, "look"),)
    lines = shell(*arguments).out.splitlines()
    # What is to be typed is never broken: a line that cannot be copied is worse than a long one.
    assert max(len(one) for one in lines if "lifeboat " not in one) <= columns


def test_no_color_is_honoured_on_a_terminal(shell: Shell) -> None:
    shell.terminal = True
    shell.environment |= {"TERM": "xterm-256color"}
    assert "\x1b[32m" in shell("backup", "all").out
    shell.environment["NO_COLOR"] = "1"
    assert "\x1b[3" not in shell("backup", "all").out


def test_a_name_cannot_move_the_cursor(shell: Shell) -> None:
    outcome = shell("snapshots", "latest")
    assert "odd\\x1b[2Jname" in outcome.out
    assert "\x1b" not in outcome.out


@pytest.mark.parametrize(
    ("arguments", "answers", "status"),
    [
        (("backup", "all"), {}, 0),
        (("backup", "all"), {"complete": False}, 4),
        (("verify",), {"findings": (DAMAGE,)}, 3),
        (("doctor",), {"findings": (DAMAGE,)}, 3),
        (("status",), {"late": True}, 3),
        (("status",), {"findings": (DAMAGE,)}, 3),
        (("restore", "db", "--to", "x", "--yes"), {"findings": (DAMAGE,)}, 3),
    ],
)
def test_the_exit_status_tells_a_script_what_happened(
    shell: Shell, arguments: tuple[str, ...], answers: dict[str, Any], status: int
) -> None:
    shell.answers = answers
    assert shell(*arguments).status == status
    assert shell(*arguments, "--json").status == status


def test_damage_is_named_with_what_it_hurts_and_what_to_do(shell: Shell) -> None:
    shell.answers = {"findings": (DAMAGE,)}
    out = shell("verify", "--level", "full").out
    for words in (DAMAGE.subject, DAMAGE.message, DAMAGE.code, *DAMAGE.hurts, DAMAGE.hint):
        assert words in out


def test_the_arguments_arrive(shell: Shell) -> None:
    assert shell("backup", "db", "--new-generation").called == [("backup", "db", True)]
    assert shell("verify", "--level", "sample", "--percent", "12.5").called == [
        ("verify", "sample", 12.5, None, None, True)
    ]
    bounded = ("verify", "--level", "full", "--max-bytes", "10GB", "--max-minutes", "20", "--no-key")
    assert shell(*bounded).called == [("verify", "full", 5.0, 10_000_000_000, 1200.0, False)]
    assert shell("snapshots", "3f2a", "uploads/a").called == [("contents", "3f2a", "uploads/a")]


def test_a_long_list_is_cut_at_a_terminal_only(shell: Shell) -> None:
    shell.answers = {"rows": tuple(row(age=timedelta(hours=hour)) for hour in range(100))}
    assert len(json.loads(shell("snapshots", "--json").out)["snapshots"]) == 100
    assert shell("snapshots").out.count("3f2a91c0  ") == 100
    shell.terminal = True
    assert "70 older" in shell("snapshots").out
    assert "older" not in shell("snapshots", "--all").out


def test_an_empty_repository_says_what_to_type(shell: Shell) -> None:
    shell.answers = {"rows": ()}
    assert "lifeboat backup all" in shell("snapshots").out


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (45, "45 s ago"),
        (720, "12 min ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (172800, "2 d ago"),
        (-3600, "60 min ahead of this machine's clock"),
    ],
)
def test_ages_are_said_in_one_unit(seconds: float, said: str) -> None:
    assert show_age(seconds) == said


def test_goals_are_said_as_they_were_set() -> None:
    assert [show_goal(one) for one in (3600, 86400, 5400, 30)] == ["1 h", "1 d", "90 min", "30 s"]


def test_moments_are_shown_in_the_zone_of_the_machine(zone: Callable[[str], None]) -> None:
    zone("Asia/Riyadh")
    assert show_moment(NOW) == "2026-11-23 16:05:09 +03"
    assert show_moment_short(NOW - timedelta(hours=20), NOW) == "Sun 22 Nov 20:05"
    zone("UTC")
    assert show_moment_short(NOW, NOW) == "today 13:05"


def test_json_keeps_instants_exact_and_secrets_hidden() -> None:
    assert plain(NOW) == "2026-11-23T13:05:09+00:00"
    assert "pl4nted" not in to_json({"key": Secret("pl4nted")})
    assert json.loads(to_json({"name": "odd\udcff"})) == {"name": "odd\udcff"}
    assert plain(DAMAGE)["level"] == "problem"


def test_status_says_how_far_the_archive_reaches_and_how_to_begin_one(shell: Shell) -> None:
    assert "`lifeboat stream` begins one" in shell("status").out
    good = ArchiveStatus("shop", NOW, NOW - timedelta(seconds=12), 12.0, False, 0, 0.0, True, False)
    shell.answers["archives"] = (good,)
    assert "every moment up to 12 s ago; no gap in the last 7 days; the stream runs" in shell("status").out
    others = replace(good, label="other", gaps=2, runs_here=None), replace(good, label="third", newest=None)
    shell.answers["archives"] = others
    out = shell("status").out
    assert "archive of other" in out and "2 gaps in the last 7 days" in out and "has no snapshot to begin from" in out
