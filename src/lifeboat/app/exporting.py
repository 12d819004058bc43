"""Out of the repository in a form that needs no Lifeboat, and into it from what mongodump wrote."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

from lifeboat.app.build import build_limits
from lifeboat.app.points import goal_of, open_point, row_of_point
from lifeboat.app.retrieving import Retrieving
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import SOURCES, TYPED
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.operations import export
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.erasing.load import erased_or_refused
from lifeboat.operations.import_dump import import_dump, open_dump
from lifeboat.operations.moments import writer_in
from lifeboat.operations.put_back_documents import refuse_single_documents
from lifeboat.operations.reason import TEXT_AT_MOST, check_text
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.reports.snapshots import ExportReport, ImportReport
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader


class Exporting:
    """Exports of one repository, and imports into it."""

    def __init__(self, settings: Settings, repository: Repository, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._progress = progress

    def export(
        self,
        snapshot: str,
        form: str | None,
        out: str,
        *,
        namespaces: Sequence[str],
        with_users: bool,
        compress: bool,
        at: str | None,
        before_op: str | None,
        without_erasures: bool = False,
    ) -> ExportReport:
        """As ``Lifeboat.export``."""
        repository = self._repository
        source = SOURCES.get(snapshot) or (Source.MONGODB if form in export.FORMATS[Source.MONGODB] else None)
        record = repository.find_snapshot("latest" if snapshot in SOURCES else snapshot, source)
        wanted = RestoreRequest(TYPED[record.source], record.snapshot, namespaces=tuple(namespaces))
        if at is not None or before_op is not None:
            wanted = RestoreRequest("db", at=at, before_op=before_op)
        # Before the first byte is written: half an export is worth nothing.
        Retrieving(self._settings, repository, self._clock).retrieval(wanted).make_sure()
        with ExitStack() as stack:
            what: SnapshotReader | DatabasePoint
            if at is None and before_op is None:
                what = stack.enter_context(SnapshotReader(repository, record))
                refuse_single_documents(what)
            else:
                goal = goal_of(repository, at, before_op, self._clock.now())
                what = open_point(repository, goal, stack, writer_in(at or before_op))
            row = row_of_point(what) if isinstance(what, DatabasePoint) else None
            instant = record.instant if row is None else row.instant
            then = erased_or_refused(repository, instant, anyway=without_erasures)
            done = export.export(
                what,
                form,
                out,
                namespaces=namespaces,
                with_users=with_users,
                compress=compress,
                progress=self._progress,
                erased=then.erased,
            )
            return replace(done, findings=(*then.findings, *done.findings))

    def import_dump(self, dump: str, taken: datetime | None) -> ImportReport:
        """As ``Lifeboat.import_dump``."""
        repository = self._repository
        writer = repository.writer(repository.store.time_there())
        with open_dump(dump, self._progress) as opened:
            taking = Taking(
                repository,
                writer,
                Source.MONGODB,
                new_point(),
                self._clock,
                build_limits(self._settings),
                purpose="import",
                keep=check_text(f"imported from {opened.name}"[:TEXT_AT_MOST]),
            )
            when = taken or opened.modified or self._clock.now()
            return import_dump(taking, opened, when, dump)
