"""``lifeboat drill``: a restore to a place of its own, compared, tried by the application's checks, measured, wiped, put down.

Invariant: nothing of the live installation is written to. Whatever goes wrong after the place was made, the place is wiped and there is a
report that says so.
"""

import contextlib
import hashlib
import os
import platform
import secrets
import shlex
import socket
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lifeboat import __version__
from lifeboat.app.account import who
from lifeboat.app.build import build_identity, label
from lifeboat.app.drill_course import Course, RestoredParts
from lifeboat.app.drill_notices import tell_begin, tell_end
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level, any_problem
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.drill.clocks import Phases, Unwatched, Watcher, lost_of, measure
from lifeboat.operations.drill.content import to_content
from lifeboat.operations.drill.place import Place
from lifeboat.operations.drill.report import Checked, Clocks, Compared, DrillReport, Outcome, PhaseName, Wiped
from lifeboat.operations.drill.request import DrillRequest, DrillUnclear
from lifeboat.operations.drill.scenario import RULES, Rules, Scenario
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.meter import Meter

HOOK_SECONDS = 600


class Drilling:
    """Drills for one set of settings."""

    def __init__(self, settings: Settings, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._clock = clock
        self._progress = progress

    def run(self, request: DrillRequest, watcher: Watcher | None = None) -> DrillReport:
        """Make one drill.

        Raises:
            LifeboatError: It cannot be made, and nothing was restored; later trouble stands in the report.
        """
        scenario = request.scenario or self._fitting()
        rules = RULES[scenario]
        _refuse_unclear(request, scenario, rules)
        settings = self._settings_for(request, rules)
        began = self._clock.now()
        drill = secrets.token_hex(4)
        phases = Phases(self._clock, watcher or Unwatched())
        run = _Run(self._settings, settings, self._clock, self._progress, request, scenario, drill, began, phases)
        report = run.run(
            lambda: tell_begin(self._settings, self._clock, drill, scenario, self._progress) if request.notify else None
        )
        report = self._put_down(report, phases)
        if request.notify:
            tell_end(self._settings, self._clock, report, self._progress)
        return report

    def _fitting(self) -> Scenario:
        """Everything, where everything is stored; the database alone where nothing else is."""
        sources = {one.source for one in Lifeboat(self._settings, clock=self._clock).snapshots()}
        return Scenario.SERVER_LOSS if "files" in sources or "config" in sources else Scenario.DATABASE_LOSS

    def _settings_for(self, request: DrillRequest, rules: Rules) -> Settings:
        """What the restore may know: of a lost server nothing but the place of the repository and a key."""
        settings = self._settings
        if rules.other_key:
            assert request.key is not None
            everyday, other = build_identity(settings), replace(settings, key=request.key)
            identity = build_identity(other)
            assert identity is not None
            if everyday is not None and everyday.recipient == identity.recipient:
                raise DrillUnclear(
                    "that is the key which is used every day: the drill is for the day on which whoever holds it is gone",
                    "name the key of another recipient: --key-file FILE; `lifeboat doctor` lists the recipients",
                )
            settings = other
        if not rules.bare:
            return settings
        return Settings(
            state=settings.state,
            repository=settings.repository,
            objectives=settings.objectives,
            key=settings.key,
            key_from=settings.key_from,
            mongod=settings.mongod,
            aws=settings.aws,
            replicas=settings.replicas,
            as_replica=settings.as_replica,
        )

    def _put_down(self, report: DrillReport, phases: Phases) -> DrillReport:
        """Keep it for good: signed, in the ledger; what keeps it from there is said in it."""
        try:
            with phases.phase(PhaseName.REPORT) as said:
                repository = Lifeboat(self._settings, clock=self._clock).repository()
                ledger = Ledger(repository)
                entry = ledger.append(Kind.DRILL, to_content(report), repository.store.time_there())
                said.text = f"entry {entry.number} of the ledger, signed"
        except LifeboatError as error:
            finding = Finding(
                Level.WARNING, error.code, "ledger", f"the report was not put down: {error.message}", error.hint
            )
            return replace(report, phases=tuple(phases.all), findings=(*report.findings, finding))
        return replace(report, phases=tuple(phases.all), ledger_number=entry.number)


class _Run:
    """One drill under way."""

    def __init__(
        self,
        own: Settings,
        settings: Settings,
        clock: Clock,
        progress: Progress,
        request: DrillRequest,
        scenario: Scenario,
        drill: str,
        began: datetime,
        phases: Phases,
    ) -> None:
        self._own = own
        self._settings = settings
        self._clock = clock
        self._progress = progress
        self._request = request
        self._scenario = scenario
        self._rules = RULES[scenario]
        self._drill = drill
        self._began = began
        self._phases = phases
        self._meter = Meter(clock)
        self._clocks = Clocks(
            incident=request.incident or began, detected=request.detected, declared=request.declared or began
        )
        self._findings: list[Finding] = []
        self._compared: list[Compared] = []
        self._checked: list[Checked] = []
        self._parts: RestoredParts | None = None
        self._course: Course | None = None
        self._place: Place | None = None
        self._stopped = False

    def run(self, tell: Callable[[], None]) -> DrillReport:
        """Args: tell: Called when it is certain that the drill can be made.

        Raises:
            LifeboatError: It cannot be made; nothing was restored.
        """
        wiped: list[Wiped] = []
        try:
            self._to_the_end(tell)
        except LifeboatError as error:
            if self._clocks.began is None:
                raise  # nothing was restored: no drill was made, and there is nothing to report
            self._stopped = True
            self._findings.append(Finding(Level.PROBLEM, error.code, "the drill", error.message, error.hint))
        finally:
            if self._place is not None:
                with self._phases.phase(PhaseName.WIPE) as said:
                    wiped = self._place.wipe()
                    said.text = "; ".join(one.evidence for one in wiped)
                    if not all(one.is_gone for one in wiped):
                        said.outcome = "failed"
        for one in wiped:
            if not one.is_gone:
                hint = "remove it by hand: it holds a copy of everything"
                self._findings.append(Finding(Level.PROBLEM, "drill-not-wiped", one.what, one.evidence, hint))
        return self._report(wiped)

    def _to_the_end(self, tell: Callable[[], None]) -> None:
        with self._phases.phase(PhaseName.PLAN) as said:
            self._place = Place(self._request.folder or self._own.drills.folder)
            self._course = Course(
                self._settings,
                self._clock,
                self._progress,
                self._request,
                self._scenario,
                self._place,
                self._meter,
            )
            said.text = self._course.plan()
        with self._phases.phase(PhaseName.PREFLIGHT) as said:
            said.text = self._course.preflight()
        with self._phases.phase(PhaseName.PROVISION) as said:
            said.text = self._course.provision(self._own)
        tell()
        self._clocks = replace(self._clocks, began=self._clock.now())
        with self._phases.phase(PhaseName.RESTORE) as said:
            self._parts = self._course.restore()
            said.text = f"{show_bytes(self._parts.bytes)} in {len(self._parts.reports)} parts"
        self._findings += self._parts.findings
        self._phases.inside(self._meter, PhaseName.RESTORE)
        self._clocks = replace(self._clocks, restored=self._clock.now())
        if self._request.hook is not None:
            self._run_hook(self._request.hook)
        with self._phases.phase(PhaseName.COMPARE) as said:
            self._compared = self._course.compare()
            wrong = [one for one in self._compared if not one.is_equal]
            items = sum(one.items for one in self._compared)
            said.text = f"{items:,} documents and files held against the copy" + (
                f"; {len(wrong)} of {len(self._compared)} parts differ" if wrong else ""
            )
            said.outcome = "failed" if wrong else "done"
        self._clocks = replace(self._clocks, verified=self._clock.now())
        self._findings += _doubts(self._compared, self._course.source_version, self._place.version)
        self._check_application()
        works = not any(not one.is_equal for one in self._compared) and all(one.passed for one in self._checked)
        if works:
            self._clocks = replace(self._clocks, service_back=self._clock.now())

    def _run_hook(self, command: str) -> None:
        """What somebody wants to do to the restored copy, to see that the drill notices."""
        assert self._place is not None
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "LIFEBOAT_DRILL_FILES": str(self._place.files),
            **({"LIFEBOAT_DRILL_URI": self._place.uri.reveal()} if self._place.uri else {}),
        }
        try:
            done = subprocess.run(
                shlex.split(command), env=environment, capture_output=True, text=True, timeout=HOOK_SECONDS, check=False
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise DrillUnclear(
                f"the hook could not be run: {error}", "--hook takes a program and its arguments"
            ) from None
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise DrillUnclear(
                f"the hook ended with {done.returncode}: {said[-1][:200] if said else 'it said nothing'}",
                "LIFEBOAT_DRILL_URI and LIFEBOAT_DRILL_FILES name what was restored",
            )
        message = "a hook was run on the restored copy before it was compared"
        self._findings.append(Finding(Level.WARNING, "drill-hook", command.split()[0], message))

    def _check_application(self) -> None:
        assert self._course is not None
        if not self._own.drills.checks:
            self._phases.skip(
                PhaseName.CHECKS,
                "none are set: [[drills.check]] in lifeboat.toml says what the application must answer",
            )
            return
        with self._phases.phase(PhaseName.CHECKS) as said:
            self._checked = self._course.check(self._own)
            failed = [one for one in self._checked if not one.passed]
            said.text = f"{len(self._checked) - len(failed)} of {len(self._checked)} passed"
            said.outcome = "failed" if failed else "done"

    def _report(self, wiped: Sequence[Wiped]) -> DrillReport:
        course, objectives = self._course, self._own.objectives
        with self._phases.phase(PhaseName.MEASURE) as said:
            points = course.newest_points if course is not None else {}
            incident = self._clocks.incident if course is None else course.incident(self._clocks.incident)
            by_source = {
                "db": objectives.db_seconds,
                "files": objectives.files_seconds,
                "config": objectives.config_seconds,
            }
            lost = lost_of(points, incident, lambda source: by_source[source])
            measures = measure(self._clocks, objectives.rto_seconds, lost)
            said.text = "RTO " + ("not reached" if measures.rto_seconds is None else show_seconds(measures.rto_seconds))
        self._findings += list(
            _missed(self._scenario, measures.meets_rto, measures.rto_seconds, objectives.rto_seconds, lost)
        )
        failed = any(not one.is_equal for one in self._compared) or any(not one.passed for one in self._checked)
        outcome = Outcome.STOPPED if self._stopped else Outcome.PASSED
        if not self._stopped and (failed or any_problem(self._findings)):
            outcome = Outcome.FAILED
        user = who(os.environ)
        return DrillReport(
            drill=self._drill,
            scenario=str(self._scenario),
            outcome=outcome,
            label=label(self._own) if course is None else course.label,
            host=socket.gethostname(),
            user=user.get("sudo", user["user"]),
            began=self._began,
            ended=self._clock.now(),
            chosen="" if course is None else course.chosen,
            snapshots=() if self._parts is None else self._parts.snapshots,
            target="" if self._place is None else self._place.described,
            restored_bytes=0 if self._parts is None else self._parts.bytes,
            phases=tuple(self._phases.all),
            clocks=self._clocks,
            measures=measures,
            compared=tuple(self._compared),
            checked=tuple(self._checked),
            wiped=tuple(wiped),
            findings=tuple(dict.fromkeys(self._findings)),
            point=None if self._parts is None else self._parts.point,
            erased=() if self._parts is None else self._parts.erased,
            versions={
                "lifeboat": __version__,
                "python": platform.python_version(),
                **(
                    {"mongod of the drill": self._place.version}
                    if self._place is not None and self._place.version
                    else {}
                ),
                **(
                    {"mongod of the copy": course.source_version}
                    if course is not None and course.source_version
                    else {}
                ),
            },
            repository="" if course is None else course.repository_place,
            repository_id="" if course is None else course.repository_id,
            key="" if course is None else course.key,
            settings_sha256=settings_digest(self._own),
        )


def settings_digest(settings: Settings) -> str:
    """Tells one arrangement from another; secrets do not go into it (they show as dots)."""
    return hashlib.sha256(repr(replace(settings, folder=Path(), findings=())).encode()).hexdigest()


def key_from(file: Path | None, variable: str | None) -> Secret | None:
    """The other recipient's key, from a file or a variable."""
    if file is None and variable is None:
        return None
    if file is not None:
        with contextlib.suppress(OSError):
            return Secret(file.read_text(encoding="utf-8", errors="replace").strip())
        raise DrillUnclear(f"{file} cannot be read", "is it yours?")
    found = os.environ.get(variable or "", "")
    if not found:
        raise DrillUnclear(f"the variable {variable} is not set in the environment", "export it, or use --key-file")
    return Secret(found)


def _refuse_unclear(request: DrillRequest, scenario: Scenario, rules: Rules) -> None:
    if rules.before_a_time and request.before is None and request.at is None:
        raise DrillUnclear(
            f"{scenario} goes back before a time, and none is named",
            "--before 2026-11-26T03:00:00+03:00, or '2 hours ago'",
        )
    if rules.one_collection and not request.namespace:
        raise DrillUnclear(f"{scenario} brings back one collection, and none is named", "--ns DB.COLLECTION")
    if rules.other_key and request.key is None:
        raise DrillUnclear(
            f"{scenario} uses the key of another recipient, and none is named",
            "--key-file FILE, or --key-env NAME: the key that lies with the second person, or in the safe",
        )
    if not rules.before_a_time and request.before is not None:
        raise DrillUnclear(f"--before is for ransomware and bad-deploy, not for {scenario}", "--at names an instant")


def _doubts(compared: Sequence[Compared], copied_from: str, restored_to: str) -> list[Finding]:
    """What makes a drill that found no difference worth less than it seems."""
    found = []
    if not compared:
        message = "nothing was compared: a drill that looks at nothing proves nothing"
        hint = "is there anything in the copy? `lifeboat snapshots` tells"
        found.append(Finding(Level.PROBLEM, "drill-compared-nothing", "the drill", message, hint))
    if copied_from and restored_to and copied_from.split(".")[:2] != restored_to.split(".")[:2]:
        message = f"the copy is of MongoDB {copied_from}, and was restored to {restored_to}: that it comes back on its own version was not tried"
        hint = "set LIFEBOAT_MONGOD to a mongod of that version, or name a server of it: --to"
        found.append(Finding(Level.WARNING, "drill-other-version", "mongod", message, hint))
    return found


def _missed(
    scenario: Scenario, meets_rto: bool, rto: float | None, objective: float, lost: Sequence[object]
) -> Sequence[Finding]:
    if rto is None or meets_rto:
        return ()
    message = f"everything was back after {show_seconds(rto)}, and the objective is {show_seconds(objective)}"
    hint = "the phases above say where the time went; or set [objectives] rto to what the business can bear"
    return (Finding(Level.PROBLEM, "rto-missed", str(scenario), message, hint),)
