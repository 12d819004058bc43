"""Gathers what the recovery plan is made of: from the settings, the repository, the server, and what this machine remembers.

Invariant: whatever is away, facts come out: what could not be looked at is None, and a sentence in ``unknown`` says why.
"""

import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

from lifeboat import __version__
from lifeboat.app.account import who
from lifeboat.app.build import build_client, build_identity, build_repository, build_state, build_store, label
from lifeboat.app.duties import STREAM, duties
from lifeboat.app.measured_rates import estimate
from lifeboat.app.plan_drills import DrillFacts, drill_facts, open_follow_ups
from lifeboat.app.plan_words import keep_rules, replica_words
from lifeboat.app.settings import RepositorySettings, S3Location, Settings, passwords_in_uri
from lifeboat.app.source_names import SOURCES, set_up
from lifeboat.cloud.regions import where_it_lies
from lifeboat.evidence.plan.facts import (
    DatabaseFacts,
    Gap,
    Installation,
    JobFacts,
    KeepFacts,
    KeyFacts,
    Measured,
    Person,
    Place,
    PlanFacts,
    RetrievalRow,
    SourceFacts,
    TreeFacts,
)
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Level
from lifeboat.foundation.value import Value
from lifeboat.operations.key_escrow import read_escrow
from lifeboat.operations.last_restore import last_restore
from lifeboat.operations.reports.standing import StatusReport
from lifeboat.operations.rights import role_of
from lifeboat.repository.create import names_of_rescue_kit
from lifeboat.repository.description import FORMAT
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.roles import Role
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.storage.archive import ARCHIVE_CLASSES, BringsBack
from lifeboat.storage.conformance.hooks import unwrapped

Answer = TypeVar("Answer")
CHECKS_AWAY = ("settings", "files", "config", "schedule", "notices", "key-apart")
"""What doctor can look at while the store is away."""
OWN_CHECK = "recovery-plan"
NOT_GAPS = ("plan-stale", "no-plan", "plan-missing", "plan-not-approved")
"""What a plan that is being written says of itself."""
SPECIAL = {
    "capped": "Capped collections ({}) are of one instant only as long as the oplog can be read",
    "timeseries": "Time-series collections ({}): a live one is replaced only by a user who may applyOps; else restore it under another name",
}


class HowFar(Value):
    """How far to look.

    Args:
        offline: Neither store nor server is asked.
        everything: Also how all stands: status, doctor, drills. Else what makes a plan another version, alone.
        server: Whether the database server is asked. ledger: Whether drills and approvals are read.
    """

    offline: bool = False
    everything: bool = True
    server: bool = True
    ledger: bool = True


