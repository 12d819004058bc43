"""``lifeboat.toml``: what it may say, and what is said when it says something else.

Limits: strict, nothing is guessed or converted; an unknown name is an error, because a misspelt ``exclude`` would
otherwise be noticed on the bad day.

Invariant: the file holds no secret, only references to one (``env:NAME``, ``file:/path``), and no message repeats a
value from it.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lifeboat.app.drill_settings import DrillSettings
from lifeboat.app.settings import HOUR_SECONDS, PROVED_SECONDS, RTO_SECONDS, passwords_in_uri
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.near_names import did_you_mean
from lifeboat.repository.names import is_label
from lifeboat.retention.rules import Rules
from lifeboat.services.alerts.thresholds import Thresholds

_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)\b", re.IGNORECASE)
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+")
MOST_THREADS = 64
LONGEST_SPAN = 80
"""Characters of a span of time."""
MOST_SECONDS = 1e10
"""More than three hundred years: no date can be computed with much more."""


class SettingsFileInvalid(SettingsError):
    """``lifeboat.toml`` or ``.env`` cannot be read, or says something that is not allowed."""

    code = "settings-file-invalid"


class SecretInTheClear(SettingsError):
    """A secret stands in ``lifeboat.toml`` itself, which is made to be shared and versioned."""

    code = "secret-in-the-clear"


def read_span(text: object) -> object:
    """Seconds of ``"1h"``, ``"90 min"``, ``"1d 12h"``; what is no text is left for the type check."""
    if not isinstance(text, str):
        return text
    # Many digits without a unit would be looked at from each of them on.
    parts = _SPAN.findall(text) if len(text) <= LONGEST_SPAN else []
    if not parts or _SPAN.sub("", text).strip():
        raise ValueError('a span of time is written like "30min", "1h" or "1d 12h"')
    seconds = sum(float(number) * _UNIT_SECONDS[unit[0].lower()] for number, unit in parts)
    if not 0 < seconds <= MOST_SECONDS:
        raise ValueError("a span of time is longer than nothing and shorter than three hundred years")
    return seconds


def _only_a_reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise ValueError("secret in the clear")
    return text


def _uri_without_password(text: str) -> str:
    if not _REFERENCE.fullmatch(text) and (passwords_in_uri(text) or "://" not in text):
        raise ValueError("secret in the clear")
    return text


def _one_name(text: str) -> str:
    if not is_label(text):
        raise ValueError("a label is a name of at most 64 letters, digits, dots, dashes and spaces")
    return text


def read_address(text: str) -> tuple[str, int] | None:
    """``127.0.0.1:8765``, ``[::1]:8765``; None of ``off``. Raises ``ValueError``."""
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError('an address to listen on is written like "127.0.0.1:8765"; "off" for none')
    return host, int(port)


def _address(text: str) -> str:
    read_address(text)
    return text


def _account(text: str) -> str:
    if not re.fullmatch(r"\d{12}", text):
        raise ValueError("an AWS account is a number of twelve digits, in quotes")
    return text


def _person(text: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:(user|role)/.+", text):
        raise ValueError("a user or role of IAM is meant: arn:aws:iam::123456789012:role/NAME")
    return text


def _replica_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", text):
        raise ValueError("a replica's name has at most 40 letters, digits and dashes: riyadh")
    return text


Count = Annotated[int, Field(ge=0, le=100_000)]
Span = Annotated[float, BeforeValidator(read_span)]
Reference = Annotated[str, AfterValidator(_only_a_reference)]


class Table(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class RepositoryTable(Table):
    location: str | None = None
    endpoint: str | None = None
    region: str | None = None
    checksums: Literal["when_required", "when_supported"] = "when_required"
    label: Annotated[str, AfterValidator(_one_name)] | None = None
    key: Reference | None = None
    recipients: list[str] = []
    access_key_id: Reference | None = None
    secret_access_key: Reference | None = None
    session_token: Reference | None = None


class MongodbTable(Table):
    uri: Annotated[str, AfterValidator(_uri_without_password)] | None = None
    databases: list[str] = []


class FilesTable(Table):
    paths: list[str] = []
    include: list[str] = []
    exclude: list[str] = []
    one_filesystem: bool = False


class ConfigTable(Table):
    paths: list[str] | None = None


class ObjectivesTable(Table):
    db: Span = HOUR_SECONDS
    files: Span = 24 * HOUR_SECONDS
    config: Span = 24 * HOUR_SECONDS
    proved: Span = PROVED_SECONDS
    rto: Span = RTO_SECONDS


class LimitsTable(Table):
    threads: Annotated[int, Field(ge=1, le=MOST_THREADS)] | None = None
    compression_level: Annotated[int, Field(ge=1, le=19)] = 3


class StreamTable(Table):
    every: Annotated[int, Field(ge=1, le=HOUR_SECONDS)] = 30
    outage_hours: Annotated[float, Field(gt=0, le=24 * 366, strict=False)] = 24.0


class ServeJobsTable(Table):
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


class ServeTable(Table):
    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8765"
    timezone: str = ""
    stream: bool = True
    jitter: bool = True
    hosts: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")]] = []
    jobs: ServeJobsTable = Field(default_factory=ServeJobsTable.model_construct)


class LogTable(Table):
    form: Literal["json", "console"] | None = None


class RetentionTable(Table):
    hourly: Count = Rules().hourly
    daily: Count = Rules().daily
    weekly: Count = Rules().weekly
    monthly: Count = Rules().monthly
    yearly: Count = Rules().yearly
    window_days: Annotated[int, Field(ge=1, le=3_650)] = Rules().window_days


class NotifyTable(Table):
    email: list[str] = []
    webhook: Reference | None = None
    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    smtp_security: Literal["starttls", "tls", "none"] | None = None
    smtp_user: str | None = None
    smtp_password: Reference | None = None
    smtp_from: str | None = None
    sns_topic: str | None = None
    apprise: list[Reference] = []
    healthchecks: dict[str, Reference] = {}


def _time_of_day(text: str) -> str:
    hour, colon, minute = text.partition(":")
    if not (colon and hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise ValueError('a time of day is written like "22:00"')
    return text


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


class AlertsTable(Table):
    """When an alert is raised, and the hours in which only critical ones are told."""

    newest: Span = Thresholds().newest_seconds
    archive_lag: Span = Thresholds().archive_lag_seconds
    verify: Span = Thresholds().verify_seconds
    rehearsal: Span = Thresholds().rehearsal_seconds
    replica: Span = Thresholds().replica_seconds
    growth_factor: Annotated[float, Field(gt=1, le=1000, strict=False)] = Thresholds().growth_factor
    cost_month: Annotated[float, Field(gt=0, strict=False)] = Thresholds().cost_month
    disk_free_percent: Annotated[float, Field(gt=0, lt=100, strict=False)] = 100 * Thresholds().disk_free_share
    quiet_from: TimeOfDay | None = None
    quiet_until: TimeOfDay | None = None
    quiet_zone: str | None = None


class AwsTable(Table):
    """How the bucket is arranged at AWS, and what is watched there."""

    account: Annotated[str, AfterValidator(_account)] | None = None
    log_bucket: str | None = None
    encryption: Literal["aes256", "kms"] = "aes256"
    kms_key: str | None = None
    object_lock: Literal["off", "governance", "compliance"] = "off"
    custodians: list[Annotated[str, AfterValidator(_person)]] = []
    lock_days: Annotated[int, Field(ge=1, le=3650)] = 35
    lifecycle: str = "mission"
    noncurrent_days: Annotated[int, Field(ge=1, le=3650)] = 35
    tags: dict[str, str] = {"app": "lifeboat"}
    cloudwatch: bool = False
    alarm_topic: str | None = None
    retrieval: Literal["bulk", "standard", "expedited"] = "standard"
    prices: str | None = None


class ReplicaTable(Table):
    """A second copy; what is left out is as for the repository."""

    name: Annotated[str, AfterValidator(_replica_name)]
    location: str
    endpoint: str | None = None
    region: str | None = None
    checksums: Literal["when_required", "when_supported"] | None = None
    access_key_id: Reference | None = None
    secret_access_key: Reference | None = None
    session_token: Reference | None = None
    follow_prune: bool = False


class OrganisationTable(Table):
    """Who answers for all this."""

    name: str = ""
    application: str = ""
    systems: list[str] = []


class ContactTable(Table):
    """Somebody who is called."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""
    duties: list[str] = []
    key_holder: bool = False


