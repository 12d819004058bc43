"""What this machine asked archive classes for: lines that are added to a file, so that a run that is killed has noted what it did.

It is a hint: the store knows what is coming. It tells when and at which tier, which the store does not, and bridges the moments until
a request shows in a listing. Lost, nothing is asked for twice all the same.
"""

import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.repository.record import read_time, show_time
from lifeboat.storage.archive import Tier

NAME = "retrievals.jsonl"
KEPT = timedelta(days=60)
"""No copy is asked for so long that this is not over by then."""
LARGEST_BYTES = 16 * 1024 * 1024
"""Above this, lines older than ``KEPT`` are left out when the next is added."""


class Asked(Value):
    """One object that was asked for."""

    tier: Tier
    at: datetime
    """By the store's clock."""


class RetrievalJournal:
    """Args: path: may be missing. repository: id; what another repository at this place was asked for counts for nothing."""

    def __init__(self, path: Path, repository: bytes) -> None:
        self._path = path
        self._repository = repository.hex()

    def asked(self) -> dict[str, Asked]:
        """By name; the last request counts. A line that was cut off counts for nothing."""
        found: dict[str, Asked] = {}
        for line in self._lines():
            try:
                told = json.loads(line)
                if told["repository"] != self._repository:
                    continue
                asked = Asked(Tier(told["tier"]), read_time(told["at"]))
                names = [str(name) for name in told["names"]]
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
            found.update(dict.fromkeys(names, asked))
        return found

    def note(self, names: Iterable[str], tier: Tier, at: datetime) -> None:
        """Add to it, durably; raises ``SettingsError``."""
        line = {"repository": self._repository, "tier": str(tier), "at": show_time(at), "names": list(names)}
        try:
            if self._path.exists() and self._path.stat().st_size > LARGEST_BYTES:
                self._shorten(at - KEPT)
            # A line that a killed run left half written must not swallow this one.
            begin = b"" if self._ends_well() else b"\n"
            with open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                file.write(begin + json.dumps(line, sort_keys=True).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SettingsError(
                f"{self._path} in the state folder cannot be written: {(error.strerror or str(error)).lower()}",
                "make room there, or set LIFEBOAT_STATE to another directory",
            ) from error

    def _shorten(self, since: datetime) -> None:
        kept = []
        for line in self._lines():
            try:
                if read_time(json.loads(line)["at"]) >= since:
                    kept.append(line)
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
        temporary = self._path.with_suffix(".new")
        temporary.write_bytes(b"".join(line + b"\n" for line in kept))
        os.replace(temporary, self._path)

    def _ends_well(self) -> bool:
        try:
            with open(self._path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:
            return True

    def _lines(self) -> list[bytes]:
        try:
            return self._path.read_bytes().split(b"\n")
        except OSError:
            return []
