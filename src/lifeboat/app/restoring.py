"""Restores: which snapshots, which target, a safety snapshot first, the work, and how to go back.

Everything that destroys is planned first; ``restore`` carries out exactly what ``plan`` showed.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lifeboat.app.build import build_client, build_limits
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.secret import Secret
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.backup_mongodb import DatabaseEmpty, backup_mongodb
from lifeboat.operations.reports import (
    PlanStep,
    RestoredPart,
    RestorePlanReport,
    RestoreReport,
    RestoreRequest,
)
from lifeboat.operations.restore_files import StoredRoot, TreeRestore, remove_what_restore_added, stored_roots
from lifeboat.operations.restore_mongodb import DatabaseRestore
from lifeboat.operations.status import row_of
from lifeboat.operations.taking import Taking, new_point
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record, show_time
from lifeboat.sources.mongodb.connect import Client, address_of, connect, database_of
from lifeboat.sources.mongodb.land import drop_leftover
from lifeboat.sources.mongodb.restore_plan import Found, RestorePlan, Target
from lifeboat.sources.mongodb.users_restore import remove_accounts

ORDER = {"files": Source.FILES, "config": Source.CONFIG, "db": Source.MONGODB}
"""``restore all`` brings files back first: a document is then never younger than the file it names."""
UNDO = "undo.json"


class NothingToUndo(LifeboatError):
    """No restore over live data was made on this machine."""

    code = "nothing-to-undo"


class TargetMissing(SettingsError):
    """A restore was asked for without saying where to."""

    code = "target-missing"


@dataclass
class _Job:
    """One source's restore, planned: its steps, and how to carry it out."""

    record: Record
    target: str
    steps: tuple[PlanStep, ...]
    findings: tuple[Finding, ...]
    refuse: Callable[[], None]
    protect: Callable[[str], str | None]
    """Take the safety snapshot of a recovery point; returns its id, or None when there is nothing to protect."""
    has_begun: bool
    """Whether an earlier run of the same restore may have replaced something already."""
    carry_out: Callable[[], tuple[tuple[RestoredPart, ...], tuple[Finding, ...]]]
    undo_notes: Callable[[], dict[str, object]]
    """What ``undo`` must know of how things are now, before anything is written."""


