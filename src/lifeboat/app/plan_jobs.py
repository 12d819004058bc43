"""What a request means: which snapshots, which target, and a planned job for each of them. Nothing is changed here."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lifeboat.app.database_target import database_target
from lifeboat.app.points import goal_of, newest_until, open_point, refuse_empty, row_of_point
from lifeboat.app.protecting import Protecting
from lifeboat.app.restore_job import Job, TargetMissing, incomplete
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.erasing.load import ErasedThen, erased_or_refused
from lifeboat.operations.moments import writer_in
from lifeboat.operations.put_back_documents import refuse_single_documents
from lifeboat.operations.reports.restores import PlanStep, RestoredPart, RestoreRequest
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.operations.restore_mongodb import DatabaseRestore
from lifeboat.operations.tree_preview import too_small
from lifeboat.repository.errors import SnapshotUnknown
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.mongodb.connect import Client, address_of, connect
from lifeboat.sources.mongodb.landing import Found, Target
from lifeboat.sources.mongodb.restore_plan import RestorePlan
from lifeboat.sources.mongodb.server_room import free_bytes_of

ORDER = {"files": Source.FILES, "config": Source.CONFIG, "db": Source.MONGODB}
"""``restore all`` brings files back first: a document is then never younger than the file it names."""


class PlanJobs:
    """Plans the jobs of a request for one set of settings."""

    def __init__(
        self, settings: Settings, repository: Repository, clock: Clock, progress: Progress, protecting: Protecting
    ) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._progress = progress
        self._protecting = protecting

    def plan(self, request: RestoreRequest, stack: ExitStack, *, resume: bool) -> list[Job]:
        refuse_no_target(request)
        if request.is_of_a_moment:
            return self._jobs_of_a_moment(request, stack, resume=resume)
        if request.source != "all":
            record = self._repository.find_snapshot(request.snapshot, ORDER[request.source])
            return [self._job(request, record, stack, resume=resume)]
        if not request.over_live:
            raise _cannot_go_together()
        found = together(self._repository, request.snapshot)
        jobs = []
        for name, source in ORDER.items():
            for record in found:
                if record.source == source:
                    jobs.append(self._job(replace(request, source=name), record, stack, resume=resume))
        return jobs

    def _jobs_of_a_moment(self, request: RestoreRequest, stack: ExitStack, *, resume: bool) -> list[Job]:
        """The database as it was at that instant; of files and settings, which have no archive, the newest snapshot until then."""
        if request.source == "all" and not request.over_live:
            raise _cannot_go_together()
        repository = self._repository
        goal = goal_of(repository, request.at, request.before_op, self._clock.now())
        writer = writer_in(request.at or request.before_op)
        jobs = []
        for name, source in ORDER.items():
            if request.source not in (name, "all"):
                continue
            one = replace(request, source=name)
            if source == Source.MONGODB:
                jobs.append(self._database_job(one, open_point(repository, goal, stack, writer), stack, resume=resume))
                continue
            record = newest_until(repository, source, goal)
            if record is not None:
                reader = stack.enter_context(SnapshotReader(repository, record))
                jobs.append(self._tree_job(one, reader))
            elif request.source != "all":
                raise SnapshotUnknown(f"no snapshot of {name} is as old as that", "see `lifeboat snapshots`")
        return jobs

    def _job(self, request: RestoreRequest, record: Record, stack: ExitStack, *, resume: bool) -> Job:
        reader = stack.enter_context(SnapshotReader(self._repository, record))
        if record.source == Source.MONGODB:
            return self._database_job(request, DatabasePoint(reader), stack, resume=resume)
        return self._tree_job(request, reader)

    def _database_job(self, request: RestoreRequest, point: DatabasePoint, stack: ExitStack, *, resume: bool) -> Job:
        reader = point.reader
        refuse_empty(point)
        row = row_of_point(point)
        then = self._erased(request, reader.record.instant if row is None else row.instant)
        uri, renames = database_target(self._settings, request, point.databases)
        client = stack.enter_context(connect(uri))
        target = Target.OVER_LIVE if request.over_live else Target.EMPTY_PLACE
        refuse_single_documents(reader)
        restore = DatabaseRestore(
            point, client, address_of(uri), target, request.namespaces, renames, self._repository.state, then.erased
        )
        if not resume:
            restore.forget_journal()
        plan = restore.plan(resume=resume)
        steps = restore.steps(plan)
        with_users = request.over_live if request.with_users is None else request.with_users

        def carry_out() -> tuple[tuple[RestoredPart, ...], tuple[Finding, ...]]:
            done = restore.carry_out(
                plan, compare=request.compare, with_users=with_users, clock=self._clock, progress=self._progress
            )
            restore.forget_journal()
            return done

        return Job(
            record=reader.record,
            target=address_of(uri),
            steps=steps,
            findings=(
                *incomplete(reader.record),
                *then.findings,
                *plan.findings,
                *_room(client, plan, steps),
                *(_told(refusal) for refusal in plan.refusals),
            ),
            refuse=lambda: _raise_first(plan),
            protect=lambda point: self._protecting.databases({one.database for one in plan.landings}, client, point),
            has_begun=any(one.has_begun for one in plan.landings),
            begun=frozenset(one.namespace for one in plan.landings if one.has_begun),
            carry_out=carry_out,
            undo_notes=lambda: {
                "source": "db",
                "replaced": [one.namespace for one in plan.landings if one.found is not Found.NOTHING],
                "added": [one.namespace for one in plan.landings if one.found is Found.NOTHING],
                "accounts": restore.missing_accounts() if with_users else [],
            },
            point=row,
            replays=tuple(one.id for one in then.erasures),
            replayed=lambda: restore.replayed,
        )

    def _tree_job(self, request: RestoreRequest, reader: SnapshotReader) -> Job:
        then = self._erased(request, reader.record.instant)
        target = None if request.over_live else Path(os.path.abspath(os.path.expanduser(request.to or "")))
        restore = TreeRestore(
            reader,
            target,
            include=request.include,
            exclude=request.exclude,
            paths=request.paths,
            clock=self._clock,
            progress=self._progress,
            erased=then.erased,
        )
        steps = restore.steps()
        return Job(
            record=reader.record,
            target=str(target) if target else ", ".join(str(root.path) for root in restore.roots),
            steps=steps,
            findings=(*incomplete(reader.record), *then.findings, *restore.room(steps)),
            refuse=restore.refuse,
            protect=lambda point: self._protecting.trees(restore.roots, Source(reader.record.source), point),
            has_begun=True,
            begun=None,
            carry_out_share=restore.carry_out_share if target else None,
            carry_out=restore.carry_out,
            undo_notes=lambda: {
                "source": "files" if reader.record.source == Source.FILES else "config",
                "restored": reader.record.snapshot,
                **restore.choice.to_json(),
            },
            replays=tuple(one.id for one in then.erasures),
            replayed=lambda: restore.replayed,
        )

    def _erased(self, request: RestoreRequest, instant: datetime) -> ErasedThen:
        """What must not come back of that instant; refuses where that cannot be told in full."""
        return erased_or_refused(self._repository, instant, anyway=request.without_erasures)


def refuse_no_target(request: RestoreRequest) -> None:
    """Raises:
    TargetMissing: None is named, or two.
    """
    if (request.to is None) == (not request.over_live):
        raise TargetMissing(
            "a restore needs exactly one target",
            "--to a server, database or directory; or --over-live to replace what is there now",
        )


def together(repository: Repository, snapshot: str) -> list[Record]:
    """``latest``: the newest of each source; else all snapshots of the recovery point to which the named one belongs."""
    first = repository.find_snapshot(snapshot)
    taken = [one for one in repository.snapshots() if one.purpose == first.purpose]
    if snapshot != "latest":
        return [one for one in taken if one.point == first.point]
    newest: dict[str, Record] = {}
    for one in taken:
        newest.setdefault(one.source, one)
    return list(newest.values())


def _cannot_go_together() -> TargetMissing:
    return TargetMissing(
        "database and files cannot go to one --to",
        "restore them one by one: `lifeboat restore db --to ...`, `lifeboat restore files --to ...`; or --over-live",
    )


def _told(refusal: LifeboatError) -> Finding:
    """A refusal as the dry run shows it; the restore itself raises it."""
    return Finding(Level.PROBLEM, refusal.code, "target", refusal.message, refusal.hint)


def _room(client: Client, plan: RestorePlan, steps: Sequence[PlanStep]) -> tuple[Finding, ...]:
    """Whether everything fits beside the live data, as far as the server says; stored bytes are compressed there, so it is at most that."""
    needed_bytes = sum(step.bytes for step in steps if step.action != "leave")
    free_bytes = free_bytes_of(client, plan.landings[0].database) if plan.landings else None
    return () if free_bytes is None else too_small("the server's disk", needed_bytes, free_bytes)


def _raise_first(plan: RestorePlan) -> None:
    for refusal in plan.refusals:
        raise refusal
