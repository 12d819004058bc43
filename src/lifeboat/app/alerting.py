"""Look at how everything stands, and tell what is wrong: facts gathered, rules asked, whoever is set told.

Invariant: that nothing can be looked at is told too; nothing here ever stops a backup.
"""

import shutil
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from lifeboat.app.costing import Costing
from lifeboat.app.journal_history import catch_up
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import S3Location, Settings
from lifeboat.app.source_names import TYPED
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Level
from lifeboat.foundation.value import Value
from lifeboat.journal.journal import NAME, Journal
from lifeboat.journal.rows import AlertRow, RunRow
from lifeboat.operations.last_restore import last_restore
from lifeboat.operations.replicate.lag import behind_seconds
from lifeboat.operations.reports.standing import DrillStanding
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.record import read_time
from lifeboat.services.alerts.condition import Condition, Severity
from lifeboat.services.alerts.engine import AlertEngine, Step, Told
from lifeboat.services.alerts.facts import (
    ArchiveFacts,
    DrillFacts,
    Facts,
    ReplicaFacts,
    RunFacts,
    SaidFinding,
    SourceFacts,
)
from lifeboat.services.alerts.rules import conditions
from lifeboat.services.notify.channel import NoticeNotSent
from lifeboat.services.notify.notice import Kind, Notice
from lifeboat.services.notify.telling import send
from lifeboat.services.schedule.memory import ScheduleMemory

ENDED_AS_MEANT = frozenset({0, 3, 4})
"""Exit statuses of a run that did its work; what it found is told by other rules."""
SIZES_OF = timedelta(days=35)
SIZE_MAY_BE_SECONDS = 3600.0
"""Of the store, for looks that come every minute: a listing is paid for, five dollars a million requests of a thousand objects each."""
GRACE = 1.25


class AlertCheck(Value):
    """What one look found and did.

    Args:
        open: What is wrong now, the worst first.
        told: What somebody was told by this look. reached: By which ways. not_sent: What could not be sent, and why.
        nobody: Nobody is set to be told.
    """

    open: tuple[Condition, ...]
    told: tuple[Told, ...]
    reached: tuple[str, ...]
    not_sent: tuple[str, ...]
    nobody: bool


