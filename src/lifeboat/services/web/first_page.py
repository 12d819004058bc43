"""The first page: the verdict, and beneath it what it rests on. Pure but for asking ``Facts``."""

from datetime import datetime
from typing import Any

from markupsafe import Markup

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.reports.standing import ArchiveStatus, SourceStatus
from lifeboat.operations.timeline_report import GapRow, HistoryRow
from lifeboat.repository.names import typed
from lifeboat.services.web.facts import Facts, Seen
from lifeboat.services.web.pictures import Window, timeline_picture, window_of
from lifeboat.services.web.verdict import verdict_of
from lifeboat.services.web.words import span

TITLES = {"db": "Database", "files": "Files", "config": "Configuration"}


class Line(Value):
    """One picture. Args: words: What it shows, for who cannot see it."""

    name: str
    picture: Markup
    words: str


class SourceCard(Value):
    """One source: measured against its goal.

    Args:
        lost_seconds: What would be lost now; None without a backup.
        share: Of the goal, in percent, 100 at most: for the meter.
    """

    name: str
    title: str
    status: SourceStatus
    lost_seconds: float | None
    share: int
    snapshot_at: datetime | None
    proved_at: datetime | None
    incomplete: bool


def first_page(facts: Facts) -> dict[str, Any]:
    """Everything that ``first_live.html`` shows."""
    now, seen, local = facts.now(), facts.seen(), facts.local()
    window = window_of(now, _oldest(seen))
    status = seen.status if seen else None
    return {
        "verdict": verdict_of(seen, local.alerts, now),
        "seen": seen,
        "local": local,
        "window": window,
        "lines": _lines(seen, window, now) if seen else [],
        "gaps": _gaps(seen),
        "cards": [_card(one, seen, now) for one in status.sources] if status and seen else [],
        "archives": list(status.archives) if status else [],
        "report": status,
        "findings": _findings(status.findings) if status else [],
        "here": [one for one in local.jobs if one.here],
        "elsewhere": [one for one in local.jobs if not one.here],
        "say_archive": say_archive,
    }


def _oldest(seen: Seen | None) -> datetime | None:
    """Since when anything can be restored."""
    return min((one.instant for one in seen.snapshots), default=None) if seen else None


def say_archive(one: ArchiveStatus) -> str:
    if one.newest is None:
        return "its archive has no snapshot to begin from"
    said = [f"every moment up to {span(one.lag_seconds or 0.0)} before the look"]
    if one.gaps is not None:
        said.append(
            "no gap in the last 7 days" if not one.gaps else f"{one.gaps} gap{'s' * (one.gaps > 1)} in the last 7 days"
        )
    if one.runs_here is False:
        said.append("no stream runs on this machine")
    return "; ".join(said)


def _card(one: SourceStatus, seen: Seen, now: datetime) -> SourceCard:
    name = typed(one.source)
    lost = None if one.age_seconds is None else one.age_seconds + max((now - seen.at).total_seconds(), 0.0)
    share = 100 if lost is None else min(100, round(100 * lost / max(one.objective_seconds, 1.0)))
    return SourceCard(
        name,
        TITLES.get(name, name),
        one,
        lost,
        share,
        one.newest.instant if one.newest else None,
        one.newest_proved.instant if one.newest_proved else None,
        one.newest is not None and not one.newest.complete,
    )


def _lines(seen: Seen, window: Window, now: datetime) -> list[Line]:
    """The database's histories with their spans, then the other sources' snapshots."""
    made = []
    span_words = "in 7 days" if window.by_days else "in 24 hours"
    histories = seen.timeline.histories if seen.timeline else ()
    for one in histories:
        name = "Database" if len(histories) == 1 else f"Database, {one.label}"
        words = _history_words(one, span_words)
        spans = [(row.since, row.through) for row in one.spans]
        gaps = [(row.since, row.until) for row in one.gaps]
        ticks = [row.instant for row in one.snapshots]
        made.append(Line(name, timeline_picture(window, now, f"{name}: {words}", spans, gaps, ticks), words))
    for name in ("files", "config"):
        rows = [one for one in seen.snapshots if one.source == name and one.instant >= window.since]
        if rows or any(one.source == name for one in seen.snapshots):
            words = _rows_words(rows, span_words)
            picture = timeline_picture(window, now, f"{TITLES[name]}: {words}", (), (), [one.instant for one in rows])
            made.append(Line(TITLES[name], picture, words))
    return made


def _history_words(one: HistoryRow, lately: str) -> str:
    count = f"{len(one.snapshots)} snapshot{'s' * (len(one.snapshots) != 1)} {lately}"
    if not one.streamed:
        return f"{count}; nothing between them can be restored"
    if one.newest is None:
        return f"{count}; the archive has no snapshot to begin from"
    if one.gaps:
        return f"{count}; every moment but for {len(one.gaps)} gap{'s' * (len(one.gaps) > 1)}"
    return f"{count}; every moment since {'it' if len(one.snapshots) == 1 else 'the first'}, without a gap"


def _rows_words(rows: list[SnapshotRow], lately: str) -> str:
    return f"{len(rows) or 'no'} snapshot{'s' * (len(rows) != 1)} {lately}"


def _gaps(seen: Seen | None) -> list[tuple[str, GapRow]]:
    if seen is None or seen.timeline is None:
        return []
    return [(one.label, gap) for one in seen.timeline.histories for gap in reversed(one.gaps)]


def _findings(some: tuple[Finding, ...]) -> list[Finding]:
    return sorted((one for one in some if one.level is not Level.OK), key=lambda one: one.level is not Level.PROBLEM)
