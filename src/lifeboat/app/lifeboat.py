"""Lifeboat as a library: everything the command line can do, as methods that return reports.

Composition only: what is done stands in ``operations``, how things are built in ``build.py``. Each part is loaded when it is asked for: the
drivers of a database and of AWS take longer to load than most commands to run.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lifeboat.app.build import (
    build_identity,
    build_repository,
    build_store,
    label,
    machine,
)
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import SOURCES, TYPED, objectives, set_up
from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.foundation.clock import Clock, SystemClock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.foundation.secret import Secret
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.meter import Meter
from lifeboat.repository.open_repository import Repository

if TYPE_CHECKING:
    from lifeboat.app.complying import Complying
    from lifeboat.app.drill_book import Book
    from lifeboat.app.drilling import Drilling
    from lifeboat.app.erasing import Erasing
    from lifeboat.app.key_life import KeyLife
    from lifeboat.app.looking_back import LookingBack
    from lifeboat.app.planning import Planning
    from lifeboat.app.replicating import HowToReplicate, Replicating
    from lifeboat.app.shredding import Shredding
    from lifeboat.app.single_documents import SingleDocuments
    from lifeboat.app.streaming import StreamRequest
    from lifeboat.operations.audit_reports import AuditExport, AuditReport, AuditRows
    from lifeboat.operations.diff_report import DiffReport, DiffRequest
    from lifeboat.operations.reports.carrying import CarryReport
    from lifeboat.operations.reports.checks import CheckResult, InitReport, VerifyReport
    from lifeboat.operations.reports.documents import DocumentsRequest
    from lifeboat.operations.reports.pruning import PruneReport
    from lifeboat.operations.reports.replicas import PromoteReport, ReplicateReport
    from lifeboat.operations.reports.restores import RestorePlanReport, RestoreReport, RestoreRequest
    from lifeboat.operations.reports.snapshots import BackupReport, ContentRow, ExportReport, ImportReport, SnapshotRow
    from lifeboat.operations.reports.standing import DrillStanding, StatusReport
    from lifeboat.operations.retrieve.run import Retrieval
    from lifeboat.operations.shards import ShardDone, Sharing
    from lifeboat.operations.stream.report import StreamReport, Watcher
    from lifeboat.operations.writers import Enrolled, WriterAdded, WriterRow
    from lifeboat.repository.enrolment import Enrolment

PLAN_MEMORY = "recovery-plan.json"
"""In the state folder, once a recovery plan was written on this machine (``plan_memory``)."""
PLANNED_SECONDS = 60
"""A plan older than this is no help to the restore: somebody has thought about it."""


class Lifeboat:
    """Everything for one set of settings.

    Args:
        settings: From ``read_settings``.
        progress: Told what long work is doing; called from several threads.
        meter: Hears how long reading and opening take.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        progress: Progress | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._settings = settings
        self._meter = meter
        self._clock = clock or SystemClock()
        self._progress = progress or Silent()
        self._planned: tuple[float, Repository] | None = None

    def initialise(self, *, guarded: bool, new_key: Secret | None) -> InitReport:
        """Make a repository, register this machine as a writer, store the rescue kit, try the store's promises.

        Args:
            new_key: The identity to seal it for, where the settings do not name one; a guarded writer keeps only its public half.
        """
        from lifeboat.operations.doctor.checks import Check, examine, findings_of
        from lifeboat.operations.doctor.store import check_store
        from lifeboat.operations.reports.checks import InitReport
        from lifeboat.operations.same_machine import same_machine_warning
        from lifeboat.repository.create import create_repository, store_rescue_kit
        from lifeboat.rescue import rescue_script
        from lifeboat.rescue.readme import README

        identity = Identity.from_text(new_key.reveal()) if new_key else build_identity(self._settings)
        if identity is None:
            raise SettingsError(
                "a repository needs a key", "set BACKUP_ENCRYPTION_KEY, or let `lifeboat init` make one"
            )
        store = build_store(self._settings, self._clock, create=True)
        named = [NamedRecipient("key", identity.recipient)]
        for number, text in enumerate(self._settings.repository.recipients, start=1):
            recipient = Recipient.from_text(text)
            if recipient != identity.recipient:
                named.append(NamedRecipient(f"recipient {number}", recipient))
        looked = examine([Check("store", "the store's promises", lambda: check_store(store, self._clock))])
        findings = findings_of(looked)
        repository = create_repository(
            store,
            identity=identity,
            recipients=named,
            profile="guarded" if guarded else "simple",
            state=LocalState(self._settings.state, store.describe()),
            label=label(self._settings),
            machine=machine(self._settings),
            now=store.time_there(),
        )
        store_rescue_kit(store, rescue_script(), README)
        return InitReport(
            repository=store.describe(),
            repository_id=repository.id.hex(),
            profile=repository.description.profile,
            key_created=None,
            recipients=tuple(f"{one.name} ({one.recipient.fingerprint_short})" for one in named),
            findings=(*findings, *same_machine_warning(repository)),
        )

    def backup(self, what: str, *, new_generation: bool = False, keep: str | None = None) -> BackupReport:
        """Take a snapshot of ``db``, ``files`` or ``config``; ``all`` takes those that are set up, as one recovery point.

        Args:
            keep: Why these snapshots are to be kept whatever the rules say.
        """
        from lifeboat.app.backing_up import BackingUp

        backing_up = BackingUp(self._settings, self._open(), self._clock, self._progress)
        return backing_up.run(what, new_generation=new_generation, keep=keep)

    def backup_shared(self, sharing: Sharing, *, keep: str | None = None) -> BackupReport | ShardDone:
        """One of several processes that share a backup of files; the last one commits the snapshot and reports it."""
        from lifeboat.app.sharing_backup import SharedBackup

        return SharedBackup(self._settings, self._open, sharing, keep, self._clock, self._progress).run()

    def writers(self) -> list[WriterRow]:
        """Who writes to the repository, who reads everything, who prunes."""
        from lifeboat.operations.writers import list_writers

        return list_writers(self._open())

    def own_writer(self) -> str | None:
        """Id (hex) of the writer that this machine is, by its own memory: no right in the store is needed to know it."""
        store = build_store(self._settings, self._clock)
        secret = LocalState(self._settings.state, store.describe()).load_writer()
        return None if secret is None else secret.writer.hex()

    def add_writer(self, name: str, to: Path, *, again: bool = False, new: bool = False) -> WriterAdded:
        """Register a writer for another machine and write the file by which that becomes it.

        Args:
            again: The same writer once more, for a host that lost its state.
            new: A new writer beside the one of this name: a new generation.
        """
        from lifeboat.app.enrolling import Enrolling

        return Enrolling(self._settings, self._open(), self._clock).add(name, to, again=again, new=new)

    def add_custodian(self, name: str, to: Path) -> WriterAdded:
        """Make a custodian and write its key to a file."""
        from lifeboat.app.enrolling import Enrolling

        return Enrolling(self._settings, self._open(), self._clock).add_custodian(name, to)

    def remove_custodian(self, name: str) -> str:
        """Its statements count no longer; returns the fingerprint that people see."""
        from lifeboat.repository.custodians import remove_custodian

        return remove_custodian(self._open(), name).fingerprint_short

    def enrol(self, enrolment: Enrolment) -> Enrolled:
        """Become the writer that another machine made for this one."""
        from lifeboat.app.enrolling import take_in

        return take_in(self._settings, self._clock, enrolment)

    def snapshots(self, *, forgotten: bool = False, where: bool = False) -> list[SnapshotRow]:
        """All snapshots, newest recovery point first; or those that prune let go and has not removed yet.

        Args:
            where: Look which of them can be read now, and which lie in archive classes: a listing of all packs.
        """
        from lifeboat.operations.annotate import list_snapshots

        repository = self._open()
        rows = list_snapshots(repository, forgotten=forgotten)
        if not where:
            return rows
        from lifeboat.app.retrieving import Retrieving

        return Retrieving(self._settings, repository, self._clock).whereabouts(rows)

    def keep_snapshot(self, snapshot: str, why: str) -> SnapshotRow:
        """Keep a snapshot whatever the rules say; also one that was forgotten and is not removed yet."""
        from lifeboat.operations.annotate import annotate

        return annotate(self._open(), snapshot, why)

    def release_snapshot(self, snapshot: str) -> SnapshotRow:
        """Take back that a snapshot is kept on purpose, or that it was forgotten."""
        from lifeboat.operations.annotate import annotate

        return annotate(self._open(), snapshot, None)

    def contents(self, snapshot: str, path: str = "") -> list[ContentRow]:
        """Collections of a database snapshot, or what lies at a path of a file snapshot.

        Args:
            snapshot: An id or its beginning, ``latest``, or ``db``, ``files`` or ``config`` for the newest of that source.
        """
        from lifeboat.operations import browse

        repository = self._open()
        source = SOURCES.get(snapshot)
        return browse.contents(repository, repository.find_snapshot("latest" if source else snapshot, source), path)

    def prune(self, *, dry_run: bool, despite_loss: bool = False) -> PruneReport:
        """Let go what the rules keep no longer, and remove what was let go a grace ago; or only say what that would be.

        Args:
            despite_loss: Also remove what a snapshot needed whose record is gone from the store, though nobody let it go.
        """
        from lifeboat.operations.prune.run import look, prune, report_of

        rules = self._settings.retention
        if dry_run:
            plan = look(self._open(), rules, self._progress, despite_loss=despite_loss)
            return report_of(plan, rules, dry_run=True, removed=plan.removals)
        return prune(self._open(), rules, self._progress, despite_loss=despite_loss)

    def carry_forward(self, *, dry_run: bool) -> CarryReport:
        """Copy into this month what is still needed of the month before, in the store itself; or only say what that would be and save."""
        from lifeboat.app.carrying import Carrying

        return Carrying(self._settings, self._open(), self._progress).run(dry_run=dry_run)

    def replicate(self, replicas: Sequence[str], how: HowToReplicate) -> ReplicateReport:
        """Bring second copies up to date.

        Args:
            replicas: Names or locations; empty: all that are set.
        """
        return self._replicating().run(replicas, how)

    def replicate_shared(
        self, replicas: Sequence[str], how: HowToReplicate, sharing: Sharing
    ) -> ReplicateReport | ShardDone:
        """One process's part of bringing second copies up to date; of the last one, all that is left."""
        return self._replicating().run_shared(replicas, how, sharing)

    def promote_replica(self) -> PromoteReport:
        """Make the replica that the settings name the repository."""
        from lifeboat.operations.reports.replicas import PromoteReport

        place = self._replicating().promote()
        return PromoteReport(build_store(self._settings, self._clock).describe(), place)

    def looking_back(self) -> LookingBack:
        """What can be restored, and what should perhaps be undone."""
        from lifeboat.app.looking_back import LookingBack

        return LookingBack(self._open(), self._clock, self._progress)

    def plan_restore(self, request: RestoreRequest) -> RestorePlanReport:
        """What a restore would do; changes nothing."""
        from lifeboat.app.restoring import Restoring

        repository = self._open()
        plan = Restoring(self._settings, repository, self._clock, self._progress).plan(request)
        self._planned = self._clock.monotonic(), repository
        return plan

    def restore(self, request: RestoreRequest, *, resume: bool = True) -> RestoreReport:
        """Bring a snapshot back and compare it; over live data a safety snapshot comes first."""
        from lifeboat.app.restoring import Restoring

        repository = self._open_as_planned()
        return Restoring(self._settings, repository, self._clock, self._progress).restore(request, resume=resume)

    def retrieval(self, request: RestoreRequest, *, days: int | None = None, only_lists: bool = False) -> Retrieval:
        """What a restore of this request, whatever its target, needs from archive classes: told, asked for, waited for."""
        from lifeboat.app.retrieving import Retrieving
        from lifeboat.operations.retrieve.run import DAYS

        repository = self._open()
        repository.need_identity()
        return Retrieving(self._settings, repository, self._clock).retrieval(
            request, days=days or DAYS, only_lists=only_lists
        )

    def single_documents(self, request: DocumentsRequest) -> AbstractContextManager[SingleDocuments]:
        """Find single documents in a snapshot and compare them with what is live; its ``put_back`` puts back the chosen."""
        from lifeboat.app.single_documents import single_documents

        return single_documents(self._settings, self._open(), self._clock, self._progress, request)

    def diff(self, request: DiffRequest) -> DiffReport:
        """Which documents of a collection differ between two instants; changes nothing."""
        from lifeboat.app.diffing import Diffing

        return Diffing(self._settings, self._open(), self._clock, self._progress, request).run()

    def restore_shared(self, request: RestoreRequest, sharing: Sharing) -> RestoreReport | ShardDone:
        """One of several processes that share a restore of files to a new place; the last one finishes and reports it."""
        from lifeboat.app.restoring import Restoring

        restoring = Restoring(self._settings, self._open(), self._clock, self._progress)
        return restoring.restore_shared(request, sharing)

    def undo_restore(self, *, without_erasures: bool = False) -> RestoreReport:
        """Go back to what was there before the last restore over live data."""
        from lifeboat.app.restoring import Restoring

        restoring = Restoring(self._settings, self._open(), self._clock, self._progress)
        return restoring.undo(without_erasures=without_erasures)

    def export(
        self,
        snapshot: str,
        form: str | None,
        out: str,
        *,
        namespaces: Sequence[str] = (),
        with_users: bool = True,
        compress: bool = False,
        at: str | None = None,
        before_op: str | None = None,
        without_erasures: bool = False,
    ) -> ExportReport:
        """Write a snapshot out as a mongodump archive or directory, or as a tar archive.

        Args:
            snapshot: As for ``contents``; ``db`` with ``at`` or ``before_op``.
            at, before_op: A moment of the database, as for ``RestoreRequest``.
            out: A file that does not exist, a new or empty folder, or ``-`` for standard output.
        """
        from lifeboat.app.exporting import Exporting

        return Exporting(self._settings, self._open(), self._clock, self._progress).export(
            snapshot,
            form,
            out,
            namespaces=namespaces,
            with_users=with_users,
            compress=compress,
            at=at,
            before_op=before_op,
            without_erasures=without_erasures,
        )

    def import_dump(self, dump: str, taken: datetime | None = None) -> ImportReport:
        """Take in what mongodump wrote, as a snapshot that is kept until it is released.

        Args:
            dump: An archive, a directory, or ``-`` for an archive on standard input.
            taken: When it was taken, for a dump without an oplog; None: when its file was last changed.
        """
        from lifeboat.app.exporting import Exporting

        return Exporting(self._settings, self._open(), self._clock, self._progress).import_dump(dump, taken)

    def verify(
        self,
        level: str,
        *,
        sample_percent: float = 5.0,
        max_bytes: int | None = None,
        max_seconds: float | None = None,
        with_key: bool = True,
    ) -> VerifyReport:
        """Check ages, structure, a sample, or every byte; each level includes those before it.

        Args:
            max_bytes: ``sample`` and ``full`` stop when they have read this much, and the next run goes on.
            max_seconds: The same, by time.
            with_key: False: only hashes against names, as on a machine without the key.
        """
        from lifeboat.operations.rights import denied_in_words_of_the_role
        from lifeboat.operations.verify.rolling import Limits
        from lifeboat.operations.verify.run import verify

        repository = self._open(with_key=with_key)
        with denied_in_words_of_the_role(repository):
            return verify(
                repository,
                level,
                objectives=self._objectives(repository),
                sample_percent=sample_percent,
                limits=Limits(max_bytes, max_seconds),
                rules=self._settings.retention,
                clock=self._clock,
                progress=self._progress,
            )

    def verify_shared(
        self, level: str, sharing: Sharing, *, sample_percent: float = 5.0, with_key: bool = True
    ) -> VerifyReport | ShardDone:
        """One process's part of a verification by several; of the last one, the report of them all."""
        from lifeboat.operations.verify.sharing import verify_shared

        return verify_shared(
            lambda: self._open(with_key=with_key),
            level,
            sharing,
            objectives=self._objectives,
            sample_percent=sample_percent,
            rules=self._settings.retention,
            clock=self._clock,
            progress=self._progress,
        )

    def stream(self, request: StreamRequest, watcher: Watcher, stop: threading.Event) -> StreamReport:
        """Archive every change, until ``stop`` is set."""
        from lifeboat.app.streaming import Streaming

        return Streaming(self._settings, self._clock, request, watcher).run(stop)

    def status(self, *, size_may_be_seconds: float = 0.0) -> StatusReport:
        """How safe everything is right now.

        Args:
            size_may_be_seconds: How old the size of the store may be, which takes a listing of everything; for who looks every minute.
        """
        from lifeboat.operations.status import status

        repository = self._open()
        replicas = () if self._settings.as_replica else self._replicating().seen(repository)
        report = status(
            repository,
            self._objectives(repository),
            self._settings.objectives.proved_seconds,
            replicas,
            self._settings.alerts.thresholds.replica_seconds,
            size_may_be_seconds=size_may_be_seconds,
        )
        drills = self._drill_standing(repository)
        return replace(report, findings=(*report.findings, *self._stale_plan(repository)), drills=drills)

    def _drill_standing(self, repository: Repository) -> DrillStanding | None:
        """What drills say; nothing where the ledger does not open, which is for `verify` to say."""
        if repository.identity is None:
            return None
        from lifeboat.app.plan_drills import standing

        try:
            return standing(repository, self._settings.drills, self._settings.objectives.rto_seconds, self._clock.now())
        except LifeboatError:
            return None

    def _stale_plan(self, repository: Repository) -> list[Finding]:
        """That the recovery plan written on this machine is not true any more; what doctor says besides is not for every minute."""
        if self._settings.as_replica or repository.state.read_json(PLAN_MEMORY) is None:
            return []
        from lifeboat.app.plan_facts import HowFar
        from lifeboat.app.plan_standing import plan_findings

        how = HowFar(everything=False, server=False, ledger=False)
        found = plan_findings(self._settings, self._clock, repository, how)
        return [one for one in found if one.code not in ("no-plan", "no-plan-here", "plan-current")]

    def verify_audit(self, since: str | None = None) -> AuditReport:
        """Whether the audit log, and what is anchored of every machine's, is as it was written.

        Args:
            since: An instant, as ``restore --at`` takes it, or a date: what lies before it is passed over.
        """
        from lifeboat.app.auditing import Auditing

        return Auditing(self._settings, self._clock).verify(since)

    def audit(self, since: str | None = None, who: str | None = None, act: str | None = None) -> AuditRows:
        """Who did what: entries of every machine whose catalog opens, oldest first."""
        from lifeboat.app.auditing import Auditing

        return Auditing(self._settings, self._clock).rows(since, who, act)

    def export_audit(self, out: str) -> AuditExport:
        """Write everything to a file that an auditor without Lifeboat can check."""
        from lifeboat.app.auditing import Auditing

        return Auditing(self._settings, self._clock).export(out)

    def key_is_stored(self, key: Secret, how: str) -> None:
        """Remember that somebody showed to have the key outside this machine.

        Args:
            how: In words, for ``doctor``.
        """
        from lifeboat.operations.key_escrow import remember_escrow

        fingerprint = Identity.from_text(key.reveal()).recipient.fingerprint_short
        store = build_store(self._settings, self._clock)
        remember_escrow(LocalState(self._settings.state, store.describe()), fingerprint, how, self._clock.now())

    def planning(self, config: Path | None = None) -> Planning:
        """The recovery plan. Args: config: the settings file that was named by hand."""
        from lifeboat.app.planning import Planning

        return Planning(self._settings, self._clock, config)

    def erasing(self) -> Erasing:
        """Who was erased, and must not come back."""
        from lifeboat.app.erasing import Erasing

        return Erasing(self._settings, self._clock, self._progress)

    def key_life(self) -> KeyLife:
        """Who opens the repository."""
        from lifeboat.app.key_life import KeyLife

        return KeyLife(self._settings, self._clock, self._progress)

    def shredding(self, generation: str) -> Shredding:
        """Destroying the keys of a month."""
        from lifeboat.app.shredding import Shredding

        return Shredding(self._settings, self._clock, self._progress, generation)

    def doctor(self, only: Sequence[str] = ()) -> list[CheckResult]:
        """Everything that a backup or a restore would stumble over; or the checks with these names."""
        from lifeboat.app.diagnosis import Diagnosis

        return Diagnosis(self._settings, self._clock).run(only)

    def drilling(self) -> Drilling:
        """Restores that are made to find out whether they work."""
        from lifeboat.app.drilling import Drilling

        return Drilling(self._settings, self._clock, self._progress)

    def drill_book(self) -> Book:
        """The drills that were, what is to be done about them, when the next ones are due."""
        from lifeboat.app.drill_book import Book

        return Book(self._settings, self._clock)

    def complying(self) -> Complying:
        """Evidence for auditors."""
        from lifeboat.app.complying import Complying

        return Complying(self._settings, self._clock)

    def repository(self) -> Repository:
        """The repository, opened with what is at hand."""
        return self._open()

    def _open(self, *, with_key: bool = True) -> Repository:
        settings = self._settings if with_key else replace(self._settings, key=None)
        repository = build_repository(settings, self._clock)
        repository.meter = self._meter
        return repository

    def _open_as_planned(self) -> Repository:
        """What a restore was planned with, if that was just now: opening it again asks a far store a dozen questions."""
        planned, self._planned = self._planned, None
        if planned is not None and 0 <= self._clock.monotonic() - planned[0] < PLANNED_SECONDS:
            return planned[1]
        return self._open()

    def _replicating(self) -> Replicating:
        from lifeboat.app.replicating import Replicating

        return Replicating(self._settings, self._clock, self._progress)

    def _objectives(self, repository: Repository) -> dict[str, float]:
        """By source: of what this machine protects, else (a keeper, a custodian) of what others have stored."""

        def stored_by_others() -> list[str]:
            return sorted({TYPED[record.source] for record in repository.snapshots()}, key=list(SOURCES).index)

        return objectives(self._settings, set_up(self._settings) or stored_by_others())
