"""Gather the settings: defaults, then ``lifeboat.toml``, then ``.env`` in the working folder, then the environment.

Each later source wins, name by name; an empty variable counts as unset. ``LIFEBOAT_REPOSITORY`` wins over
``S3_BACKUP_BUCKET`` wherever each stands. A relative path is meant from the folder of the file that says it.

Limits: nothing is connected to and no key is parsed; that is for whoever uses them.
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lifeboat.app.dotenv import read_dotenv
from lifeboat.app.private_files import read_private_file
from lifeboat.app.read_aws import read_aws
from lifeboat.app.settings import (
    HOUR_SECONDS,
    IDENTITY_FILE,
    AlertSettings,
    ConfigSettings,
    FilesSettings,
    Limits,
    MongodbSettings,
    Objectives,
    RepositorySettings,
    S3Location,
    ServeSettings,
    Settings,
    StreamSettings,
)
from lifeboat.app.settings_file import (
    AlertsTable,
    ServeTable,
    SettingsFile,
    SettingsFileInvalid,
    read_address,
    read_settings_file,
)
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.secret import Secret
from lifeboat.repository.names import is_label
from lifeboat.retention.rules import Rules
from lifeboat.services.alerts.facts import Thresholds
from lifeboat.services.alerts.quiet import QuietHours

SECRET_NAMES = (
    *("MONGODB_URI", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "BACKUP_ENCRYPTION_KEY"),
    *("LIFEBOAT_SMTP_PASSWORD", "LIFEBOAT_NOTIFY_WEBHOOK"),
)
NAMES = (
    *SECRET_NAMES,
    "AWS_ACCESS_KEY_ID",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "S3_BACKUP_BUCKET",
    "UPLOADS_DIR",
    "LIFEBOAT_REPOSITORY",
    "LIFEBOAT_KEY_FILE",
    "LIFEBOAT_LABEL",
    "LIFEBOAT_STATE",
    "LIFEBOAT_LOG",
    "LIFEBOAT_MONGOD",
    "LIFEBOAT_CONFIG",
    "LIFEBOAT_NOTIFY_EMAIL",
    "LIFEBOAT_SMTP_HOST",
    "LIFEBOAT_SMTP_PORT",
    "LIFEBOAT_SMTP_SECURITY",
    "LIFEBOAT_SMTP_USER",
    "LIFEBOAT_SMTP_FROM",
)
SYSTEM_FILE = Path("/etc/lifeboat/lifeboat.toml")
DOTENV = ".env"
SETTINGS_FILE = "lifeboat.toml"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class RepositoryNameInvalid(SettingsError):
    """The repository's address is neither ``s3://bucket/prefix`` nor a folder."""

    code = "repository-name-invalid"


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """One variable that was set, and where."""

    text: str
    where: str
    layer: int
    """0 the file ``.env``, 1 the environment, which wins."""


class Variables:
    """The environment over ``.env``; empty ones are as good as unset.

    Args:
        forgiving: Pass over what is wrong in ``.env`` instead of refusing it.
    """

    def __init__(self, environment: Mapping[str, str], dotenv: Path, *, forgiving: bool = False) -> None:
        self._given: dict[str, Given] = {}
        self._environment = environment
        self._in_file: set[str] = set()
        try:
            content = _read_text_if_there(dotenv) or ""
        except SettingsFileInvalid:
            if not forgiving:
                raise
            content = ""
        if content:
            for name, value in read_dotenv(content, () if forgiving else NAMES, dotenv.name).items():
                if value.text.strip():
                    self._in_file.add(name)
                    self._given[name] = Given(value.text.strip(), f"{name} in {dotenv.name}, line {value.line}", 0)
        for name, text in environment.items():
            if text.strip():
                self._given[name] = Given(text.strip(), f"{name} in the environment", 1)

    def find(self, *names: str) -> Given | None:
        """The first of the names that is set."""
        return next((self._given[name] for name in names if name in self._given), None)

    def text(self, *names: str) -> str | None:
        found = self.find(*names)
        return found.text if found else None

    def only_in_the_environment(self, names: Iterable[str]) -> dict[str, str]:
        """Those of the names that the environment sets, and no file does: gone when somebody else runs us."""
        given = {name: self._given[name] for name in names if name in self._given and name not in self._in_file}
        return {name: one.text for name, one in given.items()}

    def secret(self, *names: str) -> Secret | None:
        found = self.find(*names)
        return Secret(found.text) if found else None


