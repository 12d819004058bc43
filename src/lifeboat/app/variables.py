"""The variables: the environment over ``.env``, which names there are, and the secrets and paths that settings refer to by them.

Each later source wins, name by name; an empty variable counts as unset.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lifeboat.app.dotenv import read_dotenv
from lifeboat.app.private_files import read_private_file
from lifeboat.app.settings_file import SettingsFileInvalid
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret

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
NAME_AT_MOST_BYTES = 255
"""Of one part of a path, on every file system of ours; asking for a longer one is an error of the system, not a missing file."""
PATH_AT_MOST_BYTES = 3500
"""Of all of it, its slashes not counted: Linux takes 4095, and our own names come behind it."""
DOTENV = ".env"
SETTINGS_FILE = "lifeboat.toml"


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


def follow(reference: str | None, variables: Variables, base: Path) -> Secret | None:
    """The secret that ``env:NAME`` or ``file:/path`` stands for."""
    if reference is None:
        return None
    kind, _, rest = reference.partition(":")
    if kind == "file":
        return read_private_file(absolute_path(rest.removeprefix("//"), base), SETTINGS_FILE)
    found = variables.secret(rest)
    if found is None:
        raise SettingsError(
            f"{SETTINGS_FILE} says {reference}, but {rest} is set neither in the environment nor in {DOTENV}",
            f"set {rest}",
        )
    return found


def state_folder(variables: Variables, folder: Path) -> Path:
    if named := variables.text("LIFEBOAT_STATE"):
        return absolute_path(named, folder)
    home = variables.text("XDG_STATE_HOME")
    return absolute_path(home or "~/.local/state", folder) / "lifeboat"


def absolute_path(text: str, base: Path) -> Path:
    """The path, with ``~`` and ``..`` resolved by name only: a link is kept as the user named it."""
    parts = [part.encode("utf-8", "surrogatepass") for part in text.split("/")]
    if (
        "\0" in text
        or any(len(part) > NAME_AT_MOST_BYTES for part in parts)
        or sum(map(len, parts)) > PATH_AT_MOST_BYTES
    ):
        raise SettingsError(f"{text[:60]!r} is no path: no file can be called so", "is another setting meant?")
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
