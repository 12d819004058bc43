"""What a backup stored, and what is stored, as people and programs read it."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value


class SnapshotReport(Value):
    """One snapshot that was taken."""

    snapshot: str
    """Id, 32 hex digits; people type the first 8."""
    source: str
    instant: datetime
    one_instant: bool
    complete: bool
    items: int
    """Documents or files."""
    bytes: int
    new_bytes: int
    """Plain bytes that were not in the repository yet."""
    stored_bytes: int
    """Bytes written to the store."""
    seconds: float
    findings: tuple[Finding, ...] = ()
    snapshot_class: str = "short"
    """``long``: the month's copy, which is stored whole, apart from the others."""


class BackupReport(Value):
    """The snapshots of one ``lifeboat backup``, and the head of the catalog after it."""

    point: str
    """Id of the recovery point they form together."""
    snapshots: tuple[SnapshotReport, ...]
    head: str
    """Hash over the newest link of every writer, hex: compare it with what the last message showed."""
    findings: tuple[Finding, ...] = ()


class ImportReport(Value):
    """A dump that was taken in as a snapshot."""

    snapshot: SnapshotReport
    dump: str
    """Its file or folder; ``-`` for standard input."""
    form: str
    """``archive`` or ``directory``."""
    collections: int
    changes: int | None
    """How many changes its oplog added; None when none came along."""


class SnapshotRow(Value):
    """A row of ``lifeboat snapshots``."""

    snapshot: str
    point: str
    source: str
    instant: datetime
    one_instant: bool
    complete: bool
    items: int
    bytes: int
    stored_bytes: int
    generation: str
    label: str
    """The writer's name."""
    purpose: str = "backup"
    """``safety``: taken of what was there before a restore; ``import``: a dump that was taken in."""
    snapshot_class: str = "short"
    """``long``: the month's copy, kept for years."""
    keep: str | None = None
    """Why it is kept on purpose; None when the rules decide."""
    forgotten: datetime | None = None
    """When prune let it go; it is listed no more, and removed after the grace."""
    released_until: datetime | None = None
    """Of a forgotten one: until then ``--release`` brings it back."""
    proved: datetime | None = None
    """When everything it needs was last opened with the key; None: never, or something was found damaged since."""
    where: str | None = None
    """``at-hand``, ``archived`` (some of it has to be brought back first), ``coming``; None: nobody looked."""
    away_seconds: float | None = None
    """How long bringing it back takes at most, at the tier ``standard``; of one that is archived."""


class ContentRow(Value):
    """A collection or a path inside a snapshot."""

    name: str
    kind: str
    items: int | None
    bytes: int
    modified: datetime | None = None


class ExportReport(Value):
    """A snapshot that was written out in another tool's form."""

    snapshot: SnapshotRow
    form: str
    """``mongodump-archive``, ``mongodump-dir`` or ``tar``."""
    out: str
    items: int
    """Documents or files."""
    has_oplog: bool
    """Whether an oplog came along, which mongorestore must replay."""
    findings: tuple[Finding, ...] = ()
    """What was left out, for it was erased."""