class Restoring:
    """Plans and carries out restores for one set of settings."""

    def __init__(self, settings: Settings, repository: Repository, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._progress = progress
        repository.need_identity()

    def plan(self, request: RestoreRequest) -> RestorePlanReport:
        """What ``restore`` would do; changes nothing."""
        with ExitStack() as stack:
            jobs = self._jobs(request, stack, resume=True)
            return self._plan_report(request, jobs)

    def restore(self, request: RestoreRequest, *, resume: bool, undoing: bool = False) -> RestoreReport:
        """Carry it out. Over live data a safety snapshot comes first, and ``undo`` goes back to it.

        Args:
            undoing: It is itself the going back: what ``undo`` goes by stays as it is.
        """
        began = self._clock.monotonic()
        with ExitStack() as stack:
            jobs = self._jobs(request, stack, resume=resume)
            for job in jobs:
                job.refuse()
            safety = self._protect(request, jobs, resume=resume, undoing=undoing) if request.over_live else None
            parts: list[RestoredPart] = []
            findings: list[Finding] = []
            for job in jobs:
                done, said = job.carry_out()
                parts += done
                findings += [*job.findings, *said]
        seconds = self._clock.monotonic() - began
        state = self._repository.state
        if request.over_live and not undoing:
            state.write_json(UNDO, {**(state.read_json(UNDO) or {}), "unfinished": None})
        state.write_json("last-restore.json", {"seconds": seconds, "at": show_time(self._clock.now())})
        return RestoreReport(
            tuple(row_of(job.record) for job in jobs),
            ", ".join(dict.fromkeys(job.target for job in jobs)),
            tuple(parts),
            seconds,
            safety,
            tuple(dict.fromkeys(findings)),
        )

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
        left = list(notes["jobs"])
        while left:
            job = left[-1]
            request = RestoreRequest(
                source=job["source"],
                snapshot=job["safety"] or "",
                over_live=True,
                namespaces=tuple(job.get("replaced", ())),
            )
            if job["safety"] is not None and (job["source"] != "db" or job.get("replaced")):
                reports.append(self.restore(request, resume=False, undoing=True))
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
        )

    def _jobs(self, request: RestoreRequest, stack: ExitStack, *, resume: bool) -> list[_Job]:
        if (request.to is None) == (not request.over_live):
            raise TargetMissing(
                "a restore needs exactly one target",
                "--to a server, database or directory; or --over-live to replace what is there now",
            )
        if request.source != "all":
            record = self._repository.find_snapshot(request.snapshot, ORDER[request.source])
            return [self._job(request, record, stack, resume=resume)]
        if not request.over_live:
            raise TargetMissing(
                "database and files cannot go to one --to",
                "restore them one by one: `lifeboat restore db --to ...`, `lifeboat restore files --to ...`; or --over-live",
            )
        together = self._together(request.snapshot)
        jobs = []
        for name, source in ORDER.items():
            for record in together:
                if record.source == source:
                    jobs.append(self._job(replace(request, source=name), record, stack, resume=resume))
        return jobs

    def _together(self, snapshot: str) -> list[Record]:
        """``latest``: the newest of each source; else all snapshots of the recovery point to which the named one belongs."""
        first = self._repository.find_snapshot(snapshot)
        taken = [one for one in self._repository.snapshots() if one.purpose == first.purpose]
        if snapshot != "latest":
            return [one for one in taken if one.point == first.point]
        newest: dict[str, Record] = {}
        for one in taken:
            newest.setdefault(one.source, one)
        return list(newest.values())

    def _job(self, request: RestoreRequest, record: Record, stack: ExitStack, *, resume: bool) -> _Job:
        reader = stack.enter_context(SnapshotReader(self._repository, record))
        if record.source == Source.MONGODB:
            return self._database_job(request, reader, stack, resume=resume)
        return self._tree_job(request, reader)

    def _database_job(self, request: RestoreRequest, reader: SnapshotReader, stack: ExitStack, *, resume: bool) -> _Job:
        uri, renames = self._database_target(request, reader)
        client = stack.enter_context(connect(uri))
        target = Target.OVER_LIVE if request.over_live else Target.EMPTY_PLACE
        restore = DatabaseRestore(
            reader, client, address_of(uri), target, request.namespaces, renames, self._repository.state
        )
        if not resume:
            restore.forget_journal()
        plan = restore.plan(resume=resume)
        with_users = request.over_live if request.with_users is None else request.with_users

        def carry_out() -> tuple[tuple[RestoredPart, ...], tuple[Finding, ...]]:
            done = restore.carry_out(
                plan, compare=request.compare, with_users=with_users, clock=self._clock, progress=self._progress
            )
            restore.forget_journal()
            return done

        return _Job(
            record=reader.record,
            target=address_of(uri),
            steps=restore.steps(plan),
            findings=(*_incomplete(reader.record), *plan.findings, *(_told(refusal) for refusal in plan.refusals)),
            refuse=lambda: _raise_first(plan),
            protect=lambda point: self._protect_databases({one.database for one in plan.landings}, client, point),
            has_begun=any(one.found is Found.RESTORED for one in plan.landings),
            carry_out=carry_out,
            undo_notes=lambda: {
                "source": "db",
                "replaced": [
                    one.namespace
                    for one in plan.landings
                    if one.found in (Found.COLLECTION, Found.VIEW, Found.EMPTY, Found.RESTORED)
                ],
                "added": [one.namespace for one in plan.landings if one.found is Found.NOTHING],
                "accounts": restore.missing_accounts() if with_users else [],
            },
        )

    def _database_target(self, request: RestoreRequest, reader: SnapshotReader) -> tuple[Secret, list[str]]:
        """The server, and the renames that the target itself implies."""
        renames = [f"{old}={new}" for old, new in request.renames]
        if request.to is None:
            return self._settings.need_mongodb(), renames
        stored = [str(name) for name in reader.details.get("databases", ())]
        text = request.to
        if text.startswith("env:"):
            text = os.environ.get(text[4:], "")
            if not text:
                raise SettingsError(
                    f"the variable {request.to[4:]} is not set in the environment",
                    "export it, with the target's connection string; .env is not looked into for it",
                )
            if not text.startswith(("mongodb://", "mongodb+srv://")):
                # Never to be taken for the name of a database: that would be one on the live server.
                raise SettingsError(
                    f"the variable {request.to[4:]} does not hold a connection string",
                    "it begins with mongodb:// or mongodb+srv://",
                )
        if text.startswith(("mongodb://", "mongodb+srv://")):
            uri = Secret(text)
            wanted = database_of(uri)
        else:
            uri, wanted = self._settings.need_mongodb(), text
        renamed = {old for old, _ in request.renames}
        all_renamed = renamed.issuperset(request.namespaces or ("",)) or not renamed.isdisjoint(stored)
        if wanted is not None and not all_renamed and len(stored) == 1 and wanted != stored[0]:
            # What --rename does not name must not land in the live database of its old name.
            renames = [f"{stored[0]}={wanted}", *renames]
        elif wanted is not None and not text.startswith("mongodb") and len(stored) != 1:
            raise SettingsError(
                f"the snapshot holds {len(stored)} databases, so {wanted} cannot be the name of all of them",
                f"name each: --rename {stored[0] if stored else 'OLD'}=NEW",
            )
        return uri, renames

    def _tree_job(self, request: RestoreRequest, reader: SnapshotReader) -> _Job:
        target = None if request.over_live else Path(os.path.abspath(os.path.expanduser(request.to or "")))
        restore = TreeRestore(
            reader, target, include=request.include, exclude=request.exclude, clock=self._clock, progress=self._progress
        )
        return _Job(
            record=reader.record,
            target=str(target) if target else ", ".join(str(root.path) for root in restore.roots),
            steps=restore.steps(),
            findings=_incomplete(reader.record),
            refuse=restore.refuse,
            protect=lambda point: self._protect_trees(restore.roots, Source(reader.record.source), point),
            has_begun=True,
            carry_out=restore.carry_out,
            undo_notes=lambda: {
                "source": "files" if reader.record.source == Source.FILES else "config",
                "restored": reader.record.snapshot,
            },
        )

    def _protect(self, request: RestoreRequest, jobs: list[_Job], *, resume: bool, undoing: bool) -> str | None:
        """Safety snapshots of all that will be replaced, noted for ``undo`` before anything is.

        A restore that was killed and is run again keeps the first run's notes where that had begun to replace: what there is now is
        half of it. Protected it is all the same: somebody may have worked in it since.
        """
        state, point = self._repository.state, new_point()
        notes = [{**job.undo_notes(), "safety": job.protect(point)} for job in jobs]
        safety = [note["safety"] for note in notes if note["safety"] is not None]
        which = [*(job.record.snapshot for job in jobs), *map(str, (request.namespaces, request.renames))]
        which += map(str, (request.include, request.exclude))
        earlier = state.read_json(UNDO) or {}
        if resume and earlier.get("unfinished") == which and len(earlier["jobs"]) == len(jobs):
            notes = [
                first if job.has_begun else note for job, first, note in zip(jobs, earlier["jobs"], notes, strict=True)
            ]
        if not undoing:
            state.write_json(UNDO, {"at": show_time(self._clock.now()), "jobs": notes, "unfinished": which})
        return str(safety[-1]) if safety else None

    def _protect_databases(self, databases: set[str], client: Client, point: str) -> str | None:
        taking = self._taking(Source.MONGODB, point)
        try:
            taken = backup_mongodb(taking, client, sorted(databases), clock=self._clock, progress=self._progress)
        except DatabaseEmpty:
            return None
        return taken.record.snapshot

    def _protect_trees(self, stored: Sequence[StoredRoot], source: Source, point: str) -> str | None:
        roots = [Root(root.path, root.names) for root in stored if root.path.is_dir()]
        if not roots:
            return None
        taking = self._taking(source, point)
        return backup_trees(taking, roots, progress=self._progress).record.snapshot

    def _taking(self, source: Source, point: str) -> Taking:
        writer = self._repository.writer(self._repository.store.time_there())
        return Taking(
            self._repository, writer, source, point, self._clock, build_limits(self._settings), purpose="safety"
        )

    def _protect_added(self, job: dict[str, Any]) -> None:
        """Keep a copy of what will be removed, where the restore that goes back has not taken one."""
        if job["source"] == "db":
            there, gone = ({name.partition(".")[0] for name in job.get(names, ())} for names in ("replaced", "added"))
            if gone - there:
                with self._live_client() as client:
                    self._protect_databases(gone - there, client, new_point())
        elif job["safety"] is None:
            restored = self._repository.find_snapshot(str(job["restored"]))
            with SnapshotReader(self._repository, restored) as reader:
                self._protect_trees(stored_roots(reader), Source(restored.source), new_point())

    def _remove_added(self, job: dict[str, object]) -> None:
        if job["source"] == "db":
            added = [str(name) for name in job.get("added", ())]  # type: ignore[attr-defined]
            accounts = [(str(kind), str(where), str(name)) for kind, where, name in job.get("accounts", ())]  # type: ignore[attr-defined]
            if added or accounts:
                with self._live_client() as client:
                    for name in added:
                        database, _, collection = name.partition(".")
                        drop_leftover(client, database, collection, self._clock)
                    remove_accounts(client, accounts)
            return
        with ExitStack() as stack:
            restored = self._repository.find_snapshot(str(job["restored"]))
            was = None if job["safety"] is None else self._repository.find_snapshot(str(job["safety"]))
            readers = [stack.enter_context(SnapshotReader(self._repository, one)) for one in (restored, was) if one]
            remove_what_restore_added(readers[0], readers[1] if len(readers) > 1 else None)

    @contextmanager
    def _live_client(self) -> Iterator[Client]:
        client, _ = build_client(self._settings)
        with client:
            yield client

    def _plan_report(self, request: RestoreRequest, jobs: list[_Job]) -> RestorePlanReport:
        steps = tuple(step for job in jobs for step in job.steps)
        return RestorePlanReport(
            tuple(row_of(job.record) for job in jobs),
            ", ".join(dict.fromkeys(job.target for job in jobs)),
            steps,
            sum(step.bytes for step in steps),
            request.over_live,
            tuple(finding for job in jobs for finding in job.findings),
        )


def _told(refusal: LifeboatError) -> Finding:
    """A refusal as the dry run shows it; the restore itself raises it."""
    return Finding(Level.PROBLEM, refusal.code, "target", refusal.message, refusal.hint)


def _incomplete(record: Record) -> tuple[Finding, ...]:
    """What must be known before a snapshot that lacks something takes the place of anything."""
    if record.complete:
        return ()
    return (
        Finding(
            Level.WARNING,
            "snapshot-incomplete",
            record.snapshot[:8],
            "something that should be in this snapshot could not be read when it was taken",
            "an older snapshot may have it: `lifeboat snapshots`",
        ),
    )


def _raise_first(plan: RestorePlan) -> None:
    for refusal in plan.refusals:
        raise refusal
