"""What taking a snapshot has in common, whatever the source: the run, the commit, the report."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from lifeboat import __version__
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.operations.classes import class_of_backup, remember_long
from lifeboat.operations.reports.snapshots import SnapshotReport
from lifeboat.repository.names import Class, Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.writers import WriterSecret
from lifeboat.repository.writing import Run, WriteLimits
from lifeboat.retention.rules import Rules


class Taken(Value):
    """A committed snapshot and what to say of it."""

    record: Record
    report: SnapshotReport


@dataclass
class Taking:
    """One snapshot being taken.

    Args:
        point: Id shared by the snapshots of one ``backup all``.
        purpose: ``backup``; ``safety`` for what is there before a restore, ``import`` for a dump that is taken in.
        class_: ``long`` for the month's copy, which shares nothing with the others.
        rules: Say whether the month's copy is due; None: ``class_`` as it is.
        keep: Why it is to be kept whatever the rules say.
    """

    repository: Repository
    writer: WriterSecret
    source: Source
    point: str
    clock: Clock
    limits: WriteLimits
    purpose: str = "backup"
    class_: Class = Class.SHORT
    keep: str | None = None
    rules: Rules | None = None
    _began: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()

    @property
    def cutting_seed(self) -> int:
        return self.writer.cutting_seed()

    @property
    def expected_bytes(self) -> int | None:
        """What the last snapshot of this source held: good enough to tell how much time is left."""
        found = (self.repository.state.read_json(f"last-{self.source}.json") or {}).get("bytes")
        return found if isinstance(found, int) else None

    def run(self) -> Run:
        """A run in the generation of this moment, by the store's clock."""
        with self.repository.one_look():
            now = self.repository.store.time_there()
            if self.rules is not None:
                self.class_ = class_of_backup(self.repository, self.writer, self.source, now, self.rules)
            return Run(
                self.repository,
                self.writer,
                self.source,
                now=now,
                clock=self.clock,
                class_=self.class_,
                limits=self.limits,
            )

    def commit(
        self,
        run: Run,
        root: bytes,
        *,
        instant: datetime,
        one_instant: bool,
        total_bytes: int,
        items: int,
        findings: Sequence[Finding],
    ) -> Taken:
        """Store the record; the snapshot is incomplete when a finding says that something is missing."""
        complete = not any(finding.level is Level.PROBLEM for finding in findings)
        record = run.commit(
            root,
            point=self.point,
            instant=instant,
            one_instant=one_instant,
            complete=complete,
            purpose=self.purpose,
            keep=self.keep,
            total_bytes=total_bytes,
            items=items,
            software=f"lifeboat {__version__}",
            now=self.repository.store.time_there,
        )
        if self.purpose != "import":  # it says nothing of how large the source is
            with suppress(SettingsError):  # a hint: the snapshot is committed, and a full disk here must not deny it
                self.repository.state.write_json(
                    f"last-{self.source}.json", {"bytes": total_bytes, "seconds": self.clock.monotonic() - self._began}
                )
        if record.class_ == Class.LONG:
            remember_long(self.repository, record)
        return Taken(
            record,
            SnapshotReport(
                snapshot=record.snapshot,
                source=record.source,
                instant=record.instant,
                one_instant=one_instant,
                complete=complete,
                items=items,
                bytes=total_bytes,
                new_bytes=record.new_bytes,
                stored_bytes=record.stored_bytes,
                seconds=self.clock.monotonic() - self._began,
                findings=tuple(findings),
                snapshot_class=record.class_,
            ),
        )


def new_point() -> str:
    """Id of a new recovery point."""
    return os.urandom(16).hex()


def finding_to_json(finding: Finding) -> dict[str, str]:
    """As it is kept in the root of a snapshot."""
    return {
        "level": str(finding.level),
        "code": finding.code,
        "subject": finding.subject,
        "message": finding.message,
    }
