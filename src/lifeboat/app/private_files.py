"""Files that hold one secret: read only when nobody else can, written so that nobody else ever could.

Invariant: a secret is never on disk with a mode wider than 0600, not even for a moment, and an existing file is never
overwritten.
"""

import os
import stat
from pathlib import Path

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret

LARGEST_BYTES = 64 * 1024
"""A key or a URI has a few hundred; more is some other file."""


class SecretFileRefused(SettingsError):
    """A file that should hold a secret cannot be used: missing, unreadable, empty, or open to others."""

    code = "secret-file-refused"


def read_private_file(path: Path, named_by: str) -> Secret:
    """Return what the file says, without lines that start with ``#``.

    Args:
        named_by: The setting that names it, for messages.
    """
    try:
        with path.open("rb") as opened:
            status = os.fstat(opened.fileno())
            content = opened.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise SecretFileRefused(
            f"{path}, named by {named_by}, cannot be read: {(error.strerror or 'no reason given').lower()}",
            "is the path right, and is the file yours?",
        ) from None
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        raise SecretFileRefused(
            f"{path}, named by {named_by}, is open to other users (mode {stat.S_IMODE(status.st_mode):04o})",
            f"chmod 600 {path} (a container's secret: mount it with mode 0400)",
        )
    if len(content) > LARGEST_BYTES:
        raise SecretFileRefused(f"{path}, named by {named_by}, is too large for a secret", "does it name another file?")
    lines = content.decode("utf-8", "replace").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#")).strip()
    if not text:
        raise SecretFileRefused(f"{path}, named by {named_by}, is empty", "what should it hold?")
    return Secret(text)


def write_private_file(path: Path, secret: Secret, comment: str = "") -> None:
    """Create the file with mode 0600 and make it durable; refuses to replace one."""
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    try:
        make_private_folder(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SecretFileRefused(
            f"{path} exists already, and a secret is never overwritten", "name another file, or move that one away"
        ) from None
    except OSError as error:
        raise SecretFileRefused(
            f"{path} cannot be written: {(error.strerror or 'no reason given').lower()}", "name another folder"
        ) from None
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(f"{head}{secret.reveal()}\n".encode())
            opened.flush()
            os.fsync(opened.fileno())
        _make_name_durable(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SecretFileRefused(
            f"{path} cannot be written: {(error.strerror or 'no reason given').lower()}", "is there space left?"
        ) from None


def make_private_folder(path: Path) -> None:
    """Create the folder for this user alone; one that exists is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _make_name_durable(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
