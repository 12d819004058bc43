"""What was read of a catalog and need not be asked for again: over 50 ms of way each question is felt."""

from collections.abc import Iterator

from lifeboat.foundation.sizes import KIB, MIB
from lifeboat.repository.index_copies import IndexCopies
from lifeboat.repository.objects import read_listed, read_many
from lifeboat.storage.object_store import ObjectStore, StoredObject

REMEMBERED_BYTES = 8 * MIB
REMEMBERED_OBJECT_BYTES = 256 * KIB
"""Larger ones are read again where they are needed again: an index, the record of a terabyte."""


class CatalogMemory:
    """What one opened repository has read of its catalog: within a look, what lies where; and where it ``remembers``, small objects, whose
    names are the hashes of their bytes, so that what was read once is what lies there, if it still does.
    """

    def __init__(self) -> None:
        self.look: dict[str, list[StoredObject]] | None = None
        self.remembers = False
        self.copies: IndexCopies | None = None
        self._bytes: dict[str, bytes] = {}
        self._room_bytes = REMEMBERED_BYTES

    def keep(self, name: str, raw: bytes) -> None:
        fits = len(raw) <= REMEMBERED_OBJECT_BYTES and len(raw) <= self._room_bytes
        if self.copies is not None:
            self.copies.keep(name, raw)
        if self.remembers and fits and name not in self._bytes:
            self._bytes[name] = raw
            self._room_bytes -= len(raw)

    def read_listed(self, store: ObjectStore, listed: list[StoredObject]) -> Iterator[tuple[str, bytes | Exception]]:
        """As ``objects.read_listed``, without asking again for what was read before."""
        known = {one.name for one in listed if one.name in self._bytes or (self.copies and self.copies.has(one.name))}
        fresh = read_listed(store, [one for one in listed if one.name not in known])
        for one in listed:
            if one.name in known:
                yield next(self.read(store, one.name))
                continue
            name, raw = next(fresh)
            if isinstance(raw, bytes):
                self.keep(name, raw)
            yield name, raw

    def read(self, store: ObjectStore, name: str) -> Iterator[tuple[str, bytes | Exception]]:
        """As ``objects.read_many``, of one object."""
        raw = self._bytes.get(name) or (self.copies.read(name) if self.copies else None)
        if raw is not None:
            yield name, raw
        else:
            yield from read_many(store, [name])
