"""What to restore, what that will do, what it did."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.retrievals import RetrievalReport
from lifeboat.operations.reports.snapshots import SnapshotRow


class RestoreRequest(Value):
    """What to bring back, and where to."""

    source: str
    """``db``, ``files``, ``config`` or ``all``."""
    snapshot: str = "latest"
    """``latest``, or an id or its beginning."""
    to: str | None = None
    """A MongoDB URI, ``env:VARIABLE`` naming one, another database's name, or a directory."""
    over_live: bool = False
    namespaces: tuple[str, ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    paths: tuple[str, ...] = ()
    """Files and folders, whole or relative to their tree; with ``include`` they are added to what that chooses."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    compare: str = "full"
    """``full`` or ``counts``."""
    with_users: bool | None = None
    """None: with ``over_live`` only."""
    at: str | None = None
    """An instant as people write it (``operations/moments.py``), in place of a snapshot."""
    before_op: str | None = None
    """The instant just before this operation, as ``timeline --suspects`` names it."""
    without_erasures: bool = False
    """Bring back also what was erased since: for a ledger that cannot be read in full."""

    @property
    def is_of_a_moment(self) -> bool:
        return self.at is not None or self.before_op is not None


class PointRow(Value):
    """An instant between snapshots that a restore goes to."""

    instant: datetime
    """Its second, by the server's clock."""
    cluster_time: str
    """``SECONDS.INCREMENT``: up to and including it."""
    after_snapshot: str
    """Id of the snapshot on which it is built."""
    archived_bytes: int
    """Of the changes that are replayed onto it, at most."""


class PlanStep(Value):
    """One thing a restore would do."""

    what: str
    """The collection or tree."""
    where: str
    action: str
    """``create``, ``replace``, ``leave``, ``write``."""
    items: int | None
    bytes: int


class RestorePlanReport(Value):
    """A restore before it is carried out; the dry run shows this and stops."""

    snapshots: tuple[SnapshotRow, ...]
    target: str
    steps: tuple[PlanStep, ...]
    total_bytes: int
    safety_snapshot: bool
    """Whether what is there now is backed up first, so that ``restore --undo`` can go back."""
    findings: tuple[Finding, ...] = ()
    estimated_seconds: float | None = None
    """By the rate of the last restore of this source on this machine; None when none was measured yet."""
    point: PointRow | None = None
    """Of the database, where it is none of a snapshot."""
    retrieval: RetrievalReport | None = None
    """Where something lies in an archive class. What the restore would do is told (``steps``) as soon as its lists can be read."""
    erasures: int = 0
    """How many erasures of the ledger will be replayed: whom they mean does not come back."""


class RestoredPart(Value):
    """One collection or tree that was restored and compared."""

    what: str
    where: str
    items: int
    bytes: int
    compared: str
    """How it was compared: ``documents, options and indexes``, ``counts``, ``every file`` ..."""


class ErasureReplayed(Value):
    """What one erasure of the ledger kept from coming back in one place.

    Args:
        erasure: Its id. where: the collection or tree, as it is called there now.
        left_out: Documents or files that did not come back. trimmed: documents that came back without some fields.
    """

    erasure: str
    where: str
    left_out: int
    trimmed: int = 0


class RestoreReport(Value):
    """A restore that was carried out."""

    snapshots: tuple[SnapshotRow, ...]
    target: str
    parts: tuple[RestoredPart, ...]
    seconds: float
    safety_snapshot: str | None
    findings: tuple[Finding, ...] = ()
    point: PointRow | None = None
    """Of the database, where it is none of a snapshot."""
    erasures: tuple[ErasureReplayed, ...] = ()
    """What the ledger of erasures kept from coming back; one row for each erasure and place where there was something."""
    erasures_looked_for: int = 0
    """How many erasures of the ledger were replayed, whether or not there was anything of them."""
