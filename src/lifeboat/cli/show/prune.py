"""What prune does, or would do: the verdicts by groups, what goes now, what goes later."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from rich.console import RenderableType

from lifeboat.cli.show.console import DOUBTFUL, FAINT, GOOD, columns, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.words import short_id, typed_source
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.reports.pruning import ArchiveVerdict, PruneReport, PruneVerdict

LATER_AT_MOST = 12
_REASONS = {
    "newest": "the newest of its source",
    "newest-complete": "the newest that lacks nothing",
    "newest-proved": "the newest proved",
    "rule": "by the rules",
    "rule-among-proved": "by the rules, counting proved ones alone",
    "base-of-the-archive": "moments of the archive's window are reached from it",
    "not-proved-yet": "not proved yet: kept until its month has been over for {} days",
    "safety": "taken before a restore, in the last 30 days",
    "safety-over": "taken before a restore, more than 30 days ago",
    "released": "released less than a week ago",
    "kept-on-purpose": "kept on purpose",
    "from-the-future": "from the future, by the store's clock",
    "beyond-the-rules": "beyond the rules",
    "beside-damage": "beside something that is gone or does not open: nothing there is removed",
}


def draw_prune(report: PruneReport, everything: bool) -> list[RenderableType]:
    """For people; ``everything`` gives each snapshot a row of its own."""
    if not report.verdicts and not report.findings:
        return [text("nothing is stored yet"), *next_steps(("lifeboat backup all", "take the first backup"))]
    drawn: list[RenderableType] = [text(f"rules: {report.rules}; times are the store's, in UTC", FAINT), ""]
    drawn.append(_each(report.verdicts) if everything else _groups(report.verdicts, report.lock_days))
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    drawn += ["", *_what(report)]
    if report.later:
        drawn += ["", *_later(report)]
    return drawn + next_steps(*_next(report, everything))


def _groups(verdicts: Sequence[PruneVerdict], lock_days: int) -> RenderableType:
    table = columns(
        "source", "writer", "verdict", "snapshots", "why", "taken", right=("snapshots",), fold=("why", "writer")
    )
    for (label, source, class_), of_source in groupby(
        verdicts, key=lambda one: (one.label, one.source, one.snapshot_class)
    ):
        named = typed_source(source) + (", monthly" if class_ == "long" else "")
        for (kept, reason), group in _by_reason(list(of_source), lock_days):
            newest, oldest = group[0].finished, group[-1].finished
            table.add_row(
                safe(named),
                safe(label),
                text("keep", GOOD) if kept else text("let go", DOUBTFUL),
                f"{len(group):,}",
                safe(reason),
                _day(newest) if _day(newest) == _day(oldest) else f"{_day(oldest)} to {_day(newest)}",
            )
    return table


def _by_reason(
    verdicts: Sequence[PruneVerdict], lock_days: int
) -> Iterator[tuple[tuple[bool, str], list[PruneVerdict]]]:
    found: dict[tuple[bool, str], list[PruneVerdict]] = {}
    for one in verdicts:
        found.setdefault((one.kept, _reason(one, lock_days)), []).append(one)
    yield from sorted(found.items(), key=lambda pair: (not pair[0][0], -pair[1][0].finished.timestamp()))


def _reason(verdict: PruneVerdict, lock_days: int) -> str:
    """The reason as far as a group has it in common."""
    if verdict.because == "kept-on-purpose":
        return verdict.reason
    if verdict.because in ("rule", "rule-among-proved"):
        return verdict.reason.partition(" of ")[2]  # "number 3 of the newest 24 hours"
    reason = _REASONS.get(verdict.because, verdict.reason).replace("{}", str(lock_days))
    return reason if verdict.kept or verdict.forgotten is None else f"{reason}; let go on {_day(verdict.forgotten)}"


def _each(verdicts: Sequence[PruneVerdict]) -> RenderableType:
    table = columns("snapshot", "source", "writer", "taken", "verdict", "why", fold=("why", "writer"))
    for one in verdicts:
        table.add_row(
            short_id(one.snapshot),
            safe(typed_source(one.source) + (", monthly" if one.snapshot_class == "long" else "")),
            safe(one.label),
            f"{one.finished:%Y-%m-%d %H:%M}",
            text("keep", GOOD) if one.kept else text("let go", DOUBTFUL),
            safe(one.reason if one.kept or one.forgotten is None else f"{one.reason}; let go on {_day(one.forgotten)}"),
        )
    return table


def _what(report: PruneReport) -> list[RenderableType]:
    would = "would be " if report.dry_run else ""
    gone, left = f"{would}let go", f"for {report.grace_days} days `lifeboat snapshots --forgotten` has them"
    drawn: list[RenderableType] = []
    if report.forgotten:
        drawn.append(line((f"{_count(len(report.forgotten), 'snapshot')} {gone}", DOUBTFUL), f"; {left}"))
    if report.taken_back:
        drawn.append(text(f"{_count(len(report.taken_back), 'snapshot')} {would}taken back: the rules keep them again"))
    if report.objects_removed:
        said = f"{_count(report.objects_removed, 'object')} in all"
        if report.snapshots_removed or not report.archives:
            said = f"{_count(report.snapshots_removed, 'snapshot')} let go before, {said}"
        if report.hidden_until is None:
            drawn.append(text(f"{show_bytes(report.freed_bytes)} {would}freed now: {said}"))
        else:
            until = f"the store frees it on {_day(report.hidden_until)}, when older versions expire"
            drawn.append(text(f"{show_bytes(report.freed_bytes)} {would}hidden now: {said}; {until}"))
    if not drawn:
        drawn.append(text("nothing to let go, nothing to remove", GOOD))
    return drawn + [text(_archive(one, report)) for one in report.archives]


def _archive(one: ArchiveVerdict, report: PruneReport) -> str:
    said = f"archive of {one.label}: {_count(one.segments, 'segment')} ({show_bytes(one.bytes)}) kept"
    if one.since is None:
        return f"{said}; no snapshot is old enough yet to begin a window of {report.window_days} days with"
    said += f", for any moment since {one.since:%Y-%m-%d %H:%M}"
    if not one.going:
        return said
    going = f"{_count(one.going, 'older one')} ({show_bytes(one.going_bytes)})"
    return f"{said}; {going} {'would go' if report.dry_run else 'not needed any more'}"


def _later(report: PruneReport) -> list[RenderableType]:
    what = "can be freed" if report.hidden_until is None else "can be hidden"
    table = columns("from", what, right=(what,))
    by_day = [
        (day, sum(one.bytes for one in same)) for day, same in groupby(report.later, key=lambda one: _day(one.when))
    ]
    for day, count in by_day[:LATER_AT_MOST]:
        table.add_row(day, show_bytes(count))
    drawn: list[RenderableType] = [
        text(
            "later, when the grace or the window is over and "
            + (f"the month's locks are ({report.lock_days} days)" if report.locked else "the month is closed"),
            FAINT,
        ),
        table,
    ]
    if len(by_day) > LATER_AT_MOST:
        rest = sum(count for _, count in by_day[LATER_AT_MOST:])
        drawn.append(text(f"... and {show_bytes(rest)} after that; --json lists all", FAINT))
    return drawn


def _next(report: PruneReport, everything: bool) -> list[tuple[str, str]]:
    steps = [] if everything else [("lifeboat prune --dry-run --all", "the verdict on each snapshot")]
    if report.dry_run and (report.forgotten or report.objects_removed):
        return [*steps, ("lifeboat prune", "do it; it asks first")]
    if report.forgotten:
        steps.append(("lifeboat snapshots --forgotten", "what was let go, and until when it can be had back"))
    return steps or [("lifeboat snapshots", "what is kept")]


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
