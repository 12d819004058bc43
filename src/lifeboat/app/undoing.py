"""Go back to what was there before the last restore over live data; what that restore had added goes, after a copy of it was kept."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from lifeboat.app.build import build_client
from lifeboat.app.protecting import UNDO, Protecting, runs_of
from lifeboat.app.settings import Settings
from lifeboat.app.single_documents import undo_single_documents
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.reports.restores import RestoredPart, RestoreReport, RestoreRequest
from lifeboat.operations.stored_trees import chooses_something, stored_roots
from lifeboat.operations.taking import new_point
from lifeboat.operations.tree_choice import TreeChoice, inside_tree
from lifeboat.operations.unrestore_files import remove_what_restore_added
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.target_server import TargetServer
from lifeboat.sources.mongodb.users_restore import remove_accounts


class NothingToUndo(LifeboatError):
    """No restore over live data was made on this machine."""

    code = "nothing-to-undo"


class Undoing:
    """Undoes the last restore for one set of settings.

    Args:
        restore: Carries out a restore over live data without changing what ``undo`` goes by.
    """

    def __init__(
        self,
        settings: Settings,
        repository: Repository,
        clock: Clock,
        progress: Progress,
        protecting: Protecting,
        restore: Callable[[RestoreRequest], RestoreReport],
        *,
        without_erasures: bool = False,
    ) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._progress = progress
        self._protecting = protecting
        self._restore = restore
        self._without_erasures = without_erasures

    def undo(self) -> RestoreReport:
        """Go back to the safety snapshot of the last restore over live data, and remove what that restore had added.

        Killed on the way, it goes on with the sources that are left when it is called again.

        Raises:
            NothingToUndo: None was made on this machine, or it was undone already.
        """
        began = self._clock.monotonic()
        notes = self._repository.state.read_json(UNDO)
        if notes is None or not notes.get("jobs"):
            raise NothingToUndo("no restore over live data was made on this machine", "see `lifeboat snapshots`")
        reports = []
        left = [run for job in notes["jobs"] for run in runs_of(job)]
        while left:
            job = left[-1]
            if job["source"] == "documents":
                reports.append(self._undo_documents(job))
                left.pop()
                self._repository.state.write_json(UNDO, {**notes, "jobs": left})
                continue
            chosen = TreeChoice.from_json(job)
            request = RestoreRequest(
                source=job["source"],
                snapshot=job["safety"] or "",
                over_live=True,
                namespaces=tuple(job.get("replaced", ())),
                paths=self._paths_in_safety(job, chosen),
                include=chosen.include,
                exclude=chosen.exclude,
            )
            if self._replaced_something(job):
                reports.append(self._restore(request))
            self._protect_added(job)
            self._remove_added(job)
            left.pop()
            self._repository.state.write_json(UNDO, {**notes, "jobs": left})
        if not reports:
            gone = Finding(Level.OK, "undone", "everything", "there was nothing before; what the restore added is gone")
            return RestoreReport((), "nothing, as before", (), self._clock.monotonic() - began, None, (gone,))
        return replace(
            reports[-1],
            snapshots=tuple(row for report in reports for row in report.snapshots),
            parts=tuple(part for report in reports for part in report.parts),
            findings=tuple(finding for report in reports for finding in report.findings),
            seconds=sum(report.seconds for report in reports),
            erasures=tuple(one for report in reports for one in report.erasures),
            erasures_looked_for=max(report.erasures_looked_for for report in reports),
        )

    def _undo_documents(self, job: dict[str, Any]) -> RestoreReport:
        with self._live_client() as client:
            anyway = self._without_erasures
            done = undo_single_documents(
                self._repository, client, self._clock, self._progress, job, without_erasures=anyway
            )
        undone = done.written + done.removed + done.already
        part = RestoredPart(done.target, done.target, undone, done.snapshot.bytes, "each document")
        return RestoreReport((done.snapshot,), done.target, (part,), done.seconds, None, done.findings)

    def _replaced_something(self, job: dict[str, Any]) -> bool:
        """Whether there is anything to put back, and not only something to remove."""
        if job["safety"] is None:
            return False
        if job["source"] == "db":
            return bool(job.get("replaced"))
        with SnapshotReader(self._repository, self._repository.find_snapshot(str(job["safety"]))) as reader:
            return chooses_something(reader, TreeChoice.from_json(job))

    def _paths_in_safety(self, job: dict[str, Any], choice: TreeChoice) -> tuple[str, ...]:
        """The chosen paths whose tree was there before; of the others there is nothing to put back."""
        if job["safety"] is None or not choice.paths:
            return ()
        with SnapshotReader(self._repository, self._repository.find_snapshot(str(job["safety"]))) as reader:
            roots = [str(root.path) for root in stored_roots(reader)]
        return tuple(path for path in choice.paths if any(inside_tree(root, path) is not None for root in roots))

    def _protect_added(self, job: dict[str, Any]) -> None:
        """Keep a copy of what will be removed, where the restore that goes back has not taken one."""
        if job["source"] == "db":
            there, gone = ({name.partition(".")[0] for name in job.get(names, ())} for names in ("replaced", "added"))
            if gone - there:
                with self._live_client() as client:
                    self._protecting.databases(gone - there, client, new_point())
        elif not self._replaced_something(job):
            restored = self._repository.find_snapshot(str(job["restored"]))
            with SnapshotReader(self._repository, restored) as reader:
                self._protecting.trees(stored_roots(reader), Source(restored.source), new_point())

    def _remove_added(self, job: dict[str, Any]) -> None:
        if job["source"] == "db":
            added = [str(name) for name in job.get("added", ())]
            accounts = [(str(kind), str(where), str(name)) for kind, where, name in job.get("accounts", ())]
            if added or accounts:
                with self._live_client() as client:
                    server = TargetServer(client, clock=self._clock)
                    for name in added:
                        database, _, collection = name.partition(".")
                        server.drop(database, collection)
                    remove_accounts(server, accounts)
            return
        with ExitStack() as stack:
            restored = self._repository.find_snapshot(str(job["restored"]))
            was = None if job["safety"] is None else self._repository.find_snapshot(str(job["safety"]))
            readers = [stack.enter_context(SnapshotReader(self._repository, one)) for one in (restored, was) if one]
            remove_what_restore_added(readers[0], readers[1] if len(readers) > 1 else None, TreeChoice.from_json(job))

    @contextmanager
    def _live_client(self) -> Iterator[Client]:
        client, _ = build_client(self._settings)
        with client:
            yield client
