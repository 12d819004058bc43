"""How the continuous archive stands: how far it reaches, and what the last week of it lacks. Names and records alone; no content is opened.

On a machine that may write the archive and not list it, the stream's own memory says how far it has come.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.believed_segments import believed
from lifeboat.operations.recovery_points import Base
from lifeboat.operations.reports.standing import ArchiveStatus
from lifeboat.operations.stream.memory import StreamMemory, is_running
from lifeboat.operations.timeline import History, histories_of
from lifeboat.operations.timeline_report import STALLED_SECONDS, archived_spans
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.segments import list_segments, stretches
from lifeboat.storage.errors import StorageDenied

WEEK = timedelta(days=7)
IDLE_ALLOWED_SECONDS = 360.0
"""A stream with nothing to store says so every five minutes only: until then nothing is known to be lost, nor to be there."""
OLD_BASE_SECONDS = 2 * 86_400.0
"""A restore has to replay everything since its snapshot."""


def archives(repository: Repository, records: Iterable[Record], now: datetime) -> list[ArchiveStatus]:
    """One for each writer's name that has an archive; of this machine alone where no more may be seen.

    Args:
        records: All that are not forgotten.
    """
    try:
        listed, _ = believed(repository, list_segments(repository))
    except StorageDenied:
        return _by_memory(repository, now)
    if not listed:
        return []
    # A chain begins at the very instant of a snapshot, and only its second is known here. The stream sees to it that it fits.
    found = histories_of(repository, records, stretches(listed), _at_the_end_of_its_second)
    return [_status(repository, one, now) for one in found if one.stretches]


def judged_archive(found: Sequence[ArchiveStatus], labels: Iterable[str]) -> ArchiveStatus | None:
    """The one that reaches furthest, of the machines that are judged."""
    judged = [one for one in found if one.label in set(labels) and one.newest is not None]
    return max(judged, key=lambda one: one.newest or one.now, default=None)


def check_archives(found: Iterable[ArchiveStatus]) -> list[Finding]:
    """What is wrong with them. Whether it costs more than may be lost is the objective's to say."""
    findings = []
    for one in found:
        if one.newest is None:
            message = "the archive has no snapshot to begin from: nothing in it can be restored yet"
            findings.append(
                Finding(Level.WARNING, "archive-without-snapshot", one.label, message, "`lifeboat backup db`")
            )
        elif one.stalled:
            message = f"nothing has been archived for {show_seconds(one.lag_seconds or 0.0)}"
            hint = "does `lifeboat stream` run there? It goes on where it was, if the oplog still reaches back"
            findings.append(Finding(Level.WARNING, "archive-stands-still", one.label, message, hint))
        if one.gaps:
            some = "a gap" if one.gaps == 1 else f"{one.gaps} gaps"
            message = f"the archive has {some} in the last 7 days, of {show_seconds(one.gap_seconds or 0.0)} in all"
            findings.append(
                Finding(Level.WARNING, "archive-gap", one.label, message, "`lifeboat timeline` shows where, and why")
            )
    return findings


def check_base(newest: Record | None, archive: ArchiveStatus | None, now: datetime) -> list[Finding]:
    """Whether a restore has to replay for long, because no snapshot was taken."""
    if newest is None or archive is None:
        return []
    age = (now - newest.believed_instant).total_seconds()
    if age <= OLD_BASE_SECONDS:
        return []
    message = (
        f"the archive is fresh, but the newest snapshot is {show_seconds(age)} old: a restore replays all since then"
    )
    return [
        Finding(Level.WARNING, "snapshot-behind-archive", "db", message, "`lifeboat backup db`, every day at least")
    ]


def is_fresh(archive: ArchiveStatus | None, objective_seconds: float) -> bool:
    """Whether no more can be lost than the objective allows, by the archive alone."""
    if archive is None or archive.lag_seconds is None:
        return False
    return archive.lag_seconds <= max(objective_seconds, IDLE_ALLOWED_SECONDS)


def _status(repository: Repository, history: History, now: datetime) -> ArchiveStatus:
    spans = archived_spans(history)
    newest = spans[-1][1].instant if spans else None
    lag = None if newest is None else max(0.0, (now - newest).total_seconds())
    holes = [one for one in history.holes if one.until is None or one.until.instant > now - WEEK]
    own = history.label == repository.own_label()
    return ArchiveStatus(
        label=history.label,
        now=now,
        newest=newest,
        lag_seconds=lag,
        stalled=lag is not None and lag > STALLED_SECONDS,
        gaps=len(holes),
        gap_seconds=sum(
            ((one.until.instant if one.until else now) - one.after.instant).total_seconds() for one in holes
        ),
        runs_here=is_running(repository.state) if own else None,
        by_memory=False,
    )


def _by_memory(repository: Repository, now: datetime) -> list[ArchiveStatus]:
    secret = repository.state.load_writer()
    remembered = None if secret is None else StreamMemory(repository.state, secret.writer.hex()).load()
    if remembered is None:
        return []
    newest = remembered.through.time.instant if remembered.snapshot_after is None else None
    lag = None if newest is None else max(0.0, (now - newest).total_seconds())
    return [
        ArchiveStatus(
            label=repository.own_label(),
            now=now,
            newest=newest,
            lag_seconds=lag,
            stalled=lag is not None and lag > STALLED_SECONDS,
            gaps=None,
            gap_seconds=None,
            runs_here=is_running(repository.state),
            by_memory=True,
        )
    ]


def _at_the_end_of_its_second(base: Base) -> Base:
    return base.exactly(base.latest)


def labels_of(repository: Repository, judged: Iterable[Record]) -> set[str]:
    """Of the machines whose backups of the database are judged."""
    return {repository.label_of(one) for one in judged if one.source == Source.MONGODB}
