"""What a drill came to: plain facts, which terminal, JSON, page, ledger and calendar all render.

Invariant: every time and every figure in it was measured in this drill; what was not measured is None.
"""

from datetime import datetime
from enum import StrEnum

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value, field
from lifeboat.operations.reports.restores import PointRow
from lifeboat.operations.reports.snapshots import SnapshotRow

FORMAT = 1


class Outcome(StrEnum):
    """What it came to."""

    PASSED = "passed"
    FAILED = "failed"
    """Something did not come back as it was, a check of the application failed, or an objective was missed."""
    STOPPED = "stopped"
    """It did not come to its end: an error, or somebody ended it."""


class PhaseName(StrEnum):
    """In the order in which they come."""

    PLAN = "plan"
    PREFLIGHT = "preflight"
    PROVISION = "provision"
    FETCH = "fetch"
    DECRYPT = "decrypt"
    RESTORE = "restore"
    ERASE = "erase"
    COMPARE = "compare"
    CHECKS = "application checks"
    MEASURE = "measure"
    WIPE = "wipe"
    REPORT = "report"


class Phase(Value):
    """One phase.

    Args:
        began: None for what goes on inside another phase.
        seconds: By the clock.
        inside: The phase in whose time this goes on; its seconds are then those of work, of all threads together, and are not added.
        outcome: ``done``, ``failed``, ``skipped``.
        said: What was done, or why not, in one sentence.
    """

    name: str
    began: datetime | None
    seconds: float
    outcome: str
    said: str = ""
    inside: str | None = None


class Difference(Value):
    """One thing that did not come back as it was.

    Args:
        code: Permanent: ``document-missing``, ``document-changed``, ``document-extra``, ``collection-missing``, ``collection-extra``,
            ``count-differs``, ``index-missing``, ``index-differs``, ``options-differ``, ``user-missing``, ``user-differs``,
            ``role-missing``, ``role-differs``, ``file-missing``, ``file-changed``, ``file-extra``, ``attributes-differ``.
        subject: ``legal.cases _id ObjectId('...')``, a path, a user.
        detail: What differs: names of fields, never their values.
    """

    code: str
    subject: str
    detail: str = ""


class Compared(Value):
    """A collection, the accounts of a database, or a tree, held against what is stored.

    Args:
        kind: ``collection``, ``view``, ``users``, ``tree``.
        items, bytes: That were compared.
        how: e.g. ``every document by its bytes, indexes, options``.
        differences: The first of them; ``more`` says how many others there are.
        erased: Items left out because the ledger says so.
    """

    what: str
    kind: str
    items: int
    bytes: int
    how: str
    differences: tuple[Difference, ...] = ()
    more: int = 0
    erased: int = 0

    @property
    def is_equal(self) -> bool:
        return not self.differences and not self.more


class Checked(Value):
    """One check of the application on what was restored. Args: kind: ``command``, ``http``, ``query``, ``sign-in``, ``references``;
    said: what it answered, scrubbed and short.
    """

    name: str
    kind: str
    passed: bool
    seconds: float
    expected: str
    said: str


class Clocks(Value):
    """The moments of a disaster and of the way back; None: not reached, or nobody said it."""

    incident: datetime
    detected: datetime | None = None
    declared: datetime | None = None
    began: datetime | None = None
    """The restore began."""
    restored: datetime | None = None
    verified: datetime | None = None
    service_back: datetime | None = None


class Lost(Value):
    """Measured RPO of one source: from its recovery point to the incident."""

    source: str
    point: datetime
    seconds: float
    objective_seconds: float

    @property
    def meets_objective(self) -> bool:
        return self.seconds <= self.objective_seconds


class Measures(Value):
    """Measured against the objectives.

    Args:
        rto_seconds: From the incident until the service is back.
        technical_seconds: From the declaration until then: without finding out and deciding.
        lost: The RPO of each source.
    """

    rto_seconds: float | None
    technical_seconds: float | None
    rto_objective_seconds: float
    lost: tuple[Lost, ...] = ()

    @property
    def meets_rto(self) -> bool:
        return self.rto_seconds is not None and self.rto_seconds <= self.rto_objective_seconds

    @property
    def meets_rpo(self) -> bool:
        return all(one.meets_objective for one in self.lost)


class Wiped(Value):
    """That nothing of the restored data is left. Args: evidence: what was looked at afterwards, and how it was found."""

    what: str
    items: int
    bytes: int
    is_gone: bool
    evidence: str


class DrillReport(Value):
    """A drill from its beginning to its end.

    Args:
        drill: Its id: 8 hex digits, made for it.
        label: Of the installation whose data it was.
        host, user: Where it was made and by whom.
        chosen: How the point was chosen: ``latest``, ``random``, ``oldest``, ``at``.
        target: Where it was restored to, without a password.
        restored_bytes: Plain bytes of all that was brought back.
        erased: Ids of erasures that were replayed.
        versions: Of Lifeboat, Python, the server that was restored into, the source's server as stored.
    """

    drill: str
    scenario: str
    outcome: Outcome
    label: str
    host: str
    user: str
    began: datetime
    ended: datetime
    chosen: str
    snapshots: tuple[SnapshotRow, ...]
    target: str
    restored_bytes: int
    phases: tuple[Phase, ...]
    clocks: Clocks
    measures: Measures
    compared: tuple[Compared, ...] = ()
    checked: tuple[Checked, ...] = ()
    wiped: tuple[Wiped, ...] = ()
    findings: tuple[Finding, ...] = ()
    point: PointRow | None = None
    erased: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    repository: str = ""
    repository_id: str = ""
    key: str = ""
    """Fingerprint of the key that opened the copies, short."""
    settings_sha256: str = ""
    """Of the settings that were in force, without secrets: tells whether two drills were of the same arrangement."""
    ledger_number: int | None = None
    """Under which it was put down; None where that could not be done (``findings`` says why)."""
    format: int = FORMAT
