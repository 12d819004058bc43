"""Does the archive lead from each snapshot to the next? Its catalog events applied as a restore would, and compared with what the next one found."""

from collections.abc import Iterator
from itertools import pairwise

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.archived import archived_between
from lifeboat.operations.database_point import OPLOG, DatabasePoint, stored_collections
from lifeboat.operations.recovery_points import Base
from lifeboat.operations.timeline import Clockwork, History, read_histories, say_moment
from lifeboat.operations.verify.damage import name_snapshot
from lifeboat.operations.verify.found import DAMAGE
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.segments import Segment, Stretch
from lifeboat.storage.errors import ObjectArchived

BEGIN_ANEW = "`lifeboat backup db`: moments after that snapshot are within reach again; and please tell us of it"


def check_followed(repository: Repository, progress: Progress) -> list[Finding]:
    """Needs the identity. What does not open is told by others: here it is passed over."""
    clockwork = Clockwork(repository)
    found: list[Finding] = []
    for history in read_histories(repository).of:
        for stretch in history.stretches:
            inside = [known for one in _inside(history, stretch) if (known := clockwork(one)) is not None]
            progress.begin("following the archive", total_items=len(inside))
            for base, after in pairwise([*inside, None]):
                if base is not None:
                    found += _follow(repository, history.label, stretch, base, after)
                progress.advance(done_items=1)
    return found


def _inside(history: History, stretch: Stretch) -> Iterator[Base]:
    return (one for one in history.bases if stretch.after <= one.earliest and one.latest <= stretch.through)


def _follow(repository: Repository, label: str, stretch: Stretch, base: Base, after: Base | None) -> list[Finding]:
    goal = after.latest if after else stretch.through
    if goal <= base.latest:
        return []
    try:
        with SnapshotReader(repository, base.record) as reader:
            if not _is_of(repository, reader, stretch):
                return []
            point = DatabasePoint(reader, archived_between(repository, stretch, base.latest, goal))
        reached = {(one.entry.namespace, one.entry.uuid) for one in point.collections}
        there = reached if after is None else _stored(repository, after, reader.details.get("databases"))
    except LifeboatError as error:
        if error.worth_retrying:
            raise
        if isinstance(error, (*DAMAGE, ObjectArchived)):
            return []
        hurts = (f"moments of {label} from {say_moment(base.latest)} to {say_moment(goal)}",)
        return [Finding(Level.PROBLEM, error.code, f"archive of {label}", error.message, BEGIN_ANEW, hurts)]
    if there is None or reached == there:
        return []
    assert after is not None
    names = sorted({name for name, _ in reached ^ there})
    message = f"the archive leads to other collections than {name_snapshot(after.record)} found: {', '.join(names[:5])}"
    hurts = (f"moments from {say_moment(base.latest)} to {say_moment(goal)}",)
    return [Finding(Level.PROBLEM, "archive-contradicts-snapshot", f"archive of {label}", message, BEGIN_ANEW, hurts)]


def _is_of(repository: Repository, reader: SnapshotReader, stretch: Stretch) -> bool:
    server = reader.details.get("server")
    set_name = server.get("set_name") if isinstance(server, dict) else None
    return set_name == Segment(repository, stretch.segments[0]).statement.set_name


def _stored(repository: Repository, base: Base, databases: object) -> set[tuple[str, bytes]] | None:
    """The collections of a snapshot; None where it is of other databases, or was read over a stretch of time."""
    with SnapshotReader(repository, base.record) as reader:
        if reader.details.get("databases") != databases or OPLOG in reader.streams():
            return None
        return {(one.entry.namespace, one.entry.uuid) for one in stored_collections(reader)}
