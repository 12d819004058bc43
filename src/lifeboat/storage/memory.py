"""A store that forgets everything with the process: for tests and rehearsals.

Invariant: keeps every promise of ``ObjectStore`` but surviving; what was given is copied, so that
a caller who changes its buffers afterwards changes nothing here.
"""

import hashlib
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Self

from lifeboat.foundation.clock import Clock
from lifeboat.storage.content import joined
from lifeboat.storage.errors import ObjectExists, ObjectMissing, ObjectTooShort
from lifeboat.storage.names import check_name, check_prefix
from lifeboat.storage.object_store import Content, StoredObject


class MemoryStore:
    """Objects in a dictionary; safe to call from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._objects: dict[str, tuple[bytes, datetime]] = {}
        self._lock = threading.Lock()

    def write(self, name: str, content: Content) -> None:
        check_name(name)
        stored = (joined(content), self._clock.now())
        with self._lock:
            if name in self._objects:
                raise ObjectExists(f"{name} exists already in {self.describe()}")
            self._objects[name] = stored

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        check_name(name)
        with self._lock:
            if name not in self._objects:
                raise ObjectMissing(f"{name} is not in {self.describe()}", "was it deleted or never written?")
            content, _ = self._objects[name]
        if span is None:
            return content
        offset, length = span
        if offset + length > len(content):
            raise ObjectTooShort(f"{name} ends at byte {len(content)}, before byte {offset + length}")
        return content[offset : offset + length]

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        check_prefix(prefix)
        with self._lock:
            names = sorted(name for name in self._objects if name.startswith(prefix))
        for name in names:
            with self._lock:
                found = self._objects.get(name)
            if found is not None:
                yield StoredObject(name, len(found[0]), found[1])

    def delete(self, name: str) -> None:
        check_name(name)
        with self._lock:
            self._objects.pop(name, None)

    def time_there(self) -> datetime:
        return self._clock.now()

    def copy_within(self, name: str, to_name: str) -> str | None:
        content = self.read(name)
        self.write(to_name, content)
        return hashlib.sha256(content).hexdigest()

    def describe(self) -> str:
        return "memory"

    def damage(self, name: str, content: bytes) -> None:
        """Put other bytes under a name, as no store should: for tests of what notices."""
        with self._lock:
            _, modified = self._objects[name]
            self._objects[name] = (content, modified)

    def copy(self) -> Self:
        """Another store holding the same objects now: the state of the world at a crash."""
        other = type(self)(self._clock)
        with self._lock:
            other._objects = dict(self._objects)
        return other