class Alerting:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reached: list[str] = []
        self._not_sent: list[NoticeNotSent] = []

    def check(self) -> AlertCheck:
        """Look, and tell what is due."""
        now = self._clock.now()
        facts = self.facts(now)
        found = conditions(facts, self._settings.alerts.thresholds)
        self._reached, self._not_sent = [], []
        engine = AlertEngine(self.journal().alerts, self._send, self._settings.alerts.quiet)
        told = engine.take(found, now, blind=facts.unreachable is not None)
        unsent = [f"{error.message}; {error.hint}" for error in self._not_sent] + self._tell_cloudwatch(facts, found)
        return AlertCheck(
            tuple(found),
            tuple(told),
            tuple(dict.fromkeys(self._reached)),
            tuple(dict.fromkeys(unsent)),
            not self._settings.notify.channels(_machine()),
        )

    def _tell_cloudwatch(self, facts: Facts, found: Sequence[Condition]) -> list[str]:
        """Why metrics could not be sent; a repository that is away sends none, and the alarms hear the silence."""
        if not self._settings.aws.cloudwatch or facts.unreachable is not None:
            return []
        from lifeboat.app.cloudwatch import tell_cloudwatch

        try:
            tell_cloudwatch(self._settings, facts, found)
        except LifeboatError as error:
            return [f"{error.message}; {error.hint}"]
        return []

    def history(self, since: datetime) -> list[AlertRow]:
        """Alerts that were told or open since then, newest first."""
        return self.journal().alerts.history(since)

    def journal(self) -> Journal:
        """What was told lies where it does not matter whether the repository can be reached."""
        return Journal(self._state().directory / NAME)

    def facts(self, now: datetime) -> Facts:
        """As of now; what cannot be looked at is left out, and said."""
        try:
            report = Lifeboat(self._settings, clock=self._clock).status(size_may_be_seconds=SIZE_MAY_BE_SECONDS)
            state = self._state()
        except LifeboatError as error:
            said = SaidFinding(error.code, "repository", error.message, error.hint, True)
            free, total = self.disk()
            return Facts(now, unreachable=said, disk_free=free, disk_bytes=total)
        journal = Journal(state.directory / NAME)
        catch_up(self._settings, self._clock, journal)
        sizes = journal.sizes(since=now - SIZES_OF)
        memory = ScheduleMemory(self._settings.state, self._settings.folder)
        installed = memory.read().get("installed", {})
        jobs = {str(name): float(one["every_seconds"]) for name, one in installed.get("jobs", {}).items()}
        good = {name: memory.last_good(name) for name in jobs}
        verify, restored = report.last_verify, last_restore(state)
        free, total = self.disk()
        newest = [one.newest.instant for one in report.sources if one.newest is not None]
        cost = Costing(self._settings, self._clock).look_again()
        return Facts(
            now,
            sources=tuple(
                SourceFacts(
                    TYPED.get(one.source, one.source),
                    one.newest.instant if one.newest else None,
                    None if one.age_seconds is None else now - timedelta(seconds=one.age_seconds),
                    one.objective_seconds,
                    one.objective_seconds if not one.meets_objective else max(one.age_seconds or 0, one.objective_seconds),
                    [size.bytes for size in sizes if size.source == TYPED.get(one.source, one.source) and size.complete],
                    one.newest is not None and not one.newest.complete,
                )
                for one in report.sources
            ),
            runs=tuple(_run(row) for row in journal.runs(since=now - timedelta(days=1))),
            expected_jobs={name: GRACE * seconds for name, seconds in jobs.items()},
            last_good={name: read_time(text) for name, text in good.items() if text},
            installed=read_time(installed["at"]) if "at" in installed else None,
            archives=tuple(
                ArchiveFacts(one.label, one.lag_seconds if one.runs_here is not None else None, one.stalled, one.gaps, one.gap_seconds)
                for one in report.archives
            ),
            verified=verify.at if verify else None,
            verify_problems=verify.problems if verify else None,
            rehearsed=restored.at if restored else None,
            begun=min([*(size.time for size in sizes), *newest], default=None),
            findings=tuple(
                SaidFinding(one.code, one.subject, one.message, one.hint, one.level is Level.PROBLEM)
                for one in report.findings
                if one.level is not Level.OK
            ),
            cost_month=None if cost is None else cost.month,
            cost_year=None if cost is None else cost.year,
            stored_bytes=report.stored_bytes,
            disk_free=free,
            disk_bytes=total,
            drills=_drills(report.drills),
            replicas=tuple(ReplicaFacts(one.name, behind_seconds(one, now), one.problems) for one in report.replicas),
        )  # fmt: skip

    def _state(self) -> LocalState:
        """That of the repository, without asking for it: a place that is away is called as it always was."""
        location, endpoint = self._settings.need_repository(), self._settings.repository.endpoint_url
        at = f" at {endpoint}" if endpoint and isinstance(location, S3Location) else ""
        return LocalState(self._settings.state, f"{location}{at}")

    def disk(self) -> tuple[int | None, int | None]:
        """Free and all bytes of the fuller of the places on this machine that a backup writes to."""
        location = self._settings.repository.location
        places = [self._settings.state, *([location] if isinstance(location, Path) else [])]
        used = [shutil.disk_usage(place) for place in places if place.exists()]
        if not used:
            return None, None
        fullest = min(used, key=lambda one: one.free / max(one.total, 1))
        return fullest.free, fullest.total

    def _send(self, told: Told) -> bool:
        done = send(self._notice(told), self._settings.notify.channels(_machine()), self._clock)
        self._reached += done.reached
        self._not_sent += done.failures
        return bool(done.reached)

    def _notice(self, told: Told) -> Notice:
        about, now = f"{self._settings.folder.name or 'lifeboat'} on {_machine()}", self._clock.now()
        if told.condition is None:
            facts: Mapping[str, object] = told.row.facts if told.row else {}
            happened = f"It is over. Before: {facts.get('happened', told.key)}"
            return Notice(Kind.WORKS_AGAIN, about, f"over: {told.key}", happened, "", "", now)
        one = told.condition
        again = {Step.STILL: "still ", Step.WORSE: "worse: "}.get(told.step, "")
        kind = Kind.FAILED if one.severity is Severity.CRITICAL else Kind.SILENT
        return Notice(kind, about, f"{again}{one.severity}: {one.key}", one.happened, one.means, one.to_do, now)


def _drills(standing: DrillStanding | None) -> DrillFacts | None:
    if standing is None:
        return None
    failed = standing.last if standing.last_outcome not in (None, "passed") else None
    return DrillFacts(
        tuple((one.what, one.due) for one in standing.due if one.is_overdue and one.due is not None),
        standing.last_seconds,
        standing.predicted_seconds,
        standing.rto_objective_seconds,
        failed,
    )


def _run(row: RunRow) -> RunFacts:
    ok = None if row.ended is None else row.status in ENDED_AS_MEANT
    error = (row.report or {}).get("error") if isinstance(row.report, Mapping) else None
    said = error if isinstance(error, Mapping) else {}
    return RunFacts(
        row.job, row.began, row.ended, ok, row.error, str(said.get("message", "")), str(said.get("hint", ""))
    )


def _machine() -> str:
    return socket.gethostname() or "unnamed"
