"""Gather the settings: defaults, then ``lifeboat.toml``, then ``.env`` in the working folder, then the environment.

Each later source wins, name by name (``variables.py``). ``LIFEBOAT_REPOSITORY`` wins over ``S3_BACKUP_BUCKET`` wherever each
stands. A relative path is meant from the folder of the file that says it.

Limits: nothing is connected to and no key is parsed; that is for whoever uses them.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import asdict

from lifeboat.app.private_files import read_private_file
from lifeboat.app.read_alerts import read_alerts
from lifeboat.app.read_aws import read_aws
from lifeboat.app.read_drills import read_compliance, read_drills, read_organisation
from lifeboat.app.read_notify import read_notify
from lifeboat.app.read_serve import read_serve
from lifeboat.app.settings import (
    HOUR_SECONDS,
    IDENTITY_FILE,
    ConfigSettings,
    FilesSettings,
    Limits,
    MongodbSettings,
    Objectives,
    RepositorySettings,
    S3Location,
    Settings,
    StreamSettings,
)
from lifeboat.app.settings_file import SettingsFileInvalid, read_settings_file
from lifeboat.app.settings_tables import SettingsFile
from lifeboat.app.variables import DOTENV, SETTINGS_FILE, SYSTEM_FILE, Variables, absolute_path, follow, state_folder
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.secret import Secret
from lifeboat.repository.names import is_label
from lifeboat.retention.rules import Rules

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class RepositoryNameInvalid(SettingsError):
    """The repository's address is neither ``s3://bucket/prefix`` nor a folder."""

    code = "repository-name-invalid"


def read_settings(config: Path | None, environment: Mapping[str, str], folder: Path) -> Settings:
    """Read everything Lifeboat was told.

    Args:
        config: What ``--config`` names; must then exist.
        environment: The process's variables.
        folder: The working folder, where ``.env`` and ``lifeboat.toml`` are looked for.

    Raises:
        SettingsError: Something said cannot be done; the message names the file, the line or the variable.
    """
    from lifeboat.app.read_replicas import read_replicas  # it reads locations as this does

    dotenv = folder / DOTENV
    variables = Variables(environment, dotenv)
    path = _find_settings_file(config, variables, folder)
    said = read_settings_file(path) if path else SettingsFile()
    base = path.parent if path else folder
    state = state_folder(variables, folder)
    key, key_from = _find_key(variables, said, state, folder, base)
    read = tuple(one for one in (path, dotenv if dotenv.is_file() else None) if one)
    repository = _repository(variables, said, folder, base)
    return Settings(
        state=state,
        repository=repository,
        mongodb=MongodbSettings(
            variables.secret("MONGODB_URI") or _follow_uri(said.mongodb.uri, variables, base),
            tuple(said.mongodb.databases),
        ),
        files=_files(variables, said, folder, base),
        config=ConfigSettings(
            tuple(absolute_path(one, base) for one in said.config.paths)
            if said.config.paths is not None
            else tuple(one for one in (dotenv, path or folder / SETTINGS_FILE) if one.is_file())
        ),
        objectives=Objectives(
            said.objectives.db,
            said.objectives.files,
            said.objectives.config,
            said.objectives.proved,
            said.objectives.rto,
        ),
        limits=Limits(said.limits.threads, said.limits.compression_level),
        stream=StreamSettings(float(said.stream.every), said.stream.outage_hours * HOUR_SECONDS),
        serve=read_serve(said.serve),
        retention=_rules(said),
        key=key,
        key_from=key_from,
        notify=read_notify(config, environment, folder),
        alerts=read_alerts(said.alerts),
        aws=read_aws(said.aws, base),
        drills=read_drills(said.drills, variables, base),
        organisation=read_organisation(said.organisation, said.contact),
        compliance=read_compliance(said.compliance),
        replicas=read_replicas(said.replica, repository, variables, base),
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
    return absolute_path(text.removeprefix("file://"), base)


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


def _rules(said: SettingsFile) -> Rules:
    """What is kept; in a bucket with Object Lock removing only hides for a while."""
    aws = said.aws
    locked = aws.object_lock != "off"
    return Rules(
        **asdict(said.retention),
        lock_days=aws.lock_days,
        locked=locked,
        versions_days=aws.noncurrent_days if locked else None,
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


def check_endpoint(url: str | None, where: str) -> str | None:
    if url and (not re.match(r"https?://[^/@\s]+(/|$)", url)):
        raise SettingsError(f"{where} is not the address of a server", "write it like https://s3.example.com:9000")
    return url


def _endpoint(variables: Variables, said: SettingsFile) -> str | None:
    named = variables.find("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    url = named.text if named else said.repository.endpoint
    where = named.where if named else f"repository.endpoint in {SETTINGS_FILE}"
    return check_endpoint(url, where)


def _files(variables: Variables, said: SettingsFile, folder: Path, base: Path) -> FilesSettings:
    uploads = variables.text("UPLOADS_DIR")
    paths = [absolute_path(uploads, folder)] if uploads else [absolute_path(one, base) for one in said.files.paths]
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
        path = absolute_path(named.text, folder)
        return read_private_file(path, named.where), f"{path} ({named.where})"
    if said.repository.key:
        return follow(said.repository.key, variables, base), f"repository.key in {SETTINGS_FILE}"
    made_by_init = state / IDENTITY_FILE
    if made_by_init.is_file():
        return read_private_file(made_by_init, "lifeboat init"), str(made_by_init)
    return None, ""


def _follow_uri(said: str | None, variables: Variables, base: Path) -> Secret | None:
    if said and not said.startswith(("env:", "file:")):
        return Secret(said)
    return follow(said, variables, base)


def _find_settings_file(config: Path | None, variables: Variables, folder: Path) -> Path | None:
    if config is not None:
        return absolute_path(str(config), folder)
    if named := variables.text("LIFEBOAT_CONFIG"):
        return absolute_path(named, folder)
    return next((one for one in (folder / SETTINGS_FILE, SYSTEM_FILE) if one.is_file()), None)


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
