"""What the operations say of themselves: frozen facts that terminal, JSON, journal and alert all render."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lifeboat.foundation.finding import Finding, Level


@dataclass(frozen=True, slots=True)
class SnapshotReport:
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


@dataclass(frozen=True, slots=True)
class BackupReport:
    """The snapshots of one ``lifeboat backup``, and the head of the catalog after it."""

    point: str
    """Id of the recovery point they form together."""
    snapshots: tuple[SnapshotReport, ...]
    head: str
    """Hash over the newest link of every writer, hex: compare it with what the last message showed."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """A dump that was taken in as a snapshot."""

    snapshot: SnapshotReport
    dump: str
    """Its file or folder; ``-`` for standard input."""
    form: str
    """``archive`` or ``directory``."""
    collections: int
    changes: int | None
    """How many changes its oplog added; None when none came along."""


@dataclass(frozen=True, slots=True)
class SnapshotRow:
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


@dataclass(frozen=True, slots=True)
class ContentRow:
    """A collection or a path inside a snapshot."""

    name: str
    kind: str
    items: int | None
    bytes: int
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class RestoreRequest:
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

    @property
    def is_of_a_moment(self) -> bool:
        return self.at is not None or self.before_op is not None


@dataclass(frozen=True, slots=True)
class PointRow:
    """An instant between snapshots that a restore goes to."""

    instant: datetime
    """Its second, by the server's clock."""
    cluster_time: str
    """``SECONDS.INCREMENT``: up to and including it."""
    after_snapshot: str
    """Id of the snapshot on which it is built."""
    archived_bytes: int
    """Of the changes that are replayed onto it, at most."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One thing a restore would do."""

    what: str
    """The collection or tree."""
    where: str
    action: str
    """``create``, ``replace``, ``leave``, ``write``."""
    items: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class RestorePlanReport:
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


@dataclass(frozen=True, slots=True)
class RestoredPart:
    """One collection or tree that was restored and compared."""

    what: str
    where: str
    items: int
    bytes: int
    compared: str
    """How it was compared: ``documents, options and indexes``, ``counts``, ``every file`` ..."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A restore that was carried out."""

    snapshots: tuple[SnapshotRow, ...]
    target: str
    parts: tuple[RestoredPart, ...]
    seconds: float
    safety_snapshot: str | None
    findings: tuple[Finding, ...] = ()
    point: PointRow | None = None
    """Of the database, where it is none of a snapshot."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """A snapshot that was written out in another tool's form."""

    snapshot: SnapshotRow
    form: str
    """``mongodump-archive``, ``mongodump-dir`` or ``tar``."""
    out: str
    items: int
    """Documents or files."""
    has_oplog: bool
    """Whether an oplog came along, which mongorestore must replay."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """How far the rolling check of the packs is, on this machine."""

    packs: int
    bytes: int
    checked_packs: int
    """Looked at by this run."""
    checked_bytes: int
    never_checked_packs: int
    damaged_packs: int
    oldest_check_seconds: int | None
    """Age of the oldest check; None while something was never checked."""
    days_for_all: float | None
    """How long all of it takes at the pace of the last two weeks; None when this run read everything, or nothing was ever read."""


@dataclass(frozen=True, slots=True)
class DocumentsRequest:
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

    @property
    def is_of_a_moment(self) -> bool:
        return self.at is not None or self.before_op is not None


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field that is not live as it was stored; values are shortened, None where there is no such field."""

    path: str
    live: str | None
    stored: str | None


@dataclass(frozen=True, slots=True)
class DocumentRow:
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


@dataclass(frozen=True, slots=True)
class FoundDocuments:
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


@dataclass(frozen=True, slots=True)
class DocumentsPlan:
    """Single documents before any of them is put back; the dry run shows this and stops."""

    snapshot: SnapshotRow
    target: str
    collections: tuple[FoundDocuments, ...]
    safety_snapshot: bool
    findings: tuple[Finding, ...] = ()
    point: PointRow | None = None
    """The instant, where it is none of a snapshot."""


