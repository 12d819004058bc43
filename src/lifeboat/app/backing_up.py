"""Take snapshots of what the settings describe: one source, or all of them as one recovery point."""

from lifeboat.app.build import build_client, build_limits
from lifeboat.app.enrolling import new_generation_of
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import TYPED, sources_of
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Progress
from lifeboat.operations.backup_files import backup_trees, roots_of_config, roots_of_files
from lifeboat.operations.hold_locks import hold_locks
from lifeboat.operations.reason import check_text
from lifeboat.operations.reports.snapshots import BackupReport
from lifeboat.operations.same_machine import same_machine_warning
from lifeboat.operations.taking import Taken, Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository


class BackingUp:
    """Backups of what these settings describe, into one repository."""

    def __init__(self, settings: Settings, repository: Repository, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._repository = repository
        repository.remember_what_is_read()
        self._clock = clock
        self._progress = progress

    def run(self, what: str, *, new_generation: bool, keep: str | None) -> BackupReport:
        """As ``Lifeboat.backup``; of several sources those that can be read are stored, then the first failure is raised."""
        keep = None if keep is None else check_text(keep)
        repository = self._repository
        wanted = sources_of(self._settings, what)
        now = repository.store.time_there()
        writer = new_generation_of(repository, now) if new_generation else repository.writer(now)
        point = new_point()
        taken = []
        failures: list[LifeboatError] = []
        for source in wanted:
            try:
                taking = Taking(
                    repository,
                    writer,
                    source,
                    point,
                    self._clock,
                    build_limits(self._settings),
                    rules=self._settings.retention,
                    keep=keep,
                )
                taken.append(self._take(taking).report)
            except LifeboatError as error:
                # One source that cannot be read must not leave the others unprotected.
                failures.append(error)
                if len(wanted) > 1:
                    self._progress.note(f"{TYPED[source]} was not backed up: {error.message}")
        if failures:
            for one in taken:
                self._progress.note(f"{TYPED[one.source]} was backed up all the same, as snapshot {one.snapshot[:8]}")
            raise failures[0]
        findings = (*repository.notes, *same_machine_warning(repository), *hold_locks(repository))
        return BackupReport(point, tuple(taken), repository.head(), findings)

    def _take(self, taking: Taking) -> Taken:
        settings = self._settings
        if taking.source is Source.MONGODB:
            from lifeboat.operations.backup_mongodb import backup_mongodb  # the driver is slow to load

            client, databases = build_client(settings)
            with client:
                return backup_mongodb(taking, client, databases, clock=self._clock, progress=self._progress)
        roots = (
            roots_of_files(settings.need_files().paths)
            if taking.source is Source.FILES
            else roots_of_config(settings.config.paths)
        )
        return backup_trees(
            taking,
            roots,
            include=settings.files.include if taking.source is Source.FILES else (),
            exclude=settings.files.exclude if taking.source is Source.FILES else (),
            one_filesystem=settings.files.one_filesystem,
            progress=self._progress,
        )
