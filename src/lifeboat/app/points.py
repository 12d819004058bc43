"""Which point of a database a person means: a snapshot, or a moment that the archive covers."""

from contextlib import ExitStack
from datetime import datetime

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import SourceError
from lifeboat.operations.archived import Archived, archived_between
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.find_suspects import before_op as instant_before_op
from lifeboat.operations.moments import read_moment, read_operation, writer_in
from lifeboat.operations.recovery_points import Base
from lifeboat.operations.reports.restores import PointRow
from lifeboat.operations.timeline import find_bases, say_moment
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.segments import Stretch
from lifeboat.sources.mongodb.errors import OplogNotFollowed


class NothingAtThatMoment(SourceError):
    """There is nothing to restore: everything had been dropped by then."""

    code = "nothing-at-that-moment"


def goal_of(repository: Repository, at: str | None, before_op: str | None, now: datetime) -> ClusterTime | None:
    """The instant that ``--at`` or ``--before-op`` names; None for the newest.

    Raises:
        MomentUnclear.
        OperationUnknown: The archive holds no such operation.
    """
    if before_op is not None:
        return instant_before_op(repository, read_operation(before_op), writer_in(before_op))
    return read_moment(at or "", now).goal


def open_point(
    repository: Repository, goal: ClusterTime | None, stack: ExitStack, writer: str | None = None
) -> DatabasePoint:
    """Open the database as of an instant; None for the newest.

    Args:
        writer: The name under which it is stored; None: see ``meant_history``.

    Raises:
        MomentNotCovered: Neither a snapshot nor the archive reaches it.
        OplogNotFollowed: From no snapshot can what happened since be followed.
    """
    refused: OplogNotFollowed | None = None
    for base, stretch in find_bases(repository, goal, writer):
        with ExitStack() as own:
            reader = own.enter_context(SnapshotReader(repository, base.record))
            try:
                point = DatabasePoint(reader, _since(repository, base, stretch, goal))
            except OplogNotFollowed as trouble:
                # Taken amid an $out, say, whose result is not in it: an older one, before it began, has all of that.
                refused = refused or trouble
                continue
            stack.push(own.pop_all())
            return point
    assert refused is not None
    raise refused


def _since(repository: Repository, base: Base, stretch: Stretch | None, goal: ClusterTime | None) -> Archived | None:
    return None if stretch is None else archived_between(repository, stretch, base.earliest, goal or stretch.through)


def newest_until(repository: Repository, source: Source, goal: ClusterTime | None) -> Record | None:
    """The newest snapshot of a source that has no archive, as it was then."""
    backups = [one for one in repository.snapshots() if one.source == source and one.is_backup]
    own = repository.judged_here(backups)
    return next((one for one in own if goal is None or one.believed_instant <= goal.instant), None)


def refuse_empty(point: DatabasePoint) -> None:
    """Raises:
    NothingAtThatMoment: The database had no collection then.
    """
    if not point.collections:
        raise NothingAtThatMoment(
            f"the database had no collection at {say_moment(point.goal)}"
            if point.goal
            else "the snapshot holds no collection",
            "`lifeboat timeline --suspects` shows what was dropped, and when; restore with --before-op",
        )


def row_of_point(point: DatabasePoint) -> PointRow | None:
    """As people and programs see it; None for the instant of a snapshot."""
    if point.since is None:
        return None
    goal = point.since.goal
    return PointRow(goal.instant, goal.words(), point.record.snapshot, point.since.total_bytes)