@dataclass(frozen=True, slots=True)
class DocumentsReport:
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


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification looked at and what it found."""

    level: str
    snapshots: int
    objects: int
    bytes_read: int
    chunks: int
    """Chunks opened, authenticated and re-identified."""
    seconds: float
    findings: tuple[Finding, ...]
    proved: tuple[str, ...] = ()
    """Ids of the snapshots that this run proved."""
    unproved: int = 0
    """Snapshots that nobody has proved yet, or whose proof is in doubt."""
    stopped_by: str | None = None
    """``bytes`` or ``minutes`` when a limit ended it; the next run goes on from there."""
    rotation: Rotation | None = None
    """Of the levels that read packs."""
    quarantined: int = 0
    """Packs that this machine wrote and this run found spoilt: its next backup stores what they held again."""
    segments: int = 0
    """Of the archive, as far as they lead to moments of its window."""


@dataclass(frozen=True, slots=True)
class LastVerify:
    """The last ``lifeboat verify`` of this machine."""

    level: str
    at: datetime
    with_key: bool
    problems: int
    stopped_by: str | None = None
    rotation: Rotation | None = None
    """Where the rolling check stood, of the last run that read packs."""


@dataclass(frozen=True, slots=True)
class ArchiveStatus:
    """How the continuous archive of one writer's name stands.

    Args:
        newest: Every moment from its snapshot up to here can be restored; None where there is no such snapshot.
        lag_seconds: From there to ``now``, the store's time. stalled: For longer than a stream that runs is silent.
        gaps, gap_seconds: That touch the last seven days; None where this machine may not see the archive.
        runs_here: Whether a stream runs on this machine; None where that is another one's.
        by_memory: It is what this machine's stream remembers, not what was seen in the repository.
    """

    label: str
    now: datetime
    newest: datetime | None
    lag_seconds: float | None
    stalled: bool
    gaps: int | None
    gap_seconds: float | None
    runs_here: bool | None
    by_memory: bool


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How one source stands."""

    source: str
    newest: SnapshotRow | None
    age_seconds: float | None
    """Measured RPO: now minus the newest restorable instant."""
    objective_seconds: float
    snapshots: int
    meets_objective: bool
    """Or is over it by no more than a run that is under way (``operations/lateness.py``)."""
    newest_proved: SnapshotRow | None = None
    """The newest snapshot whose every byte somebody with the key has opened since it was stored."""
    proved_age_seconds: float | None = None
    proved_objective_seconds: float | None = None
    by_archive: bool = False
    """The age is that of the archive, which is younger than the newest snapshot."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The answer to "am I safe?"."""

    repository: str
    """Where it lies."""
    repository_id: str
    profile: str
    sources: tuple[SourceStatus, ...]
    stored_bytes: int | None
    """None where this machine may not list everything."""
    head: str
    findings: tuple[Finding, ...] = ()
    last_restore_seconds: float | None = None
    """Measured RTO of the last restore on this machine."""
    last_verify: LastVerify | None = None
    """None: this machine never verified the repository."""
    archives: tuple[ArchiveStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of ``doctor`` and what it found."""

    check: str
    """Its permanent name."""
    title: str
    findings: tuple[Finding, ...] | None
    """None: it was not made, because one that it rests on failed."""
    waits_for: str | None = None
    """Name of the check that has to be put right first."""

    @property
    def level(self) -> Level | None:
        """The worst of its findings."""
        if self.findings is None:
            return None
        worst = (Level.PROBLEM, Level.WARNING)
        return next((level for level in worst if any(one.level is level for one in self.findings)), Level.OK)


@dataclass(frozen=True, slots=True)
class InitReport:
    """A repository that was made."""

    repository: str
    repository_id: str
    profile: str
    key_created: str | None
    """Where the new key was written, if one was made. Never the key."""
    recipients: tuple[str, ...]
    findings: Sequence[Finding] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class PruneVerdict:
    """What prune says of one snapshot, and why."""

    snapshot: str
    label: str
    """The name of its writer."""
    source: str
    snapshot_class: str
    generation: str
    finished: datetime
    kept: bool
    because: str
    """The kind of reason, a permanent word."""
    reason: str
    until: datetime | None
    """When the reason ends, where that day is known."""
    forgotten: datetime | None
    """When it was let go; None when it is listed."""


@dataclass(frozen=True, slots=True)
class FreedLater:
    """From when on prune can remove how much more."""

    when: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class ArchiveVerdict:
    """What prune says of the archive of one writer's name."""

    label: str
    base: str | None
    """Id of the snapshot from which the oldest moment is reached; None: none is old enough yet, and all stays."""
    since: datetime | None
    """Its instant: from then on moments stay within reach, but for the gaps that `lifeboat timeline` shows."""
    segments: int
    """Those that stay, parts of large transactions among them."""
    bytes: int
    going: int
    going_bytes: int


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What prune did, or with ``dry_run`` would do."""

    dry_run: bool
    now: datetime
    """By the store's clock, which alone counts."""
    rules: str
    verdicts: tuple[PruneVerdict, ...]
    """On every snapshot, newest first within one writer's name, source and class."""
    forgotten: tuple[str, ...]
    """Ids of those let go now: listed no more, removed after the grace."""
    taken_back: tuple[str, ...]
    """Ids of those that were let go, and that the rules keep again."""
    snapshots_removed: int
    objects_removed: int
    freed_bytes: int
    objects_left: int
    """Planned, but the store refused."""
    later: tuple[FreedLater, ...]
    grace_days: int
    findings: tuple[Finding, ...] = ()
    archives: tuple[ArchiveVerdict, ...] = ()
    window_days: int = 0
    """Of how many days any moment is to stay within reach."""
