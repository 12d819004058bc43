"""What ``lifeboat.toml`` may say: its tables, each setting's kind, and what it is when nothing is said.

Strict: nothing is guessed or converted; an unknown name is an error, because a misspelt ``exclude`` would otherwise be noticed on the bad day.
Invariant: the file holds no secret, only references to one (``env:NAME``, ``file:/path``), and no check repeats a value from it.
"""

import re
from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from lifeboat.app.drill_settings import DrillSettings
from lifeboat.app.settings import HOUR_SECONDS, PROVED_SECONDS, RTO_SECONDS, passwords_in_uri
from lifeboat.repository.names import is_label
from lifeboat.retention.rules import Rules
from lifeboat.services.alerts.thresholds import Thresholds

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)\b", re.IGNORECASE)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
MOST_THREADS = 64
IN_THE_CLEAR = "secret in the clear"
LONGEST_SPAN = 80
"""Characters of a span of time."""
MOST_SECONDS = 1e10
"""More than three hundred years: no date can be computed with much more."""


def read_span(text: str) -> float:
    """Seconds of ``"1h"``, ``"90 min"``, ``"1d 12h"``; raises ``ValueError``."""
    # Many digits without a unit would be looked at from each of them on.
    parts = _SPAN.findall(text) if len(text) <= LONGEST_SPAN else []
    if not parts or _SPAN.sub("", text).strip():
        raise ValueError('a span of time is written like "30min", "1h" or "1d 12h"')
    seconds = sum(float(number) * _UNIT_SECONDS[unit[0].lower()] for number, unit in parts)
    if not 0 < seconds <= MOST_SECONDS:
        raise ValueError("a span of time is longer than nothing and shorter than three hundred years")
    return seconds


def _only_a_reference(text: str) -> None:
    if not _REFERENCE.fullmatch(text):
        raise ValueError(IN_THE_CLEAR)


def _uri_without_password(text: str) -> None:
    if not _REFERENCE.fullmatch(text) and (passwords_in_uri(text) or "://" not in text):
        raise ValueError(IN_THE_CLEAR)


def _one_name(text: str) -> None:
    if not is_label(text):
        raise ValueError("a label is a name of at most 64 letters, digits, dots, dashes and spaces")


def read_address(text: str) -> tuple[str, int] | None:
    """``127.0.0.1:8765``, ``[::1]:8765``; None of ``off``. Raises ``ValueError``."""
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError('an address to listen on is written like "127.0.0.1:8765"; "off" for none')
    return host, int(port)


def _account(text: str) -> None:
    if not re.fullmatch(r"\d{12}", text):
        raise ValueError("an AWS account is a number of twelve digits, in quotes")


def _person(text: str) -> None:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:(user|role)/.+", text):
        raise ValueError("a user or role of IAM is meant: arn:aws:iam::123456789012:role/NAME")


