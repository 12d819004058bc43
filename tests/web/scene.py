"""An installation to look at, made up: a week of hourly snapshots and an archive with a gap. For screenshots, and for many snapshots."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lifeboat.foundation.finding import Finding, Level
from lifeboat.journal.rows import AlertRow, RunRow, SizeRow
from lifeboat.operations.reports.checks import LastVerify
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.reports.standing import ArchiveStatus, DrillDue, DrillStanding, SourceStatus, StatusReport
from lifeboat.operations.timeline_report import GapRow, HistoryRow, SpanRow, TickRow, TimelineReport
from lifeboat.services.web.facts import Acts, Cost, JobView, Local, Seen

NOW = datetime(2026, 11, 26, 14, 5, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIB = 1024 * 1024


def snapshot(number: int, source: str, at: datetime, now: datetime) -> SnapshotRow:
    """Each a little larger than the one before."""
    back = (now - at) / DAY
    size = {"mongodb": 1400 * MIB, "files": 9300 * MIB, "config": 12_000}[source]
    return SnapshotRow(
        snapshot=hashlib.sha256(str(number).encode()).hexdigest()[:32],
        point=f"{number:032x}",
        source=source,
        instant=at,
        one_instant=source == "mongodb",
        complete=True,
        items={"mongodb": 412_000, "files": 18_400, "config": 3}[source] - int(back * 90) % 400_000,
        bytes=int(size * (1 - back / 400)),
        stored_bytes=size // 600,
        generation="g",
        label="shop-1",
        proved=at + HOUR if number % 24 in (3, 12) else None,
        snapshot_class="long" if number % 700 == 5 else "short",
        keep="before the great migration" if number == 30 else None,
    )


def snapshots(now: datetime, hours: int) -> list[SnapshotRow]:
    """Newest first: the database every hour, everything at two."""
    found = []
    for back in range(hours):
        at = now.replace(minute=0, second=4) - back * HOUR
        found.append(snapshot(back, "mongodb", at, now))
        if at.hour == 2:
            found += [snapshot(back + 10**6, "files", at, now), snapshot(back + 2 * 10**6, "config", at, now)]
    return found


def timeline(now: datetime, rows: Sequence[SnapshotRow], *, gap: bool = True) -> TimelineReport:
    since = now - 7 * DAY
    broke, again = now - 2.31 * DAY, now - 2.31 * DAY + timedelta(minutes=41)
    newest = now - timedelta(seconds=24)
    edges = [(now - 6.3 * DAY, broke), (again, newest)] if gap else [(now - 6.3 * DAY, newest)]
    spans = tuple(SpanRow(one, two, "1.0", "2.0") for one, two in edges)
    ticks = tuple(
        TickRow(row.snapshot, row.instant, row.purpose, True)
        for row in reversed(rows)
        if row.source == "mongodb" and row.instant >= since
    )
    why, act = "the server restarted with an older oplog", "snapshots within it can be restored; nothing else to do"
    gaps = (GapRow(broke, again, (again - broke).total_seconds(), why, 0, act),) if gap else ()
    row = HistoryRow("shop-1", True, edges[0][0], newest, "2.0", 24.0, False, spans, ticks, gaps)
    return TimelineReport("shop-1", now, since, now, True, True, (row,))


def status(now: datetime, rows: Sequence[SnapshotRow], *, late: bool = False) -> StatusReport:
    def of(source: str, objective: timedelta, age: float, by_archive: bool = False) -> SourceStatus:
        mine = [row for row in rows if row.source == source]
        proved = next((row for row in mine if row.proved), None)
        meets = age <= objective.total_seconds()
        return SourceStatus(
            source, mine[0], age, objective.total_seconds(), len(mine), meets, proved, 3600.0, 8 * 86400.0, by_archive
        )

    files_age = 2.2 * 86400 if late else 12 * 3600.0
    return StatusReport(
        "s3://shop-backups/lifeboat",
        "4f" * 16,
        "guarded",
        (of("mongodb", HOUR, 24.0, True), of("files", DAY, files_age), of("config", DAY, 12 * 3600.0)),
        31_400_000_000,
        "ab" * 32,
        (Finding(Level.WARNING, "not-proved", "files", "the newest proved snapshot of files is 9 d 2 h old", "lifeboat verify --level full"),),
        last_restore_seconds=1384.0,
        last_verify=LastVerify("structure", now.replace(hour=8, minute=3), True, 0),
        archives=(ArchiveStatus("shop-1", now, now, 24.0, False, 1, 2460.0, True, False),),
        drills=DrillStanding(
            "3f2a91c0", "server-loss", "passed", now - 9 * DAY, 1510.0, 14400.0, 1544.0, 1380.0, 1710.0, 4,
            (DrillDue("restore to staging", now - 2 * DAY, True), DrillDue("full drill", now + 21 * DAY, False)),
        ),
    )  # fmt: skip


def job(name: str, title: str, command: str, when: str, began: datetime, next_at: datetime, code: int = 0) -> JobView:
    ended = began + timedelta(seconds=74)
    return JobView(name, title, command, when, True, "done", next_at, False, name != "prune", began, ended, code)


def jobs(now: datetime) -> list[JobView]:
    at = now.replace(minute=0, second=2)
    two, eight = now.replace(hour=2, minute=0, second=3), now.replace(hour=8, minute=0, second=2)
    return [
        job("all", "backup of everything", "backup all", "0 2 * * *", two, two + DAY),
        job("db", "backup of the database", "backup db", "0 * * * *", at, at + HOUR),
        job("verify", "verification", "verify --level structure", "0 8 * * *", eight, eight + DAY),
        JobView("prune", "prune", "prune --yes", "30 5 * * 0", False, "due elsewhere: where a custodian's key is", None, False, False),
    ]  # fmt: skip


def alert(number: int, severity: str, now: datetime, happened: str, *, closed: bool = False) -> AlertRow:
    facts = {
        "happened": happened,
        "means": "what was stored since may not come back whole",
        "to_do": "lifeboat verify --level full",
    }
    opened = now - number * DAY - HOUR
    over = opened + 3 * HOUR if closed else None
    return AlertRow(
        number, f"rule {number}", "verification-old", severity, "files", facts, opened, opened, 1, over, over
    )


@dataclass
class Scene:
    """``Facts`` that nothing stands behind; change its fields for another scene."""

    time: datetime = NOW
    hours: int = 24 * 40
    late: bool = False
    secret: str = ""
    open: list[AlertRow] = field(default_factory=list)
    began: list[tuple[str, str, str]] = field(default_factory=list)
    noted: list[tuple[str, str, str, bool]] = field(default_factory=list)
    never_seen: bool = False
    trouble: str | None = None

    def __post_init__(self) -> None:
        self._rows = snapshots(self.time, self.hours)

    @property
    def title(self) -> str:
        return "shop-1"

    def now(self) -> datetime:
        return self.time

    def seen(self) -> Seen | None:
        if self.never_seen:
            return None
        at = self.time - timedelta(seconds=6)
        if self.trouble:
            return Seen(at, 0.3, None, None, self._rows, self.trouble, "is it reachable? `lifeboat doctor`")
        return Seen(at, 0.3, status(self.time, self._rows, late=self.late), timeline(self.time, self._rows), self._rows)

    def local(self) -> Local:
        return Local(
            jobs(self.time), self.open, "runs", "lifeboat serve", {"seconds": 1384.0, "at": "2026-10-30T09:12:00Z"}
        )

    def cost(self) -> Cost:
        return Cost(31_400_000_000, 0.72, 0.94, 3.61, 50.0, "mission", "prices of us-east-1 of 2026-05-31", self.time)

    def runs(self, job: str | None, limit: int) -> Sequence[RunRow]:
        found = []
        for number in range(min(limit, 400)):
            began = self.time - number * HOUR - timedelta(minutes=5)
            failed = number % 67 == 8
            name = "backup db" if number % 24 else "backup all"
            error, code = ("store-unreachable", 12) if failed else (None, 0)
            ended = began + timedelta(seconds=70 + number % 9)
            found.append(RunRow(1000 - number, name, "shop-1", None, began, ended, code, error, None, "", "schedule"))
        return [one for one in found if job in (None, one.job)]

    def run(self, number: int) -> RunRow | None:
        found = next((one for one in self.runs(None, 400) if one.number == number), None)
        report = {"error": {"code": "x", "message": f"{self.secret} cannot be reached", "hint": "is it there?"}}
        return (
            None
            if found is None
            else RunRow(**{**{name: getattr(found, name) for name in RunRow.__slots__}, "report": report})
        )

    def sizes(self) -> Sequence[SizeRow]:
        return ()

    def alerts(self) -> Sequence[AlertRow]:
        return [
            *self.open,
            *(
                alert(number, "warning", self.time, "the newest verification is 3 d old", closed=True)
                for number in range(3, 9)
            ),
        ]

    def acts(self) -> Acts:
        return Acts(
            [("2026-11-26 14:00:02", "alice of the dashboard (user root) · 127.0.0.1", "backup db", "done")] * 3
        )

    def start(self, job: str, user: str, address: str) -> str | None:
        self.began.append((job, user, address))
        return None

    def note(self, act: str, user: str, address: str, good: bool) -> None:
        self.noted.append((act, user, address, good))

    def scrub(self, text: str) -> str:
        return text.replace(self.secret, "[secret]") if self.secret else text
