"""What the pages show: gathered by ``app/dashboard.py``, nothing of it asked for here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from lifeboat.foundation.value import Value
from lifeboat.journal.rows import AlertRow, RunRow, SizeRow
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.reports.standing import StatusReport
from lifeboat.operations.timeline_report import TimelineReport


class Seen(Value):
    """What was seen in the repository, at one time.

    Args:
        at: When it was seen. took_seconds: How long that took.
        status, timeline, snapshots: None where it could not be seen; ``trouble`` then says why, in words for people.
        snapshots: Newest first.
    """

    at: datetime
    took_seconds: float
    status: StatusReport | None
    timeline: TimelineReport | None
    snapshots: Sequence[SnapshotRow]
    trouble: str | None = None
    hint: str = ""


class JobView(Value):
    """One job of the installation.

    Args:
        state: In words: ``running``, ``done``, what it waits for, where it is due else.
        here: Whether this machine does it. can_start: Whether the dashboard may begin it.
        began, ended, status: Of its last run here.
        doing, share: Of a run that says so: what it does, and how much of it is done, in percent.
    """

    job: str
    title: str
    command: str
    when: str
    here: bool
    state: str
    next_at: datetime | None
    running: bool
    can_start: bool
    began: datetime | None = None
    ended: datetime | None = None
    status: int | None = None
    killed: bool = False
    doing: str | None = None
    share: int | None = None


class Local(Value):
    """What this machine knows without asking anybody: as of now.

    Args:
        stream: Of the archive: how it runs, in words; None where there is none here.
        by_itself: Whether something runs the jobs (serve, systemd, cron).
    """

    jobs: Sequence[JobView]
    alerts: Sequence[AlertRow]
    stream: str | None
    by_itself: str | None
    last_restore: Mapping[str, Any] | None


class Cost(Value):
    """As last projected.

    Args:
        stored_bytes: None where what is stored cannot be seen.
        now: Dollars a month for the storage of what lies there. month: Of this month. year: Of the month in a year; None: nobody has looked yet.
        at: When it was projected. is_folder: Nobody sends a bill.
    """

    stored_bytes: int | None
    now: float | None = None
    month: float | None = None
    year: float | None = None
    budget: float | None = None
    policy: str = ""
    prices: str = ""
    at: datetime | None = None
    is_folder: bool = False


class Acts(Value):
    """Of the audit log, newest first. Args: rows: Time, who, what, result. trouble: Why there is nothing to see."""

    rows: Sequence[tuple[str, str, str, str]]
    trouble: str | None = None


class Facts(Protocol):
    """Whoever knows. Nothing here waits for the store."""

    @property
    def title(self) -> str:
        """What this installation is called."""
        ...

    def now(self) -> datetime: ...

    def seen(self) -> Seen | None:
        """The newest look at the repository; None before the first."""
        ...

    def local(self) -> Local: ...

    def cost(self) -> Cost: ...

    def runs(self, job: str | None, limit: int) -> Sequence[RunRow]:
        """Newest first."""
        ...

    def run(self, number: int) -> RunRow | None: ...

    def sizes(self) -> Sequence[SizeRow]:
        """Oldest first."""
        ...

    def alerts(self) -> Sequence[AlertRow]:
        """Newest first."""
        ...

    def acts(self) -> Acts: ...

    def start(self, job: str, user: str, address: str) -> str | None:
        """Begin a job; why it was not, in words, or None when it was."""
        ...

    def note(self, act: str, user: str, address: str, good: bool) -> None:
        """Somebody signed in, or tried to."""
        ...

    def scrub(self, text: str) -> str:
        """Without any secret."""
        ...
