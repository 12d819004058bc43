"""Single documents: which are meant, what differs, what was put back."""

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.restores import PointRow
from lifeboat.operations.reports.snapshots import SnapshotRow


class DocumentsRequest(Value):
    """Which single documents to look for, and where they would go."""

    namespace: str
    """``database.collection``, as it was backed up."""
    filter: str
    """As typed: Extended JSON, or what mongosh takes."""
    snapshot: str = "latest"
    to: str | None = None
    """A MongoDB URI, ``env:VARIABLE`` naming one, or another database's name; there, only what is missing is written."""
    over_live: bool = False
    at: str | None = None
    """An instant as people write it, in place of a snapshot."""
    before_op: str | None = None
    """The instant just before this operation."""
    without_erasures: bool = False
    """As for ``RestoreRequest``."""

    @property
    def is_of_a_moment(self) -> bool:
        return self.at is not None or self.before_op is not None


class ChangedField(Value):
    """A field that is not live as it was stored; values are shortened, None where there is no such field."""

    path: str
    live: str | None
    stored: str | None


class DocumentRow(Value):
    """One document that differs from what is live."""

    number: int | None
    """By which it can be picked; None for what is never touched."""
    verdict: str
    """``gone``, ``changed``; ``new``: live, and not in the snapshot; ``since``: it fits the filter only since the snapshot."""
    where: str
    document: str
    """Its ``_id``, as a filter takes it."""
    summary: str = ""
    """Of what is gone: its first fields."""
    fields: tuple[ChangedField, ...] = ()
    """Of what was changed."""


class FoundDocuments(Value):
    """What fits the filter in one collection of the snapshot, compared with what is live."""

    what: str
    where: str
    gone: int
    changed: int
    same: int
    new: int | None
    """None where too many live documents fit the filter to tell."""
    since: int
    bytes: int
    """Of what is gone or changed, as stored."""
    rows: tuple[DocumentRow, ...]
    """The first of them."""


class DocumentsPlan(Value):
    """Single documents before any of them is put back; the dry run shows this and stops."""

    snapshot: SnapshotRow
    target: str
    collections: tuple[FoundDocuments, ...]
    safety_snapshot: bool
    findings: tuple[Finding, ...] = ()
    point: PointRow | None = None
    """The instant, where it is none of a snapshot."""


class DocumentsReport(Value):
    """Single documents that were put back, or taken out again by an undo."""

    snapshot: SnapshotRow
    target: str
    written: int
    removed: int
    already: int
    """Were as wanted before: nothing was written."""
    skipped: int
    """Changed since they were shown; left as they are."""
    refused: int
    """Not taken by the server."""
    seconds: float
    safety_snapshot: str | None
    findings: tuple[Finding, ...] = ()
