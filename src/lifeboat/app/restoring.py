"""Restores: a plan, a safety snapshot first, the work, and the way back.

Everything that destroys is planned first; ``restore`` carries out exactly what ``plan`` showed.
"""

from contextlib import ExitStack
from dataclasses import replace

from lifeboat.app.measured_rates import estimate, keep_rate
from lifeboat.app.plan_jobs import PlanJobs, refuse_no_target
from lifeboat.app.protecting import UNDO, Protecting
from lifeboat.app.restore_job import Job
from lifeboat.app.retrieving import Retrieving
from lifeboat.app.settings import Settings
from lifeboat.app.undoing import Undoing
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, any_problem
from lifeboat.foundation.progress import Progress
from lifeboat.operations.last_restore import LastRestore, remember_restore
from lifeboat.operations.proofs import prove_restored
from lifeboat.operations.reports.restores import (
    PointRow,
    RestoredPart,
    RestorePlanReport,
    RestoreReport,
    RestoreRequest,
)
from lifeboat.operations.reports.retrievals import RetrievalReport
from lifeboat.operations.shards import ShardDone, Sharing
from lifeboat.operations.status import row_of
from lifeboat.repository.errors import RetrievalNeeded
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record


class Restoring:
    """Plans and carries out restores for one set of settings."""

    def __init__(self, settings: Settings, repository: Repository, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._repository = repository
        self._clock = clock
        self._progress = progress
        repository.need_identity()
        repository.remember_what_is_read()
        self._protecting = Protecting(settings, repository, clock, progress)
        self._jobs = PlanJobs(settings, repository, clock, progress, self._protecting)
        self._retrieving = Retrieving(settings, repository, clock)

    def plan(self, request: RestoreRequest) -> RestorePlanReport:
        """What ``restore`` would do; changes nothing."""
        refuse_no_target(request)
        with self._repository.one_look():
            return self._plan(request)

    def _plan(self, request: RestoreRequest) -> RestorePlanReport:
        found = self._retrieving.retrieval(request).look()
        retrieval = None if found.is_readable else found
        try:
            with ExitStack() as stack:
                jobs = self._jobs.plan(request, stack, resume=True)
                return replace(_plan_report(request, jobs, self._repository.state), retrieval=retrieval)
        except RetrievalNeeded:
            if retrieval is None:
                raise
            return self._without_lists(request, retrieval)

    def _without_lists(self, request: RestoreRequest, retrieval: RetrievalReport) -> RestorePlanReport:
        """What can be said of a restore while not even the lists of its snapshots can be read."""
        rows = tuple(row_of(self._repository.find_snapshot(one)) for one in retrieval.snapshots)
        target = request.to or "where it came from"
        return RestorePlanReport(rows, target, (), 0, request.over_live, retrieval=retrieval)

    def restore(self, request: RestoreRequest, *, resume: bool, undoing: bool = False) -> RestoreReport:
        """Carry it out. Over live data a safety snapshot comes first, and ``undo`` goes back to it.

        Args:
            undoing: It is itself the going back: what ``undo`` goes by stays as it is.
        """
        began = self._clock.monotonic()
        refuse_no_target(request)
        with ExitStack() as stack:
            with self._repository.one_look():
                self._retrieving.retrieval(request).make_sure()
                jobs = self._jobs.plan(request, stack, resume=resume)
            for job in jobs:
                job.refuse()
            safety = (
                self._protecting.protect(request, jobs, resume=resume, undoing=undoing) if request.over_live else None
            )
            parts: list[RestoredPart] = []
            findings: list[Finding] = []
            whole: list[Record] = []
            for job in jobs:
                job_began = self._clock.monotonic()
                done, said = job.carry_out()
                # In place most is only compared.
                if _all_was_written(job) and not (request.over_live and job.record.source != Source.MONGODB):
                    spent = self._clock.monotonic() - job_began
                    keep_rate(
                        self._repository.state, self._clock, job.record.source, sum(one.bytes for one in done), spent
                    )
                parts += done
                findings += [*job.findings, *said]
                if _read_all_of_it(request, job, said):
                    whole.append(job.record)
        prove_restored(self._repository, whole)
        seconds = self._clock.monotonic() - began
        state = self._repository.state
        if request.over_live and not undoing:
            state.write_json(UNDO, {**(state.read_json(UNDO) or {}), "unfinished": None})
        if _is_a_measure(request, jobs):
            remember_restore(state, LastRestore(seconds, self._clock.now()))
        return RestoreReport(
            tuple(row_of(job.record) for job in jobs),
            ", ".join(dict.fromkeys(job.target for job in jobs)),
            tuple(parts),
            seconds,
            safety,
            tuple(dict.fromkeys(findings)),
            _point_of(jobs),
            tuple(one for job in jobs for one in job.replayed()),
            len({one for job in jobs for one in job.replays}),
        )

    def restore_shared(self, request: RestoreRequest, sharing: Sharing) -> RestoreReport | ShardDone:
        """Files beside the live ones, by several processes."""
        from lifeboat.app.sharing_restore import restore_shared

        refuse_no_target(request)
        self._retrieving.retrieval(request).make_sure()
        with ExitStack() as stack:
            (job,) = self._jobs.plan(request, stack, resume=True)
            job.refuse()
            return restore_shared(
                self._repository,
                request,
                job,
                sharing,
                lambda: self.restore(request, resume=True),
                clock=self._clock,
                progress=self._progress,
            )

    def undo(self, *, without_erasures: bool = False) -> RestoreReport:
        """Go back to what was there before the last restore over live data."""

        def back(request: RestoreRequest) -> RestoreReport:
            asked = replace(request, without_erasures=without_erasures)
            return self.restore(asked, resume=False, undoing=True)

        return Undoing(
            self._settings,
            self._repository,
            self._clock,
            self._progress,
            self._protecting,
            back,
            without_erasures=without_erasures,
        ).undo()


def _read_all_of_it(request: RestoreRequest, job: Job, said: tuple[Finding, ...]) -> bool:
    """Whether a restore has read and compared its whole snapshot: nothing chosen, nothing left as it lay there, nothing to complain of."""
    if not _is_unchosen(request):
        return False
    if job.record.source == Source.MONGODB:
        return not job.has_begun and not any_problem(said)
    return not said and not job.replayed() and _all_was_written(job)


def _all_was_written(job: Job) -> bool:
    """Whether all of it was brought back by this run: a tree that is gone on with has what an earlier run, or another shard, wrote."""
    return job.record.source == Source.MONGODB or all(step.action == "write" for step in job.steps)


def _is_unchosen(request: RestoreRequest) -> bool:
    """Whether all of its snapshots is asked for, and full comparison."""
    unchosen = replace(request, source="all", snapshot="latest", to=None, over_live=False, renames=(), with_users=None)
    return unchosen == RestoreRequest("all")


def _is_a_measure(request: RestoreRequest, jobs: list[Job]) -> bool:
    """Whether it says how long a restore takes when all is lost: of everything, in one run, and not of settings alone."""
    if not _is_unchosen(request) or any(job.begun for job in jobs):
        return False
    if not request.over_live and not all(_all_was_written(job) for job in jobs):
        return False
    return any(job.record.source != Source.CONFIG for job in jobs)


def _plan_report(request: RestoreRequest, jobs: list[Job], state: LocalState) -> RestorePlanReport:
    steps = tuple(step for job in jobs for step in job.steps)
    amounts: dict[str, int] = {}
    for job in jobs:
        to_write = sum(step.bytes for step in job.steps if step.action != "leave")
        amounts[job.record.source] = amounts.get(job.record.source, 0) + to_write
    return RestorePlanReport(
        tuple(row_of(job.record) for job in jobs),
        ", ".join(dict.fromkeys(job.target for job in jobs)),
        steps,
        sum(amounts.values()),
        request.over_live,
        tuple(finding for job in jobs for finding in job.findings),
        estimate(state, amounts),
        _point_of(jobs),
        erasures=len({one for job in jobs for one in job.replays}),
    )


def _point_of(jobs: list[Job]) -> PointRow | None:
    return next((job.point for job in jobs if job.point is not None), None)
