"""What the operations say of themselves: frozen facts that terminal, JSON, journal and alert all render."""

from lifeboat.operations.reports.carrying import CarryReport, CarryRow, LeftBehind
from lifeboat.operations.reports.checks import CheckResult, InitReport, LastVerify, Rotation, VerifyReport
from lifeboat.operations.reports.documents import (
    ChangedField,
    DocumentRow,
    DocumentsPlan,
    DocumentsReport,
    DocumentsRequest,
    FoundDocuments,
)
from lifeboat.operations.reports.pruning import ArchiveVerdict, FreedLater, PruneReport, PruneVerdict
from lifeboat.operations.reports.replicas import (
    PromoteReport,
    ReplicaNewest,
    ReplicaReport,
    ReplicaStatus,
    ReplicateReport,
)
from lifeboat.operations.reports.restores import (
    ErasureReplayed,
    PlanStep,
    PointRow,
    RestoredPart,
    RestorePlanReport,
    RestoreReport,
    RestoreRequest,
)
from lifeboat.operations.reports.retrievals import AwayRow, Offer, RetrievalReport
from lifeboat.operations.reports.snapshots import (
    BackupReport,
    ContentRow,
    ExportReport,
    ImportReport,
    SnapshotReport,
    SnapshotRow,
)
from lifeboat.operations.reports.standing import ArchiveStatus, SourceStatus, StatusReport

__all__ = [
    "ArchiveStatus",
    "ArchiveVerdict",
    "AwayRow",
    "BackupReport",
    "CarryReport",
    "CarryRow",
    "ChangedField",
    "CheckResult",
    "ContentRow",
    "DocumentRow",
    "DocumentsPlan",
    "DocumentsReport",
    "DocumentsRequest",
    "ErasureReplayed",
    "ExportReport",
    "FoundDocuments",
    "FreedLater",
    "ImportReport",
    "InitReport",
    "LastVerify",
    "LeftBehind",
    "Offer",
    "PlanStep",
    "PointRow",
    "PromoteReport",
    "PruneReport",
    "PruneVerdict",
    "ReplicaNewest",
    "ReplicaReport",
    "ReplicaStatus",
    "ReplicateReport",
    "RestorePlanReport",
    "RestoreReport",
    "RestoreRequest",
    "RestoredPart",
    "RetrievalReport",
    "Rotation",
    "SnapshotReport",
    "SnapshotRow",
    "SourceStatus",
    "StatusReport",
    "VerifyReport",
]