def read_settings(config: Path | None, environment: Mapping[str, str], folder: Path) -> Settings:
    """Read everything Lifeboat was told.

    Args:
        config: What ``--config`` names; must then exist.
        environment: The process's variables.
        folder: The working folder, where ``.env`` and ``lifeboat.toml`` are looked for.

    Raises:
        SettingsError: Something said cannot be done; the message names the file, the line or the variable.
    """
    from lifeboat.app.read_notify import read_notify  # it reads the same variables, by itself and forgivingly

    dotenv = folder / DOTENV
    variables = Variables(environment, dotenv)
    path = _find_settings_file(config, variables, folder)
    said = read_settings_file(path) if path else SettingsFile()
    base = path.parent if path else folder
    state = state_folder(variables, folder)
    key, key_from = _find_key(variables, said, state, folder, base)
    read = tuple(one for one in (path, dotenv if dotenv.is_file() else None) if one)
    return Settings(
        state=state,
        repository=_repository(variables, said, folder, base),
        mongodb=MongodbSettings(
            variables.secret("MONGODB_URI") or _follow_uri(said.mongodb.uri, variables, base),
            tuple(said.mongodb.databases),
        ),
        files=_files(variables, said, folder, base),
        config=ConfigSettings(
            tuple(_absolute(one, base) for one in said.config.paths)
            if said.config.paths is not None
            else tuple(one for one in (dotenv, path or folder / SETTINGS_FILE) if one.is_file())
        ),
        objectives=Objectives(
            said.objectives.db, said.objectives.files, said.objectives.config, said.objectives.proved
        ),
        limits=Limits(said.limits.threads, said.limits.compression_level),
        stream=StreamSettings(float(said.stream.every), said.stream.outage_hours * HOUR_SECONDS),
        serve=_serve(said.serve),
        retention=Rules(**said.retention.model_dump()),
        key=key,
        key_from=key_from,
        notify=read_notify(config, environment, folder),
        alerts=_alerts(said.alerts),
        aws=read_aws(said.aws, base),
        folder=folder,
        mongod=variables.text("LIFEBOAT_MONGOD"),
        log_form=_log_form(variables, said),
        files_read=read,
        findings=_doubts(dotenv),
    )


def read_location(text: str, base: Path, where: str) -> S3Location | Path:
    """Read ``s3://bucket/prefix`` or a folder; anything else is refused."""
    if text.startswith("s3://"):
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise RepositoryNameInvalid(
                f"{where} does not name a bucket that can exist",
                "a bucket's name has 3 to 63 lower-case letters, digits, dots and dashes: s3://my-backups/production",
            )
        return S3Location(bucket, "/".join(part for part in prefix.split("/") if part))
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    if scheme and scheme.group(1) != "file":
        raise RepositoryNameInvalid(
            f"{where} starts with {scheme.group(1)}://, which is no place Lifeboat can store in",
            "write s3://bucket/prefix (AWS_ENDPOINT_URL names an S3 that is not Amazon's) or a folder",
        )
    return _absolute(text.removeprefix("file://"), base)


def _repository(variables: Variables, said: SettingsFile, folder: Path, base: Path) -> RepositorySettings:
    table = said.repository
    location: S3Location | Path | None = None
    if named := variables.find("LIFEBOAT_REPOSITORY"):
        location = read_location(named.text, folder, named.where)
    elif bucket := variables.find("S3_BACKUP_BUCKET"):
        location = read_location(f"s3://{bucket.text.removeprefix('s3://')}", folder, bucket.where)
    elif table.location:
        location = read_location(table.location, base, f"repository.location in {SETTINGS_FILE}")
    access = variables.find("AWS_ACCESS_KEY_ID")
    secret = variables.find("AWS_SECRET_ACCESS_KEY")
    token = variables.secret("AWS_SESSION_TOKEN")
    if (access is None) != (secret is None) and table.access_key_id is None:
        lone, other = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")[:: 1 if access else -1]
        raise SettingsError(f"{lone} is set, but {other} is not", "set both, or neither to use the machine's own role")
    return RepositorySettings(
        location=location,
        endpoint_url=_endpoint(variables, said),
        region=variables.text("AWS_REGION", "AWS_DEFAULT_REGION") or table.region,
        checksum_mode=table.checksums,
        access_key_id=Secret(access.text) if access else follow(table.access_key_id, variables, base),
        secret_access_key=Secret(secret.text) if secret else follow(table.secret_access_key, variables, base),
        session_token=token or follow(table.session_token, variables, base),
        secret_from=secret.where if secret else "",
        label=_label(variables) or table.label,
        recipients=tuple(table.recipients),
    )


def _serve(said: ServeTable) -> ServeSettings:
    times = {job: time for job, time in said.jobs.model_dump().items() if time is not None}
    hosts = tuple(name.lower() for name in said.hosts)
    return ServeSettings(
        read_address(said.listen), said.timezone, said.stream, said.jitter, hosts, tuple(times.items())
    )


def _label(variables: Variables) -> str | None:
    named = variables.find("LIFEBOAT_LABEL")
    if named and not is_label(named.text):
        raise SettingsError(
            f"{named.where} is no name for an installation",
            "at most 64 letters, digits, dots, dashes and spaces: LIFEBOAT_LABEL=shop-1",
        )
    return named.text if named else None


def _log_form(variables: Variables, said: SettingsFile) -> str | None:
    named = variables.find("LIFEBOAT_LOG")
    if named is None:
        return said.log.form
    if named.text.lower() not in ("json", "console"):
        raise SettingsFileInvalid(f"{named.where} is neither json nor console", "LIFEBOAT_LOG=json")
    return named.text.lower()


