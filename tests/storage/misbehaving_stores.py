"""Stores that break one promise each, and silently: named after what they do."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifeboat.foundation.clock import SystemClock
from lifeboat.storage.content import joined
from lifeboat.storage.errors import ContentRefused, ObjectExists, ObjectMissing, ObjectTooShort
from lifeboat.storage.memory import MemoryStore


class Obedient(MemoryStore):
    """Keeps every promise: what the others are compared with."""

    def __init__(self):
        super().__init__(SystemClock())

    def write_with_wrong_hash(self, name, content, over=False):
        raise ContentRefused("the hash differs")

    def put(self, name, content):
        """Store without any question."""
        super().delete(name)
        super().write(name, content)

    def has(self, name):
        return any(row.name == name for row in super().list_under(""))


class OverwritesSilently(Obedient):
    def write(self, name, content):
        self.put(name, content)


class RefusesButOverwrites(Obedient):
    def write(self, name, content):
        taken = self.has(name)
        self.put(name, content)
        if taken:
            raise ObjectExists(name)


class LooksBeforeItWrites(Obedient):
    """Create-once by asking first: two writers at one instant both win."""

    def write(self, name, content):
        if self.has(name):
            raise ObjectExists(name)
        SystemClock().sleep(0.002)
        self.put(name, content)


class OverwritesLargeObjectsSilently(Obedient):
    def write(self, name, content):
        if len(joined(content)) > 64 * 1024 * 1024:
            self.put(name, content)
        else:
            super().write(name, content)


class LosesTheTail(Obedient):
    def write(self, name, content):
        super().write(name, joined(content)[:200_000])


class LosesTheLastBuffer(Obedient):
    def write(self, name, content):
        super().write(name, content if isinstance(content, bytes) else content[:-1])


class LosesTheTailOfLargeObjects(Obedient):
    def write(self, name, content):
        super().write(name, joined(content)[: 64 * 1024 * 1024])


class FlipsABit(Obedient):
    def read(self, name, span=None):
        content = bytearray(super().read(name, span))
        if len(content) > 5000:
            content[4999] ^= 1
        return bytes(content)


class ForgetsEmptyObjects(Obedient):
    def write(self, name, content):
        if joined(content):
            super().write(name, content)


class IgnoresSpans(Obedient):
    def read(self, name, span=None):
        return super().read(name)


class ShortensSpansSilently(Obedient):
    def read(self, name, span=None):
        try:
            return super().read(name, span)
        except ObjectTooShort:
            return super().read(name)[span[0] :]


class InventsWhatIsMissing(Obedient):
    def read(self, name, span=None):
        try:
            return super().read(name, span)
        except ObjectMissing:
            return b""


class ForgetsToList(Obedient):
    def list_under(self, prefix) -> Iterator:
        return (row for row in super().list_under(prefix) if hashlib.sha256(row.name[-1:].encode()).digest()[0] % 3)


class ListsLate(Obedient):
    """A listing shows the world as it was before the last write."""

    def __init__(self):
        super().__init__()
        self._last = ""

    def write(self, name, content):
        super().write(name, content)
        self._last = name

    def list_under(self, prefix):
        return (row for row in super().list_under(prefix) if row.name != self._last)


class ListsWhatWasDeleted(Obedient):
    def __init__(self):
        super().__init__()
        self._rows = {}

    def list_under(self, prefix):
        self._rows |= {row.name: row for row in super().list_under("")}
        return iter([self._rows[name] for name in sorted(self._rows) if name.startswith(prefix)])


class ListsOnePageOnly(Obedient):
    def list_under(self, prefix):
        return (row for _, row in zip(range(1000), super().list_under(prefix), strict=False))


class ListsInDirectoryOrder(Obedient):
    """Like a file system: a folder sorts by its bare name."""

    def list_under(self, prefix):
        return iter(sorted(super().list_under(prefix), key=lambda row: row.name.split("/")))


class ListsNeighboursToo(Obedient):
    def list_under(self, prefix):
        return (row for row in super().list_under("") if row.name.startswith(prefix.rstrip("/")))


class ListsWrongSizes(Obedient):
    def list_under(self, prefix):
        return (replace(row, size_bytes=row.size_bytes + 1) for row in super().list_under(prefix))


class StampsWithAnotherClock(Obedient):
    def list_under(self, prefix):
        return (replace(row, modified=row.modified - timedelta(hours=2)) for row in super().list_under(prefix))


class AcceptsWrongHash(Obedient):
    def write_with_wrong_hash(self, name, content, over=False):
        self.write(name, content)


class RefusesWrongHashButStores(Obedient):
    def write_with_wrong_hash(self, name, content, over=False):
        self.write(name, content)
        raise ContentRefused("the hash differs")


class KeepsWhatIsDeleted(Obedient):
    def delete(self, name):
        pass


class CannotDeleteTwice(Obedient):
    def delete(self, name):
        self.read(name)
        super().delete(name)


class NeverFreesAName(Obedient):
    """Versioned stores that take a delete marker for an object."""

    def __init__(self):
        super().__init__()
        self._deleted = set()

    def delete(self, name):
        self._deleted.add(name)
        super().delete(name)

    def write(self, name, content):
        if name in self._deleted:
            raise ObjectExists(name)
        super().write(name, content)


class LivesInThePast(Obedient):
    def time_there(self):
        return datetime.now(UTC) - timedelta(minutes=20)


FOUND_BY = {
    OverwritesSilently: {"store-creates-once", "store-has-one-winner", "store-creates-large-once"},
    RefusesButOverwrites: {"store-creates-once", "store-creates-large-once"},
    LooksBeforeItWrites: {"store-has-one-winner"},
    OverwritesLargeObjectsSilently: {"store-creates-large-once"},
    LosesTheTail: {"store-keeps-bytes", "store-keeps-large"},
    LosesTheLastBuffer: {"store-keeps-bytes", "store-keeps-large"},
    LosesTheTailOfLargeObjects: {"store-keeps-large"},
    FlipsABit: {"store-keeps-bytes", "store-reads-spans", "store-keeps-large"},
    ForgetsEmptyObjects: {"store-keeps-empty"},
    IgnoresSpans: {"store-reads-spans"},
    ShortensSpansSilently: {"store-reads-spans"},
    InventsWhatIsMissing: {"store-reports-missing"},
    ForgetsToList: {"store-lists-at-once"},
    ListsLate: {"store-lists-at-once"},
    ListsWhatWasDeleted: {"store-deletes"},
    ListsOnePageOnly: {"store-lists-thousands"},
    ListsInDirectoryOrder: {"store-lists-in-order"},
    ListsNeighboursToo: {"store-lists-in-order"},
    ListsWrongSizes: {"store-lists-at-once"},
    StampsWithAnotherClock: {"store-lists-at-once"},
    AcceptsWrongHash: {"store-checks-hash"},
    RefusesWrongHashButStores: {"store-checks-hash"},
    KeepsWhatIsDeleted: {"store-deletes"},
    CannotDeleteTwice: {"store-deletes"},
    NeverFreesAName: {"store-deletes"},
    LivesInThePast: {"store-tells-time"},
}
"""Which probes must find each: at least these."""
