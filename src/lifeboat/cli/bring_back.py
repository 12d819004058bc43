"""What a command does about objects in archive classes: tells, asks, requests, then waits or says when to come back.

Invariant: nothing is asked for that costs money before somebody said yes; nothing waits unless somebody watches or said so.
"""

from typing import NamedTuple

from lifeboat.cli.accounting import words_as_typed
from lifeboat.cli.ask import ask_text, confirm
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.facade import Retrieves
from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.run import Run, is_terminal
from lifeboat.operations.reports.retrievals import RetrievalReport

TIERS = ("bulk", "standard", "expedited")
USUAL_TIER = "standard"
SAY_SECONDS = 600.0
"""In a log a line that says nothing new comes no oftener."""


class HowToRetrieve(NamedTuple):
    """What the options say. Args: tier, wait: None where nothing was said."""

    tier: str | None
    wait: bool | None
    yes: bool


def bring_back(run: Run, retrieval: Retrieves, report: RetrievalReport, how: HowToRetrieve) -> ExitStatus | None:
    """See to it that all can be read; None when it can, else how the command ends.

    Args:
        report: How it stands, shown already; not all can be read.

    Raises:
        TierRefused: Before anything was asked for, and before any question.
    """
    from lifeboat.operations.retrieve.run import refuse_tier
    from lifeboat.storage.archive import Tier

    while not report.is_readable:
        if how.tier is not None:
            report = retrieval.look(Tier(how.tier))  # what is coming at a slower tier counts as not asked for
        if report.away:
            if how.tier is not None:
                refuse_tier(Tier(how.tier), report.offers)
            tier = Tier(_agreed(run, report, how))
            run.when_stopped = f"what was asked for comes all the same; `{_typed(run)}` goes on"
            report = retrieval.request(tier, upgrade=how.tier is not None)
        if report.is_readable:
            return None
        if not (run.asks if how.wait is None else how.wait):
            return _later(run, report)
        run.when_stopped = f"nothing is lost: what was asked for comes all the same; `{_typed(run)}` goes on"
        if not run.json and not run.quiet:
            from lifeboat.cli.show.words import count

            run.say(f"waiting for {count(report.coming, 'object')}; Ctrl-C loses nothing: the same command goes on")
        watched = _Watched(run)
        try:
            report = retrieval.wait(watched.tell)
        finally:
            watched.end()
        if report.away:
            from lifeboat.cli.show.retrieve import say_short

            run.say(f"something did not come, or has gone again: {say_short(report)}")
            how = how._replace(yes=False)  # it was paid for once already
    return None


def _agreed(run: Run, report: RetrievalReport, how: HowToRetrieve) -> str:
    """The tier, once somebody agreed to what it costs."""
    from lifeboat.cli.show.retrieve import say_offer, show_dollars
    from lifeboat.cli.show.words import count

    tier = how.tier or USUAL_TIER
    if how.yes:
        return tier
    offer = report.offer(tier)
    what = count(report.away_objects, "object")
    if not run.asks:
        raise CannotAsk(
            f"bringing {what} back from the archive class costs about {show_dollars(offer.dollars or 0)} at the tier {tier}, "
            "and nobody is here to be asked",
            "--dry-run tells what it takes and costs; then say --yes, and --tier if it is to be another",
        )
    possible = [one.tier for one in report.offers if one.seconds is not None]
    while how.tier is None:
        tier = ask_text(f"How fast? {', '.join(possible)}", default=USUAL_TIER).lower()
        if tier in possible:
            break
        run.say(f"one of {', '.join(possible)}")
    confirm(run, f"Ask for {what} at the tier {tier} ({say_offer(report.offer(tier))})?")
    return tier


def _later(run: Run, report: RetrievalReport) -> ExitStatus:
    from lifeboat.cli.show.retrieve import draw_later

    run.show(report, lambda: draw_later(report, _typed(run)))
    return ExitStatus.LATER


def _typed(run: Run) -> str:
    return f"lifeboat {words_as_typed(run)}"


class _Watched:
    """Says how the waiting goes: on a terminal in one line that changes, in a log when something is new."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._moves = is_terminal(run.err) and run.environment.get("TERM", "") not in ("", "dumb")
        self._said: tuple[int, float] | None = None

    def tell(self, waiting: object) -> None:
        from lifeboat.cli.show.retrieve import say_waiting
        from lifeboat.operations.retrieve.run import Waiting

        run = self._run
        assert isinstance(waiting, Waiting)
        if run.json or run.quiet:
            return
        words = say_waiting(waiting, run.clock.now())
        if self._moves:
            run.write(run.err, f"\r\x1b[K{words[: run.width(run.err) - 1]}")
            return
        if self._said is None or self._said[0] != waiting.ready or waiting.seconds - self._said[1] >= SAY_SECONDS:
            self._said = (waiting.ready, waiting.seconds)
            run.say(words)

    def end(self) -> None:
        """Take away the line that changed."""
        if self._moves:
            self._run.write(self._run.err, "\r\x1b[K")