def _endpoint(variables: Variables, said: SettingsFile) -> str | None:
    named = variables.find("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    url = named.text if named else said.repository.endpoint
    where = named.where if named else f"repository.endpoint in {SETTINGS_FILE}"
    if url and (not re.match(r"https?://[^/@\s]+(/|$)", url)):
        raise SettingsError(f"{where} is not the address of a server", "write it like https://s3.example.com:9000")
    return url


def _files(variables: Variables, said: SettingsFile, folder: Path, base: Path) -> FilesSettings:
    uploads = variables.text("UPLOADS_DIR")
    paths = [_absolute(uploads, folder)] if uploads else [_absolute(one, base) for one in said.files.paths]
    return FilesSettings(tuple(paths), tuple(said.files.include), tuple(said.files.exclude), said.files.one_filesystem)


def _find_key(
    variables: Variables, said: SettingsFile, state: Path, folder: Path, base: Path
) -> tuple[Secret | None, str]:
    shared, named = variables.find("BACKUP_ENCRYPTION_KEY"), variables.find("LIFEBOAT_KEY_FILE")
    if shared and named and shared.layer == named.layer:
        raise SettingsError(
            f"two keys are named: {shared.where}, and {named.where}", "which one opens this repository? unset the other"
        )
    if shared and (named is None or shared.layer > named.layer):
        return Secret(shared.text), shared.where
    if named:
        path = _absolute(named.text, folder)
        return read_private_file(path, named.where), f"{path} ({named.where})"
    if said.repository.key:
        return follow(said.repository.key, variables, base), f"repository.key in {SETTINGS_FILE}"
    made_by_init = state / IDENTITY_FILE
    if made_by_init.is_file():
        return read_private_file(made_by_init, "lifeboat init"), str(made_by_init)
    return None, ""


def follow(reference: str | None, variables: Variables, base: Path) -> Secret | None:
    """The secret that ``env:NAME`` or ``file:/path`` stands for."""
    if reference is None:
        return None
    kind, _, rest = reference.partition(":")
    if kind == "file":
        return read_private_file(_absolute(rest.removeprefix("//"), base), SETTINGS_FILE)
    found = variables.secret(rest)
    if found is None:
        raise SettingsError(
            f"{SETTINGS_FILE} says {reference}, but {rest} is set neither in the environment nor in {DOTENV}",
            f"set {rest}",
        )
    return found


def _follow_uri(said: str | None, variables: Variables, base: Path) -> Secret | None:
    if said and not said.startswith(("env:", "file:")):
        return Secret(said)
    return follow(said, variables, base)


def _find_settings_file(config: Path | None, variables: Variables, folder: Path) -> Path | None:
    if config is not None:
        return _absolute(str(config), folder)
    if named := variables.text("LIFEBOAT_CONFIG"):
        return _absolute(named, folder)
    return next((one for one in (folder / SETTINGS_FILE, SYSTEM_FILE) if one.is_file()), None)


def state_folder(variables: Variables, folder: Path) -> Path:
    if named := variables.text("LIFEBOAT_STATE"):
        return _absolute(named, folder)
    home = variables.text("XDG_STATE_HOME")
    return _absolute(home or "~/.local/state", folder) / "lifeboat"


def _absolute(text: str, base: Path) -> Path:
    """The path, with ``~`` and ``..`` resolved by name only: a link is kept as the user named it."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise SettingsError(f"{text} means a home folder, and there is none", "write the path in full") from None
    return Path(os.path.normpath(base / path))


def _read_text_if_there(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsFileInvalid(
            f"{path} cannot be read: {(error.strerror or 'no reason given').lower()}", "is it yours?"
        ) from None


def _alerts(table: AlertsTable) -> AlertSettings:
    thresholds = Thresholds(
        newest_seconds=table.newest,
        archive_lag_seconds=table.archive_lag,
        verify_seconds=table.verify,
        rehearsal_seconds=table.rehearsal,
        growth_factor=table.growth_factor,
        cost_month=table.cost_month,
        disk_free_share=table.disk_free_percent / 100,
    )
    if table.quiet_from is None or table.quiet_until is None:
        return AlertSettings(thresholds)
    try:
        zone = ZoneInfo(table.quiet_zone) if table.quiet_zone else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsFileInvalid(
            f"[alerts] quiet_zone names no time zone: {table.quiet_zone}", 'write it like "Asia/Riyadh"'
        ) from error
    return AlertSettings(thresholds, QuietHours(_minute(table.quiet_from), _minute(table.quiet_until), zone))


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _doubts(dotenv: Path) -> tuple[Finding, ...]:
    try:
        mode = stat.S_IMODE(dotenv.stat().st_mode)
    except OSError:
        return ()
    if not mode & 0o077:
        return ()
    return (
        Finding(
            Level.WARNING,
            "settings-open-to-others",
            str(dotenv),
            f"the file holds secrets and is open to other users of this machine (mode {mode:04o})",
            f"chmod 600 {dotenv}",
        ),
    )
