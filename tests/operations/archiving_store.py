"""A store with archive classes that takes as long as Amazon says it may, by the clock of the test."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from lifeboat.foundation.clock import Clock
from lifeboat.storage.archive import Answer, ArchivedObject, ExpeditedUnavailable, Tier
from lifeboat.storage.errors import ObjectArchived, StorageBusy, StorageDenied
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import StoredObject

HOURS = {
    ("GLACIER", Tier.EXPEDITED): 0.1,
    ("GLACIER", Tier.STANDARD): 4,
    ("GLACIER", Tier.BULK): 11,
    ("DEEP_ARCHIVE", Tier.STANDARD): 11.5,
    ("DEEP_ARCHIVE", Tier.BULK): 40,
}


class Killed(BaseException):
    """The process is dead: no handler under test can swallow it."""


class ArchivingStore(MemoryStore):
    """Objects whose class can be set; those in an archive class are read only while a copy is there."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.classes: dict[str, str] = {}
        self.copies: dict[str, tuple[datetime, datetime]] = {}
        """From when, until when."""
        self.asked: list[tuple[str, Tier, int]] = []
        """What was taken, in order."""
        self.tried = 0
        self.dies_at: int | None = None
        """At which request the caller dies, counted from 1; the store has taken it."""
        self.denies = False
        self.is_full = False
        self.hides = False
        self.busy_times = 0
        self._asking = threading.Lock()

    def freeze(self, part: str, storage_class: str = "DEEP_ARCHIVE") -> list[str]:
        """Move what has this in its name; returns the names."""
        names = [one.name for one in self.list_under("") if part in one.name]
        self.classes |= dict.fromkeys(names, storage_class)
        for name in names:
            self.copies.pop(name, None)
        return names

    def read(self, name: str, span: tuple[int, int] | None = None) -> bytes:
        if name in self.classes and not self._until(name):
            raise ObjectArchived(f"cannot read {name}: the object lies in an archive class")
        return super().read(name, span)

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        for one in super().list_under(prefix):
            yield replace(one, storage_class=self.classes.get(one.name, "STANDARD"))

    def archived_under(self, prefix: str) -> Iterator[ArchivedObject]:
        if self.hides:
            raise StorageDenied("the right s3:ListBucket is missing")
        for one in super().list_under(prefix):
            if (state := self.archive_state(one.name)) is not None:
                yield replace(state, size_bytes=one.size_bytes)

    def archive_state(self, name: str) -> ArchivedObject | None:
        if name not in self.classes:
            return None
        copy = self.copies.get(name)
        coming = copy is not None and copy[0] > self._clock.now()
        return ArchivedObject(name, 0, self.classes[name], coming, self._until(name))

    def bring_back(self, name: str, days: int, tier: Tier) -> Answer:
        with self._asking:
            return self._bring_back(name, days, tier)

    def _bring_back(self, name: str, days: int, tier: Tier) -> Answer:
        self.tried += 1
        if self.denies:
            raise StorageDenied("the right s3:RestoreObject is missing")
        if self.is_full:
            raise ExpeditedUnavailable("no room")
        if self.busy_times:
            self.busy_times -= 1
            raise StorageBusy("slow down")
        now, state = self._clock.now(), self.archive_state(name)
        if state is None:
            return Answer.NOT_ARCHIVED
        if state.readable_until:
            self.copies[name] = (now, now + timedelta(days=days))
            return Answer.PROLONGED
        ready = now + timedelta(hours=HOURS[state.storage_class, tier])
        if state.coming and ready >= self.copies[name][0]:
            return Answer.COMING
        self.copies[name] = (ready, ready + timedelta(days=days))
        self.asked.append((name, tier, days))
        if len(self.asked) == self.dies_at:
            raise Killed
        return Answer.TAKEN

    def _until(self, name: str) -> datetime | None:
        copy = self.copies.get(name)
        return copy[1] if copy is not None and copy[0] <= self._clock.now() < copy[1] else None
