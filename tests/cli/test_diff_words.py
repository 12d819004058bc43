"""``lifeboat diff``: what was asked arrives, what differs is shown with both values, and a name cannot draw on the terminal."""

import json

import pytest
from pretend_shell import Shell

from lifeboat.operations.diff_report import DiffRequest

ASKED = ("diff", "--ns", "shop.orders", "--from", "2 hours ago")


def test_the_request_arrives_whole(shell: Shell) -> None:
    (shell.folder / "wanted").write_text("{a: 1}")
    outcome = shell(*ASKED, "--to", "latest", "--filter", "@wanted", "--limit", "7")
    assert outcome.called == [("diff", DiffRequest("shop.orders", "2 hours ago", "latest", "{a: 1}", 7))]
    assert shell(*ASKED).called == [("diff", DiffRequest("shop.orders", "2 hours ago", "live", None, 50))]


def test_both_values_are_shown_and_how_to_bring_them_back(shell: Shell) -> None:
    outcome = shell(*ASKED)
    assert outcome.status == 0
    assert "0 added, 40 removed, 1 changed" in outcome.out
    assert "total: 12.5 -> 0" in outcome.out
    assert "(none) -> true" in outcome.out and "\x1b[2J" not in outcome.out
    assert "39 more" in outcome.out
    assert (
        """restore db --at 1764123456.3 --ns shop.orders --over-live --filter '{_id: ObjectId("65")}'""" in outcome.out
    )


def test_programs_read_all_of_it(shell: Shell) -> None:
    report = json.loads(shell(*ASKED, "--json").out)
    assert (report["removed"], report["until"]["text"]) == (40, "live")
    assert report["rows"][0]["fields"][0] == {"path": "total", "before": "12.5", "after": "0"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("diff", "--ns", "shop.orders"),
        ("diff", "--from", "latest"),
        ("diff", "--ns", "shop", "--from", "latest"),
        ("diff", "--ns", "shop.*", "--from", "latest"),
        ("diff", "--ns", "shop.orders", "--from", "latest", "--limit", "-1"),
        ("diff", "--ns", "shop.orders", "--from", "latest", "--filter", "@nowhere"),
    ],
)
def test_words_that_mean_nothing_are_refused(shell: Shell, arguments: tuple[str, ...]) -> None:
    outcome = shell(*arguments)
    assert (outcome.status, outcome.called) == (2, [])
