"""What somebody may want undone, each with the number that ``--before-op`` takes."""

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, line, next_steps, safe, text
from lifeboat.cli.show.moments import show_moment
from lifeboat.cli.show.words import count, short_id
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.emergency.culprit import first_with
from lifeboat.operations.find_suspects import SuspectsReport
from lifeboat.operations.suspects import Kind, Suspect
from lifeboat.operations.timeline_report import MomentReport

NAMED_AT_MOST = 5
PLACES_AT_MOST = 3


def draw_suspects(report: SuspectsReport) -> list[RenderableType]:
    """The oldest first: what came later may be its consequence."""
    window = f"from {show_moment(report.since)} to {show_moment(report.until)}"
    drawn: list[RenderableType] = []
    if report.suspects:
        table = columns("operation", "when", "what", "for example", fold=("what", "for example"))
        for one in report.suspects:
            style = FAINT if one.minor else BAD if one.kind in (Kind.DROP_DATABASE, Kind.DROP, Kind.DELETES) else ""
            table.add_row(one.op, show_moment(one.instant), text(one.sentence, style), safe(", ".join(one.examples)))
        drawn += [table, ""]
    found = count(len(report.suspects), "suspect") if report.suspects else "nothing suspicious"
    drawn.append(text(f"{found} {window}; {count(report.segments, 'segment')} looked through", FAINT))
    drawn += [text(words, DOUBTFUL) for words in _doubts(report)]
    if report.usual:
        named = ", ".join(report.usual[:NAMED_AT_MOST]) + (" and more" if len(report.usual) > NAMED_AT_MOST else "")
        drawn.append(text(f"not shown, because it is usual there: many deletes or updates in {named}", FAINT))
    return drawn + _next(report)


def draw_moment(report: MomentReport) -> list[RenderableType]:
    """How one instant would be restored."""
    origin = f"from snapshot {short_id(report.snapshot)} of {show_moment(report.snapshot_instant)}"
    then = f" and {count(report.segments, 'segment')} of the archive ({show_bytes(report.stored_bytes)})"
    drawn: list[RenderableType] = [
        line(
            ("can be restored", GOOD),
            f": {show_moment(report.instant)} ({report.op}), {origin}{then * bool(report.segments)}",
        )
    ]
    which = f"--at {report.op}" if report.segments else short_id(report.snapshot)
    return drawn + next_steps((f"lifeboat restore db {which} --to before", "bring it back, beside the live data"))


def _doubts(report: SuspectsReport) -> list[str]:
    said = []
    if report.blind:
        places = [f"{show_moment(begin)} to {show_moment(end)}" for begin, end in report.blind[:PLACES_AT_MOST]]
        more = f", and {len(report.blind) - len(places)} more" if len(report.blind) > len(places) else ""
        said.append(f"not archived, so not looked at: {', '.join(places)}{more}")
    if report.damaged:
        said.append(f"{count(len(report.damaged), 'segment')} could not be read: `lifeboat verify` says which")
    return said


def _next(report: SuspectsReport) -> list[RenderableType]:
    worst = worst_of(report.suspects)
    if worst is None:
        return next_steps(
            ("lifeboat timeline --suspects --near TIME --within 2h", "around another time"),
            ("lifeboat timeline --suspects --least 1", "single deletes and updates, too"),
        )
    worst = first_with(worst, report.suspects)  # before the first of twenty drops, not before the last
    return next_steps(
        (f"lifeboat restore db --before-op {worst.op} --to before", "as it was before that, beside the live data"),
        (f"lifeboat restore db --before-op {worst.op} --over-live", "the same, over the live data"),
    )


def worst_of(suspects: tuple[Suspect, ...]) -> Suspect | None:
    """The one that took most away, of those that take something away."""
    ranks = [Kind.DROP_DATABASE, Kind.DROP, Kind.DELETES, Kind.REPLACE, Kind.UPDATES, Kind.RENAME, Kind.RESTORE]
    taken = [one for one in suspects if not one.minor]
    return min(taken, key=lambda one: (ranks.index(one.kind), -(one.documents or 0)), default=None)
