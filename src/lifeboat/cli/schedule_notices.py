"""Keep who is to be told: addresses in ``lifeboat.toml``, a webhook's address, which is a secret, in a file of its own."""

import re
from pathlib import Path

from lifeboat.app.private_files import write_private_file
from lifeboat.app.read_notify import notify_table
from lifeboat.app.schedule_install import ScheduleRefused
from lifeboat.app.variables import SETTINGS_FILE
from lifeboat.app.write_settings import add_to_settings_file
from lifeboat.cli.run import Run
from lifeboat.foundation.secret import Secret

WEBHOOK_FILE = "notify-webhook"


def keep_notices(run: Run, addresses: list[str], webhook: str | None) -> None:
    """Write down what is new; refuses to change what somebody wrote."""
    for address in addresses:
        if not re.fullmatch(r"[^@\s,]+@[^@\s,]+", address):
            raise ScheduleRefused(f"{address} is no e-mail address", "--notify-email ops@example.com")
    settings = run.settings()
    path = next((one for one in settings.files_read if one.suffix == ".toml"), run.config or run.folder / SETTINGS_FILE)
    said = notify_table(run.config, run.environment, run.folder)
    answers: dict[tuple[str, str], str | list[str]] = {}
    if addresses and said.get("email") != addresses:
        _refuse_if_said(said, "email", path)
        answers["notify", "email"] = addresses
    if webhook:
        run.hidden.add(webhook)
        reference = webhook if webhook.startswith(("env:", "file:")) else _keep_webhook(webhook, settings.state)
        if said.get("webhook") != reference:
            _refuse_if_said(said, "webhook", path)
            answers["notify", "webhook"] = reference
    if answers:
        add_to_settings_file(path, answers)
        run.say(f"kept in {path}")
        run.forget_settings()


def _keep_webhook(url: str, state: Path) -> str:
    if not re.match(r"https?://[^\s/]+", url):
        raise ScheduleRefused(
            "a webhook's address begins with https://", "or name where it is: --notify-webhook env:NAME"
        )
    path, number = state / WEBHOOK_FILE, 1
    while path.exists():
        number += 1
        path = state / f"{WEBHOOK_FILE}-{number}"
    write_private_file(path, Secret(url), "Address of the webhook that hears of failed backups")
    return f"file:{path}"


def _refuse_if_said(said: dict[str, object], name: str, path: Path) -> None:
    if said.get(name):
        raise ScheduleRefused(
            f"{path} says already who is told", f"change {name} under [notify] in it, and leave the option away"
        )