class ComplianceTable(Table):
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


class _CheckTable(Table):
    name: Annotated[str, Field(min_length=1, max_length=60)]


class CommandCheckTable(_CheckTable):
    kind: Literal["command"]
    argv: Annotated[list[str], Field(min_length=1)]
    cwd: str | None = None
    timeout: Span = 60.0
    expect_exit: int = 0
    expect_text: str = ""


class ServiceCheckTable(_CheckTable):
    kind: Literal["service"]
    argv: Annotated[list[str], Field(min_length=1)]
    ready: str
    cwd: str | None = None
    timeout: Span = 60.0
    expect_status: int = 200


class HttpCheckTable(_CheckTable):
    kind: Literal["http"]
    url: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: dict[str, str] = {}
    secret_headers: dict[str, Reference] = {}
    body: str | None = None
    expect_status: int = 200
    expect_text: str = ""
    expect_json: dict[str, str | int | float | bool] = {}
    allow_host: str = ""
    timeout: Span = 10.0


class SignInCheckTable(_CheckTable):
    kind: Literal["sign-in"]
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
    timeout: Span = 10.0


class QueryCheckTable(_CheckTable):
    kind: Literal["query"]
    collection: Annotated[str, Field(pattern=r"^[^.]+\..+$")]
    filter: str = "{}"
    count: Count | None = None
    at_least: Count | None = None
    at_most: Count | None = None
    timeout: Span = 60.0


