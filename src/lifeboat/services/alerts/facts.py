"""What the rules look at: gathered by ``app/alerting.py``, nothing of it asked for here."""

from collections.abc import Sequence
from datetime import datetime

from lifeboat.foundation.value import Value, field


class SourceFacts(Value):
    """Args:
    name: As people type it: ``db``.
    newest, newest_point: Of the newest snapshot; of the newest restorable moment, the archive's among them. None: there is none.
    objective_seconds: What may be lost at most. allowed_seconds: The same with what a run under way may take.
    sizes: Bytes of its complete snapshots, oldest first, of the last weeks.
    incomplete: Whether the newest snapshot lacks something.
    """

    name: str
    newest: datetime | None
    newest_point: datetime | None
    objective_seconds: float
    allowed_seconds: float
    sizes: Sequence[int] = ()
    incomplete: bool = False


class RunFacts(Value):
    """Args: ended: None while it runs. ok: None while it runs; an exit with findings only is ok for all but a verification."""

    job: str
    began: datetime
    ended: datetime | None
    ok: bool | None
    error: str | None = None
    message: str = ""
    hint: str = ""


class ArchiveFacts(Value):
    """Args: gaps: That touch the last seven days; None where they cannot be seen. waiting_for: What keeps it from storing, in words."""

    label: str
    lag_seconds: float | None
    stalled: bool
    gaps: int | None
    gap_seconds: float | None = None
    waiting_for: str | None = None


class ReplicaFacts(Value):
    """Args: behind_seconds: how far the second copy is behind; None: not known. problems: that the last run found."""

    name: str
    behind_seconds: float | None
    problems: int = 0


class DrillFacts(Value):
    """Args: overdue: What of the calendar is, and since when. rto_seconds: Of the last drill. predicted_seconds: For today's size."""

    overdue: Sequence[tuple[str, datetime]]
    rto_seconds: float | None
    predicted_seconds: float | None
    objective_seconds: float
    last_failed: str | None = None
    """Id of the last drill, where it did not pass."""


class SaidFinding(Value):
    """A problem or warning that ``status``, ``doctor`` or ``verify`` found."""

    code: str
    subject: str
    message: str
    hint: str
    is_problem: bool


class Facts(Value):
    """Args:
    expected_jobs: By name, how many seconds may pass between the ends of two runs that went well.
    last_good: By job. installed: Since when the jobs are expected.
    verified: End of the last verification. verify_problems: What it found; None where it never ran.
    rehearsed: When something was last restored, by a drill or a person.
    disk_free, disk_bytes: Of the local place where the repository or the state folder lies; None where that is no disk.
    cost_month: Dollars of this month, projected; None: not known, or no price is. cost_year: Of the month in a year.
    stored_bytes: Of everything of the repository.
    unreachable: Why the repository could not be looked at, in words; then most of the rest is empty.
    """

    now: datetime
    sources: Sequence[SourceFacts] = ()
    runs: Sequence[RunFacts] = ()
    expected_jobs: dict[str, float] = field(default_factory=dict)
    last_good: dict[str, datetime] = field(default_factory=dict)
    installed: datetime | None = None
    archives: Sequence[ArchiveFacts] = ()
    verified: datetime | None = None
    verify_problems: int | None = None
    rehearsed: datetime | None = None
    begun: datetime | None = None
    """When the first snapshot was taken."""
    findings: Sequence[SaidFinding] = ()
    disk_free: int | None = None
    disk_bytes: int | None = None
    cost_month: float | None = None
    cost_year: float | None = None
    stored_bytes: int | None = None
    unreachable: SaidFinding | None = None
    replicas: Sequence[ReplicaFacts] = ()
    drills: DrillFacts | None = None
    """None: this machine does not read the ledger; restores then count as rehearsals."""
