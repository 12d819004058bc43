"""Glacier and Deep Archive: told first, paid for only after a yes, waited for only when somebody watches or said so."""

import json

import pytest
from pretend_shell import Outcome, Shell
from pretend_vault import PretendVault

RESTORE = ("restore", "db", "3f2a", "--over-live")


@pytest.fixture
def vault(shell: Shell) -> PretendVault:
    shell.answers["vault"] = PretendVault()
    return shell.answers["vault"]  # type: ignore[no-any-return]


def calls(outcome: Outcome) -> list[str]:
    return [call[0] for call in outcome.called]


def test_a_dry_run_tells_hours_and_dollars_and_asks_for_nothing(shell: Shell, vault: PretendVault) -> None:
    for typed in ((*RESTORE, "--dry-run"), ("retrieve", "3f2a", "--dry-run")):
        outcome = shell(*typed)
        assert outcome.status == 0 and vault.asked == []
        words = " ".join(outcome.out.split())
        assert "Deep Archive: 412 objects, 9.31 GiB" in words
        assert "bulk 2 d $0.09 standard 12 h $0.28 expedited not from Deep Archive" in words
    told = json.loads(shell(*RESTORE, "--dry-run", "--json").out)["retrieval"]
    assert told["offers"][2] == {
        "tier": "expedited",
        "seconds": None,
        "dollars": None,
        "refused_for": "DEEP_ARCHIVE",
    }


def test_nothing_is_paid_for_where_nobody_can_be_asked(shell: Shell, vault: PretendVault) -> None:
    """Also beside the live data, where nothing else has to be asked."""
    for typed in (("restore", "db", "--to", "copy"), ("retrieve", "all"), ("retrieve", "all", "--wait")):
        outcome = shell(*typed)
        assert outcome.status == 2 and vault.asked == [] and "restore" not in calls(outcome)
        assert "$0.28" in outcome.err and "--yes" in outcome.err


def test_where_nobody_waits_it_asks_and_says_when_to_be_back_and_what_to_type(
    shell: Shell, vault: PretendVault
) -> None:
    outcome = shell(*RESTORE, "--yes")
    assert outcome.status == 5 and vault.asked == ["standard"] and "restore" not in calls(outcome)
    assert "412 objects (9.31 GiB) coming: by 2026-11-24" in outcome.out
    assert "lifeboat restore db 3f2a --over-live --yes" in outcome.out
    again = shell(*RESTORE, "--yes", "--json")
    assert again.status == 5 and json.loads(again.out)["coming"] == 412
    assert vault.asked == ["standard"]  # not twice


def test_with_a_word_to_wait_it_waits_and_then_restores(shell: Shell, vault: PretendVault) -> None:
    outcome = shell(*RESTORE, "--yes", "--wait", "--tier", "bulk")
    assert outcome.status == 0 and vault.asked == ["bulk"]
    assert calls(outcome) == ["plan_restore", "retrieval", "plan_restore", "restore"]
    assert "1 of 412 ready (1 B of 9.31 GiB), at most 12 h 0 min more, next look in 300 s" in outcome.err
    assert "replace" in outcome.out  # the plan, once its lists can be read


def test_a_tier_that_is_not_to_be_had_is_refused_before_anything(shell: Shell, vault: PretendVault) -> None:
    for typed in (RESTORE, ("retrieve", "db")):
        outcome = shell(*typed, "--tier", "expedited", "--yes")
        assert outcome.status == 10 and vault.asked == []
        assert "--tier standard (12 h 0 min) or --tier bulk (2 d 0 h)" in outcome.err


def test_ctrl_c_loses_nothing_and_says_so(shell: Shell, vault: PretendVault) -> None:
    vault.interrupted = True
    outcome = shell(*RESTORE, "--yes", "--wait")
    assert outcome.status == 130 and "restore" not in calls(outcome)
    assert "`lifeboat restore db 3f2a --over-live --yes --wait` goes on" in " ".join(outcome.err.split())


def test_what_does_not_come_is_not_paid_for_again_unasked(shell: Shell, vault: PretendVault) -> None:
    vault.comes = False
    outcome = shell("retrieve", "db", "--yes", "--wait")
    assert outcome.status == 2 and vault.asked == ["standard"]
    assert "did not come, or has gone again" in outcome.err


def test_wrong_words_are_refused_before_anything_is_opened(shell: Shell, vault: PretendVault) -> None:
    for typed in (
        ("retrieve", "nonsense"),
        ("retrieve", "3f2a", "--at", "newest"),
        ("retrieve", "db", "--days", "0"),
        ("restore", "db", "--ns", "a.b", "--filter", "{}", "--over-live", "--tier", "bulk"),
        ("snapshots", "3f2a", "--where"),
    ):
        outcome = shell(*typed)
        assert (outcome.status, outcome.called) == (2, []), typed


def test_all_that_was_said_arrives(shell: Shell, vault: PretendVault) -> None:
    vault.state = "readable"
    typed = ("--ns", "shop.users", "--ns", "crm.*", "--include", "*.pdf", "--only-lists", "--days", "3")
    (call,) = shell("retrieve", "db", *typed, "--at", "newest").called
    name, request, days, only_lists = call
    assert (name, days, only_lists) == ("retrieval", 3, True)
    assert (request.source, request.snapshot, request.at) == ("db", "latest", "newest")
    assert (request.namespaces, request.include) == (("shop.users", "crm"), ("*.pdf",))
    assert shell("retrieve", "3f2a").called[0][1].snapshot == "3f2a"
