"""What the dashboard shows, gathered: the repository in a thread of its own, what lies on this machine when a page asks.

Invariant: no page waits for the store, and nothing here raises because of it: what could not be seen is said, with how old the rest is.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifeboat.app.account import origin, who
from lifeboat.app.alerting import SIZE_MAY_BE_SECONDS
from lifeboat.app.auditing import Auditing
from lifeboat.app.build import build_journal, build_state, label
from lifeboat.app.costing import Costing
from lifeboat.app.duties import OFF, STREAM, Duty, duties
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_notify import find_state
from lifeboat.app.serve_facts import Facts as RoleFacts
from lifeboat.app.settings import S3Location, Settings
from lifeboat.evidence.log import AuditLog
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.journal.journal import Journal, is_gone
from lifeboat.journal.rows import AlertRow, RunRow, SizeRow
from lifeboat.operations.audit_reports import AuditRow
from lifeboat.operations.last_restore import last_restore
from lifeboat.operations.reports.standing import StatusReport
from lifeboat.operations.timeline_report import TimelineReport
from lifeboat.repository.record import show_time
from lifeboat.repository.roles import Role
from lifeboat.services.schedule.memory import JobMemory, ScheduleMemory
from lifeboat.services.schedule.told import BEGUN_BY, ON_BEHALF
from lifeboat.services.web.facts import Acts, Cost, JobView, Local, Seen
from lifeboat.services.web.pictures import window_of

if TYPE_CHECKING:
    from lifeboat.app.serving import JobState, Serving

AGAIN_SECONDS = 15.0
"""So old the picture may be while somebody looks."""
IDLE_AGAIN_SECONDS = 600.0
"""While nobody does: a look costs requests to the store."""
SELDOM_AT_LEAST_SECONDS = 300.0
INTEREST_SECONDS = 120.0
ACTS_AGAIN_SECONDS = 60.0
ACTS_OF = timedelta(days=90)
ROLE_AGAIN_SECONDS = 600.0
CAN_START = ("all", "db", "files", "config", "verify", "drill")
"""What takes nothing away. A prune is begun by its schedule or by hand."""
SERVE = "serve"


class Gathering:
    """The newest look at the repository, kept fresh in a thread.

    Args:
        settings: As they are now: serve reads them again when it is told to.
    """

    def __init__(self, settings: Callable[[], Settings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._wake = threading.Event()
        self._over = threading.Event()
        self._wanted = float("-inf")
        self._looked = float("-inf")
        self._looked_at_acts = float("-inf")
        self._thread = threading.Thread(target=self._run, name="dashboard-facts", daemon=True)
        self.seen: Seen | None = None
        self.acts = Acts((), "The audit log is being read.")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._wake.set()

    def want(self) -> None:
        """Somebody looks: keep it fresh for a while."""
        self._wanted = self._clock.monotonic()
        if self._wanted - self._looked > AGAIN_SECONDS:
            self._wake.set()

    def look_again(self) -> None:
        """Something has just changed."""
        self._looked = float("-inf")
        self._wake.set()

    def look(self) -> Seen:
        """Look now."""
        began = self._clock.monotonic()
        now = self._clock.now()
        status: StatusReport | None = None
        timeline: TimelineReport | None = None
        try:
            lifeboat = Lifeboat(self._settings(), clock=self._clock)
            status = lifeboat.status(size_may_be_seconds=SIZE_MAY_BE_SECONDS)
            with suppress(LifeboatError):  # the first line is right without a picture
                timeline = lifeboat.looking_back().timeline(window_of(now).since.isoformat(), None)
            snapshots = lifeboat.snapshots()
        except LifeboatError as error:
            return self._unseen(now, error.message, error.hint, began)
        except Exception as error:
            # A bug in a look must not leave an old answer standing as if it were of now.
            return self._unseen(now, f"this is a bug of Lifeboat: {type(error).__name__}", "", began)
        return Seen(now, self._clock.monotonic() - began, status, timeline, tuple(snapshots))

    def _unseen(self, now: datetime, trouble: str, hint: str, began: float) -> Seen:
        before = self.seen.snapshots if self.seen else ()
        return Seen(now, self._clock.monotonic() - began, None, None, before, trouble, hint)

    def _run(self) -> None:
        took = 0.0
        while not self._over.is_set():
            now = self._clock.monotonic()
            is_watched = now - self._wanted < INTEREST_SECONDS
            # A store that takes a minute for a look is not asked all the time.
            pause = max(AGAIN_SECONDS, min(4 * took, SELDOM_AT_LEAST_SECONDS)) if is_watched else IDLE_AGAIN_SECONDS
            due = self._looked + pause
            if now < due:
                self._wake.wait(min(due - now, 5.0))
                self._wake.clear()
                continue
            # Before the look: what ends while it goes on may not be in it.
            self._looked = now
            self.seen = self.look()
            if now - self._looked_at_acts > ACTS_AGAIN_SECONDS:
                self._looked_at_acts = now
                self.acts = self._look_at_acts()
            took = self._clock.monotonic() - now

    def _look_at_acts(self) -> Acts:
        since = (self._clock.now() - ACTS_OF).isoformat()
        try:
            found = Auditing(self._settings(), self._clock).rows(since, None, None)
        except LifeboatError as error:
            return Acts((), f"The audit log cannot be read: {error.message}")
        return Acts(tuple(_act(row) for row in reversed(found.entries)))


class DashboardFacts:
    """``services/web/facts.py: Facts`` for one installation.

    Args:
        config, environment, folder: As the command was called; what is begun is called the same way.
        scrub: Takes secrets out of text.
        serving: The serve that this is part of; None for a dashboard alone.
    """

    def __init__(
        self,
        config: Path | None,
        environment: Mapping[str, str],
        folder: Path,
        clock: Clock,
        settings: Callable[[], Settings],
        scrub: Callable[[str], str],
        serving: "Serving | None" = None,
    ) -> None:
        self._config = ("--config", str(config)) if config else ()
        self._environment = environment
        self._folder = folder
        self._clock = clock
        self._settings = settings
        self._scrub = scrub
        self._serving = serving
        self._memory = ScheduleMemory(find_state(environment, folder), folder)
        self._mutex = threading.Lock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._role: tuple[float, Role | None] = (float("-inf"), None)
        self.gathering = Gathering(settings, clock)

    @property
    def title(self) -> str:
        return label(self._settings())

    def now(self) -> datetime:
        return self._clock.now()

    def seen(self) -> Seen | None:
        self.gathering.want()
        return self.gathering.seen

    def local(self) -> Local:
        said = self._memory.read()
        installed = said.get("installed", {})
        state = self._serving.state() if self._serving else None
        if state is not None:
            rows = [_served(one, self._job(said, one.duty.job)) for one in state.jobs]
            others = [self._view(one, said) for one in state.elsewhere]
            # The stream is no job with a time: it has a line of its own.
            jobs = [*rows, *others]
            stream: str | None = _stream_words(state.stream_running, state.stream_trouble, bool(state.stream))
            is_here = state.stream is not None or state.stream_running or state.stream_trouble is not None
            by_itself: str | None = "lifeboat serve"
        else:
            table = duties(self._settings(), self._known_role(said))
            jobs = [self._view(one, said) for one in table if one.job != STREAM]
            is_here = any(one.job == STREAM and one.here for one in table) and self._memory.is_running(STREAM)
            stream = "runs" if is_here else None
            by_itself = self._manager(installed)
        running = self._running_children()
        jobs = [_running(one) if one.job in running else one for one in jobs]
        jobs = [self._with_progress(one) if one.running else one for one in jobs]
        return Local(
            jobs=jobs,
            alerts=sorted(self._journal().alerts.open_alerts(), key=_worst_first),
            stream=stream if is_here else None,
            by_itself=by_itself,
            last_restore=self._last_restore(),
        )

    def _last_restore(self) -> dict[str, object] | None:
        one = last_restore(build_state(self._settings()))
        return None if one is None else {"seconds": one.seconds, "at": show_time(one.at)}

    def cost(self) -> Cost:
        """What the last look kept: the store is not asked."""
        seen = self.seen()
        stored = seen.status.stored_bytes if seen and seen.status else None
        kept = Costing(self._settings(), self._clock).remembered()
        is_folder = not isinstance(self._settings().repository.location, S3Location)
        if kept is None:
            return Cost(stored, is_folder=is_folder)
        budget = self._settings().alerts.thresholds.cost_month
        return Cost(stored, kept.now, kept.month, kept.year, budget, kept.policy, kept.prices, kept.at, is_folder)

    def runs(self, job: str | None, limit: int) -> Sequence[RunRow]:
        return [_as_it_is(row) for row in self._journal().runs(job=job, limit=limit)]

    def run(self, number: int) -> RunRow | None:
        return next((_as_it_is(row) for row in self._journal().runs(number=number, limit=1)), None)

    def sizes(self) -> Sequence[SizeRow]:
        return self._journal().sizes()

    def alerts(self) -> Sequence[AlertRow]:
        return self._journal().alerts.history()

    def acts(self) -> Acts:
        self.gathering.want()
        return self.gathering.acts

    def start(self, job: str, user: str, address: str) -> str | None:
        with self._mutex:
            child = self._children.get(job)
            if (child is not None and child.poll() is None) or self._memory.is_running(job):
                return "It runs already."
            try:
                self._children[job] = subprocess.Popen(
                    # -P: a folder called lifeboat in the application's folder must not be taken for us.
                    [sys.executable, "-P", "-m", "lifeboat", "schedule", "run", job, "--quiet", *self._config],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd=self._folder,
                    env={
                        **self._environment,
                        BEGUN_BY: "dashboard",
                        ON_BEHALF: f"{user} of the dashboard, from {address}",
                    },
                    start_new_session=True,
                )
            except OSError as error:
                return f"It could not be started: {(error.strerror or str(error)).lower()}."
        threading.Thread(target=self._wait, args=(self._children[job],), name=f"dashboard-{job}", daemon=True).start()
        return None

    def note(self, act: str, user: str, address: str, good: bool) -> None:
        content = {
            "time": show_time(self._clock.now()),
            "who": {**who({}), "for": user},
            "from": {**origin({}), "address": address},
            "act": f"dashboard {act}",
            "words": "",
            "phase": "ended",
            "subject": {},
            "result": {"status": 0 if good else 1, "error": None if good else "sign-in-refused"},
            "begun_by": "dashboard",
        }
        try:
            state = build_state(self._settings())
            AuditLog(state).append(content, state.load_writer())
        except (LifeboatError, OSError):
            return  # nobody is kept out because a disk is full

    def scrub(self, text: str) -> str:
        return self._scrub(text)

    def _wait(self, child: "subprocess.Popen[bytes]") -> None:
        child.wait()
        self.gathering.look_again()

    def _with_progress(self, one: JobView) -> JobView:
        doing, share = self._memory.progress(one.job)
        return replace(one, doing=doing, share=share)

    def _running_children(self) -> set[str]:
        with self._mutex:
            return {job for job, child in self._children.items() if child.poll() is None}

    def _journal(self) -> Journal:
        return build_journal(self._settings())

    def _known_role(self, said: Mapping[str, Any]) -> Role:
        """As a serve of this folder found it; else asked for, in a thread that nobody waits for."""
        asked, role = self._role
        if role is None and "role" in said and said["role"] in set(Role):
            role = Role(str(said["role"]))
        now = self._clock.monotonic()
        if now - asked > ROLE_AGAIN_SECONDS:
            self._role = now, role
            threading.Thread(target=self._ask_role, name="dashboard-role", daemon=True).start()
        return role or (Role.SIMPLE if self._settings().key else Role.WRITER)

    def _ask_role(self) -> None:
        try:
            role = RoleFacts(self._settings(), self._clock, lambda _: None).role()
        except LifeboatError:
            return
        if role is not None:
            self._role = self._clock.monotonic(), role

    def _manager(self, installed: Mapping[str, Any]) -> str | None:
        manager = installed.get("manager")
        if manager == SERVE:
            return "lifeboat serve" if self._memory.is_running(SERVE) else None
        return str(manager) if manager else None

    def _job(self, said: Mapping[str, Any], name: str) -> JobMemory:
        one = said.get("jobs", {}).get(name, {})
        return JobMemory(**{key: one[key] for key in JobMemory.__dataclass_fields__ if key in one})

    def _view(self, duty: Duty, said: Mapping[str, Any]) -> JobView:
        memory = self._job(said, duty.job)
        runs = duty.here and memory.was_killed and self._memory.is_running(duty.job)
        when = said.get("installed", {}).get("jobs", {}).get(duty.job, {}).get("when") or duty.time
        return _job_view(duty, memory, "" if duty.here else duty.why, None, running=runs, when=str(when))


def _as_it_is(row: RunRow) -> RunRow:
    """One whose process is gone does not run, though nobody has closed it in the journal yet."""
    return replace(row, error="killed") if row.ended is None and is_gone(row.process) else row


def _served(one: "JobState", memory: JobMemory) -> JobView:
    return _job_view(one.duty, memory, one.state, one.next_at, running=one.running, when=one.duty.time)


def _job_view(
    duty: Duty, memory: JobMemory, state: str, next_at: datetime | None, *, running: bool, when: str
) -> JobView:
    return JobView(
        job=duty.job,
        title=duty.title,
        command=duty.command,
        when="" if when == OFF else when,
        here=duty.here,
        state=state,
        next_at=next_at,
        running=running,
        can_start=duty.here and duty.job in CAN_START,
        began=_instant(memory.began),
        ended=_instant(memory.ended),
        status=memory.status,
        killed=memory.was_killed and not running,
    )


def _running(one: JobView) -> JobView:
    """A child of ours that may not have come so far as to say so itself."""
    return one if one.running else replace(one, running=True, killed=False, began=None if one.ended else one.began)


def _stream_words(running: bool, trouble: str | None, has_status: bool) -> str:
    if running and not trouble:
        return "runs" if has_status else "is beginning"
    return f"does not run: {trouble}" if trouble else "does not run"


def _act(row: AuditRow) -> tuple[str, str, str, str]:
    result = "begun" if row.phase == "begun" else ("done" if row.status == 0 else f"exit status {row.status}")
    words = f"{result} ({row.error})" if row.error else result
    return (
        f"{row.time.astimezone():%Y-%m-%d %H:%M:%S}",
        " · ".join(one for one in (row.who, row.origin) if one),
        row.words or row.act,
        words,
    )


def _worst_first(row: AlertRow) -> tuple[int, datetime]:
    return {"critical": 0, "warning": 1}.get(row.severity, 2), row.opened


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
