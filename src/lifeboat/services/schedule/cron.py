"""The jobs as lines of a crontab, between two marks; nothing outside the marks is ever touched.

Understood by cron (Vixie, Debian), cronie and busybox: five fields and a command; no line sets a variable for the lines of others.
Runs do not overlap: ``lifeboat schedule run`` holds a lock of its own, so that ``flock`` need not be there.
"""

import re
import shlex
from pathlib import Path

from lifeboat.services.schedule.installation import Installation

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SYSTEM_FOLDER = Path("/etc/cron.d")
LONGEST_LINE_BYTES = 998
"""Vixie cron reads a command of less than 1000 bytes."""


def block(installation: Installation) -> str:
    """The lines for a user's crontab; with a user named, those of a file in ``/etc/cron.d``."""
    begin, end = _marks(installation.folder)
    lines = [begin, "# Made by `lifeboat schedule install cron`; `lifeboat schedule remove` takes it away."]
    for job in installation.jobs:
        user = f"{installation.user} " if installation.user else ""
        lines.append(f"{job.cron} {user}{_escaped(command_of(installation, job.name))}")
    return "\n".join([*lines, end]) + "\n"


def command_of(installation: Installation, job: str) -> str:
    """What the shell gets: it goes to the application's folder, or fails there."""
    variables = {"PATH": PATH, **installation.environment}
    said = " ".join(f"{name}={shlex.quote(text)}" for name, text in sorted(variables.items()))
    program = shlex.quote(installation.command)
    return f"cd {shlex.quote(str(installation.folder))} && {said} {program} schedule run {job} --quiet"


def with_block(crontab: str, installation: Installation) -> str:
    """The crontab with this application's lines in it, once."""
    before = without_block(crontab, installation.folder)
    if before and not before.endswith("\n"):
        before += "\n"
    return before + block(installation)


def without_block(crontab: str, folder: Path) -> str:
    """The crontab without them; the rest is byte for byte as it was."""
    begin, end = _marks(folder)
    return re.sub(rf"^{re.escape(begin)}\n.*?^{re.escape(end)}(?:\n|\Z)", "", crontab, flags=re.M | re.S)


def has_block(crontab: str, folder: Path) -> bool:
    return without_block(crontab, folder) != crontab


def too_long(text: str) -> bool:
    return any(len(line.encode()) > LONGEST_LINE_BYTES for line in text.splitlines())


def _marks(folder: Path) -> tuple[str, str]:
    shown = str(folder).replace("\n", "?")
    return f"# lifeboat begin {shown}", f"# lifeboat end {shown}"


def _escaped(command: str) -> str:
    """A per cent sign in a crontab means a new line, unless a backslash stands before it."""
    return command.replace("%", "\\%")
