"""Safety snapshots of what a restore will replace or an undo remove, and the notes by which ``undo`` goes back to them.

Invariant: each collection goes back to how it was just before it was replaced, whichever run of the restore did that. A note of
a database has ``replaced`` and ``added`` (namespaces), ``safety`` (the snapshot of just before), and ``before``: such notes of
earlier, killed runs of the same restore, with what those had replaced and added.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from lifeboat.app.build import build_limits
from lifeboat.app.restore_job import Job
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.backup_mongodb import DatabaseEmpty, backup_mongodb
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.stored_trees import StoredRoot
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.errors import IsAReplica
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

        A restore that was killed and is run again keeps the first run's notes of what that had replaced. Protected it is all
        the same: somebody may have worked in it since.
        """
        state, point = self._repository.state, new_point()
        notes = [{**job.undo_notes(), "safety": job.protect(point)} for job in jobs]
        safety = [note["safety"] for note in notes if note["safety"] is not None]
        which = [*(job.record.snapshot for job in jobs), *map(str, (request.namespaces, request.renames))]
        which += map(str, (request.paths, request.include, request.exclude))
        earlier = state.read_json(UNDO) or {}
        if resume and earlier.get("unfinished") == which and len(earlier["jobs"]) == len(jobs):
            notes = [joined(*each) for each in zip(jobs, earlier["jobs"], notes, strict=True)]
        if not undoing:
            state.write_json(UNDO, {"at": show_time(self._clock.now()), "jobs": notes, "unfinished": which})
        return str(safety[-1]) if safety else None

    def databases(self, databases: set[str], client: Client, point: str) -> str | None:
        try:
            taking = self.taking(Source.MONGODB, point)
        except IsAReplica:
            if _holds_nothing(client, databases):
                return None  # on the bad day all is gone: nothing has to be stored before it comes back
            raise
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
        try:
            writer = self._repository.writer(self._repository.store.time_there())
        except IsAReplica as error:
            raise IsAReplica(
                f"before live data is replaced it is stored once more, and {self._repository.store.describe()} is a replica, "
                "where nothing of its own is stored",
                "restore beside the live data with --to; or, if the repository is lost, first make this it: `lifeboat replicate --promote`",
            ) from error
        return Taking(
            self._repository, writer, source, point, self._clock, build_limits(self._settings), purpose="safety"
        )


def _holds_nothing(client: Client, databases: Iterable[str]) -> bool:
    """Whether there is no collection and no view in any of them."""
    names = (name for database in databases for name in client[database].list_collection_names())
    return all(name.startswith("system.") for name in names)


def joined(job: Job, first: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The note of a restore that is run again, out of what its killed run noted and of how things are now."""
    if not job.has_begun:
        return now
    if job.begun is None:
        return first
    before = [_about(note, job.begun) for note in runs_of(first)]
    begun = {name for note in before for name in (*note["replaced"], *note["added"])}
    rest = _about(now, {*now["replaced"], *now["added"]} - begun)
    # Accounts come last of all: while a collection is left, none has been added.
    accounts = now["accounts"] if rest["replaced"] or rest["added"] else first["accounts"]
    return {**rest, "accounts": accounts, "before": before}


def runs_of(note: dict[str, Any]) -> list[dict[str, Any]]:
    """A note and those of earlier runs within it, oldest first."""
    return [*note.get("before", ()), {name: value for name, value in note.items() if name != "before"}]


def _about(note: dict[str, Any], namespaces: Iterable[str]) -> dict[str, Any]:
    chosen = set(namespaces)
    parts = {part: [name for name in note[part] if name in chosen] for part in ("replaced", "added")}
    return {**note, **parts, "accounts": []}