def _replica_name(text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", text):
        raise ValueError("a replica's name has at most 40 letters, digits and dashes: riyadh")


def _time_of_day(text: str) -> None:
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise ValueError('a time of day is written like "22:00"')


class Text(str):
    """A text of which not every form is allowed."""

    check: Callable[[str], object]
    """Raises ``ValueError``."""


class Reference(Text):
    """``env:NAME`` or ``file:/path``: where a secret is."""

    check = staticmethod(_only_a_reference)


class Uri(Text):
    """A reference, or a URI without a password."""

    check = staticmethod(_uri_without_password)


class Label(Text):
    check = staticmethod(_one_name)


class Address(Text):
    """To listen on, or ``off``."""

    check = staticmethod(read_address)


class TimeOfDay(Text):
    check = staticmethod(_time_of_day)


class Account(Text):
    check = staticmethod(_account)


class Person(Text):
    check = staticmethod(_person)


class ReplicaName(Text):
    check = staticmethod(_replica_name)


class Span(float):
    """Seconds, written as a span of time or as a number."""


def read_special(kind: type, said: object) -> object:
    """A value of one of the kinds above, for msgspec; raises ``ValueError`` with what is expected, never with what was said."""
    if issubclass(kind, Span):
        if isinstance(said, str):
            return Span(read_span(said))
        if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= MOST_SECONDS:
            raise ValueError('a span of time is a text like "30min", "1h" or "1d 12h", or a number of seconds')
        return Span(said)
    if not issubclass(kind, Text):
        raise NotImplementedError(kind)
    if not isinstance(said, str):
        raise ValueError("a text in quotes is expected")
    kind.check(said)
    return kind(said)


Count = Annotated[int, Meta(ge=0, le=100_000)]


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file."""


class RepositoryTable(Table, frozen=True):
    location: str | None = None
    endpoint: str | None = None
    region: str | None = None
    checksums: Literal["when_required", "when_supported"] = "when_required"
    label: Label | None = None
    key: Reference | None = None
    recipients: list[str] = []
    access_key_id: Reference | None = None
    secret_access_key: Reference | None = None
    session_token: Reference | None = None


class MongodbTable(Table, frozen=True):
    uri: Uri | None = None
    databases: list[str] = []


class FilesTable(Table, frozen=True):
    paths: list[str] = []
    include: list[str] = []
    exclude: list[str] = []
    one_filesystem: bool = False


class ConfigTable(Table, frozen=True):
    paths: list[str] | None = None


class ObjectivesTable(Table, frozen=True):
    db: Span = Span(HOUR_SECONDS)
    files: Span = Span(24 * HOUR_SECONDS)
    config: Span = Span(24 * HOUR_SECONDS)
    proved: Span = Span(PROVED_SECONDS)
    rto: Span = Span(RTO_SECONDS)


class LimitsTable(Table, frozen=True):
    threads: Annotated[int, Meta(ge=1, le=MOST_THREADS)] | None = None
    compression_level: Annotated[int, Meta(ge=1, le=19)] = 3


class StreamTable(Table, frozen=True):
    every: Annotated[int, Meta(ge=1, le=HOUR_SECONDS)] = 30
    outage_hours: Annotated[float, Meta(gt=0, le=24 * 366)] = 24.0


class ServeJobsTable(Table, frozen=True):
    """Times: five fields of cron, ``every 15m``, or ``off``; read when ``serve`` starts."""

    db: str | None = None
    files: str | None = None
    config: str | None = None
    all: str | None = None
    age: str | None = None
    verify: str | None = None
    scrub: str | None = None
    prune: str | None = None
    carry: str | None = None
    replicate: str | None = None
    drill: str | None = None


class ServeTable(Table, frozen=True):
    listen: Address = Address("127.0.0.1:8765")
    timezone: str = ""
    stream: bool = True
    jitter: bool = True
    hosts: list[Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]] = []
    jobs: ServeJobsTable = field(default_factory=ServeJobsTable)


class LogTable(Table, frozen=True):
    form: Literal["json", "console"] | None = None


class RetentionTable(Table, frozen=True):
    hourly: Count = Rules().hourly
    daily: Count = Rules().daily
    weekly: Count = Rules().weekly
    monthly: Count = Rules().monthly
    yearly: Count = Rules().yearly
    window_days: Annotated[int, Meta(ge=1, le=3_650)] = Rules().window_days


class NotifyTable(Table, frozen=True):
    email: list[str] = []
    webhook: Reference | None = None
    smtp_host: str | None = None
    smtp_port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    smtp_security: Literal["starttls", "tls", "none"] | None = None
    smtp_user: str | None = None
    smtp_password: Reference | None = None
    smtp_from: str | None = None
    sns_topic: str | None = None
    apprise: list[Reference] = []
    healthchecks: dict[str, Reference] = {}


class AlertsTable(Table, frozen=True):
    """When an alert is raised, and the hours in which only critical ones are told."""

    newest: Span = Span(Thresholds().newest_seconds)
    archive_lag: Span = Span(Thresholds().archive_lag_seconds)
    verify: Span = Span(Thresholds().verify_seconds)
    rehearsal: Span = Span(Thresholds().rehearsal_seconds)
    replica: Span = Span(Thresholds().replica_seconds)
    growth_factor: Annotated[float, Meta(gt=1, le=1000)] = Thresholds().growth_factor
    cost_month: Annotated[float, Meta(gt=0)] = Thresholds().cost_month
    disk_free_percent: Annotated[float, Meta(gt=0, lt=100)] = 100 * Thresholds().disk_free_share
    quiet_from: TimeOfDay | None = None
    quiet_until: TimeOfDay | None = None
    quiet_zone: str | None = None


class AwsTable(Table, frozen=True):
    """How the bucket is arranged at AWS, and what is watched there."""

    account: Account | None = None
    log_bucket: str | None = None
    encryption: Literal["aes256", "kms"] = "aes256"
    kms_key: str | None = None
    object_lock: Literal["off", "governance", "compliance"] = "off"
    custodians: list[Person] = []
    lock_days: Annotated[int, Meta(ge=1, le=3650)] = 35
    lifecycle: str = "mission"
    noncurrent_days: Annotated[int, Meta(ge=1, le=3650)] = 35
    tags: dict[str, str] = field(default_factory=lambda: {"app": "lifeboat"})
    cloudwatch: bool = False
    alarm_topic: str | None = None
    retrieval: Literal["bulk", "standard", "expedited"] = "standard"
    prices: str | None = None


class ReplicaTable(Table, frozen=True):
    """A second copy; what is left out is as for the repository."""

    name: ReplicaName
    location: str
    endpoint: str | None = None
    region: str | None = None
    checksums: Literal["when_required", "when_supported"] | None = None
    access_key_id: Reference | None = None
    secret_access_key: Reference | None = None
    session_token: Reference | None = None
    follow_prune: bool = False


class OrganisationTable(Table, frozen=True):
    """Who answers for all this."""

    name: str = ""
    application: str = ""
    systems: list[str] = []


class ContactTable(Table, frozen=True):
    """Somebody who is called."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""
    duties: list[str] = []
    key_holder: bool = False


class ComplianceTable(Table, frozen=True):
    """What only people can say about the processing."""

    controller: str = ""
    data_protection_officer: str = ""
    purposes: list[str] = []
    data_categories: list[str] = []
    data_subjects: list[str] = []
    recipients: list[str] = []
    transfers: list[str] = []
    legal_basis: str = ""
    impact_assessment: str = ""
    retention_reason: str = ""


class _CheckTable(Table, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=60)]