class Gathering:
    """Args: config: the settings file that was named by hand. opened: a repository that is open already."""

    def __init__(
        self, settings: Settings, clock: Clock, config: Path | None, how: HowFar, opened: Repository | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._config = config
        self.how = how
        self._unknown: list[str] = []
        self.state = build_state(settings)
        self.repository = opened or self._open()

    def facts(self) -> PlanFacts:
        settings, repository, how = self._settings, self.repository, self.how
        status = self._status() if repository and how.everything else None
        rows = [one for one in repository.snapshots() if one.is_backup] if repository and how.everything else []
        database = self._database(rows)
        drills = self._drills()
        retrieval, prices = _retrieval(settings) if how.everything else ((), "")
        organisation = settings.organisation
        incomplete = tuple(
            f"The newest copy of {one.source} lacks something; `lifeboat snapshots` and the report of that backup say what"
            for one in (status.sources if status else ())
            if one.newest is not None and not one.newest.complete
        )
        return PlanFacts(
            made=self._clock.now().astimezone(UTC).replace(microsecond=0),
            organisation=organisation.name,
            application=organisation.application,
            systems=organisation.systems,
            contacts=tuple(
                Person(one.name, one.role, one.phone, one.email, one.duties, one.key_holder)
                for one in organisation.contacts
            ),
            installation=self._installation(),
            place=_place("", settings.repository),
            replicas=tuple(
                replace(_place(one.name, one.place), behind=replica_words(one.name, status))
                for one in settings.replicas
            ),
            sources=tuple(self._source(name, rows, status) for name in SOURCES),
            database=database,
            trees=TreeFacts(
                tuple(str(one) for one in settings.files.paths),
                settings.files.include,
                settings.files.exclude,
                settings.files.one_filesystem,
                tuple(str(one) for one in settings.config.paths),
            ),
            rto_seconds=settings.objectives.rto_seconds,
            streams=self._streams(status),
            stream_every_seconds=settings.stream.every_seconds,
            jobs=self._jobs(),
            keep=_keep(settings),
            keys=self._keys(),
            custodians=None if repository is None else tuple(one.name for one in repository.description.custodians),
            drill_to=_without_password(settings.drills.to),
            drill_every={
                "restore to staging": settings.drills.restore_every_seconds,
                "full drill": settings.drills.full_every_seconds,
                "exercise of people": settings.drills.exercise_every_seconds,
            },
            measured=self._measured(status, drills),
            drills=drills.rows,
            due=drills.due,
            gaps=self._gaps(status) if how.everything else (),
            retrieval=retrieval,
            prices=prices,
            archived_objects=self._archived(),
            stored_by=tuple(sorted({one.label for one in rows if one.source == SOURCES["db"]})),
            writers=tuple(sorted({one.label for one in rows})),
            unknown=tuple(self._unknown),
            incomplete=incomplete,
        )

    def _open(self) -> Repository | None:
        if self.how.offline:
            self._unknown.append(
                "Made without asking store and server (--offline): what stands here of copies is what this machine knew before."
            )
            return None
        return self._try("the repository", self._answering)

    def _answering(self) -> Repository:
        """Opened, if the store answers at the first try: whoever prints the plan in a disaster does not wait for one that is gone."""
        store = build_store(self._settings, self._clock, patient=False)
        next(iter(store.list_under("config/")), None)
        return build_repository(self._settings, self._clock)

    def _try(self, what: str, look: Callable[[], Answer]) -> Answer | None:
        try:
            return look()
        except LifeboatError as error:
            self._unknown.append(f"{what[0].upper()}{what[1:]} could not be looked at: {error.message}.")
            return None

    def _installation(self) -> Installation:
        settings, repository = self._settings, self.repository
        description = repository.description if repository else None
        return Installation(
            label=label(settings),
            host=socket.gethostname(),
            user=who({})["user"],
            folder=str(settings.folder.absolute()),
            settings_files=tuple(str(one) for one in settings.files_read),
            config=None if self._config is None else str(self._config.absolute()),
            program=shutil.which("lifeboat") or f"{sys.executable} -m lifeboat.cli",
            state=str(settings.state),
            role=str(self._role()),
            has_key=self._has_key(),
            profile=description.profile if description else None,
            repository_id=repository.id.hex() if repository else self.state.pinned_repository(),
            created=description.created[:10] if description else None,
            software=__version__,
            rescue=names_of_rescue_kit(rescue_script(), README)[0],
            python=".".join(map(str, sys.version_info[:3])),
            format=FORMAT,
        )

    def _role(self) -> Role:
        if self.repository is not None:
            return role_of(self.repository)
        return Role.SIMPLE if self._settings.key is not None else Role.WRITER

    def _has_key(self) -> bool:
        """A custodian's key opens no content."""
        if self.repository is not None:
            return self.repository.identity is not None
        return self._settings.key is not None

    def _status(self) -> StatusReport | None:
        from lifeboat.app.lifeboat import Lifeboat

        return self._try("how everything stands", lambda: Lifeboat(self._settings, clock=self._clock).status())

    def _source(self, name: str, rows: list[Record], status: StatusReport | None) -> SourceFacts:
        said = self._settings.objectives
        objective = {"db": said.db_seconds, "files": said.files_seconds, "config": said.config_seconds}[name]
        is_set_up = name in set_up(self._settings)
        if self.repository is None:
            known = self.state.read_json(f"last-{SOURCES[name]}.json") or {}
            size = known.get("bytes")
            return SourceFacts(name, is_set_up, objective, bytes=size if isinstance(size, int) else None)
        mine = [one for one in rows if one.source == SOURCES[name]]
        newest = max(mine, key=lambda one: one.believed_instant, default=None)
        stands = next((one for one in (status.sources if status else ()) if one.source == SOURCES[name]), None)
        proved = stands.newest_proved if stands else None
        return SourceFacts(
            name,
            is_set_up,
            objective,
            snapshots=len(mine),
            newest=newest.believed_instant if newest else None,
            oldest=min((one.believed_instant for one in mine), default=None),
            age_seconds=stands.age_seconds if stands else self._age(newest),
            meets_objective=stands.meets_objective if stands else None,
            proved=proved.instant if proved else None,
            items=newest.items if newest else None,
            bytes=newest.total_bytes if newest else None,
            is_complete=newest.complete if newest else True,
            one_instant=newest.one_instant if newest else True,
            restore_seconds=estimate(self.state, {str(SOURCES[name]): newest.total_bytes}) if newest else None,
        )

    def _age(self, newest: Record | None) -> float | None:
        """Of a source that another machine stores, by this machine's clock."""
        return None if newest is None else max((self._clock.now() - newest.believed_instant).total_seconds(), 0.0)

    def _database(self, rows: list[Record]) -> DatabaseFacts:
        settings = self._settings
        uri = settings.mongodb.uri
        address = None
        if uri is not None:
            from lifeboat.sources.mongodb.connect import address_of  # the driver is slow to load

            address = address_of(uri)
        found = DatabaseFacts(address=address, chosen=settings.mongodb.databases)
        if uri is not None and self.how.server and not self.how.offline:
            looked = self._try("the database", lambda: self._on_server(found))
            if looked is not None:
                return looked
        newest = max(
            (one for one in rows if one.source == SOURCES["db"]), key=lambda one: one.believed_instant, default=None
        )
        if newest is None or self.repository is None or self.repository.identity is None or not self.how.everything:
            return found
        repository = self.repository
        return self._try("the newest copy", lambda: _in_snapshot(found, repository, newest)) or found

    def _on_server(self, found: DatabaseFacts) -> DatabaseFacts:
        from lifeboat.sources.mongodb.overview import overview
        from lifeboat.sources.mongodb.server_facts import look_at_server

        client, databases = build_client(self._settings)
        with client:
            server, seen = look_at_server(client), overview(client, databases)
        return replace(
            found,
            protected=seen.meant,
            left_out=seen.others,
            collections=len(seen.collections),
            special=_special([(one.namespace, one.kind) for one in seen.collections]),
            example=seen.largest,
            version=server.version,
            in_a_set=server.in_a_set,
            seen="server",
        )

    def _streams(self, status: StatusReport | None) -> bool:
        """Whether moments between two copies can be restored."""
        if status is not None:
            return any(one.newest is not None for one in status.archives)
        return (self.state.directory / "stream.json").exists()

    def _jobs(self) -> tuple[JobFacts, ...]:
        rows = duties(self._settings, self._role())
        return tuple(
            JobFacts(one.job, one.title, one.command, one.time, one.why)
            for one in rows
            if one.job != STREAM or one.here or self._settings.mongodb.uri is not None
        )

    def _keys(self) -> tuple[KeyFacts, ...] | None:
        escrow = read_escrow(self.state)
        known = {escrow.fingerprint: f"{escrow.how}, {escrow.day}"} if escrow else {}
        if self.repository is not None:
            own = self.repository.identity.recipient if self.repository.identity else None
            return tuple(
                KeyFacts(
                    one.name,
                    one.recipient.fingerprint_short,
                    one.recipient == own,
                    known.get(one.recipient.fingerprint_short, ""),
                )
                for one in self.repository.description.recipients
            )
        pinned = self.state.pinned_recipients()
        if pinned is None:
            return None
        identity = self._try("the key", lambda: build_identity(self._settings))
        here = identity.recipient.fingerprint.hex() if identity else ""
        return tuple(KeyFacts("key", one[:16], one == here, known.get(one[:16], "")) for one in pinned)

    def _drills(self) -> DrillFacts:
        repository = self.repository
        settings, now = self._settings.drills, self._clock.now()
        if repository is None or repository.identity is None or not self.how.ledger:
            return drill_facts(None, settings, now)
        return self._try("the ledger of drills", lambda: drill_facts(repository, settings, now)) or drill_facts(
            None, settings, now
        )

    def _measured(self, status: StatusReport | None, drills: DrillFacts) -> Measured:
        restored = last_restore(self.state)
        last = status.last_verify if status else None
        words = "" if last is None else f"{last.level}, {last.at:%Y-%m-%d %H:%M} UTC, {last.problems or 'no'} problems"
        return Measured(
            last_restore_seconds=restored.seconds if restored else None,
            predicted_seconds=drills.predicted_seconds,
            predicted_from=drills.predicted_from,
            last_verify=words,
            stored_bytes=status.stored_bytes if status else None,
        )

    def _gaps(self, status: StatusReport | None) -> tuple[Gap, ...]:
        """What doctor and status find, worst first."""
        from lifeboat.app.diagnosis import Diagnosis

        diagnosis = Diagnosis(self._settings, self._clock)
        names = [one.name for one in diagnosis.checks()] if self.repository else list(CHECKS_AWAY)
        checked = diagnosis.run([one for one in names if one != OWN_CHECK])
        findings = [(one.title, finding) for one in checked for finding in one.findings or ()]
        findings += [("", finding) for finding in (status.findings if status else ())]
        seen: set[str] = set()
        gaps = []
        for title, one in findings:
            if one.level is Level.OK or one.code in NOT_GAPS or (one.code in seen and not title):
                continue
            seen.add(one.code)
            gaps.append(Gap(str(one.level), one.code, title or one.subject, one.message, one.hint))
        repository = self.repository
        if repository is not None and repository.identity is not None:
            gaps += self._try("the follow-ups of drills", lambda: open_follow_ups(repository, self._clock.now())) or ()
        return tuple(sorted(gaps, key=lambda one: one.level != "problem"))

    def _archived(self) -> int | None:
        if self.repository is None or not self.how.everything:
            return None
        store = unwrapped(self.repository.store)
        if not isinstance(store, BringsBack):
            return 0
        return self._try("what lies in archive classes", lambda: sum(1 for _ in store.archived_under("")))


def _place(name: str, said: RepositorySettings) -> Place:
    location = said.location
    is_bucket = isinstance(location, S3Location)
    at_amazon = said.endpoint_url is None
    where = (
        where_it_lies(said.region)
        if is_bucket and said.region and at_amazon
        else ""
        if is_bucket
        else "this machine, or a disk of it"
    )
    return Place(
        name, str(location), is_bucket, said.region if is_bucket else None, _bare_address(said.endpoint_url), where
    )


def _bare_address(url: str | None) -> str | None:
    """An address without a user and a password that somebody may have put there."""
    if url is None:
        return None
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _without_password(target: str | None) -> str | None:
    """A target of drills as it can be typed; one with a password, which the settings refuse, is never shown."""
    return None if target is None or passwords_in_uri(target) else target


def _keep(settings: Settings) -> KeepFacts:
    rules, aws = settings.retention, settings.aws
    return KeepFacts(
        rules=keep_rules(rules),
        numbers={
            "hourly": rules.hourly,
            "daily": rules.daily,
            "weekly": rules.weekly,
            "monthly": rules.monthly,
            "yearly": rules.yearly,
        },
        window_days=rules.window_days,
        object_lock=aws.object_lock,
        lock_days=aws.lock_days,
        lifecycle=str(aws.lifecycle),
        noncurrent_days=aws.noncurrent_days,
    )


def _special(collections: list[tuple[str, str]]) -> tuple[str, ...]:
    found = []
    for kind, sentence in SPECIAL.items():
        names = [f"`{name}`" for name, one in collections if one == kind]
        if names:
            found.append(sentence.format(", ".join(names[:8]) + (" ..." if len(names) > 8 else "")))
    return tuple(found)


def _in_snapshot(found: DatabaseFacts, repository: Repository, newest: Record) -> DatabaseFacts:
    from lifeboat.operations.browse import contents

    rows = contents(repository, newest, "")
    largest = max((one for one in rows if one.items is not None), key=lambda one: one.items or 0, default=None)
    return replace(
        found,
        protected=tuple(sorted({one.name.partition(".")[0] for one in rows})),
        collections=len(rows),
        special=_special([(one.name, one.kind) for one in rows]),
        example=largest.name if largest else None,
        seen="snapshot",
    )


def _retrieval(settings: Settings) -> tuple[tuple[RetrievalRow, ...], str]:
    """Times and prices of archive classes, and whose prices; nothing for a place that has none."""
    from lifeboat.cloud.prices.load import load_prices

    if not isinstance(settings.repository.location, S3Location) or settings.repository.endpoint_url is not None:
        return (), ""
    try:
        prices = load_prices(settings.repository.region, settings.aws.prices)
    except LifeboatError:
        return (), ""
    rows = tuple(
        RetrievalRow(name, tier, one.minutes[1] / 60, one.gb)
        for name in ARCHIVE_CLASSES
        for tier, one in prices.of(name).restore.items()
    )
    return rows, f"prices of {prices.region}, {prices.dated}"
