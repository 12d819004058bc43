"""What is known of an emergency: what can be restored, what is live, what looks like its cause. Plain facts."""

from datetime import datetime

from lifeboat.foundation.value import Value
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.suspects import Suspect


class LiveCollection(Value):
    """One collection, live and in the newest whole copy. Args: live: Documents; None: it is not there."""

    namespace: str
    stored: int
    live: int | None


class LiveDatabase(Value):
    """Args: trouble: Why it cannot be looked at; None: it can."""

    address: str
    trouble: str | None = None
    collections: tuple[LiveCollection, ...] = ()

    @property
    def missing(self) -> tuple[LiveCollection, ...]:
        return tuple(one for one in self.collections if one.live is None and one.stored)

    @property
    def fewer(self) -> tuple[LiveCollection, ...]:
        """Those that hold clearly less than the copy does."""
        return tuple(one for one in self.collections if one.live is not None and one.live < 0.9 * one.stored)

    @property
    def is_gone(self) -> bool:
        held = [one for one in self.collections if one.stored]
        return self.trouble is None and bool(held) and all(not one.live for one in held)


class LiveTree(Value):
    """Args: stored, live: Names in it; live is None where the folder is not there, and counted no further than ``stored``."""

    path: str
    stored: int
    live: int | None

    @property
    def is_hurt(self) -> bool:
        return self.live is None or self.live < 0.9 * self.stored


class Point(Value):
    """What could be brought back of one source.

    Args:
        snapshot: The newest that is whole: one that holds clearly less than those before it is passed over (``passed_over``), for it was
            taken after the loss.
        newest_instant: Of a database with an archive, the newest moment that can be restored.
        total_bytes: To restore. seconds: About how long that takes; None: never measured.
    """

    source: str
    snapshot: SnapshotRow
    newest_instant: datetime
    has_archive: bool
    total_bytes: int
    seconds: float | None = None
    passed_over: tuple[SnapshotRow, ...] = ()
    is_archived: bool = False
    """It lies in an archive class and has to be brought back first."""


class Situation(Value):
    """Args: points: By source: ``db``, ``files``, ``config``. target: Whether the settings name where things were live."""

    now: datetime
    repository: str
    points: tuple[Point, ...]
    database: LiveDatabase | None
    trees: tuple[LiveTree, ...]
    suspects: tuple[Suspect, ...]
    knows_database: bool
    knows_files: bool
    replicas: tuple[str, ...] = ()

    def point(self, source: str) -> Point | None:
        return next((one for one in self.points if one.source == source), None)
