"""Which checks ``lifeboat doctor`` makes for these settings, and in which order. One line for each; what it does stands in
``operations/doctor``.

Another check: a function there, a line in ``checks`` here, a row in the table of docs/operations.md (a test asks for it).
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from lifeboat.app.aws_bucket import look_at_bucket
from lifeboat.app.aws_lifecycle import AwsLifecycle
from lifeboat.app.build import build_client, build_repository, build_store
from lifeboat.app.schedule_install import Scheduling
from lifeboat.app.schedule_status import ScheduleStatus, look_at_notices, look_at_schedule
from lifeboat.app.settings import S3Location, Settings
from lifeboat.app.source_names import SOURCES, set_up
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Silent
from lifeboat.operations.doctor import database, keys, places, repository, store, trees
from lifeboat.operations.doctor.archive import check_archive
from lifeboat.operations.doctor.bucket import check_bucket
from lifeboat.operations.doctor.checks import Check, examine
from lifeboat.operations.doctor.erasures import check_erasures
from lifeboat.operations.doctor.lifecycle import check_lifecycle
from lifeboat.operations.doctor.locks import check_object_lock
from lifeboat.operations.doctor.proof import check_proved
from lifeboat.operations.doctor.replicas import check_second_copies
from lifeboat.operations.doctor.stream import check_stream
from lifeboat.operations.replicate.lag import standing
from lifeboat.operations.reports.checks import CheckResult
from lifeboat.operations.rights import check_rights
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.rescue import rescue_script
from lifeboat.rescue.readme import README
from lifeboat.sources.mongodb.capture import preflight
from lifeboat.sources.mongodb.connect import Client, address_of
from lifeboat.sources.mongodb.errors import DatabasePasswordWrong
from lifeboat.sources.mongodb.server_facts import ServerFacts, look_at_server
from lifeboat.storage.object_store import ObjectStore

DATABASE_CHECKS = ("connection", "sign-in", "rights-backup")
"""What ``init`` tries as soon as the database is named."""


class Diagnosis:
    """Looks at everything for one set of settings; opens what it needs once, and closes it."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._stack = ExitStack()
        self._opened: Repository | None = None
        self._client: Client | None = None
        self._databases: list[str] | None = None
        self._facts: ServerFacts | None = None
        self._refused: DatabasePasswordWrong | None = None

    def run(self, only: Sequence[str] = ()) -> list[CheckResult]:
        """Make all checks, or those with these names."""
        with self._stack:
            return examine([check for check in self.checks() if not only or check.name in only])

    def checks(self) -> list[Check]:
        """All checks that mean something for these settings, in the order in which people read them."""
        return [
            Check("settings", "settings", self._settings_said),
            *(self._of_store() if self._settings.repository.location else ()),
            *(self._of_database() if self._settings.mongodb.uri else ()),
            *(self._of_trees()),
            *self._of_every_day(),
        ]

    def _of_store(self) -> list[Check]:
        settings, repository_opens = self._settings, ("store", "repository")
        said, place = settings.repository, settings.need_repository()
        where = str(place)
        only_here = str(settings.identity_file) if settings.key_from == str(settings.identity_file) else None

        def opened(look: Callable[[Repository], Iterable[Finding]]) -> Callable[[], Iterable[Finding]]:
            return lambda: look(self._repository())

        return [
            Check("store-answers", "the store answers", lambda: store.check_answers(self._store())),
            Check(
                "store",
                "the store's promises",
                lambda: store.check_store(self._store(), self._clock),
                ("store-answers",),
            ),
            Check("clock", "clock", lambda: store.check_clock(self._store(), self._clock), ("store",)),
            Check("repository", "repository", opened(repository.check_repository), ("store",)),
            Check("key", "the key opens it", opened(keys.check_key), repository_opens),
            Check("recipients", "everybody who should opens it", opened(keys.check_recipients), repository_opens),
            Check(
                "key-stored-elsewhere",
                "the key is stored elsewhere",
                opened(lambda one: keys.check_stored_elsewhere(one, only_here, self._clock.now())),
                repository_opens,
            ),
            Check(
                "key-apart",
                "the key lies apart",
                lambda: keys.check_apart(settings.key_from, said.secret_from),
            ),
            Check("profile", "profile", opened(repository.check_profile), repository_opens),
            Check("rights-store", "rights in the store", opened(check_rights), repository_opens),
            *self._of_locks(),
            Check("custodians", "custodians", opened(repository.check_custodians), repository_opens),
            Check(
                "rescue-kit",
                "rescue kit",
                opened(lambda one: repository.check_rescue_kit(one, rescue_script(), README)),
                repository_opens,
            ),
            Check(
                "proof",
                "copies were read back",
                opened(lambda one: check_proved(one, _sources_set_up(settings), settings.objectives.proved_seconds)),
                repository_opens,
            ),
            Check("archive", "the archive of every moment", opened(check_archive), repository_opens),
            Check("replicas", "second copies", opened(self._replicas), repository_opens),
            Check(
                "erasures",
                "who was erased stays so",
                opened(lambda one: check_erasures(one, self._clock.now())),
                repository_opens,
            ),
            Check("other-machine", "on another machine", opened(repository.check_other_machine), repository_opens),
            Check(
                "residency",
                "where the copies lie",
                lambda: store.check_residency(where, said.region, said.endpoint_url, not isinstance(place, S3Location)),
            ),
            *(self._of_bucket(place) if isinstance(place, S3Location) else ()),
            Check("space", "free space", self._space),
        ]

    def _of_locks(self) -> list[Check]:
        wanted = self._settings.aws.object_lock
        if wanted == "off" or not isinstance(self._settings.need_repository(), S3Location):
            return []
        return [Check("object-lock", "locks hold", lambda: check_object_lock(self._store(), wanted), ("store",))]

    def _replicas(self, repository: Repository) -> list[Finding]:
        from lifeboat.app.replicating import Replicating

        now = repository.store.time_there()
        records = [] if self._settings.as_replica else repository.snapshots()
        seen = [] if self._settings.as_replica else Replicating(self._settings, self._clock, Silent()).seen(repository)
        allowed = self._settings.alerts.thresholds.replica_seconds
        return check_second_copies(repository, [standing(one, records, now) for one in seen], allowed, now)

    def _of_bucket(self, place: S3Location) -> list[Check]:
        is_amazon = self._settings.repository.endpoint_url is None
        look = partial(look_at_bucket, self._settings, self._clock)
        return [
            Check(
                "bucket",
                "the bucket's settings",
                lambda: check_bucket(look, place.bucket, is_amazon),
                ("store-answers",),
            ),
            Check("lifecycle", "age rules of the bucket", self._lifecycle, ("store", "repository")),
        ]

    def _lifecycle(self) -> list[Finding]:
        opened = self._repository()
        rules = AwsLifecycle(self._settings, self._clock, opened=opened, quick=True)
        only_writes = opened.identity is None and opened.custodian is None
        return check_lifecycle(rules.read, rules.proof, rules.prefix, only_writes=only_writes)

    def _of_database(self) -> list[Check]:
        databases = self._databases_meant
        signed_in = ("connection", "sign-in")
        return [
            Check("connection", "the database answers", self._connection),
            Check("sign-in", "signed in", self._sign_in, ("connection",)),
            Check(
                "rights-backup",
                "rights to back up",
                self._rights_to_back_up,
                signed_in,
            ),
            *(
                Check(
                    f"rights-{command}",
                    title,
                    lambda command=command: database.check_rights(self._need_client(), databases(), command),  # type: ignore[misc]
                    signed_in,
                )
                for command, title in (("restore", "rights to restore"), ("users", "rights to restore users"))
            ),
            Check("replica-set", "replica set", lambda: database.check_replica_set(self._need_facts()), signed_in),
            Check(
                "history-window",
                "history window",
                lambda: database.check_history(self._need_client(), self._need_facts(), self._last("seconds")),
                signed_in,
            ),
            Check(
                "oplog-window",
                "oplog window",
                lambda: database.check_oplog(
                    self._need_client(),
                    self._need_facts(),
                    self._settings.objectives.db_seconds,
                    self._settings.stream.outage_seconds,
                ),
                signed_in,
            ),
            Check("server-version", "server's version", lambda: database.check_version(self._need_facts()), signed_in),
        ]

    def _of_trees(self) -> list[Check]:
        settings = self._settings
        found = []
        if settings.files.paths:
            found.append(Check("files", "uploaded files", lambda: trees.check_trees(settings.files.paths)))
        if self._protects:
            found.append(Check("config", "configuration", self._configuration))
        return found

    def _of_every_day(self) -> list[Check]:
        """What has to happen by itself."""
        has_stream = self._settings.mongodb.uri and self._settings.repository.location
        return [
            *([Check("stream", "the stream", self._stream, ("repository",))] if has_stream else ()),
            Check("schedule", "runs by itself", lambda: self._schedule().findings),
            Check("notices", "somebody is told", lambda: look_at_notices(self._schedule(), self._settings.notify)),
            *([Check("recovery-plan", "recovery plan", self._plan)] if self._settings.repository.location else ()),
        ]

    def _plan(self) -> list[Finding]:
        from lifeboat.app.plan_facts import HowFar
        from lifeboat.app.plan_standing import plan_findings

        how = HowFar(offline=self._opened is None, everything=False, server=self._client is not None)
        return plan_findings(self._settings, self._clock, self._opened, how)

    def _schedule(self) -> ScheduleStatus:
        settings = self._settings
        scheduling = Scheduling(settings, None, {}, settings.folder, self._clock)
        return look_at_schedule(scheduling, settings.notify, self._clock.now())

    def _stream(self) -> list[Finding]:
        settings = self._settings
        installed = Scheduling(settings, None, {}, settings.folder, self._clock).installed_as() or {}
        return check_stream(self._repository().state, self._clock.now(), installed=bool(installed.get("stream")))

    def _settings_said(self) -> list[Finding]:
        settings = self._settings
        if settings.repository.location is None:
            settings.need_repository()
        if settings.mongodb.uri is None and not settings.files.paths and settings.key is not None:
            # A keeper or a custodian: it protects nothing of its own.
            message = "neither a database nor a folder of files is named: this machine restores and checks, and backs nothing up"
            hint = "right for a keeper or a custodian; else set MONGODB_URI, UPLOADS_DIR or both in .env"
            return [Finding(Level.WARNING, "nothing-protected", "settings", message, hint), *settings.findings]
        if settings.mongodb.uri is None and not settings.files.paths:
            raise SettingsError(
                "neither a database nor a folder of files is named", "set MONGODB_URI, UPLOADS_DIR or both in .env"
            )
        read = ", ".join(str(path) for path in settings.files_read) or "the environment alone"
        return [Finding(Level.OK, "settings", "settings", f"read from {read}"), *settings.findings]

    @property
    def _protects(self) -> bool:
        return bool(self._settings.mongodb.uri or self._settings.files.paths)

    def _configuration(self) -> list[Finding]:
        paths = self._settings.config.paths
        if paths:
            return trees.check_trees(paths)
        message = "no configuration is backed up: without .env and the like the application does not start again"
        hint = 'put `paths = ["/srv/shop/.env"]` under [config] in lifeboat.toml'
        return [Finding(Level.WARNING, "config-not-set-up", "configuration", message, hint)]

    def _space(self) -> list[Finding]:
        settings, place = self._settings, self._settings.need_repository()
        findings = places.check_room(settings.state, 0, "this machine's memory")
        if isinstance(place, Path):
            stored = sum(self._last_bytes(source) for source in Source)
            findings += places.check_room(place, stored, "the repository: a new month stores everything anew")
        if settings.files.paths:
            root = settings.files.paths[0]
            findings += places.check_room(
                root.parent, self._last_bytes(Source.FILES), "for files restored beside the live ones"
            )
        return findings

    def _connection(self) -> list[Finding]:
        uri = self._settings.need_mongodb()
        try:
            self._client, self._databases = build_client(self._settings)
            self._stack.enter_context(self._client)
        except DatabasePasswordWrong as error:
            self._refused = error  # It answered; that it does not let us in is the next check's.
        return [Finding(Level.OK, "connection", address_of(uri), "answers")]

    def _sign_in(self) -> list[Finding]:
        if self._refused is not None:
            raise self._refused
        client = self._need_client()
        self._facts = look_at_server(client)
        return database.check_sign_in(client, address_of(self._settings.need_mongodb()))

    def _rights_to_back_up(self) -> list[Finding]:
        """By asking what is granted, and by beginning a backup without reading a document."""
        client, databases = self._need_client(), self._databases_meant()
        told = database.check_rights(client, databases, "backup")
        if any(one.level is Level.PROBLEM for one in told):
            return told
        _, findings = preflight(client, databases, clock=self._clock)
        has_own_check = ("not-one-instant", "version-untried")
        return [*told, *(one for one in findings if one.code not in has_own_check)]

    def _store(self) -> ObjectStore:
        return build_store(self._settings, self._clock)

    def _repository(self) -> Repository:
        if self._opened is None:
            self._opened = build_repository(self._settings, self._clock)
        return self._opened

    def _need_client(self) -> Client:
        assert self._client is not None  # every check that asks comes after "connection" and "sign-in"
        return self._client

    def _need_facts(self) -> ServerFacts:
        assert self._facts is not None
        return self._facts

    def _databases_meant(self) -> list[str] | None:
        return self._databases

    def _last(self, what: str) -> float | None:
        """What the last backup of the database on this machine was measured at."""
        if self._opened is None:
            return None
        found = (self._opened.state.read_json(f"last-{Source.MONGODB}.json") or {}).get(what)
        return float(found) if isinstance(found, int | float) else None

    def _last_bytes(self, source: Source) -> int:
        if self._opened is None:
            return 0
        found = (self._opened.state.read_json(f"last-{source}.json") or {}).get("bytes")
        return found if isinstance(found, int) else 0


def _sources_set_up(settings: Settings) -> list[str]:
    return [str(SOURCES[name]) for name in set_up(settings)]