class ReferencesCheckTable(_CheckTable):
    kind: Literal["references"]
    collection: Annotated[str, Field(pattern=r"^[^.]+\..+$")]
    field: str
    root: str
    strip: str = ""


CheckTable = Annotated[
    CommandCheckTable | ServiceCheckTable | HttpCheckTable | SignInCheckTable | QueryCheckTable | ReferencesCheckTable,
    Field(discriminator="kind"),
]


class DrillsTable(Table):
    """How drills are made, and how often."""

    to: Annotated[str, AfterValidator(_uri_without_password)] | None = None
    folder: str | None = None
    restore_every: Span = DrillSettings().restore_every_seconds
    full_every: Span = DrillSettings().full_every_seconds
    exercise_every: Span = DrillSettings().exercise_every_seconds
    notify: bool = True
    check: list[CheckTable] = []


class SettingsFile(Table):
    """The whole of ``lifeboat.toml``."""

    repository: RepositoryTable = Field(default_factory=RepositoryTable.model_construct)
    mongodb: MongodbTable = Field(default_factory=MongodbTable.model_construct)
    files: FilesTable = Field(default_factory=FilesTable.model_construct)
    config: ConfigTable = Field(default_factory=ConfigTable.model_construct)
    objectives: ObjectivesTable = Field(default_factory=ObjectivesTable.model_construct)
    limits: LimitsTable = Field(default_factory=LimitsTable.model_construct)
    stream: StreamTable = Field(default_factory=StreamTable.model_construct)
    serve: ServeTable = Field(default_factory=ServeTable.model_construct)
    log: LogTable = Field(default_factory=LogTable.model_construct)
    notify: NotifyTable = Field(default_factory=NotifyTable.model_construct)
    alerts: AlertsTable = Field(default_factory=AlertsTable.model_construct)
    aws: AwsTable = Field(default_factory=AwsTable.model_construct)
    replica: list[ReplicaTable] = []
    organisation: OrganisationTable = Field(default_factory=OrganisationTable.model_construct)
    contact: list[ContactTable] = []
    drills: DrillsTable = Field(default_factory=DrillsTable.model_construct)
    compliance: ComplianceTable = Field(default_factory=ComplianceTable.model_construct)
    retention: RetentionTable = Field(default_factory=RetentionTable.model_construct)


