"""Drills that were, the calendar, and what is to be done, at a terminal."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import RenderableType

from lifeboat.app.drill_book import DrillCalendar, DrillList, FollowUpList, ReportCheck
from lifeboat.cli.show.console import BAD, DOUBTFUL, GOOD, columns, line, next_steps, text, unbroken
from lifeboat.cli.show.findings import draw_findings
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.drill.book import DrillSummary
from lifeboat.operations.drill.follow_ups import FollowUp


def draw_list(found: DrillList) -> list[RenderableType]:
    if not found.drills:
        return [
            text("no drill was made yet"),
            *draw_findings(found.findings),
            *next_steps(("lifeboat drill", "does everything come back, and how fast?")),
        ]
    table = columns("drill", "ended", "scenario", "outcome", "RTO", "restored", right=("RTO", "restored"))
    for one in found.drills:
        table.add_row(
            one.drill,
            f"{one.ended:%Y-%m-%d %H:%M}",
            text(one.scenario),
            text(one.outcome, GOOD if one.has_passed else BAD),
            "" if one.seconds is None else show_seconds(one.seconds),
            show_bytes(one.restored_bytes) if one.restored_bytes else "",
        )
    return [table, *draw_findings(found.findings)]


def draw_calendar(found: DrillCalendar) -> list[RenderableType]:
    table = columns("what", "every", "last", "next", "state")
    for one in found.due:
        late = one.is_overdue(found.now)
        state = "overdue" if late else "failed: to be made again" if one.failed else "planned"
        table.add_row(
            one.what,
            show_seconds(one.every_seconds),
            "never" if one.last is None else f"{one.last:%Y-%m-%d}",
            "" if one.due is None else f"{one.due:%Y-%m-%d}",
            text(state, BAD if late else DOUBTFUL if one.failed else GOOD),
        )
    drawn: list[RenderableType] = [table, ""]
    told = found.prediction
    if told is None:
        drawn.append(text("how long a restore of everything takes is not known: no full drill has passed yet"))
    else:
        slow = told.seconds > found.objective_seconds
        drawn.append(
            line(
                f"a restore of everything ({show_bytes(told.bytes)}) would take about ",
                (show_seconds(told.seconds), BAD if slow else GOOD),
                f" ({show_seconds(told.low)} to {show_seconds(told.high)}, from {told.drills} drills); "
                f"allowed: {show_seconds(found.objective_seconds)}",
            )
        )
    first = min((one for one in found.due if one.due is not None), key=lambda one: one.due, default=None)  # type: ignore[arg-type,return-value]
    return drawn if first is None else drawn + next_steps((f"lifeboat {first.command}", "what is due first"))


def draw_exercise(kept: DrillSummary) -> list[RenderableType]:
    return [
        text(f"the exercise is put down as {kept.drill}, entry {kept.number} of the ledger"),
        *next_steps(
            ("lifeboat drill follow-up add", "what is to be done about what was learnt"),
            ("lifeboat drill calendar", "when the next one is due"),
        ),
    ]


def draw_follow_up(one: FollowUp) -> list[RenderableType]:
    state = f"until {one.due}" if one.due else "without a date"
    if one.closed is not None:
        return [line((f"{one.id} is done", GOOD), f": {one.outcome}")]
    return [
        text(f"{one.id}: {one.text}, by {one.owner}, {state}"),
        *next_steps((f"lifeboat drill follow-up close {one.id}", "when it is done, with --text")),
    ]


def draw_follow_ups(found: FollowUpList, everything: bool) -> list[RenderableType]:
    shown = [one for one in found.follow_ups if everything or one.closed is None]
    if not shown:
        return [text("nothing is to be done")]
    table = columns("id", "what", "owner", "until", "drill", "state", fold=("what",))
    for one in shown:
        late = one.is_overdue(found.now)
        state = "done" if one.closed is not None else "overdue" if late else "open"
        table.add_row(
            one.id,
            text(one.text),
            text(one.owner),
            str(one.due or ""),
            one.drill,
            text(state, BAD if late else GOOD if one.closed is not None else DOUBTFUL),
        )
    return [table]


def draw_check(found: ReportCheck) -> list[RenderableType]:
    if found.is_the_same:
        return [line(("as it was put down", GOOD), f": {found.file}, drill {found.drill}")]
    return [line(("not as it was put down", BAD), f": {found.file}"), *draw_findings(found.findings)]


def draw_written(drill: str, written: Sequence[Path]) -> list[RenderableType]:
    return [text(f"the report of drill {drill}:"), *(unbroken(f"  {one}") for one in written)]
