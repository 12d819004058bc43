"""What this machine remembers of one repository: pins, its writer secret, hints. All of it can be lost.

Lies under the state folder in one directory per repository location, 0700; files 0600, replaced atomically.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.replace_file import replace_file
from lifeboat.repository.errors import RecipientsChanged
from lifeboat.repository.writers import SECRET_BYTES, WriterSecret


class LocalState:
    """The state directory of one repository location.

    Args:
        folder: State folder of Lifeboat, e.g. ``~/.local/state/lifeboat``.
        location: Where the repository lies, as ``ObjectStore.describe`` says it.
    """

    def __init__(self, folder: Path, location: str) -> None:
        self.directory = folder / hashlib.sha256(location.encode()).hexdigest()[:16]
        self._location = location
        try:
            # A mode given to mkdir is for the last folder only.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"the state folder {folder} cannot be used: {error.strerror}",
                "set LIFEBOAT_STATE to a directory that this user may write",
            ) from error

    def check_pins(self, repository: bytes, recipients: tuple[str, ...], revision: int = 0) -> None:
        """Compare with what was pinned at first use, or pin it now; raises ``RecipientsChanged``.

        Pinned are the repository and its recipients: who reads everything that this machine seals. Custodians come and go, each
        change signed by a recipient; that no earlier revision comes back is held to, or a removed custodian would.
        """
        pinned = self.read_json("pins.json")
        if pinned is None:
            self.pin(repository, recipients, revision)
            return
        if pinned.get("repository") != repository.hex():
            raise RecipientsChanged(
                f"the repository at {self._location} is another one than this machine knows: "
                f"{repository.hex()[:8]} instead of {str(pinned.get('repository'))[:8]}",
                f"if you replaced it on purpose, remove {self.directory} and try again",
            )
        if _texts(pinned.get("coming")) == set(recipients):
            self.pin(repository, recipients, revision)
            return
        if _texts(pinned.get("recipients")) != set(recipients):
            raise RecipientsChanged(
                f"the recipients of the repository at {self._location} are not those that this machine has pinned",
                "ask who changed them: from now on this machine would seal for others. If it was on purpose: `lifeboat recipient accept`",
            )
        seen = pinned.get("revision", 0)
        if revision and isinstance(seen, int) and revision < seen:
            raise RecipientsChanged(
                f"the description of the repository at {self._location} is revision {revision}; this machine has seen revision {seen}",
                f"somebody set it back: bring the newer one back; if it was on purpose, remove {self.directory / 'pins.json'}",
            )
        if revision and revision != seen:
            self.pin(repository, recipients, revision)

    def pin(self, repository: bytes, recipients: tuple[str, ...], revision: int) -> None:
        """Hold this machine to a repository and its recipients from now on."""
        self.write_json(
            "pins.json",
            {
                "location": self._location,
                "repository": repository.hex(),
                "recipients": list(recipients),
                "revision": revision,
            },
        )

    def about_to_pin(self, recipients: tuple[str, ...]) -> None:
        """Before a description with these is published from here: killed in between, this machine knows whose doing it was."""
        pinned = self.read_json("pins.json")
        if pinned is not None:
            self.write_json("pins.json", {**pinned, "coming": list(recipients)})

    def pinned_repository(self) -> str | None:
        """Id of the repository pinned for this location, hex."""
        pinned = self.read_json("pins.json")
        return None if pinned is None else str(pinned.get("repository"))

    def pinned_recipients(self) -> list[str] | None:
        """Fingerprints of the recipients pinned for this location, hex."""
        pinned = self.read_json("pins.json")
        return None if pinned is None else sorted(_texts(pinned.get("recipients")))

    def forget(self) -> None:
        """Drop pins and writer secret: a new repository is being made here."""
        for name in ("pins.json", "writer.json", "head.json"):
            (self.directory / name).unlink(missing_ok=True)

    def load_writer(self) -> WriterSecret | None:
        """This installation's writer secret."""
        stored = self.read_json("writer.json")
        try:
            if stored is None:
                return None
            secret = WriterSecret(bytes.fromhex(stored["writer"]), bytes.fromhex(stored["secret"]))
        except (KeyError, TypeError, ValueError):
            return None
        return secret if len(secret.raw) == SECRET_BYTES and len(secret.writer) == 16 else None

    def save_writer(self, secret: WriterSecret) -> None:
        self.write_json("writer.json", {"writer": secret.writer.hex(), "secret": secret.raw.hex()})

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A small file of ours; None when it is missing or was cut off."""
        try:
            value = json.loads((self.directory / name).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        """Replace a small file of ours, durably and whole or not at all; raises ``SettingsError``."""
        path = self.directory / name
        try:
            replace_file(path, json.dumps(value, sort_keys=True).encode())
        except OSError as error:
            raise SettingsError(
                f"{path} in the state folder cannot be written: {(error.strerror or str(error)).lower()}",
                "make room there, or set LIFEBOAT_STATE to another directory",
            ) from error

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Keep other runs of this machine out for a moment. Where locks cannot be had, go on without."""
        try:
            descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield
            return
        try:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _texts(listed: Any) -> set[str]:
    """Those of a list; of what is none there are none, and so no machine takes a spoilt pin for the right one."""
    return {one for one in listed if isinstance(one, str)} if isinstance(listed, list) else set()
