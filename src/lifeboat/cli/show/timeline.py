"""The timeline as a picture: a bar for each writer's name, gaps in a table below.

A column of the bar shows the worst of what lies in it, so the shortest gap is seen in a week. Signs, not colours, carry the meaning.
"""

from datetime import datetime, timedelta

from rich.console import RenderableType
from rich.text import Text

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, columns, facts, line, next_steps, safe, text, unbroken
from lifeboat.cli.show.moments import show_age, show_moment, show_moment_short
from lifeboat.foundation.sizes import show_seconds
from lifeboat.foundation.value import Value
from lifeboat.operations.timeline_report import HistoryRow, TimelineReport

WIDEST = 200
NARROWEST_BAR = 20
LABEL_AT_MOST = 24
STEPS = tuple(
    timedelta(seconds=one)
    for one in (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 2 * 86_400, 7 * 86_400, 28 * 86_400)
)
LABEL_ROOM = 9
"""Columns that a mark below the bar needs."""


class Signs(Value):
    """What stands for what."""

    covered: str
    gap: str
    ahead: str
    nothing: str
    base: str
    other: str
    mark: str


BLOCKS = Signs("█", "x", "░", "·", "▲", "△", "╵")
ASCII = Signs("#", "x", "-", ".", "^", "o", "'")


def draw_timeline(report: TimelineReport, width: int, blocks: bool) -> list[RenderableType]:
    """Args: blocks: False: ASCII alone."""
    signs = BLOCKS if blocks else ASCII
    if not report.histories:
        return [
            text("nothing of the database is stored yet"),
            *next_steps(
                ("lifeboat backup db", "a snapshot to begin from"),
                ("lifeboat stream", "every moment from then on"),
            ),
        ]
    labels = min(max(len(one.label) for one in report.histories), LABEL_AT_MOST)
    room = max(min(width, WIDEST) - labels - 3, NARROWEST_BAR)
    drawn: list[RenderableType] = []
    for one in report.histories:
        drawn += _picture(one, report, labels, room, signs)
    drawn += [unbroken(" " * (labels + 2) + _axis(report, room, signs), FAINT), "", text(_legend(report, signs), FAINT)]
    for one in report.histories:
        drawn += ["", *_facts(one, report)]
    if any(one.gaps for one in report.histories):
        drawn += ["", _gaps(report)]
    drawn += _said(report)
    return drawn + _next(report)


def bar_of(row: HistoryRow, report: TimelineReport, room: int, signs: Signs) -> str:
    """One sign a column: the worst of what lies in it."""
    begin, each = report.since, (report.until - report.since) / room
    found = []
    for column in range(room):
        left, right = begin + each * column, begin + each * (column + 1)
        covered = any(one.since < right and one.through >= left for one in row.spans)
        gap = any(one.since < right and (one.until or report.now) > left for one in row.gaps)
        if left > report.now:
            found.append(" ")
        elif gap:
            found.append(signs.gap)
        elif covered:
            found.append(signs.covered)
        elif row.spans and left >= row.spans[-1].through:
            found.append(signs.ahead)
        else:
            found.append(signs.nothing)
    return "".join(found)


def ticks_of(row: HistoryRow, report: TimelineReport, room: int, signs: Signs) -> str:
    """Where snapshots lie; those that changes can be replayed onto first."""
    found = [" "] * room
    for is_base, sign in ((False, signs.other), (True, signs.base)):
        for one in row.snapshots:
            if one.is_base is is_base:
                found[_column(one.instant, report, room)] = sign
    return "".join(found).rstrip()


def _picture(row: HistoryRow, report: TimelineReport, labels: int, room: int, signs: Signs) -> list[RenderableType]:
    label = row.label if len(row.label) <= labels else row.label[: labels - 1] + "~"
    bar = unbroken(f"{label.ljust(labels)}  ")
    for sign in bar_of(row, report, room, signs):
        bar.append(sign, style={signs.covered: GOOD, signs.gap: BAD, signs.ahead: DOUBTFUL}.get(sign, FAINT))
    ticks = ticks_of(row, report, room, signs)
    return [bar, *([unbroken(" " * (labels + 2) + ticks)] if ticks else [])]


