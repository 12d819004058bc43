"""What the journal tells: plain facts. Times are in UTC."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lifeboat.foundation.value import Value


class RunRow(Value):
    """One run of a command."""

    number: int
    job: str
    """As it was typed: ``backup db``, ``verify``, ``stream``."""
    label: str
    """The installation that ran it: this one, or another whose snapshots tell of it."""
    slot: datetime | None
    """The planned time that it was for; None when nobody planned it."""
    began: datetime
    ended: datetime | None
    """None while it runs, or when it was killed and nobody has noticed yet: see ``Journal.close_abandoned``."""
    status: int | None
    """Exit status; None while it runs, and when it was killed."""
    error: str | None
    """The code of the failure; ``killed`` when its process was gone without a word."""
    report: Mapping[str, Any] | None
    """What ``--json`` would have printed; None for old runs."""
    process: str
    begun_by: str
    """``command``, ``schedule``, ``dashboard``, or ``repository``: told by what is stored, not seen by this journal."""

    @property
    def seconds(self) -> float | None:
        return None if self.ended is None else (self.ended - self.began).total_seconds()

    @property
    def is_good(self) -> bool:
        """Ended, and nothing was wrong."""
        return self.ended is not None and self.status == 0


class SizeRow(Value):
    """What one snapshot was of and took."""

    snapshot: str
    time: datetime
    source: str
    label: str
    bytes: int
    items: int
    stored: int
    """Bytes newly written for it."""
    complete: bool


class AlertRow(Value):
    """One thing that is or was wrong, from when it was seen until it was over."""

    number: int
    key: str
    """The same thing has the same key; of one key at most one is open."""
    rule: str
    severity: str
    subject: str
    facts: Mapping[str, Any]
    opened: datetime
    told: datetime | None
    times_told: int
    closed: datetime | None
    recovery_told: datetime | None
