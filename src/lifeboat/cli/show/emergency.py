"""An emergency at a terminal: plain lines, no table wider than a tired person reads, no colour needed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import RenderableType

from lifeboat.app.organisation_settings import Contact
from lifeboat.cli.show.console import BAD, FAINT, GOOD, STRONG, indented, line, text, unbroken
from lifeboat.cli.show.moments import show_age, show_moment
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.emergency.advise import Proposal
from lifeboat.operations.emergency.situation import Situation
from lifeboat.operations.suspects import Suspect

NAMED_AT_MOST = 8
SUSPECTS_AT_MOST = 12
BEFORE = 2


def draw_first(stop: Sequence[str], contacts: Sequence[Contact]) -> list[RenderableType]:
    """What comes before anything else."""
    drawn: list[RenderableType] = ["", line(("First, so that it does not grow:", BAD))]
    drawn += [indented(text(f"{number}. {one}"), 2) for number, one in enumerate(stop, 1)]
    if contacts:
        drawn += ["", line(("Call:", STRONG))]
        for one in contacts[:5]:
            reach = ", ".join(part for part in (one.phone, one.email) if part)
            role = f" ({one.role})" if one.role else ""
            key = ", holds a key" if one.key_holder else ""
            drawn.append(indented(text(f"{one.name}{role}: {reach or 'no number is set'}{key}"), 2))
    return drawn


def draw_situation(situation: Situation) -> list[RenderableType]:
    """What can be brought back, and how bad it is."""
    now = situation.now
    drawn: list[RenderableType] = ["", line(("What can be brought back", STRONG), f" from {situation.repository}")]
    if not situation.points:
        drawn.append(indented(line(("nothing", BAD)), 2))
    for point in situation.points:
        archive = " (any moment up to it)" if point.has_archive else ""
        took = "" if point.seconds is None else f", about {show_seconds(point.seconds)}"
        words = f"{point.source}: up to {show_moment(point.newest_instant)}, {show_age((now - point.newest_instant).total_seconds())}"
        drawn.append(indented(text(f"{words}{archive}; {show_bytes(point.total_bytes)}{took}"), 2))
        if point.passed_over:
            drawn.append(
                indented(
                    text(f"   {len(point.passed_over)} newer copies hold clearly less and are passed over", FAINT), 2
                )
            )
    return drawn + draw_live(situation)


def draw_live(situation: Situation) -> list[RenderableType]:
    return ["", line(("What is live now", STRONG)), *(indented(one, 2) for one in _live(situation))]


def _live(situation: Situation) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    database = situation.database
    if database is None:
        drawn.append(text("database: none is named here (MONGODB_URI)"))
    elif database.trouble is not None:
        drawn.append(line(("database: ", ""), (database.trouble, BAD)))
    elif database.is_gone:
        drawn.append(line(f"database at {database.address}: ", ("everything is gone", BAD)))
    else:
        wrong = [f"{one.namespace} is gone ({one.stored:,} documents)" for one in database.missing]
        wrong += [f"{one.namespace} holds {one.live:,} of {one.stored:,}" for one in database.fewer]
        if wrong:
            drawn += [line(("database: ", ""), (one, BAD)) for one in wrong[:NAMED_AT_MOST]]
        else:
            drawn.append(line(f"database at {database.address}: ", ("holds about what the copy does", GOOD)))
    for tree in situation.trees:
        if tree.live is None:
            drawn.append(line(f"{tree.path}: ", ("is not there", BAD)))
        elif tree.is_hurt:
            drawn.append(line(f"{tree.path}: ", (f"{tree.live:,} of {tree.stored:,} entries", BAD)))
        else:
            drawn.append(
                line(f"{tree.path}: ", ("as many entries as in the copy", GOOD), "; what is in them was not read")
            )
    return drawn


def draw_suspects(suspects: Sequence[Suspect], first: Suspect | None) -> list[RenderableType]:
    """Numbered, so that one can be named; where there are many, those around the first of the disaster."""
    if not suspects:
        return ["", text("The archive shows nothing that looks like a disaster (or there is no archive).", FAINT)]
    drawn: list[RenderableType] = ["", line(("What happened in the database, by the archive", STRONG))]
    begin = suspects.index(first) - BEFORE if first in suspects else len(suspects) - SUSPECTS_AT_MOST
    begin = max(0, min(begin, len(suspects) - SUSPECTS_AT_MOST))
    if begin:
        drawn.append(indented(text(f"({begin:,} earlier: `lifeboat timeline --suspects`)", FAINT), 2))
    for number, one in list(enumerate(suspects, 1))[begin : begin + SUSPECTS_AT_MOST]:
        drawn.append(indented(text(f"{number}. {show_moment(one.instant)}  {one.sentence}"), 2))
    if (more := len(suspects) - begin - SUSPECTS_AT_MOST) > 0:
        drawn.append(indented(text(f"({more:,} later: `lifeboat timeline --suspects`)", FAINT), 2))
    return drawn


def draw_proposal(proposal: Proposal) -> list[RenderableType]:
    """The one thing that is proposed."""
    drawn: list[RenderableType] = [""]
    if proposal.request is None:
        drawn.append(line(("Nothing is proposed:", STRONG)))
        return drawn + [indented(text(one), 2) for one in proposal.why]
    for one in proposal.first:
        drawn.append(line(("before it: ", STRONG), one))
    drawn += [line(("Proposed", STRONG)), indented(unbroken(proposal.words, STRONG), 2)]
    return drawn + [indented(text(one), 4) for one in proposal.why]


def draw_left(proposal: Proposal, now: datetime, lost_since: datetime | None, intruder: bool) -> list[RenderableType]:
    """What is left to do when everything is back."""
    beside = proposal.request is not None and not proposal.request.over_live
    named = () if proposal.request is None else proposal.request.namespaces
    where = f" in {', '.join(named)}" if named else ""
    steps = []
    if beside:
        steps.append(
            "look at what was restored beside the live data, and put back what is needed, a collection or single documents: "
            "`lifeboat restore db --over-live --ns DB.COLL --filter '{\"_id\": 17}'` with the same --at or --before-op"
        )
    else:
        steps.append("start the application, sign in, look at what was last worked on")
    if lost_since is not None and lost_since < now:
        steps.append(
            f"tell your users: what was entered{where} after {show_moment(lost_since)} has to be entered again "
            f"({show_seconds((now - lost_since).total_seconds())})"
        )
        steps.append(
            "what that was, as far as it was archived, collection by collection: "
            f"`lifeboat diff --ns DB.COLL --from {lost_since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} --to newest`"
        )
    if intruder:
        steps.append("change every password and key: database users, AWS keys, the application's secrets, sessions")
    steps += [
        "if personal data was lost, damaged or seen by somebody: the authority is told within 72 hours (PDPL 20, GDPR 33)",
        "start what you stopped: `lifeboat serve` or the timers; then `lifeboat backup all` and `lifeboat status`",
        "write down what happened and when, while you know it: `lifeboat drill follow-up add` keeps what is to be done",
    ]
    if not beside and proposal.request is not None:
        steps.append("if it was the wrong copy: `lifeboat restore --undo` goes back to what was there before")
    drawn: list[RenderableType] = ["", line(("What is left", STRONG))]
    return drawn + [indented(text(f"{number}. {one}"), 2) for number, one in enumerate(steps, 1)]
