"""The course of a drill: what it brings back and where to, step by step. When each step comes, and what it came to, says ``drilling.py``."""

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.points import newest_until, open_point
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.cluster_time import read_words
from lifeboat.foundation.errors import SettingsError, TargetRefused
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.sizes import show_bytes
from lifeboat.foundation.value import Value
from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.drill.checks.kinds import Surroundings
from lifeboat.operations.drill.compare_database import Restored, compare_database
from lifeboat.operations.drill.compare_files import compare_trees
from lifeboat.operations.drill.place import Place
from lifeboat.operations.drill.points import choose
from lifeboat.operations.drill.report import Checked, Compared
from lifeboat.operations.drill.request import DrillRequest
from lifeboat.operations.drill.scenario import RULES, Scenario
from lifeboat.operations.erased import Erased
from lifeboat.operations.erasing.load import erased_for
from lifeboat.operations.moments import pinned, read_moment
from lifeboat.operations.reports.restores import PointRow, RestoreReport, RestoreRequest
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.timeline import MomentNotCovered
from lifeboat.operations.tree_preview import too_small
from lifeboat.repository.errors import RetrievalNeeded
from lifeboat.repository.meter import Meter
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.mongodb.connect import connect, naming

ORDER = ("files", "config", "db")
"""As ``restore all``: a document is then never younger than the file it names."""


class NoRoomForDrill(TargetRefused):
    """There is too little room for a copy of everything."""

    code = "no-room-for-drill"


class RestoredParts(Value):
    """What was brought back. Args: bytes: plain; erased: ids of erasures that were replayed."""

    reports: Mapping[str, RestoreReport]
    snapshots: tuple[SnapshotRow, ...]
    bytes: int
    findings: tuple[Finding, ...]
    point: PointRow | None
    erased: tuple[str, ...] = ()


