"""Safety snapshots of what a restore will replace or an undo remove, and the notes by which ``undo`` goes back to them."""

from collections.abc import Sequence

from lifeboat.app.build import build_limits
from lifeboat.app.restore_job import Job
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.backup_mongodb import DatabaseEmpty, backup_mongodb
from lifeboat.operations.reports import RestoreRequest
from lifeboat.operations.restore_files import StoredRoot
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import show_time
from lifeboat.sources.mongodb.connect import Client

UNDO = "undo.json"


class Protecting:
    """Protects live data for one set of settings."""

    def __init__(self, settings: Settings, repository: Repository, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._progress = progress

    def protect(self, request: RestoreRequest, jobs: list[Job], *, resume: bool, undoing: bool) -> str | None:
        """Safety snapshots of all that will be replaced, noted for ``undo`` before anything is.

        A restore that was killed and is run again keeps the first run's notes where that had begun to replace: what there is now is
        half of it. Protected it is all the same: somebody may have worked in it since.
        """
        state, point = self._repository.state, new_point()
        notes = [{**job.undo_notes(), "safety": job.protect(point)} for job in jobs]
        safety = [note["safety"] for note in notes if note["safety"] is not None]
        which = [*(job.record.snapshot for job in jobs), *map(str, (request.namespaces, request.renames))]
        which += map(str, (request.paths, request.include, request.exclude))
        earlier = state.read_json(UNDO) or {}
        if resume and earlier.get("unfinished") == which and len(earlier["jobs"]) == len(jobs):
            notes = [
                first if job.has_begun else note for job, first, note in zip(jobs, earlier["jobs"], notes, strict=True)
            ]
        if not undoing:
            state.write_json(UNDO, {"at": show_time(self._clock.now()), "jobs": notes, "unfinished": which})
        return str(safety[-1]) if safety else None

    def databases(self, databases: set[str], client: Client, point: str) -> str | None:
        taking = self.taking(Source.MONGODB, point)
        try:
            taken = backup_mongodb(taking, client, sorted(databases), clock=self._clock, progress=self._progress)
        except DatabaseEmpty:
            return None
        return taken.record.snapshot

    def trees(self, stored: Sequence[StoredRoot], source: Source, point: str) -> str | None:
        roots = [Root(root.path, root.names) for root in stored if root.path.is_dir()]
        if not roots:
            return None
        taking = self.taking(source, point)
        return backup_trees(taking, roots, progress=self._progress).record.snapshot

    def taking(self, source: Source, point: str) -> Taking:
        writer = self._repository.writer(self._repository.store.time_there())
        return Taking(
            self._repository, writer, source, point, self._clock, build_limits(self._settings), purpose="safety"
        )
