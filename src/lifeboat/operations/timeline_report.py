"""The timeline as people and programs see it: stretches, snapshots, gaps with their reasons, and what to do about each."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.value import Value
from lifeboat.operations.recovery_points import Hole
from lifeboat.operations.timeline import Histories, History, because_of, find_base, read_histories
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record

WINDOW = timedelta(days=7)
STALLED_SECONDS = 15 * 60
"""A stream with nothing to store says so every five minutes: three times that is silence."""


class SpanRow(Value):
    """Every instant from ``since`` to ``through`` can be restored. Args: since_op, through_op: As ``--at`` takes them."""

    since: datetime
    through: datetime
    since_op: str
    through_op: str


class TickRow(Value):
    """A snapshot. Args: is_base: Whether changes can be replayed onto it."""

    snapshot: str
    instant: datetime
    purpose: str
    is_base: bool


class GapRow(Value):
    """Args:
    until: None where it is still open.
    why: None where it is not known from here.
    snapshots: How many can be restored within it.
    """

    since: datetime
    until: datetime | None
    seconds: float
    why: str | None
    snapshots: int
    act: str


class HistoryRow(Value):
    """The database under one writer's name.

    Args:
        streamed: Whether the archive holds anything of it.
        oldest, newest: Instants that can be restored, whatever the window. newest_op: As ``--at`` takes it.
        lag_seconds: From the newest to now. stalled: Whether the archive has stood still for longer than a stream does.
        spans, snapshots, gaps: Those that touch the window, oldest first.
    """

    label: str
    streamed: bool
    oldest: datetime | None
    newest: datetime | None
    newest_op: str | None
    lag_seconds: float | None
    stalled: bool
    spans: tuple[SpanRow, ...]
    snapshots: tuple[TickRow, ...]
    gaps: tuple[GapRow, ...]


class TimelineReport(Value):
    """Args: own_label: Of this machine. archive_seen, exact: See ``Histories``."""

    own_label: str
    now: datetime
    since: datetime
    until: datetime
    archive_seen: bool
    exact: bool
    histories: tuple[HistoryRow, ...]


class MomentReport(Value):
    """How an instant would be restored. Args: op: As ``--at`` takes it. segments: How many would be replayed."""

    instant: datetime
    op: str
    snapshot: str
    snapshot_instant: datetime
    segments: int
    stored_bytes: int


def look_at_timeline(
    repository: Repository, since: datetime | None = None, until: datetime | None = None
) -> TimelineReport:
    """Args: since, until: The window; None: the last seven days, up to now."""
    now = repository.store.time_there()
    until = until or now
    since = since or min(now, until) - WINDOW
    histories = read_histories(repository)
    rows = tuple(_row(repository, one, histories, now, since, until) for one in histories.of)
    own = repository.own_label()
    first = sorted(rows, key=lambda row: (row.label != own, row.label))
    return TimelineReport(own, now, since, until, histories.archive_seen, histories.exact, tuple(first))


def look_at_moment(repository: Repository, goal: ClusterTime | None, label: str | None = None) -> MomentReport:
    """How an instant would be restored; raises ``MomentNotCovered``, ``KeyMissing``."""
    base, stretch = find_base(repository, goal, label)
    reached = goal or (base.latest if stretch is None else stretch.through)
    between = [] if stretch is None else stretch.between(base.latest, reached)
    return MomentReport(
        instant=reached.instant,
        op=reached.words(),
        snapshot=base.record.snapshot,
        snapshot_instant=base.record.instant,
        segments=len(between),
        stored_bytes=sum(one.size_bytes for one, _ in between),
    )


def archived_spans(history: History) -> list[tuple[ClusterTime, ClusterTime]]:
    """What the archive makes restorable, as stretches of time that do not touch."""
    found: list[tuple[ClusterTime, ClusterTime]] = []
    for span in sorted((one for one in history.spans if one.stretch), key=lambda one: one.since):
        if found and span.since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], span.through))
        else:
            found.append((span.since, span.through))
    return found


def _row(
    repository: Repository, history: History, histories: Histories, now: datetime, since: datetime, until: datetime
) -> HistoryRow:
    archived = archived_spans(history)
    newest = history.newest
    lag = None if newest is None else max(0.0, (now - newest.instant).total_seconds())
    archived_until = archived[-1][1].instant if archived else None
    standing = archived_until is not None and (now - archived_until).total_seconds() > STALLED_SECONDS
    holes = [one for one in history.holes if _touches(one.after, one.until, since, until)]
    gaps = [_gap(repository, history, one, now) for one in holes]
    if standing and not (holes and holes[-1].until is None):
        gaps.append(_standing(history, archived[-1][1], now))
    oldest = history.oldest
    return HistoryRow(
        label=history.label,
        streamed=bool(history.stretches),
        oldest=None if oldest is None else oldest.base.record.instant,
        newest=None if newest is None else newest.instant,
        newest_op=None if newest is None or not histories.exact else newest.words(),
        lag_seconds=lag,
        stalled=standing,
        spans=tuple(
            SpanRow(begin.instant, end.instant, begin.words(), end.words())
            for begin, end in archived
            if _touches(begin, end, since, until)
        ),
        snapshots=tuple(_ticks(history, since, until)),
        gaps=tuple(gaps),
    )


def _ticks(history: History, since: datetime, until: datetime) -> list[TickRow]:
    bases: Sequence[Record] = [one.record for one in history.bases]
    both = [*((one, True) for one in bases), *((one, False) for one in history.others)]
    inside = [(one, is_base) for one, is_base in both if since <= one.instant <= until]
    in_order = sorted(inside, key=lambda pair: pair[0].instant)
    return [TickRow(one.snapshot, one.instant, one.purpose, is_base) for one, is_base in in_order]


def _gap(repository: Repository, history: History, hole: Hole, now: datetime) -> GapRow:
    if hole.same_chain:
        why: str | None = "segments of the archive are missing: removed, or lost"
    else:
        why = because_of(repository, hole.before)
    if hole.until is None and not history.bases:
        act = "no snapshot to begin from: `lifeboat backup db` takes one"
    elif hole.until is None:
        act = "`lifeboat backup db`: from that snapshot on every moment counts again"
    elif hole.snapshots:
        some = "a snapshot lies" if hole.snapshots == 1 else f"{hole.snapshots:,} snapshots lie"
        act = f"{some} in it: `lifeboat snapshots`"
    else:
        act = "nothing in it can be restored"
    end = now if hole.until is None else hole.until.instant
    until = None if hole.until is None else hole.until.instant
    seconds = max(0.0, (end - hole.after.instant).total_seconds())
    return GapRow(hole.after.instant, until, seconds, why, hole.snapshots, act)


def _standing(history: History, through: ClusterTime, now: datetime) -> GapRow:
    """The archive's end, where nothing has come for too long."""
    later = [one for one in history.bases if one.earliest > through]
    why = "nothing has been archived since: the stream does not run, or is held up"
    seconds = (now - through.instant).total_seconds()
    act = "`lifeboat stream`; it goes on from here if the oplog still reaches back"
    return GapRow(through.instant, None, seconds, why, len(later), act)


def _touches(begin: ClusterTime, end: ClusterTime | None, since: datetime, until: datetime) -> bool:
    return begin.instant <= until and (end is None or end.instant >= since)