class Course:
    """Args: settings: What the restore may know. meter: Hears how long reading and opening take."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        progress: Progress,
        request: DrillRequest,
        scenario: Scenario,
        place: Place,
        meter: Meter,
    ) -> None:
        rules = RULES[scenario]
        # Of a lost server nothing is remembered either: what this machine knows of the repository is not used.
        self._settings = replace(settings, state=place.folder / "state") if rules.bare else settings
        self._clock = clock
        self._progress = progress
        self._request = request
        self._rules = rules
        self._place = place
        self._lifeboat = Lifeboat(self._settings, clock=clock, progress=progress, meter=meter)
        self._repository: Repository | None = None
        self._requests: dict[str, RestoreRequest] = {}
        self._databases: tuple[str, ...] = ()
        self._bytes = 0
        self._parts: RestoredParts | None = None
        self.chosen = ""
        self.label = ""
        self.newest_points: dict[str, datetime] = {}
        self.source_version = ""
        """Of the server that was backed up; empty where that is not known."""

    @property
    def repository_place(self) -> str:
        return "" if self._repository is None else self._repository.store.describe()

    @property
    def repository_id(self) -> str:
        return "" if self._repository is None else self._repository.id.hex()

    @property
    def key(self) -> str:
        """Fingerprint of the key that opens the copies, short."""
        known = None if self._repository is None else self._repository.identity
        return "" if known is None else known.recipient.fingerprint_short

    def incident(self, when: datetime) -> datetime:
        """The moment that losses are counted from: of a drill that goes back before a time, that time."""
        if self._request.incident is not None or not self._rules.before_a_time:
            return when
        goal = read_moment(self._request.before or self._request.at or "newest", self._clock.now()).goal
        return when if goal is None else goal.instant

    def plan(self) -> str:
        """Choose what comes back; says it in words. Raises ``NothingToDrill``, ``MomentNotCovered``, ``KeyMissing``."""
        repository = self._repository = self._lifeboat.repository()
        repository.need_identity()
        records = repository.snapshots()
        sources = self._rules.sources
        when = self._request.before or self._request.at
        newest = choose(records, sources, "latest", self._clock.now(), secrets.randbelow)
        chosen = newest
        if when is None and self._request.point != "latest":
            chosen = choose(records, sources, self._request.point, self._clock.now(), secrets.randbelow)
        self.label = repository.label_of(next(iter(chosen.records.values())))
        self.newest_points = {source: one.instant for source, one in newest.records.items()}
        with ExitStack() as stack:
            for source in ORDER:
                if source in chosen.records:
                    self._choose(repository, source, chosen.records[source], when, stack)
        self.chosen = "before a time" if self._request.before else "at a time" if when else chosen.words
        return f"{self.chosen}: " + ", ".join(self._words(source, chosen.records) for source in self._requests)

    def preflight(self) -> str:
        """Look whether it can be done: the copies at hand, room enough. Raises ``RetrievalNeeded``, ``NoRoomForDrill``."""
        for source, request in self._requests.items():
            found = self._lifeboat.retrieval(replace(request, to=str(self._place.files))).look()
            if not found.is_readable:
                raise RetrievalNeeded(
                    f"the copy of {source} lies at least partly in an archive class, and cannot be read yet",
                    "choose a younger point, or bring it back first: `lifeboat retrieve` tells time and cost, and asks",
                )
        free = shutil.disk_usage(self._place.folder).free
        needed = (
            self._bytes
            if self._request.to is None
            else sum(0 if source == "db" else self._size(source) for source in self._requests)
        )
        short = too_small(f"the disk of {self._place.folder}", needed, free)
        if short:
            raise NoRoomForDrill(short[0].message, "--dir or [drills] folder names another place")
        return f"key {self.key} opens it; {show_bytes(self._bytes)} to restore, {show_bytes(free)} free"

    def provision(self, own: Settings) -> str:
        """Make the place ready. Args: own: this installation's settings, whose server must not be restored to."""
        self._place.files.mkdir(mode=0o700)
        if "db" not in self._requests:
            return f"a folder of its own: {self._place.folder}"
        text = self._request.to or own.drills.to
        if text is None:
            self._place.start_server(own.mongod, self._clock)
        else:
            self._place.use_server(_uri_of(text), own.mongodb.uri)
        self._place.expect(self._databases)
        return f"{self._place.described} (MongoDB {self._place.version})"

    def restore(self) -> RestoredParts:
        """Bring everything back."""
        reports = {source: self._lifeboat.restore(self._placed(source)) for source in self._requests}
        findings = [one for report in reports.values() for one in report.findings if one.level is not Level.OK]
        self._parts = RestoredParts(
            reports,
            tuple(row for report in reports.values() for row in report.snapshots),
            sum(part.bytes for report in reports.values() for part in report.parts),
            tuple(findings),
            next((report.point for report in reports.values() if report.point is not None), None),
            tuple(sorted({one.erasure for report in reports.values() for one in report.erasures})),
        )
        points = {source: report.snapshots[0].instant for source, report in reports.items()}
        if self._parts.point is not None:
            points["db"] = self._parts.point.instant
        if self._request.point == "latest" or self._request.before or self._request.at:
            self.newest_points = points
        return self._parts

    def compare(self) -> list[Compared]:
        """Hold what lies there against the copy, which is read once more."""
        assert self._parts is not None and self._repository is not None
        found: list[Compared] = []
        for source, report in self._parts.reports.items():
            with ExitStack() as stack:
                record = self._repository.find_snapshot(report.snapshots[0].snapshot)
                if source == "db":
                    server = stack.enter_context(SnapshotReader(self._repository, record)).details.get("server")
                    self.source_version = str(server.get("version", "")) if isinstance(server, dict) else ""
                    found += self._compare_database(report, record, stack)
                    continue
                reader = stack.enter_context(SnapshotReader(self._repository, record))
                erased = self._erased(record.instant)
                found += compare_trees(reader, self._folder(source), erased=erased, progress=self._progress)
        return found

    def check(self, own: Settings) -> list[Checked]:
        """Ask the application's checks of what was restored."""
        from lifeboat.operations.drill.checks.run import run_checks

        assert self._parts is not None

        scratch = self._place.folder / "checks"
        scratch.mkdir(mode=0o700, exist_ok=True)
        uri = self._place.uri
        named = None if uri is None or len(self._databases) != 1 else naming(uri, self._databases[0])
        around = Surroundings(
            named or uri,
            self._folders(),
            scratch,
            frozenset(own.hidden_texts()),
            self._erased(min(row.instant for row in self._parts.snapshots)),
        )
        return run_checks(own.drills.checks, around, self._clock, self._progress)

    def _folders(self) -> dict[Path, Path]:
        """Live folder of each restored tree to where it lies now; that of the files first."""
        assert self._parts is not None and self._repository is not None
        found: dict[Path, Path] = {}
        for source, report in self._parts.reports.items():
            if source != "db":
                for part in report.parts:
                    found[Path(part.what)] = Path(part.where)
        return found

    def _compare_database(self, report: RestoreReport, record: Record, stack: ExitStack) -> list[Compared]:
        assert self._repository is not None and self._place.uri is not None
        if report.point is None:
            point = DatabasePoint(stack.enter_context(SnapshotReader(self._repository, record)))
        else:
            point = open_point(self._repository, read_words(report.point.cluster_time), stack, self.label)
        client = stack.enter_context(connect(self._place.uri))
        namespaces = None if not self._rules.one_collection else frozenset([self._request.namespace or ""])
        with_users = self._with_users
        restored = Restored(client, {}, namespaces, with_users)
        instant = record.instant if report.point is None else report.point.instant
        erased = self._erased(instant)
        return compare_database(point, restored, erased=erased, clock=self._clock, progress=self._progress)

    def _erased(self, instant: datetime) -> Erased:
        assert self._repository is not None
        return erased_for(self._repository, instant).erased

    @property
    def _with_users(self) -> bool:
        """On a server that somebody gave, users would stay behind: accounts are the server's, not the database's."""
        return self._place.is_private and not self._rules.one_collection

    def _placed(self, source: str) -> RestoreRequest:
        request = self._requests[source]
        if source != "db":
            return replace(request, to=str(self._folder(source)))
        assert self._place.uri is not None
        return replace(request, to=self._place.uri.reveal(), with_users=self._with_users)

    def _folder(self, source: str) -> Path:
        return self._place.files / source

    def _choose(self, repository: Repository, source: str, record: Record, when: str | None, stack: ExitStack) -> None:
        request = RestoreRequest(source, record.snapshot)
        self._bytes += record.total_bytes
        if when is not None:
            request = RestoreRequest(source, at=pinned(when, self._clock.now()))
        if source == "db":
            point = self._point(repository, record, when, stack)
            request = RestoreRequest(source, point.record.snapshot)
            if point.since is not None:
                request = RestoreRequest(source, at=f"{point.since.goal.words()}@{self.label}")
            self._databases = tuple(point.databases)
            if self._rules.one_collection:
                request = replace(request, namespaces=(self._request.namespace or "",))
        self._requests[source] = request

    def _point(self, repository: Repository, record: Record, when: str | None, stack: ExitStack) -> DatabasePoint:
        """The database as of the chosen instant; before a time that no archive reaches, the newest snapshot from before it."""
        if when is None and self._request.point != "latest":
            return DatabasePoint(stack.enter_context(SnapshotReader(repository, record)))
        goal = None if when is None else read_moment(pinned(when, self._clock.now()), self._clock.now()).goal
        try:
            return open_point(repository, goal, stack, None if when else self.label)
        except MomentNotCovered:
            # Of a standalone, or of what is not one instant, no moment can be said: then it is a snapshot as it stands.
            before = record if when is None else None
            if self._request.before is not None:
                before = newest_until(repository, Source.MONGODB, goal)
            if before is None:
                raise
            return DatabasePoint(stack.enter_context(SnapshotReader(repository, before)))

    def _size(self, source: str) -> int:
        assert self._repository is not None
        wanted = self._requests[source]
        if wanted.at is not None:
            return 0
        return self._repository.find_snapshot(wanted.snapshot).total_bytes

    def _words(self, source: str, records: Mapping[str, Record]) -> str:
        request = self._requests[source]
        if request.at is not None:
            return f"{source} at {request.at.partition('@')[0]}"
        record = records[source]
        return f"{source} {record.snapshot[:8]} of {record.instant:%Y-%m-%d %H:%M} UTC"


def _uri_of(text: str) -> Secret:
    """The server after ``--to`` or in ``[drills] to``."""
    if text.startswith("env:"):
        found = os.environ.get(text[4:], "")
        if not found:
            raise SettingsError(
                f"the variable {text[4:]} is not set in the environment", "export it: the drill's server"
            )
        text = found
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise SettingsError(
            "the server for a drill is named by a connection string",
            "--to mongodb://host:27017, or --to env:VARIABLE; never the name of a database on the live server",
        )
    return Secret(text)
