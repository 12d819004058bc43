"""What the commands ask of the application, and nothing more: ``app.lifeboat.Lifeboat`` is it.

Limits: shapes only. Commands are written against this, so that none of them imports a driver before it is needed.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from datetime import date, datetime, timedelta
    from pathlib import Path

    from lifeboat.app.complying import BundleCheck, ComplianceReport
    from lifeboat.app.drill_book import DrillCalendar, DrillList, FollowUpList, ReportCheck
    from lifeboat.app.key_life import RecipientChanged, RecipientRow, RecipientsReport
    from lifeboat.app.replicating import HowToReplicate
    from lifeboat.app.settings import Settings
    from lifeboat.app.shredding import ShredReport
    from lifeboat.app.streaming import StreamRequest
    from lifeboat.evidence.plan.report import PlanCheck, PlanWritten
    from lifeboat.foundation.clock import Clock
    from lifeboat.foundation.progress import Progress
    from lifeboat.foundation.secret import Secret
    from lifeboat.operations.audit_reports import AuditExport, AuditReport, AuditRows
    from lifeboat.operations.diff_report import DiffReport, DiffRequest
    from lifeboat.operations.drill.book import DrillSummary
    from lifeboat.operations.drill.clocks import Watcher as PhaseWatcher
    from lifeboat.operations.drill.follow_ups import FollowUp
    from lifeboat.operations.drill.report import DrillReport
    from lifeboat.operations.drill.request import DrillRequest
    from lifeboat.operations.erasing.request import ErasureRequest
    from lifeboat.operations.find_suspects import SuspectsReport
    from lifeboat.operations.reports.carrying import CarryReport
    from lifeboat.operations.reports.checks import CheckResult, InitReport, VerifyReport
    from lifeboat.operations.reports.documents import DocumentsPlan, DocumentsReport, DocumentsRequest
    from lifeboat.operations.reports.erasures import ErasureList, ErasureRecorded, ErasureStatus
    from lifeboat.operations.reports.pruning import PruneReport
    from lifeboat.operations.reports.replicas import PromoteReport, ReplicateReport
    from lifeboat.operations.reports.restores import RestorePlanReport, RestoreReport, RestoreRequest
    from lifeboat.operations.reports.retrievals import RetrievalReport
    from lifeboat.operations.reports.snapshots import BackupReport, ContentRow, ExportReport, ImportReport, SnapshotRow
    from lifeboat.operations.reports.standing import StatusReport
    from lifeboat.operations.retrieve.run import Waiting
    from lifeboat.operations.shards import ShardDone, Sharing
    from lifeboat.operations.stream.report import StreamReport, Watcher
    from lifeboat.operations.timeline_report import MomentReport, TimelineReport
    from lifeboat.operations.writers import Enrolled, WriterAdded, WriterRow
    from lifeboat.repository.enrolment import Enrolment
    from lifeboat.storage.archive import Tier


class FoundDocuments(Protocol):
    """Single documents that were found, and can be put back."""

    @property
    def plan(self) -> "DocumentsPlan": ...

    def put_back(
        self,
        only: str = "all",
        numbers: "frozenset[int] | None" = None,
        *,
        bypass_validators: bool = False,
        progress: "Progress | None" = None,
    ) -> "DocumentsReport": ...


class Retrieves(Protocol):
    """What one job needs from archive classes."""

    def look(self, tier: "Tier | None" = None) -> "RetrievalReport": ...

    def request(self, tier: "Tier", *, upgrade: bool = False) -> "RetrievalReport": ...

    def wait(self, tell: "Callable[[Waiting], None]" = ...) -> "RetrievalReport": ...


class LooksBack(Protocol):
    """What can be restored, and what should perhaps be undone."""

    def timeline(self, since: str | None, until: str | None) -> "TimelineReport": ...

    def moment(self, at: str | None, before_op: str | None) -> "MomentReport": ...

    def suspects(
        self,
        since: str | None,
        until: str | None,
        near: str | None,
        within_seconds: float,
        namespaces: "Sequence[str]",
        least: int | None,
        writer: str | None = None,
    ) -> "SuspectsReport": ...


class Erases(Protocol):
    """The ledger of erasures."""

    def make_ready(self) -> None: ...

    def record(self, wanted: "ErasureRequest") -> "ErasureRecorded": ...

    def close(self, name: str, *, unchecked: bool = False) -> "ErasureRecorded": ...

    def hold(self, name: str, why: str) -> "ErasureRecorded": ...

    def release(self, name: str) -> "ErasureRecorded": ...

    def every(self) -> "ErasureList": ...

    def status(self, name: str) -> "ErasureStatus": ...


class Plans(Protocol):
    """The recovery plan."""

    def write(self, out: "Path | None" = None, *, offline: bool = False) -> "PlanWritten": ...

    def check(self, file: "Path | None" = None, *, offline: bool = False) -> "PlanCheck": ...

    def approve(self, who: str, file: "Path | None" = None) -> "PlanWritten": ...


class KeepsDrills(Protocol):
    """The drills that were, and what comes of them."""

    def drills(self) -> "DrillList": ...

    def report(self, drill: str = "") -> "DrillReport": ...

    def calendar(self) -> "DrillCalendar": ...

    def exercise(
        self, what: str, lead: str, participants: str, passed: bool, notes: str, minutes: float | None
    ) -> "DrillSummary": ...

    def follow_ups(self) -> "FollowUpList": ...

    def add_follow_up(self, drill: str, text: str, owner: str, due: "date | None") -> "FollowUp": ...

    def close_follow_up(self, name: str, outcome: str) -> "FollowUp": ...

    def check(self, file: "Path", drill: str = "") -> "ReportCheck": ...


class Complies(Protocol):
    """Evidence for auditors."""

    def write(self, out: "Path", period: "timedelta") -> "ComplianceReport": ...

    def check(self, file: "Path") -> "BundleCheck": ...


class Drills(Protocol):
    """Makes drills."""

    def run(self, request: "DrillRequest", watcher: "PhaseWatcher | None" = None) -> "DrillReport": ...


class Facade(Protocol):
    """Everything Lifeboat does for one set of settings."""

    def initialise(self, *, guarded: bool, new_key: "Secret | None") -> "InitReport": ...

    def writers(self) -> "Sequence[WriterRow]": ...

    def own_writer(self) -> str | None: ...

    def add_writer(self, name: str, to: "Path", *, again: bool = False, new: bool = False) -> "WriterAdded": ...

    def add_custodian(self, name: str, to: "Path") -> "WriterAdded": ...

    def remove_custodian(self, name: str) -> str: ...

    def enrol(self, enrolment: "Enrolment") -> "Enrolled": ...

    def backup(self, what: str, *, new_generation: bool = False, keep: str | None = None) -> "BackupReport": ...

    def snapshots(self, *, forgotten: bool = False, where: bool = False) -> "Sequence[SnapshotRow]": ...

    def keep_snapshot(self, snapshot: str, why: str) -> "SnapshotRow": ...

    def release_snapshot(self, snapshot: str) -> "SnapshotRow": ...

    def contents(self, snapshot: str, path: str = "") -> "Sequence[ContentRow]": ...

    def prune(self, *, dry_run: bool, despite_loss: bool = False) -> "PruneReport": ...

    def carry_forward(self, *, dry_run: bool) -> "CarryReport": ...

    def replicate(self, replicas: "Sequence[str]", how: "HowToReplicate") -> "ReplicateReport": ...

    def replicate_shared(
        self, replicas: "Sequence[str]", how: "HowToReplicate", sharing: "Sharing"
    ) -> "ReplicateReport | ShardDone": ...

    def promote_replica(self) -> "PromoteReport": ...

    def looking_back(self) -> "LooksBack": ...

    def plan_restore(self, request: "RestoreRequest") -> "RestorePlanReport": ...

    def restore(self, request: "RestoreRequest", *, resume: bool = True) -> "RestoreReport": ...

    def retrieval(
        self, request: "RestoreRequest", *, days: int | None = None, only_lists: bool = False
    ) -> "Retrieves": ...

    def single_documents(self, request: "DocumentsRequest") -> "AbstractContextManager[FoundDocuments]": ...

    def diff(self, request: "DiffRequest") -> "DiffReport": ...

    def undo_restore(self, *, without_erasures: bool = False) -> "RestoreReport": ...

    def export(
        self,
        snapshot: str,
        form: str | None,
        out: str,
        *,
        namespaces: "Sequence[str]" = (),
        with_users: bool = True,
        compress: bool = False,
        at: str | None = None,
        before_op: str | None = None,
        without_erasures: bool = False,
    ) -> "ExportReport": ...

    def import_dump(self, dump: str, taken: "datetime | None" = None) -> "ImportReport": ...

    def verify(
        self,
        level: str,
        *,
        sample_percent: float = 5.0,
        max_bytes: int | None = None,
        max_seconds: float | None = None,
        with_key: bool = True,
    ) -> "VerifyReport": ...

    def restore_shared(self, request: "RestoreRequest", sharing: "Sharing") -> "RestoreReport | ShardDone": ...

    def backup_shared(self, sharing: "Sharing", *, keep: str | None = None) -> "BackupReport | ShardDone": ...

    def verify_shared(
        self, level: str, sharing: "Sharing", *, sample_percent: float = 5.0, with_key: bool = True
    ) -> "VerifyReport | ShardDone": ...

    def stream(self, request: "StreamRequest", watcher: "Watcher", stop: "threading.Event") -> "StreamReport": ...

    def status(self) -> "StatusReport": ...

    def verify_audit(self, since: str | None = None) -> "AuditReport": ...

    def audit(self, since: str | None = None, who: str | None = None, act: str | None = None) -> "AuditRows": ...

    def export_audit(self, out: str) -> "AuditExport": ...

    def drill_book(self) -> "KeepsDrills": ...

    def complying(self) -> "Complies": ...

    def drilling(self) -> "Drills": ...

    def key_is_stored(self, key: "Secret", how: str) -> None: ...

    def planning(self, config: "Path | None" = None) -> "Plans": ...

    def erasing(self) -> "Erases": ...

    def key_life(self) -> "KeepsKeys": ...

    def shredding(self, generation: str) -> "Shreds": ...

    def doctor(self, only: "Sequence[str]" = ()) -> "Sequence[CheckResult]": ...


OpenLifeboat = Callable[["Settings", "Clock", "Progress"], Facade]


def open_lifeboat(settings: "Settings", clock: "Clock", progress: "Progress") -> Facade:
    """Build the real one; this is where the drivers are imported."""
    from lifeboat.app.lifeboat import Lifeboat
    from lifeboat.foundation.allocator import keep_large_buffers

    keep_large_buffers()
    return Lifeboat(settings, clock=clock, progress=progress)


class KeepsKeys(Protocol):
    """Who opens the repository: ``app.key_life.KeyLife``."""

    def rows(self, *, look: bool = False) -> "RecipientsReport": ...

    def who(self, name: str) -> "RecipientRow": ...

    def add(self, name: str, text: str) -> "RecipientChanged": ...

    def open(self) -> "RecipientChanged": ...

    def remove(self, name: str, *, stolen: bool) -> "RecipientChanged": ...

    def replace(self, name: str, by: "Secret", new_name: str, *, stolen: bool) -> "RecipientChanged": ...

    def to_accept(self) -> "tuple[RecipientsReport, tuple[str, ...]]": ...

    def accept(self, fingerprints: Sequence[str]) -> "RecipientsReport": ...


class Shreds(Protocol):
    """Destroying the keys of a month: ``app.shredding.Shredding``."""

    def plan(self) -> "ShredReport": ...

    def run(self, why: str, *, even_the_last: bool, even_kept: bool) -> "ShredReport": ...
