"""What prune did, or would do."""

from datetime import datetime

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value


class PruneVerdict(Value):
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


class FreedLater(Value):
    """From when on prune can remove how much more."""

    when: datetime
    bytes: int


class ArchiveVerdict(Value):
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


class PruneReport(Value):
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
    lock_days: int = 35
    """What nobody has proved is kept for so many days after the end of its month."""
    locked: bool = False
    """An Object Lock holds everything as long, so nothing was removed before."""
    hidden_until: datetime | None = None
    """What was removed now is only hidden, and takes room until this day; None: it is gone, as far as the settings tell."""
