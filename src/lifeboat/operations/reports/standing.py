"""The answer to "am I safe?"."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.checks import LastVerify
from lifeboat.operations.reports.replicas import ReplicaStatus
from lifeboat.operations.reports.snapshots import SnapshotRow


class ArchiveStatus(Value):
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


class SourceStatus(Value):
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


class DrillDue(Value):
    """One of the three of the calendar. Args: due: None where there was nothing to drill yet."""

    what: str
    due: datetime | None
    is_overdue: bool


class DrillStanding(Value):
    """What drills say about the time to be back.

    Args:
        last: Id of the newest drill; None: none was made. last_seconds: its RTO.
        predicted_seconds: For a restore of everything as large as today, without finding out and deciding, from ``predicted_from``
            drills; between ``low_seconds`` and ``high_seconds``.
    """

    last: str | None
    last_scenario: str | None
    last_outcome: str | None
    last_ended: datetime | None
    last_seconds: float | None
    rto_objective_seconds: float
    predicted_seconds: float | None = None
    low_seconds: float | None = None
    high_seconds: float | None = None
    predicted_from: int = 0
    due: tuple[DrillDue, ...] = ()

    @property
    def is_too_slow(self) -> bool:
        """Measured or predicted above the objective."""
        return any(
            one is not None and one > self.rto_objective_seconds for one in (self.last_seconds, self.predicted_seconds)
        )


class StatusReport(Value):
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
    replicas: tuple[ReplicaStatus, ...] = ()
    drills: DrillStanding | None = None
    """None: this machine has no key that opens the ledger."""