def read_settings_file(path: Path) -> SettingsFile:
    """Read and check the file; every mistake is named by line and setting, with what is allowed there."""
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsFileInvalid(
            f"{path} does not exist", "is the path after --config or in LIFEBOAT_CONFIG right?"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8 text"
        raise SettingsFileInvalid(f"{path} cannot be read: {reason[0].lower()}{reason[1:]}", "is it yours?") from None
    try:
        return SettingsFile.model_validate(_toml(content))
    except tomllib.TOMLDecodeError as error:
        words = str(error).rstrip(".")
        raise SettingsFileInvalid(
            f"{path} is not TOML: {words[0].lower()}{words[1:]}",
            'texts stand in quotes, lists in brackets: paths = ["/srv/uploads"]',
        ) from None
    except RecursionError:
        raise SettingsFileInvalid(f"{path} is nested too deeply", "no setting needs more than two brackets") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    # Outside the handler, so that the pydantic error, which repeats the values, is not chained to ours.
    raise _in_our_words(path, content, dict(first))


def _toml(content: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("It holds a number without end") from None


def check_table(path: Path | None, said: dict[str, Any]) -> NotifyTable:
    """``[notify]`` alone, whatever the rest of the file says."""
    try:
        return NotifyTable.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    first["loc"] = ("notify", *first["loc"])
    content = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""
    raise _in_our_words(path or Path("lifeboat.toml"), content, dict(first))


def _in_our_words(path: Path, content: str, error: dict[str, Any]) -> SettingsError:
    names = [part for part in error["loc"] if isinstance(part, str)]
    setting = ".".join(names)
    line = _find_line(content, names)
    where = f"{path}, line {line}" if line else str(path)
    if "secret in the clear" in error["msg"]:
        return SecretInTheClear(
            f"{where}: {setting} holds a secret in the clear",
            f'say where it is instead: {names[-1]} = "env:NAME" or {names[-1]} = "file:/path"; the default is the '
            "variable of the environment or of .env",
        )
    if error["type"] == "extra_forbidden":
        allowed = _allowed_beside(names)
        question = did_you_mean(names[-1], allowed)
        place = f"[{names[0]}]" if len(names) > 1 else "the file"
        return SettingsFileInvalid(
            f"{where}: {setting} is not a setting", f"{question}{place} takes {', '.join(allowed)}"
        )
    words = error["msg"].removeprefix("Value error, ")
    return SettingsFileInvalid(f"{where}: {setting} cannot be used", f"{words[0].lower()}{words[1:]}")


def _allowed_beside(names: list[str]) -> list[str]:
    if len(names) == 1:
        return list(SettingsFile.model_fields)
    table = SettingsFile.model_fields[names[0]].annotation
    table = next(iter(get_args(table)), table)  # of [[replica]] there may be several
    return list(table.model_fields) if isinstance(table, type) and issubclass(table, BaseModel) else []


def _find_line(content: str, names: list[str]) -> int | None:
    """The line that sets the name, found as a reader would: by its table's heading, then by the name."""
    table: list[str] = []
    for number, line in enumerate(content.splitlines(), 1):
        heading = re.match(r"\s*\[\[?([A-Za-z0-9_.\-\s\"']+)\]", line)
        assignment = re.match(r"\s*([A-Za-z0-9_.\-\"']+)\s*=", line)
        if heading:
            table = [part.strip(" \"'") for part in heading.group(1).split(".")]
            if table == names:
                return number
        elif assignment and table + [part.strip("\"'") for part in assignment.group(1).split(".")] == names:
            return number
    return None
