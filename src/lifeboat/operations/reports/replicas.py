"""What became of a second copy, and how one stands."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.checks import VerifyReport


class ReplicaReport(Value):
    """One replica after a run, or what a run would do."""

    name: str
    location: str
    dry_run: bool
    first: bool
    """Nothing lay there before."""
    as_of: datetime
    """By the repository's clock: what was stored before is in the replica now, but for what is missing."""
    copied_objects: int
    copied_bytes: int
    """Of a dry run: what would be copied."""
    seconds: float
    objects: int
    bytes: int
    """Of the repository that are in the replica now."""
    missing_objects: int
    missing_bytes: int
    """That could not be copied; the findings say why."""
    kept_on_objects: int
    kept_on_bytes: int
    """In the replica, and no more in the repository."""
    removed_objects: int = 0
    removed_bytes: int = 0
    repaired_objects: int = 0
    findings: tuple[Finding, ...] = ()
    verified: VerifyReport | None = None


class ReplicateReport(Value):
    """What `lifeboat replicate` did, replica by replica."""

    repository: str
    replicas: tuple[ReplicaReport, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        found: list[Finding] = []
        for one in self.replicas:
            found += [*one.findings, *(one.verified.findings if one.verified else ())]
        return tuple(found)


class PromoteReport(Value):
    """A replica that became the repository. Args: marks: How many said that it was a replica; 0: none did."""

    repository: str
    marks: int


class ReplicaNewest(Value):
    """Of one source, the newest snapshot in the repository and in the replica. Args: here, there: its instant."""

    source: str
    here: datetime
    there: datetime | None


class ReplicaStatus(Value):
    """How far a replica is behind.

    Args:
        as_of: The last run that went to its end and that this machine made; None where it made none.
        lag_seconds: For how long the oldest snapshot that is not in it has been waiting; 0: none is; None: not known.
        missing_snapshots: None: not known.
        by_memory: As this machine remembers it; else as it was seen just now.
        trouble: Why it could not be looked at, in words.
    """

    name: str
    location: str
    as_of: datetime | None
    lag_seconds: float | None
    missing_snapshots: int | None
    newest: tuple[ReplicaNewest, ...] = ()
    kept_on_objects: int = 0
    missing_objects: int = 0
    problems: int = 0
    by_memory: bool = False
    trouble: str | None = None
