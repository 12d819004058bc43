"""Erasures: what was recorded, what may still hold it."""

from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.moments import show_moment, show_moment_short
from lifeboat.cli.show.words import short_id
from lifeboat.operations.reports.erasures import ErasureList, ErasureRecorded, ErasureRow, ErasureStatus

COPIES_AT_MOST = 30
_ACTS = {
    "record": "recorded: no restore, drill or export brings it back",
    "close": "closed: restores of instants before it leave it out, younger copies are left alone",
    "hold": "on hold: restores bring it back, and say so, until it is released",
    "release": "released: restores leave it out again",
}


def draw_recorded(done: ErasureRecorded, now: datetime) -> list[RenderableType]:
    """What was put down, what live still holds, what is to be done next."""
    row = done.erasure
    drawn: list[RenderableType] = [line((f"erasure {row.id}", GOOD), f" {_ACTS[done.act]}"), "", _facts(row, now)]
    if done.live:
        drawn += ["", text("live still holds it, and has to be erased there by the application first:", BAD)]
        drawn += [text(f"  {one.place}: {one.items:,}") for one in done.live]
    if done.stored:
        held = ", ".join(f"{one.place} {one.items:,}" for one in done.stored)
        drawn += ["", text(f"the newest copies hold of it: {held}")]
    for one in done.not_looked:
        drawn.append(text(f"not looked at: {one}", DOUBTFUL))
    if shown := draw_findings(done.findings):
        drawn += ["", *shown]
    return drawn + _next(done)


def draw_list(found: ErasureList, now: datetime) -> list[RenderableType]:
    """One row for each."""
    shown = draw_findings(found.findings)
    if not found.erasures:
        nothing = [text("nobody was erased: the ledger holds no erasure"), *shown]
        return nothing + next_steps(("lifeboat erase record", "record who or what was erased"))
    table = columns(
        "erasure", "recorded", "state", "answer by", "request", "covers", fold=("state", "request", "covers")
    )
    for row in found.erasures:
        table.add_row(
            row.id,
            show_moment_short(row.recorded, now),
            safe(_state(row, now)),
            f"{row.answer_until:%Y-%m-%d}",
            safe(row.request),
            safe("; ".join(row.covers)),
        )
    last = found.erasures[-1].id
    return [table, *shown, *next_steps((f"lifeboat erase status {last}", "which copies may hold it, and until when"))]


def draw_status(found: ErasureStatus, now: datetime) -> list[RenderableType]:
    """The answer to whoever asked: by when will no copy hold it any more?"""
    row = found.erasure
    drawn: list[RenderableType] = [_facts(row, now), ""]
    if not found.copies:
        drawn.append(text("no copy holds it any more, as far as their instants tell", GOOD))
    elif found.last_gone_by is not None:
        when = f"{found.last_gone_by:%Y-%m-%d}"
        drawn.append(line(f"{_copies(len(found.copies))} may hold it; ", (f"the last one expires on {when}", GOOD)))
        drawn.append(text("if backups and prune go on as they are; restores leave it out until then", FAINT))
    else:
        drawn.append(
            line(f"{_copies(len(found.copies))} may hold it; ", ("there is no day by which all are gone", DOUBTFUL))
        )
        drawn += [text(f"  {one}") for one in found.no_date]
    if found.copies:
        drawn += ["", _table(found, now)]
        if len(found.copies) > COPIES_AT_MOST:
            drawn.append(text(f"... and {len(found.copies) - COPIES_AT_MOST:,} more; --json lists them all", FAINT))
    if found.replicas:
        names = ", ".join(found.replicas)
        drawn.append(text(f"second copies hold the same until the first replication after those days: {names}"))
    drawn.append(text(_replayed(found, now)))
    if shown := draw_findings(found.findings):
        drawn += ["", *shown]
    if row.state == "open":
        drawn += next_steps((f"lifeboat erase close {row.id}", "when live is clean"))
    return drawn


def _table(found: ErasureStatus, now: datetime) -> RenderableType:
    table = columns("copy", "of", "as of", "gone by", "kept because", fold=("kept because",))
    for one in found.copies[:COPIES_AT_MOST]:
        table.add_row(
            short_id(one.snapshot) if one.snapshot else "",
            safe(one.what),
            show_moment_short(one.instant, now) if one.instant else "",
            f"{one.gone_by:%Y-%m-%d}" if one.gone_by else "no day",
            safe(one.why),
        )
    return table


def _facts(row: ErasureRow, now: datetime) -> RenderableType:
    rows = [("erasure", row.id), ("recorded", show_moment(row.recorded))]
    rows += [("request", row.request)] if row.request else []
    rows += [("note", row.note)] if row.note else []
    rows += [("covers" if number == 0 else "", one) for number, one in enumerate(row.covers)]
    rows.append(("state", _state(row, now)))
    rows.append(
        (
            "answer by",
            f"{row.answer_until:%Y-%m-%d} (30 days; {row.answer_until_at_most:%Y-%m-%d} if the delay was told)",
        )
    )
    return facts(rows)


def _state(row: ErasureRow, now: datetime) -> str:
    if row.state == "held":
        return f"on hold: {row.hold}"
    if row.until is None:
        return "open: live is not known to be clean; restores of every instant leave it out"
    return f"closed: restores of instants before {show_moment_short(row.until, now)} leave it out"


def _replayed(found: ErasureStatus, now: datetime) -> str:
    if not found.replayed:
        return "no restore of this machine has come upon it yet"
    last = found.replayed[0]
    number = len(found.replayed)
    return (
        f"{number:,} {'restore' if number == 1 else 'restores'} of this machine left it out, the last {last.job!r} on "
        f"{show_moment_short(last.when, now)}: {_items(last.left_out + last.trimmed)}"
    )


def _items(number: int) -> str:
    return f"{number:,} {'item' if number == 1 else 'items'}"


def _copies(number: int) -> str:
    return f"{number:,} {'copy' if number == 1 else 'copies'}"


def _next(done: ErasureRecorded) -> list[RenderableType]:
    row = done.erasure
    steps = []
    if row.state == "open":
        steps.append((f"lifeboat erase close {row.id}", "when the application has erased it, and live is clean"))
    steps.append((f"lifeboat erase status {row.id}", "which copies may hold it, and until when"))
    return next_steps(*steps)
