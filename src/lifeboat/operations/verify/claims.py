"""What indexes say of packs, and whom to believe where they differ: the writer whose pack it is (docs/decisions/0056).

A pack is one writer's, wherever it lies: carried forward, its own writer tells of it in two places, and both are right.

Invariant: a stolen writer's index changes nothing of what is said of another writer's packs: it can neither bring them into doubt nor keep them
from being proved.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.catalog_format import IndexedPack
from lifeboat.repository.names import At
from lifeboat.repository.pack_format import HEADER_BYTES, read_header
from lifeboat.storage.object_store import ObjectStore


class Claim(NamedTuple):
    """What one index says of a pack in one place. Args: told_in: The index's name. where: The pack's whole name, were the index right."""

    told_in: str
    writer: str
    where: str
    pack: IndexedPack

    @property
    def at(self) -> At:
        return self.where[:-64], self.pack.name


class Claims:
    """All that indexes say: one claim of each pack, and the others where they differ from it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._first: dict[bytes, Claim] = {}
        self._others: dict[bytes, list[Claim]] = {}

    def add(self, claim: Claim) -> None:
        first = self._first.setdefault(claim.pack.name, claim)
        if first is not claim and first[1:] != claim[1:]:
            self._others.setdefault(claim.pack.name, []).append(claim)

    def believed(self) -> Iterator[tuple[Claim, list[Claim]]]:
        """Of each pack and place the claim to go by, and those of its own writer (or, where that is not to be told, of all) that contradict
        it.
        """
        for pack, first in self._first.items():
            if pack not in self._others:
                yield first, []
                continue
            every = [first, *self._others[pack]]
            owner = self._owner(every)
            places: dict[str, list[Claim]] = {}
            for one in [one for one in every if one.writer == owner] or every:
                places.setdefault(one.where, []).append(one)
            for own in places.values():
                yield own[0], [one for one in own[1:] if one[2:] != own[0][2:]]

    def lies(self) -> Iterator[Claim]:
        """Claims about packs of another writer."""
        for pack, others in self._others.items():
            every = [self._first[pack], *others]
            owner = self._owner(every)
            yield from (one for one in every if owner is not None and one.writer != owner)

    def _owner(self, claims: list[Claim]) -> str | None:
        """Whose pack it is: the only one who claims it, or by its clear front one of several; else nobody."""
        if len({one.writer for one in claims}) == 1:
            return claims[0].writer
        for where in dict.fromkeys(one.where for one in claims):
            try:
                owner = read_header(self._store.read(where, (0, HEADER_BYTES)), where).writer.hex()
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
                continue
            return owner if any(one.writer == owner for one in claims) else None
        return None