class CommandCheckTable(_CheckTable, frozen=True, tag="command", tag_field="kind"):
    argv: Annotated[list[str], Meta(min_length=1)]
    cwd: str | None = None
    timeout: Span = Span(60.0)
    expect_exit: int = 0
    expect_text: str = ""


class ServiceCheckTable(_CheckTable, frozen=True, tag="service", tag_field="kind"):
    argv: Annotated[list[str], Meta(min_length=1)]
    ready: str
    cwd: str | None = None
    timeout: Span = Span(60.0)
    expect_status: int = 200


class HttpCheckTable(_CheckTable, frozen=True, tag="http", tag_field="kind"):
    url: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: dict[str, str] = {}
    secret_headers: dict[str, Reference] = {}
    body: str | None = None
    expect_status: int = 200
    expect_text: str = ""
    expect_json: dict[str, str | int | float | bool] = {}
    allow_host: str = ""
    timeout: Span = Span(10.0)


class SignInCheckTable(_CheckTable, frozen=True, tag="sign-in", tag_field="kind"):
    url: str
    user: str
    password: Reference
    form: bool = False
    user_field: str = "email"
    password_field: str = "password"
    expect_status: int = 200
    token_field: str = ""
    then_url: str = ""
    then_status: int = 200
    allow_host: str = ""
    timeout: Span = Span(10.0)


class QueryCheckTable(_CheckTable, frozen=True, tag="query", tag_field="kind"):
    collection: Annotated[str, Meta(pattern=r"^[^.]+\..+$")]
    filter: str = "{}"
    count: Count | None = None
    at_least: Count | None = None
    at_most: Count | None = None
    timeout: Span = Span(60.0)


class ReferencesCheckTable(_CheckTable, frozen=True, tag="references", tag_field="kind"):
    collection: Annotated[str, Meta(pattern=r"^[^.]+\..+$")]
    field: str
    root: str
    strip: str = ""


CheckTable = (
    CommandCheckTable | ServiceCheckTable | HttpCheckTable | SignInCheckTable | QueryCheckTable | ReferencesCheckTable
)


class DrillsTable(Table, frozen=True):
    """How drills are made, and how often."""

    to: Uri | None = None
    folder: str | None = None
    restore_every: Span = Span(DrillSettings().restore_every_seconds)
    full_every: Span = Span(DrillSettings().full_every_seconds)
    exercise_every: Span = Span(DrillSettings().exercise_every_seconds)
    notify: bool = True
    check: list[CheckTable] = []


class SettingsFile(Table, frozen=True):
    """The whole of ``lifeboat.toml``."""

    repository: RepositoryTable = field(default_factory=RepositoryTable)
    mongodb: MongodbTable = field(default_factory=MongodbTable)
    files: FilesTable = field(default_factory=FilesTable)
    config: ConfigTable = field(default_factory=ConfigTable)
    objectives: ObjectivesTable = field(default_factory=ObjectivesTable)
    limits: LimitsTable = field(default_factory=LimitsTable)
    stream: StreamTable = field(default_factory=StreamTable)
    serve: ServeTable = field(default_factory=ServeTable)
    log: LogTable = field(default_factory=LogTable)
    notify: NotifyTable = field(default_factory=NotifyTable)
    alerts: AlertsTable = field(default_factory=AlertsTable)
    aws: AwsTable = field(default_factory=AwsTable)
    replica: list[ReplicaTable] = []
    organisation: OrganisationTable = field(default_factory=OrganisationTable)
    contact: list[ContactTable] = []
    drills: DrillsTable = field(default_factory=DrillsTable)
    compliance: ComplianceTable = field(default_factory=ComplianceTable)
    retention: RetentionTable = field(default_factory=RetentionTable)
