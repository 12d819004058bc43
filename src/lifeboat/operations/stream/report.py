"""How a stream does, for whoever watches it."""

from datetime import datetime
from typing import Protocol

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.value import Value


class StreamStatus(Value):
    """Args:
    through: The archive holds every change up to here; None before the first segment.
    lag_seconds: From there to the newest change that a majority has; 0 when everything is stored. None while the server is away.
    events, segments, stored_bytes: Since the stream was started.
    events_per_second: Lately.
    oplog_left_seconds: How long the server can go on before what is not stored is overwritten, at its present pace; None if unknown.
    waiting_for: What keeps it from going on, in words; None when nothing does.
    snapshot: What the stream says of the snapshot it needs; None when it needs none.
    gap: Why the present chain began, if it was not the first; None otherwise.
    """

    at: datetime
    chain: str
    through: ClusterTime | None
    lag_seconds: float | None
    events: int
    events_per_second: float
    segments: int
    stored_bytes: int
    oplog_left_seconds: float | None
    waiting_for: str | None
    snapshot: str | None
    gap: str | None


class StreamReport(Value):
    """What a stream came to when it ended.

    Args:
        status: None when it never got to its beginning.
        all_stored: Whether everything that was read is durable.
    """

    status: StreamStatus | None
    all_stored: bool
    snapshot_missing: bool
    findings: tuple[Finding, ...]


class Watcher(Protocol):
    """Hears of a stream; called from several threads."""

    def said(self, finding: Finding) -> None:
        """Something happened that is worth a line. A problem is worth waking somebody; OK under the same code ends it."""
        ...

    def moved(self, status: StreamStatus) -> None:
        """Every second or so."""
        ...


class Outcome(Value):
    """How taking a snapshot ended. Args: message: Why it failed; empty when it did not."""

    message: str
    hint: str = ""


class SnapshotTaker(Protocol):
    """Takes a backup of the database beside the stream."""

    def begin(self) -> None: ...

    def outcome(self) -> Outcome | None:
        """None while it runs."""
        ...

    def stop(self) -> None:
        """The stream ends: do not outlive it."""
        ...
