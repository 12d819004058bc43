"""What the commands ask of the application, and nothing more: ``app.lifeboat.Lifeboat`` is it.

Limits: shapes only. Commands are written against this, so that none of them imports a driver before it is needed.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from datetime import datetime
    from pathlib import Path

    from lifeboat.app.replicating import HowToReplicate
    from lifeboat.app.settings import Settings
    from lifeboat.app.streaming import StreamRequest
    from lifeboat.foundation.clock import Clock
    from lifeboat.foundation.progress import Progress
    from lifeboat.foundation.secret import Secret
    from lifeboat.operations.audit_reports import AuditExport, AuditReport, AuditRows
    from lifeboat.operations.diff_report import DiffReport, DiffRequest
    from lifeboat.operations.find_suspects import SuspectsReport
    from lifeboat.operations.reports import (
        BackupReport,
        CarryReport,
        CheckResult,
        ContentRow,
        DocumentsPlan,
        DocumentsReport,
        DocumentsRequest,
        ExportReport,
        ImportReport,
        InitReport,
        PromoteReport,
        PruneReport,
        ReplicateReport,
        RestorePlanReport,
        RestoreReport,
        RestoreRequest,
        RetrievalReport,
        SnapshotRow,
        StatusReport,
        VerifyReport,
    )
    from lifeboat.operations.retrieve.run import Waiting
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

    def prune(self, *, dry_run: bool) -> "PruneReport": ...

    def carry_forward(self, *, dry_run: bool) -> "CarryReport": ...

    def replicate(self, replicas: "Sequence[str]", how: "HowToReplicate") -> "ReplicateReport": ...

    def promote_replica(self) -> "PromoteReport": ...

    def looking_back(self) -> "LooksBack": ...

    def plan_restore(self, request: "RestoreRequest") -> "RestorePlanReport": ...

    def restore(self, request: "RestoreRequest", *, resume: bool = True) -> "RestoreReport": ...

    def retrieval(
        self, request: "RestoreRequest", *, days: int | None = None, only_lists: bool = False
    ) -> "Retrieves": ...

    def single_documents(self, request: "DocumentsRequest") -> "AbstractContextManager[FoundDocuments]": ...

    def diff(self, request: "DiffRequest") -> "DiffReport": ...

    def undo_restore(self) -> "RestoreReport": ...

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

    def stream(self, request: "StreamRequest", watcher: "Watcher", stop: "threading.Event") -> "StreamReport": ...

    def status(self) -> "StatusReport": ...

    def verify_audit(self, since: str | None = None) -> "AuditReport": ...

    def audit(self, since: str | None = None, who: str | None = None, act: str | None = None) -> "AuditRows": ...

    def export_audit(self, out: str) -> "AuditExport": ...

    def key_is_stored(self, key: "Secret", how: str) -> None: ...

    def doctor(self, only: "Sequence[str]" = ()) -> "Sequence[CheckResult]": ...


OpenLifeboat = Callable[["Settings", "Clock", "Progress"], Facade]


def open_lifeboat(settings: "Settings", clock: "Clock", progress: "Progress") -> Facade:
    """Build the real one; this is where the drivers are imported."""
    from lifeboat.app.lifeboat import Lifeboat
    from lifeboat.foundation.allocator import keep_large_buffers

    keep_large_buffers()
    return Lifeboat(settings, clock=clock, progress=progress)
