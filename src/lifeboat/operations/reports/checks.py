"""What was looked at and found: verify, doctor, init."""

from collections.abc import Sequence
from datetime import datetime

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value, field


class Rotation(Value):
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


class VerifyReport(Value):
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
    archived: int = 0
    """Objects in archive classes that the levels that read did not read: there by name and size."""
    archived_bytes: int = 0
    resting: int = 0
    """Packs that a turn left alone, because reading them is billed and they were found whole not long ago."""
    resting_bytes: int = 0


class LastVerify(Value):
    """The last ``lifeboat verify`` of this machine."""

    level: str
    at: datetime
    with_key: bool
    problems: int
    stopped_by: str | None = None
    rotation: Rotation | None = None
    """Where the rolling check stood, of the last run that read packs."""


class CheckResult(Value):
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


class InitReport(Value):
    """A repository that was made."""

    repository: str
    repository_id: str
    profile: str
    key_created: str | None
    """Where the new key was written, if one was made. Never the key."""
    recipients: tuple[str, ...]
    findings: Sequence[Finding] = field(default_factory=tuple)
