"""Erasures as people and programs see them: what is covered, what may still hold it and until when."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value


class StillLiveRow(Value):
    """Something that live still holds. Args: place: a collection or path."""

    place: str
    items: int


class ErasureRow(Value):
    """One erasure as it stands."""

    id: str
    number: int
    """Of its entry of the ledger."""
    recorded: datetime
    request: str
    note: str
    covers: tuple[str, ...]
    """Each selector in words; values are known by their hashes alone and stand nowhere."""
    state: str
    """``open``: live was not seen to be clean; ``closed``: it was; ``held``."""
    until: datetime | None
    """Closed: restores of instants before it leave the person out."""
    hold: str
    answer_until: datetime
    """The day by which whoever asked is to be answered: 30 days after it was recorded."""
    answer_until_at_most: datetime
    """30 days more, where that was told."""


class ErasureRecorded(Value):
    """An erasure that was recorded, or what became of it; with what live still holds."""

    erasure: ErasureRow
    act: str
    """``record``, ``close``, ``hold``, ``release``."""
    looked: tuple[str, ...]
    """What of live was looked at: ``database``, ``files``."""
    not_looked: tuple[str, ...]
    """What could not be, and why."""
    live: tuple[StillLiveRow, ...]
    stored: tuple[StillLiveRow, ...] = ()
    """What the newest copies hold of it, as far as they were looked at; when it is recorded."""
    findings: tuple[Finding, ...] = ()


class CopyRow(Value):
    """A copy that may hold it."""

    what: str
    """``db``, ``files``, ``config`` or ``archive``."""
    snapshot: str | None
    instant: datetime | None
    label: str
    gone_by: datetime | None
    """When prune will have removed it at the latest, if backups and prune go on; None: there is no such day."""
    why: str
    """What keeps it."""


class ReplayedRow(Value):
    """A restore of this machine that kept something from coming back."""

    when: datetime
    job: str
    left_out: int
    trimmed: int


class ErasureStatus(Value):
    """Which copies may hold it and until when."""

    erasure: ErasureRow
    copies: tuple[CopyRow, ...]
    last_gone_by: datetime | None
    """When the last of them will be gone; None while there is no such day (``no_date``), or no copy."""
    no_date: tuple[str, ...]
    """Why there is none."""
    replicas: tuple[str, ...]
    """Second copies, which hold the same until they are brought up to date after that day."""
    replayed: tuple[ReplayedRow, ...]
    findings: tuple[Finding, ...] = ()


class ErasureList(Value):
    """All erasures, the oldest first."""

    erasures: tuple[ErasureRow, ...]
    findings: tuple[Finding, ...] = ()
