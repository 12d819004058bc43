"""What Lifeboat was told, read and checked: the one object everything is built from.

Where it comes from stands in ``read_settings.py``; here is only what it is. Nothing in it changes after it was made.

Invariant: every value that must not be seen is a ``Secret``, and ``hidden_texts`` knows all of them.
"""

from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from lifeboat.app.aws_settings import AwsSettings
from lifeboat.app.compliance_settings import ComplianceSettings
from lifeboat.app.drill_settings import DrillSettings
from lifeboat.app.notify_settings import NotifySettings
from lifeboat.app.organisation_settings import OrganisationSettings
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value, field
from lifeboat.repository.errors import KeyMissing
from lifeboat.retention.rules import Rules
from lifeboat.services.alerts.quiet import QuietHours
from lifeboat.services.alerts.thresholds import Thresholds

ChecksumMode = Literal["when_required", "when_supported"]

HOUR_SECONDS = 3600
PROVED_SECONDS = 8 * 24 * HOUR_SECONDS
"""A weekly verify that is a day late still keeps it."""
RTO_SECONDS = 4 * HOUR_SECONDS
"""The mission's: everything is back within four hours."""
IDENTITY_FILE = "identity.key"
"""In the state folder: the key that ``init`` made, used when nothing else names one."""


class SettingMissing(SettingsError):
    """A command needs something that was never said."""

    code = "setting-missing"


class S3Location(Value):
    """A prefix in a bucket; the prefix has no slash at either end and may be empty."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


class RepositorySettings(Value):
    """Where the copies lie, and how that place is entered."""

    location: S3Location | Path | None = None
    """A bucket, or an absolute folder."""
    endpoint_url: str | None = None
    region: str | None = None
    checksum_mode: ChecksumMode = "when_required"
    access_key_id: Secret | None = None
    """None together with the secret: look where AWS tools look (profile, role of the machine)."""
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    secret_from: str = ""
    """Where the secret was found, for messages; empty where none is set."""
    label: str | None = None
    """What this installation is called; None: as its host, whose name alone says less (see ``build.machine``)."""
    recipients: tuple[str, ...] = ()
    """Public keys, besides the key's own, that every backup is sealed for."""


class ReplicaSettings(Value):
    """A second copy. Args: place: where it lies and how that is entered; what was not said is as for the repository."""

    name: str
    place: RepositorySettings
    follow_prune: bool = False
    """Every run also removes what prune has removed from the repository."""
    trouble: SettingsError | None = None
    """Why it cannot be used from here."""


class MongodbSettings(Value):
    """The database to protect."""

    uri: Secret | None = None
    databases: tuple[str, ...] = ()
    """Empty: the one the URI names, else all but ``admin``, ``local`` and ``config``."""


