"""``lifeboat emergency``: data is lost and somebody is sitting there at night. Questions, what is known, one proposal, carried out when confirmed."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from lifeboat.cli.ask import ask_text, ask_yes
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.run import Run
from lifeboat.foundation.value import Value

if TYPE_CHECKING:
    from lifeboat.app.settings import Settings
    from lifeboat.operations.emergency.advise import Proposal
    from lifeboat.operations.emergency.situation import Situation
    from lifeboat.operations.emergency.what import What
    from lifeboat.operations.suspects import Suspect

WHATS = ("database-gone", "data-wrong", "files-gone", "server-gone", "intruder", "unsure")
NOTHING_DONE = "nothing was changed: start `lifeboat emergency` again whenever you want"


class EmergencyReport(Value):
    """The answer in one object, for remote hands and scripts."""

    what: str
    stop: tuple[str, ...]
    situation: "Situation"
    proposal: "Proposal"


@lifeboat_command(
    "emergency",
    examples=(
        ("emergency", "asks what happened, and goes with you through it"),
        ("emergency --what database-gone --print-only", "what is known and what would be done, and nothing else"),
        ("emergency --replica riyadh", "when the repository itself cannot be reached"),
    ),
)
@click.option("--what", type=click.Choice(WHATS), metavar="WHAT", help=f"One of {', '.join(WHATS)}; else it is asked.")
@click.option("--when", metavar="TIME", help="When it happened; what was before that is brought back.")
@click.option("--print-only", is_flag=True, help="Ask nothing, and carry nothing out.")
def command(run: Run, what: str | None, when: str | None, print_only: bool) -> ExitStatus:
    """Data is lost: go through it step by step.

    It asks what happened, says how to keep it from growing and whom to call, looks at what can be brought back and what is live
    now, proposes one command, and carries it out once you have confirmed it. Until then it changes nothing.

    On a new machine it asks where the copies lie, and for the key; what you type is kept in memory alone.
    """
    from lifeboat.operations.emergency.culprit import culprit
    from lifeboat.operations.emergency.what import What

    if print_only or run.json:
        return _print(run, What(what or "unsure"), when)
    if not run.asks:
        raise CannotAsk("emergency asks questions, and nobody is here to answer", "at a terminal; or with --print-only")
    from lifeboat.cli.emergency.place import ask_for_place, ask_for_targets
    from lifeboat.cli.emergency.steps import STOPPED, as_typed, carry_out, look, look_until_open
    from lifeboat.cli.show.emergency import (
        draw_first,
        draw_left,
        draw_live,
        draw_proposal,
        draw_situation,
        draw_suspects,
    )

    run.when_stopped = NOTHING_DONE
    run.draw("Take a breath. Until you confirm something, nothing is changed. Ctrl-C ends it at any time.")
    chosen = What(what) if what else _what(run)
    settings, said = ask_for_place(run)
    run.draw(*draw_first(_stop(chosen, settings), settings.organisation.contacts))
    ask_text("\nEnter goes on once that is done, or being done", "")
    run.say("looking at the copies and at what is live ...")
    settings, situation = look_until_open(run, settings, said, when)
    completed = ask_for_targets(run, settings, said, tuple(one.source for one in situation.points))
    if completed != settings:
        settings = completed
        situation = look(run, settings, when)
    run.draw(*draw_situation(situation))
    run.draw(*draw_suspects(situation.suspects, culprit(situation)))
    suspect, at = _moment(run, chosen, situation, when)
    clean = chosen is not What.INTRUDER or ask_yes("Is this a new machine, that nobody but you was on?", False)
    proposal = as_typed(run, _advise(chosen, situation, suspect, at, clean))
    run.draw(*draw_proposal(proposal))
    if proposal.request is None:
        return ExitStatus.FINDINGS
    run.say("\nIts plan; nothing is done yet ...")
    if (status := carry_out(run, proposal, said, "--dry-run")) != 0:
        run.say(
            "\nIt cannot be carried out as things stand: what is said above has to be mended first. Nothing was changed."
        )
        return _status(status)
    if not _confirmed(run, proposal):
        also = f", with {', '.join(said)} set" if said else " as it stands"
        run.say(f"\n{NOTHING_DONE}; the command above can also be typed{also}")
        return ExitStatus.DONE
    run.when_stopped = STOPPED
    status = carry_out(run, proposal, said, "--yes")
    if status != 0:
        run.say(f"\nit ended with status {status}: read what it says above; the same command goes on from where it was")
        return _status(status)
    if proposal.request.over_live:
        run.say("\nlooking whether it is all there ...")
        run.draw(*draw_live(look(run, settings, None)))
    lost_since = _lost_since(proposal, situation, suspect, at)
    run.draw(*draw_left(proposal, run.clock.now(), lost_since, chosen is What.INTRUDER))
    return ExitStatus.DONE


def _status(status: int) -> ExitStatus:
    return ExitStatus(status) if status in list(ExitStatus) else ExitStatus.FINDINGS


def _stop(what: "What", settings: "Settings") -> tuple[str, ...]:
    """What comes before all else; first what people wrote into the recovery plan, but where nothing is to be typed on the old machines."""
    from lifeboat.app.plan_yours import how_writes_are_stopped
    from lifeboat.operations.emergency.what import MEANINGS, What

    theirs = () if what in (What.INTRUDER, What.SERVER_GONE) else how_writes_are_stopped(settings)
    return (*theirs, *MEANINGS[what].stop)


def _print(run: Run, what: "What", when: str | None) -> ExitStatus:
    from lifeboat.cli.emergency.steps import as_typed, look
    from lifeboat.cli.show.emergency import draw_first, draw_proposal, draw_situation, draw_suspects
    from lifeboat.operations.emergency.culprit import culprit

    settings = run.settings()
    situation = look(run, settings, when)
    at = None if when is None else _time(run, when)
    proposal = as_typed(run, _advise(what, situation, None, at, True))
    stop = _stop(what, settings)
    report = EmergencyReport(str(what), stop, situation, proposal)
    run.show(
        report,
        lambda: [
            *draw_first(stop, settings.organisation.contacts),
            *draw_situation(situation),
            *draw_suspects(situation.suspects, culprit(situation)),
            *draw_proposal(proposal),
        ],
    )
    return ExitStatus.DONE if proposal.request is not None else ExitStatus.FINDINGS


def _what(run: Run) -> "What":
    from lifeboat.cli.show.console import indented, text
    from lifeboat.operations.emergency.what import MEANINGS, What

    kinds = list(What)
    lines = [indented(text(f"{number}. {MEANINGS[one].asked}"), 2) for number, one in enumerate(kinds, 1)]
    run.draw("", "What happened?", *lines)
    return kinds[_number(run, "A number", len(kinds)) - 1]


def _number(run: Run, question: str, most: int) -> int:
    while True:
        answer = ask_text(question)
        if answer.isdecimal() and len(answer) < 9 and 1 <= int(answer) <= most:
            return int(answer)
        run.say(f"a number from 1 to {most}")


def _moment(
    run: Run, what: "What", situation: "Situation", when: str | None
) -> "tuple[Suspect | None, datetime | None]":
    """Which of the suspects is to be undone, or when it happened; neither: the newest copy."""
    from lifeboat.foundation.errors import LifeboatError
    from lifeboat.operations.emergency.advise import guess
    from lifeboat.operations.emergency.culprit import culprit
    from lifeboat.operations.emergency.what import MEANINGS

    if when is not None:
        return None, _time(run, when)
    seen = guess(situation)
    usual = culprit(situation)
    if not (MEANINGS[what].needs_time or MEANINGS[seen].needs_time or usual):
        return None, None
    number = situation.suspects.index(usual) + 1 if usual is not None else None
    question = (
        "\nWhat is to be undone? A number from the list, or a time such as 2026-11-26T14:03+03:00 or '2 hours ago'"
    )
    question += "; empty: none of it, the newest copy" if number is None else ""
    while True:
        answer = ask_text(question, "" if number is None else str(number))
        if not answer:
            return None, None
        if answer.isdecimal() and len(answer) < 9 and 1 <= int(answer) <= len(situation.suspects):
            return situation.suspects[int(answer) - 1], None
        try:
            return None, _time(run, answer)
        except LifeboatError as error:
            run.say(f"{error.message}: {error.hint}")


def _time(run: Run, text: str) -> datetime:
    from lifeboat.operations.moments import read_moment

    goal = read_moment(text, run.clock.now()).goal
    return run.clock.now() if goal is None else goal.instant


def _advise(
    what: "What", situation: "Situation", suspect: "Suspect | None", at: datetime | None, clean: bool
) -> "Proposal":
    from lifeboat.operations.emergency.advise import advise

    return advise(what, situation, suspect=suspect, at=at, clean_machine=clean)


def _confirmed(run: Run, proposal: "Proposal") -> bool:
    request = proposal.request
    assert request is not None
    if not request.over_live:
        return ask_yes("\nShall I do this now? Nothing live is touched by it", False)
    run.say("\nThis replaces live data; what is there now is backed up first, and `lifeboat restore --undo` goes back.")
    while (
        answer := ask_text("Type RESTORE to do it now; anything else leaves everything as it is", "no")
    ) != "RESTORE":
        if answer.upper() != "RESTORE":
            return False
        run.say("in capital letters, so that nobody types it by mistake")
    return True


def _lost_since(
    proposal: "Proposal", situation: "Situation", suspect: "Suspect | None", at: datetime | None
) -> datetime | None:
    """From when on what was entered is not in what was brought back."""
    request = proposal.request
    if request is None or not request.over_live:
        return None
    if at is not None:
        return at
    meant = next((one for one in situation.suspects if one.op == request.before_op), None)
    if meant is not None:
        return meant.instant
    points = [one for one in situation.points if request.source in (one.source, "all")]
    return min((one.snapshot.instant if one.passed_over else one.newest_instant for one in points), default=None)
