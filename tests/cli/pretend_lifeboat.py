"""A Lifeboat that stores nothing and answers from memory: to look at what the command line makes of the answers.

What is tried here is words in and words out. That the real one does what it says is tried in ``test_whole_way.py``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.secret import Secret
from lifeboat.operations.diff_report import DiffEnd, DiffReport, DiffRequest, DiffRow, FieldDifference
from lifeboat.operations.find_suspects import SuspectsReport
from lifeboat.operations.reports.checks import CheckResult, InitReport, Rotation, VerifyReport
from lifeboat.operations.reports.documents import (
    ChangedField,
    DocumentRow,
    DocumentsPlan,
    DocumentsReport,
    DocumentsRequest,
    FoundDocuments,
)
from lifeboat.operations.reports.pruning import FreedLater, PruneReport, PruneVerdict
from lifeboat.operations.reports.restores import (
    PlanStep,
    RestoredPart,
    RestorePlanReport,
    RestoreReport,
    RestoreRequest,
)
from lifeboat.operations.reports.snapshots import BackupReport, ContentRow, SnapshotReport, SnapshotRow
from lifeboat.operations.reports.standing import ArchiveStatus, SourceStatus, StatusReport
from lifeboat.operations.suspects import Kind, Suspect
from lifeboat.operations.timeline_report import (
    GapRow,
    HistoryRow,
    MomentReport,
    SpanRow,
    TickRow,
    TimelineReport,
)

NOW = datetime(2026, 11, 23, 13, 5, 9, tzinfo=UTC)
DAMAGE = Finding(
    Level.PROBLEM,
    "pack-damaged",
    "mongodb/pack/short/2026-11/0f3c",
    "the stored bytes are not the ones that were written",
    "bring the object back from another copy, or take a new backup with --new-generation",
    ("snapshot 3f2a91c0: shop.users", "snapshot 3f2a91c0: shop.cases"),
)


def verdict(number: int, kept: bool, because: str, reason: str, source: str = "mongodb") -> PruneVerdict:
    finished = NOW - timedelta(hours=number)
    return PruneVerdict(
        f"{number:08x}" * 4, "shop", source, "short", "2026-11", finished, kept, because, reason, None, None
    )


PRUNED = PruneReport(
    dry_run=True,
    now=NOW,
    rules="24 hourly, 35 daily, 84 monthly",
    verdicts=(
        verdict(0, True, "newest", "the newest of its source"),
        *(verdict(n, True, "rule", f"number {n + 1} of the newest 24 hours") for n in range(1, 24)),
        *(verdict(n, False, "beyond-the-rules", "not the last of any of the newest 24 hours") for n in range(24, 60)),
        verdict(3, True, "kept-on-purpose", "kept on purpose: before migration", "files"),
    ),
    forgotten=tuple(f"{n:08x}" * 4 for n in range(24, 60)),
    taken_back=(),
    snapshots_removed=30,
    objects_removed=1_204,
    freed_bytes=3_100_000_000,
    objects_left=0,
    later=(FreedLater(NOW + timedelta(days=15), 1_200_000_000),),
    grace_days=7,
)


class FixedClock:
    """A clock that stands still, except for those who sleep."""

    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def row(source: str = "mongodb", age: timedelta = timedelta(minutes=12), **other: Any) -> SnapshotRow:
    said: dict[str, Any] = {
        "snapshot": "3f2a91c0" * 4,
        "point": "77aa55ee" * 4,
        "source": source,
        "instant": NOW - age,
        "one_instant": True,
        "complete": True,
        "items": 12_345,
        "bytes": 1_288_490_188,
        "stored_bytes": 312_000_000,
        "generation": "2026-11",
        "label": "app-1",
    }
    return SnapshotRow(**(said | other))


@dataclass
class PretendLifeboat:
    """Answers to every call, and a list of what was called with what."""

    settings: Settings
    clock: Clock
    progress: Progress
    fails_with: BaseException | None = None
    findings: tuple[Finding, ...] = ()
    complete: bool = True
    rows: tuple[SnapshotRow, ...] = (
        row(),
        row("files", timedelta(hours=3), snapshot="b" * 32),
        row("config", timedelta(days=3)),
    )
    late: bool = False
    archives: tuple[ArchiveStatus, ...] = ()
    vault: Any = None
    """A ``PretendVault``: what the snapshots need lies in it."""
    during: Callable[["PretendLifeboat"], None] | None = None
    called: list[tuple[Any, ...]] = field(default_factory=list)

    def _begin(self, *call: Any) -> None:
        self.called.append(call)
        if self.during:
            self.during(self)
        if self.fails_with:
            raise self.fails_with

    def initialise(self, *, guarded: bool, new_key: Secret | None) -> InitReport:
        self._begin("initialise", guarded, new_key)
        profile = "guarded" if guarded else "simple"
        return InitReport(
            str(self.settings.need_repository()), "5f" * 16, profile, None, ("3f00aa11bb22cc33",), self.findings
        )

    def backup(self, what: str, *, new_generation: bool = False, keep: str | None = None) -> BackupReport:
        self._begin("backup", what, new_generation, *([] if keep is None else [keep]))
        names = {"all": ("mongodb", "files", "config"), "db": ("mongodb",)}.get(what, (what,))
        taken = tuple(
            SnapshotReport(
                "3f2a91c0" * 4, one, NOW, True, self.complete, 12_345, 1_288_490_188, 12_000_000, 3_100_000, 4.2
            )
            for one in names
        )
        return BackupReport("77aa55ee" * 4, taken, "9f" * 32, self.findings)

    def snapshots(self, *, forgotten: bool = False, where: bool = False) -> Sequence[SnapshotRow]:
        self._begin("snapshots", *(["forgotten"] if forgotten else []))
        return self.rows

    def keep_snapshot(self, snapshot: str, why: str) -> SnapshotRow:
        self._begin("keep", snapshot, why)
        return row(keep=why)

    def release_snapshot(self, snapshot: str) -> SnapshotRow:
        self._begin("release", snapshot)
        return row()

    def prune(self, *, dry_run: bool, despite_loss: bool = False) -> PruneReport:
        self._begin("prune", *(["dry run"] if dry_run else []))
        return PRUNED if dry_run else replace(PRUNED, dry_run=False)

    def contents(self, snapshot: str, path: str = "") -> Sequence[ContentRow]:
        self._begin("contents", snapshot, path)
        return (
            ContentRow("shop.users", "collection", 12_345, 4_000_000),
            ContentRow("odd\x1b[2Jname", "file", None, 17, NOW - timedelta(days=400)),
        )

    def looking_back(self) -> "PretendLookingBack":
        return PretendLookingBack(self)

    def plan_restore(self, request: RestoreRequest) -> RestorePlanReport:
        self._begin("plan_restore", request)
        action = "replace" if request.over_live else "create"
        steps = (
            PlanStep("shop.users", "shop.users", action, 12_345, 4_000_000),
            PlanStep("shop.cases", "shop.cases", action, 500, 900_000_000),
        )
        if self.vault is not None and self.vault.state != "readable":
            lists_away = self.vault.report()
            return RestorePlanReport((row(),), "database shop", (), 0, request.over_live, retrieval=lists_away)
        return RestorePlanReport((row(),), "database shop", steps, 904_000_000, request.over_live, self.findings)

    def retrieval(self, request: RestoreRequest, *, days: int | None = None, only_lists: bool = False) -> Any:
        self._begin("retrieval", request, days, only_lists)
        return self.vault

    def restore(self, request: RestoreRequest, *, resume: bool = True) -> RestoreReport:
        self._begin("restore", request, resume)
        parts = (RestoredPart("shop.users", "shop.users", 12_345, 4_000_000, "documents, options and indexes"),)
        safety = "c0ffee00" * 4 if request.over_live else None
        return RestoreReport((row(),), "database shop", parts, 21.4, safety, self.findings)

    @contextmanager
    def single_documents(self, request: DocumentsRequest) -> Iterator["PretendDocuments"]:
        self._begin("single_documents", request)
        yield PretendDocuments(self, request)

    def diff(self, request: DiffRequest) -> DiffReport:
        self._begin("diff", request)
        ends = (
            DiffEnd("then", NOW - timedelta(hours=2), "1764123456.3", "3f2a91c0" * 4, True, "ab" * 16),
            DiffEnd("live", NOW, None, None, False, "ab" * 16),
        )
        fields = (FieldDifference("total", "12.5", "0"), FieldDifference("paid\x1b[2J", None, "true"))
        rows = (DiffRow("changed", "7", "", fields), DiffRow("removed", 'ObjectId("65")', 'name: "Ali"'))
        return DiffReport(request.namespace, *ends, request.filter, 0, 40, 1, rows, 1.5, self.findings)

    def undo_restore(self, *, without_erasures: bool = False) -> RestoreReport:
        self._begin("undo_restore")
        return RestoreReport((row(),), "database shop", (), 2.0, None, self.findings)

    def verify(
        self,
        level: str,
        *,
        sample_percent: float = 5.0,
        max_bytes: int | None = None,
        max_seconds: float | None = None,
        with_key: bool = True,
    ) -> VerifyReport:
        self._begin("verify", level, sample_percent, max_bytes, max_seconds, with_key)
        turned = Rotation(340, 8_000_000_000, 12, 300_000_000, 0, 0, 9 * 86_400, 13.6)
        stopped = "bytes" if max_bytes else "minutes" if max_seconds else None
        return VerifyReport(level, 12, 340, 1_200_000_000, 90_000, 3.3, self.findings, ("a" * 32,), 2, stopped, turned)

    def status(self) -> StatusReport:
        self._begin("status")
        age = 3 * 3600.0 if self.late else 720.0
        sources = (
            SourceStatus("mongodb", row(age=timedelta(seconds=age)), age, 3600.0, 12, not self.late),
            SourceStatus("files", row("files"), 720.0, 86400.0, 3, True),
            SourceStatus("config", None, None, 86400.0, 0, not self.late),
        )
        return StatusReport(
            "s3://traf3li-backups",
            "5f" * 16,
            "simple",
            sources,
            3_600_000_000,
            "9f" * 32,
            self.findings,
            archives=self.archives,
        )

    def key_is_stored(self, key: Secret, how: str) -> None:
        self._begin("key_is_stored", key.reveal(), how)

    def doctor(self, only: Sequence[str] = ()) -> Sequence[CheckResult]:
        self._begin("doctor", *only)
        warning = Finding(Level.WARNING, "same-machine", "/srv/b", "lies on the machine it protects", "name a bucket")
        store = Finding(Level.OK, "store", "s3://traf3li-backups", "keeps its promises")
        if "no-such-bucket" in str(self.settings.repository.location):
            store = Finding(Level.PROBLEM, "store-not-found", "store", "there is no such bucket", "make it first")
        results = (
            CheckResult("store", "store", (store,)),
            *([CheckResult("store-answers", "the store answers", (store,))] if only else []),
            CheckResult("other-machine", "on another machine", (warning,)),
            CheckResult("repository", "repository", self.findings),
            CheckResult("rights-backup", "rights to back up", None, "connection"),
        )
        return [one for one in results if not only or one.check in only]


class PretendLookingBack:
    """Two days of archive with a gap; a database dropped ten minutes ago."""

    def __init__(self, lifeboat: PretendLifeboat) -> None:
        self._lifeboat = lifeboat

    def timeline(self, since: str | None, until: str | None) -> TimelineReport:
        self._lifeboat._begin("timeline", since, until)
        return timeline_report()

    def moment(self, at: str | None, before_op: str | None) -> MomentReport:
        self._lifeboat._begin("moment", at, before_op)
        return MomentReport(NOW, "1795439109.3", "3f2a91c0" * 4, NOW - timedelta(hours=1), 120, 4_000_000)

    def suspects(self, *asked: Any) -> SuspectsReport:
        self._lifeboat._begin("suspects", *asked)
        when = NOW - timedelta(minutes=10)
        names = ("shop", "shop.orders", "shop.us\x1b[2Jers")
        words = "database shop dropped: 2 collections, 12,431 documents"
        dropped = Suspect("1795438509.7", "1795438509.9", Kind.DROP_DATABASE, names, when, 0, 12_431, words)
        many = "shop.orders: 300 documents deleted in 2 s"
        deleted = Suspect("1795438400.1", "1795438401.9", Kind.DELETES, names[1:2], when, 2, 300, many, ('"7"', "8"))
        found = (deleted, dropped)
        if self._lifeboat.late:
            found = ()
        return SuspectsReport("shop", NOW - timedelta(days=1), NOW, found, ("shop.sessions",), 2880, (), ())


def timeline_report(label: str = "shop") -> TimelineReport:
    def ago(hours: float) -> datetime:
        return NOW - timedelta(hours=hours)

    spans = (SpanRow(ago(100), ago(60), "1.1", "2.1"), SpanRow(ago(58), ago(0.01), "3.1", "1795439073.12"))
    ticks = tuple(TickRow(f"{n:032x}", ago(n), "backup", True) for n in range(150, 0, -10))
    ticks = (*ticks, TickRow("f" * 32, ago(55), "import", False))
    act = "nothing in it can be restored"
    gap = GapRow(ago(60), ago(58), 7200.0, "the oplog was overwritten while the stream was away", 0, act)
    history = HistoryRow(label, True, ago(150), ago(0.01), "1795439073.12", 36.0, False, spans, ticks, (gap,))
    return TimelineReport(label, NOW, NOW - timedelta(days=7), NOW, True, True, (history,))


class PretendDocuments:
    """One client that is gone, one that was changed, one that is new."""

    def __init__(self, lifeboat: PretendLifeboat, request: DocumentsRequest) -> None:
        self._lifeboat = lifeboat
        rows = (
            DocumentRow(1, "gone", "shop.users", '"7"', 'email: "x@y"'),
            DocumentRow(2, "changed", "shop.users", '"8"', "", (ChangedField("name", '"\x1b[2J"', None),)),
            DocumentRow(None, "new", "shop.users", '"9"'),
        )
        found = FoundDocuments(request.namespace, request.namespace, 1, 1, 3, 1, 0, 300, rows)
        self.plan = DocumentsPlan(row(), "127.0.0.1", (found,), request.over_live, lifeboat.findings)

    def put_back(
        self,
        only: str = "all",
        numbers: frozenset[int] | None = None,
        *,
        bypass_validators: bool = False,
        progress: Progress | None = None,
    ) -> DocumentsReport:
        self._lifeboat._begin("put_back", only, numbers, bypass_validators)
        safety = "c0ffee00" * 4 if self.plan.safety_snapshot else None
        return DocumentsReport(row(), "shop.users", 1, 0, 0, 0, 0, 0.1, safety, self._lifeboat.findings)
