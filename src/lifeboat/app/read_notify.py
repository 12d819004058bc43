"""Read who is to be told, and how: the table ``[notify]`` and the variables beside it.

By itself, and forgiving about everything else: that the other settings cannot be read is what somebody must be told.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lifeboat.app.notify_settings import NotifySettings
from lifeboat.app.settings_file import check_table
from lifeboat.app.settings_tables import NotifyTable
from lifeboat.app.variables import DOTENV, SETTINGS_FILE, SYSTEM_FILE, Variables, follow, state_folder
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.mail_settings import MailSettings
from lifeboat.services.notify.sns import SnsSettings


def read_notify(
    config: Path | None, environment: Mapping[str, str], folder: Path, remembered: Mapping[str, Any] | None = None
) -> NotifySettings:
    """Read it; never raises for what is wrong elsewhere.

    Args:
        remembered: The table as it stood when the jobs were installed, for a file that cannot be read any more.
    """
    trouble: list[LifeboatError] = []
    variables = Variables(environment, folder / DOTENV, forgiving=True)
    path = _settings_file(config, variables, folder)
    table, base = NotifyTable(), path.parent if path else folder
    try:
        table = check_table(path, _raw_table(path, remembered or {}))
    except LifeboatError as error:
        trouble.append(error)

    def secret(reference: str | None) -> Secret | None:
        try:
            return follow(reference, variables, base)
        except LifeboatError as error:
            trouble.append(error)
            return None

    to = _addresses(variables.text("LIFEBOAT_NOTIFY_EMAIL")) or tuple(table.email)
    said = variables.text
    mail = MailSettings(
        to=to,
        host=said("LIFEBOAT_SMTP_HOST") or table.smtp_host or "localhost",
        port=_port(said("LIFEBOAT_SMTP_PORT")) or table.smtp_port,
        security=_security(said("LIFEBOAT_SMTP_SECURITY")) or table.smtp_security,
        user=said("LIFEBOAT_SMTP_USER") or table.smtp_user,
        password=variables.secret("LIFEBOAT_SMTP_PASSWORD") or secret(table.smtp_password),
        sender=said("LIFEBOAT_SMTP_FROM") or table.smtp_from,
    )
    webhook = variables.secret("LIFEBOAT_NOTIFY_WEBHOOK") or secret(table.webhook)
    topic = said("LIFEBOAT_SNS_TOPIC") or table.sns_topic
    sns = SnsSettings(
        topic or "",
        variables.secret("AWS_ACCESS_KEY_ID"),
        variables.secret("AWS_SECRET_ACCESS_KEY"),
        variables.secret("AWS_SESSION_TOKEN"),
        said("AWS_ENDPOINT_URL_SNS"),
    )
    own = variables.secret("LIFEBOAT_APPRISE")
    apprise = [*([own] if own else []), *(secret(one) for one in table.apprise)]
    checks = {job: url for job, reference in table.healthchecks.items() if (url := secret(reference))}
    return NotifySettings(
        mail if to else None,
        webhook,
        sns if topic else None,
        tuple(one for one in apprise if one),
        checks,
        tuple(trouble),
    )


def notify_table(config: Path | None, environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """The table as it stands, to be remembered; it holds no secret."""
    path = _settings_file(config, Variables(environment, folder / DOTENV, forgiving=True), folder)
    return _raw_table(path, {})


def find_state(environment: Mapping[str, str], folder: Path) -> Path:
    """The state folder, whatever else is wrong."""
    return state_folder(Variables(environment, folder / DOTENV, forgiving=True), folder)


def _settings_file(config: Path | None, variables: Variables, folder: Path) -> Path | None:
    named = str(config) if config else variables.text("LIFEBOAT_CONFIG")
    if named:
        return folder / named
    return next((one for one in (folder / SETTINGS_FILE, SYSTEM_FILE) if one.is_file()), None)


def _raw_table(path: Path | None, remembered: Mapping[str, Any]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("notify", {})
    except (OSError, ValueError, RecursionError):  # TOML's own error is a ValueError
        return dict(remembered)
    return found if isinstance(found, dict) else {}


def _addresses(text: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (text or "").split(",") if one.strip())


def _port(text: str | None) -> int | None:
    is_number = text is not None and re.fullmatch(r"[0-9]{1,5}", text) is not None
    return int(text) if text and is_number and 0 < int(text) < 65536 else None


def _security(text: str | None) -> Any:
    return text if text in ("starttls", "tls", "none") else None