def _axis(report: TimelineReport, room: int, signs: Signs) -> str:
    """Marks at round times of this machine's zone."""
    window = report.until - report.since
    step = next((one for one in STEPS if window / one * LABEL_ROOM <= room), STEPS[-1])
    found = [" "] * (room + LABEL_ROOM)
    for moment in _round_times(report.since, report.until, step):
        column = _column(moment, report, room)
        local = moment.astimezone()
        label = (
            f"{local:%a %d}" if step >= timedelta(days=1) or (local.hour, local.minute) == (0, 0) else f"{local:%H:%M}"
        )
        fits = column + len(label) < room
        if fits and "".join(found[max(0, column - 1) : column + LABEL_ROOM]).strip() == "":
            found[column : column + len(label) + 1] = signs.mark + label
    return "".join(found[:room]).rstrip()


def _round_times(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    """In local time: midnight stays midnight where the clocks are put back."""
    day = since.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    found: list[datetime] = []
    moment = day
    while True:
        known = moment.astimezone()
        if known > until:
            return found
        if known >= since:
            found.append(known)
        moment += step


def _column(moment: datetime, report: TimelineReport, room: int) -> int:
    whole = (report.until - report.since).total_seconds()
    return min(max(int((moment - report.since).total_seconds() / whole * room), 0), room - 1)


def _legend(report: TimelineReport, signs: Signs) -> str:
    said = [f"{signs.covered} every moment can be restored"]
    if any(one.gaps for one in report.histories):
        said.append(f"{signs.gap} holds a gap")
    if any(not one.is_base for row in report.histories for one in row.snapshots):
        said.append(f"{signs.base} snapshot, {signs.other} one that stands alone")
    else:
        said.append(f"{signs.base} snapshot")
    said.append(f"{signs.nothing} not archived")
    return "   ".join(said)


def _facts(row: HistoryRow, report: TimelineReport) -> list[RenderableType]:
    if row.newest is None:
        nothing = (
            "its archive has no snapshot to begin from"
            if row.streamed
            else "no snapshot that is whole and of one instant"
        )
        return [facts([("writer", row.label), ("can be restored", text(nothing, BAD))])]
    assert row.oldest is not None and row.lag_seconds is not None
    exactly = f", {row.newest_op}" if row.newest_op else ""
    said: list[tuple[str, str | Text]] = [("writer", row.label)] if len(report.histories) > 1 else []
    late = row.stalled or not row.streamed
    age = show_age(row.lag_seconds)
    said += [
        ("newest moment", line(show_moment(row.newest), f"{exactly} (", (age, DOUBTFUL if late else GOOD), ")")),
        ("oldest", show_moment(row.oldest)),
    ]
    if not row.streamed:
        said.append(("archive", "none: between two snapshots nothing can be restored"))
    return [facts(said)]


def _gaps(report: TimelineReport) -> RenderableType:
    several = len(report.histories) > 1
    table = columns(*["writer"] * several, "gap from", "to", "length", "why", "what to do", fold=("why", "what to do"))
    for row in report.histories:
        for gap in row.gaps:
            table.add_row(
                *[safe(row.label)] * several,
                show_moment_short(gap.since, report.now),
                "still open" if gap.until is None else show_moment_short(gap.until, report.now),
                show_seconds(gap.seconds),
                safe(gap.why or "not known from here"),
                safe(gap.act),
            )
    return table


def _said(report: TimelineReport) -> list[RenderableType]:
    said = []
    if not report.archive_seen:
        said.append(
            "this machine may write the archive and not list it: `lifeboat timeline` on the keeper's machine shows it; "
            "here `lifeboat status` says how far the stream has come"
        )
    elif not report.exact:
        said.append(
            "without the key a snapshot's time is known to the second only; what is doubtful counts as a gap here"
        )
    return [one for words in said for one in ("", text(words, DOUBTFUL))]


def _next(report: TimelineReport) -> list[RenderableType]:
    own = report.histories[0]
    steps = []
    if own.spans and own.newest is not None:
        middle = own.newest - timedelta(minutes=10)
        exactly = middle.astimezone().isoformat(timespec="seconds") if middle > own.spans[-1].since else "newest"
        steps.append(
            (
                f"lifeboat restore db --at {exactly} --to before",
                "any moment, beside the live data",
            )
        )
        steps.append(("lifeboat timeline --suspects", "what was dropped or deleted, and when"))
    if own.stalled or (not own.streamed and report.archive_seen):
        steps.append(("lifeboat stream", "archive every change from now on"))
    if own.newest is None:
        steps.append(("lifeboat backup db", "a snapshot to begin from"))
    elif not own.spans:
        steps.append(("lifeboat restore db latest --to copy", "the newest snapshot, beside the live data"))
    return next_steps(*steps)
