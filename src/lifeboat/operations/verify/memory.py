"""What was checked when: so that a rolling check goes on where the last one stopped, also after it was killed.

A hint only, local and bound to the repository: lost, the rotation begins anew. Proofs rest on it: so what it says of an opened pack is bound
to what the index said of that pack then (``ToldPack.fingerprint``), and a hash that is right later says that these are still the bytes that
were opened.

Format: ``lifeboat scrub 2\\n`` ‖ repository id (16), then rows sorted by their first 16 bytes, 29 bytes each (29 MB for a million packs, which
are 24 TB): first half of the SHA-256 of the object's whole name (16; a pack that was carried forward lies in two places, and each is
checked for itself) ‖ fingerprint of what was opened (8, zero: never opened) ‖ u32 seconds since 1970 by the
store's clock ‖ u8 flags (1: damaged; 2: found so by opening it, so that a right hash alone does not clear it).
"""

import hashlib
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.replace_file import replace_file

FILE = "scrub.bin"
_MAGIC = b"lifeboat scrub 2\n"
_ROW = struct.Struct(">16s8sIB")
_KEY_BYTES = 16
_DAMAGED, _INSIDE = 1, 2
NEVER_OPENED = bytes(8)


class Checked(NamedTuple):
    """The last look at one object."""

    seconds: int
    """Since 1970, by the store's clock; 0: never."""
    opened: bytes
    """``ToldPack.fingerprint`` when every chunk of it opened; ``NEVER_OPENED`` for what only had the right hash."""
    damaged: bool
    inside: bool = False
    """The damage was found by opening: its hash may well be right."""


NEVER = Checked(0, NEVER_OPENED, False)


def key_of(name: str) -> bytes:
    """Under what the object of this name is remembered."""
    return hashlib.sha256(name.encode()).digest()


class ScrubMemory:
    """Reads the memory of earlier runs and takes what this one finds. One thread at a time."""

    def __init__(self, path: Path, repository: bytes) -> None:
        self._path = path
        self._head = _MAGIC + repository
        self._rows = self._read()
        self._fresh: dict[bytes, bytes] = {}

    def of(self, name: bytes) -> Checked:
        """The last check of the object with this ``key_of``; ``NEVER`` when there was none."""
        key = name[:_KEY_BYTES]
        row = self._fresh.get(key)
        if row is None:
            at = self._find(key)
            row = bytes(self._rows[at : at + _ROW.size])
            if row[:_KEY_BYTES] != key:
                return NEVER
        _, opened, seconds, flags = _ROW.unpack(row)
        return Checked(seconds, opened, bool(flags & _DAMAGED), bool(flags & _INSIDE))

    def note(self, name: bytes, checked: Checked) -> None:
        """Remember a check; durable with the next ``save``."""
        key = name[:_KEY_BYTES]
        flags = _DAMAGED * checked.damaged | _INSIDE * checked.inside
        row = _ROW.pack(key, checked.opened, checked.seconds, flags)
        at = self._find(key)
        if self._rows[at : at + _KEY_BYTES] == key:
            self._rows[at : at + _ROW.size] = row
        else:
            self._fresh[key] = row

    def keep_only(self, names: Iterable[bytes]) -> None:
        """Drop what is remembered of objects that are not there any more."""
        wanted = {name[:_KEY_BYTES] for name in names}
        self._merge()
        self._rows = bytearray().join(row for row in self._split() if row[:_KEY_BYTES] in wanted)

    def save(self) -> None:
        """Replace the file, durably and whole or not at all; raises ``SettingsError``."""
        self._merge()
        try:
            replace_file(self._path, self._head, self._rows)
        except OSError as error:
            raise SettingsError(
                f"{self._path} in the state folder cannot be written: {(error.strerror or str(error)).lower()}",
                "make room there, or set LIFEBOAT_STATE to another directory",
            ) from error

    def _read(self) -> bytearray:
        try:
            raw = self._path.read_bytes()
        except OSError:
            return bytearray()
        if not raw.startswith(self._head) or (len(raw) - len(self._head)) % _ROW.size:
            return bytearray()
        return bytearray(raw[len(self._head) :])

    def _find(self, key: bytes) -> int:
        """The byte where the row of this key is, or would be."""
        rows, size = self._rows, _ROW.size
        number = bisect_left(
            range(len(rows) // size), key, key=lambda row: bytes(rows[row * size : row * size + _KEY_BYTES])
        )
        return number * size

    def _split(self) -> Iterator[bytes]:
        return (bytes(self._rows[at : at + _ROW.size]) for at in range(0, len(self._rows), _ROW.size))

    def _merge(self) -> None:
        if self._fresh:
            self._rows = bytearray().join(sorted([*self._split(), *self._fresh.values()]))
            self._fresh = {}
