"""The place where probes work: a scratch prefix of a store, cleaned up afterwards."""

import os
from contextlib import suppress

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.finding import Level
from lifeboat.storage.errors import ObjectMissing
from lifeboat.storage.names import check_prefix
from lifeboat.storage.object_store import ObjectStore


class Misbehaves(Exception):
    """What a probe found.

    Args:
        message: What the store does, in plain words, without its name.
        hint: What that means for the repository and what to do.
        level: ``WARNING`` where a repository can live with it.
    """

    def __init__(self, message: str, hint: str, level: Level = Level.PROBLEM) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.level = level


class Bench:
    """One run's scratch prefix: names that nobody has used before, and their removal."""

    def __init__(self, store: ObjectStore, scratch_prefix: str, clock: Clock) -> None:
        check_prefix(scratch_prefix)
        self.store = store
        self.clock = clock
        self.prefix = f"{scratch_prefix}{os.urandom(8).hex()}/"
        self._given: list[str] = []

    def name(self, rest: str) -> str:
        """The full name of a scratch object; remembered for the cleaning."""
        name = self.prefix + rest
        self._given.append(name)
        return name

    def expect(self, name: str, content: bytes, message: str, hint: str) -> None:
        """Raise ``Misbehaves`` unless the object is there and has this content."""
        try:
            stored = self.store.read(name)
        except ObjectMissing as error:
            raise Misbehaves(f"{message}: it is not there", hint) from error
        if stored != content:
            raise Misbehaves(f"{message}: {_difference(content, stored)}", hint)

    def listed(self, folder: str = "") -> list[str]:
        """The names below a folder of the scratch prefix, without that prefix, in the order in which they came."""
        return [row.name.removeprefix(self.prefix) for row in self.store.list_under(self.prefix + folder)]

    def clean(self) -> int:
        """Remove every scratch object; returns how many could not be removed."""
        names = set(self._given)
        with suppress(StorageError):
            names.update(row.name for row in self.store.list_under(self.prefix))
        left = 0
        for name in sorted(names):
            try:
                self.store.delete(name)
            except StorageError:
                left += 1
        return left


def _difference(wanted: bytes, stored: bytes) -> str:
    if len(wanted) != len(stored):
        return f"{len(stored)} bytes instead of {len(wanted)}"
    at = next(i for i in range(len(wanted)) if wanted[i] != stored[i])
    return f"other bytes from byte {at} on"