class FilesSettings(Value):
    """The uploads to protect."""

    paths: tuple[Path, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    one_filesystem: bool = False


class ConfigSettings(Value):
    """The configuration to protect: ``.env`` and the like."""

    paths: tuple[Path, ...] = ()


class Objectives(Value):
    """How much may be lost at most (the age the newest snapshot of each source may reach), and how long it may take to be back."""

    db_seconds: float = HOUR_SECONDS
    files_seconds: float = 24 * HOUR_SECONDS
    config_seconds: float = 24 * HOUR_SECONDS
    proved_seconds: float = PROVED_SECONDS
    """The age that the newest proved snapshot of each source may reach before ``status`` warns."""
    rto_seconds: float = RTO_SECONDS
    """How long it may take, from the disaster until everything works again."""


class StreamSettings(Value):
    """The continuous archive."""

    every_seconds: float = 30.0
    """A change is on its way to the store so long after it was made; ``--every`` says another."""
    outage_seconds: float = 24 * HOUR_SECONDS
    """The longest outage of this machine or of the store that the server's oplog should bridge."""


class ServeSettings(Value):
    """What ``lifeboat serve`` runs when, and where it answers."""

    listen: tuple[str, int] | None = ("127.0.0.1", 8765)
    """Address and port of health, metrics and dashboard; None: nowhere."""
    timezone: str = ""
    """Whose clock the jobs' times are of; empty: this machine's."""
    stream: bool = True
    jitter: bool = True
    hosts: tuple[str, ...] = ()
    """Names by which browsers may call it, besides its address: that of a reverse proxy."""
    jobs: tuple[tuple[str, str], ...] = ()
    """Job to its time, where it is not the default: five fields of cron, ``every 15m``, or ``off``."""


class AlertSettings(Value):
    """When an alert is raised, and the hours in which only critical ones are told."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    quiet: QuietHours = field(default_factory=QuietHours)


class Limits(Value):
    """How hard this machine may be used."""

    threads: int | None = None
    """None: as many as there are cores, within what the memory limit allows."""
    compression_level: int = 3


class Settings(Value):
    """Everything Lifeboat was told; the ``need_`` methods turn what is unset into a sentence that says what to set."""

    state: Path
    repository: RepositorySettings = field(default_factory=RepositorySettings)
    mongodb: MongodbSettings = field(default_factory=MongodbSettings)
    files: FilesSettings = field(default_factory=FilesSettings)
    config: ConfigSettings = field(default_factory=ConfigSettings)
    objectives: Objectives = field(default_factory=Objectives)
    limits: Limits = field(default_factory=Limits)
    stream: StreamSettings = field(default_factory=StreamSettings)
    serve: ServeSettings = field(default_factory=ServeSettings)
    retention: Rules = field(default_factory=Rules)
    """How many snapshots are kept; `prune` removes the others."""
    key: Secret | None = None
    """Text of the shared key or of an identity, not yet parsed."""
    key_from: str = ""
    """Where the key was found, for messages: ``"BACKUP_ENCRYPTION_KEY in .env, line 5"``."""
    notify: NotifySettings = field(default_factory=NotifySettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    aws: AwsSettings = field(default_factory=AwsSettings)
    replicas: tuple[ReplicaSettings, ...] = ()
    """Second copies, elsewhere."""
    drills: DrillSettings = field(default_factory=DrillSettings)
    organisation: OrganisationSettings = field(default_factory=OrganisationSettings)
    compliance: ComplianceSettings = field(default_factory=ComplianceSettings)
    as_replica: str | None = None
    """The replica that ``repository`` now stands for; None: the repository itself is meant."""
    folder: Path = Path()
    """In which the command was called."""
    mongod: str | None = None
    """The mongod program for demo and drills; None looks on PATH and in this Python."""
    log_form: str | None = None
    """How what is said beside results is written for a log collector: ``json``, ``console``; None: as for people."""
    files_read: tuple[Path, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What is doubtful about the settings themselves; ``doctor`` shows it."""

    @property
    def identity_file(self) -> Path:
        return self.state / IDENTITY_FILE

    def need_repository(self) -> S3Location | Path:
        if self.repository.location is None:
            raise SettingMissing(
                "no repository is named",
                "set S3_BACKUP_BUCKET=my-backups, or LIFEBOAT_REPOSITORY=s3://bucket/prefix or a folder, "
                "in .env; or run `lifeboat init`, which asks",
            )
        return self.repository.location

    def need_mongodb(self) -> Secret:
        if self.mongodb.uri is None:
            raise SettingMissing(
                "no database is named", "set MONGODB_URI=mongodb://user:password@host/database in .env"
            )
        return self.mongodb.uri

    def need_files(self) -> FilesSettings:
        if not self.files.paths:
            raise SettingMissing(
                "no folder of uploaded files is named",
                'set UPLOADS_DIR=/path/to/uploads in .env, or paths = ["/path"] under [files] in lifeboat.toml',
            )
        return self.files

    def need_config(self) -> ConfigSettings:
        if not self.config.paths:
            raise SettingMissing(
                "no configuration file is named, and neither .env nor lifeboat.toml exists here",
                'run it in the application\'s folder, or set paths = ["/path/.env"] under [config] in lifeboat.toml',
            )
        return self.config

    def need_key(self) -> Secret:
        if self.key is None:
            raise KeyMissing(
                "no key is named, so nothing stored can be read",
                "set BACKUP_ENCRYPTION_KEY, or LIFEBOAT_KEY_FILE=/path/of/the/key; where was it stored after "
                "`lifeboat init`?",
            )
        return self.key

    def hidden_texts(self) -> tuple[str, ...]:
        """Every text that no output may contain, longest first; only scrubbing needs it."""
        repository = self.repository
        secrets = (
            repository.access_key_id,
            repository.secret_access_key,
            repository.session_token,
            self.mongodb.uri,
            self.key,
            *(
                secret
                for one in self.replicas
                for secret in (one.place.access_key_id, one.place.secret_access_key, one.place.session_token)
            ),
        )
        texts = (
            {secret.reveal() for secret in secrets if secret} | self.notify.hidden_texts() | self.drills.hidden_texts()
        )
        if self.mongodb.uri:
            texts |= set(passwords_in_uri(self.mongodb.uri.reveal()))
        return tuple(sorted((text for text in texts if text), key=len, reverse=True))


def passwords_in_uri(uri: str) -> tuple[str, ...]:
    """The password of a connection string as it stands in it and as it really is; empty if it has none."""
    _, separator, rest = uri.partition("://")
    user_and_password, at, _ = rest.partition("/")[0].rpartition("@")
    if not at:  # An unescaped slash in the password hides the at-sign from the line above.
        user_and_password, at, _ = rest.partition("?")[0].rpartition("@")
    password = user_and_password.partition(":")[2]
    if not (separator and at and password):
        return ()
    return tuple(dict.fromkeys((password, unquote(password))))
