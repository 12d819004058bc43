"""What indexes say of packs, and whom to believe where they differ: the writer whose pack it is (docs/decisions/0056).

Invariant: a stolen writer's index changes nothing of what is said of another writer's packs: it can neither bring them into doubt nor keep them
from being proved.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.catalog_format import IndexedPack
from lifeboat.repository.pack_format import HEADER_BYTES, read_header
from lifeboat.storage.object_store import ObjectStore


class Claim(NamedTuple):
    """What one index says of a pack. Args: told_in: The index's name. where: The pack's name, were the index right."""

    told_in: str
    writer: str
    where: str
    pack: IndexedPack


class Claims:
    """All that indexes say: one claim of each pack, and the others where two writers or two indexes differ."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._first: dict[bytes, Claim] = {}
        self._others: dict[bytes, list[Claim]] = {}

    def add(self, claim: Claim) -> None:
        first = self._first.setdefault(claim.pack.name, claim)
        if first is not claim and first[1:] != claim[1:]:
            self._others.setdefault(claim.pack.name, []).append(claim)

    def believed(self) -> Iterator[tuple[Claim, list[Claim]]]:
        """Of each pack the claim to go by, and those of its own writer (or, where that is not to be told, of all) that contradict it."""
        for pack, first in self._first.items():
            every = [first, *self._others.get(pack, ())]
            owner = self._owner(every) if len(every) > 1 else None
            own = [one for one in every if one.writer == owner] or every
            yield own[0], [one for one in own[1:] if one[2:] != own[0][2:]]

    def lies(self) -> Iterator[Claim]:
        """Claims about packs of another writer."""
        for pack, others in self._others.items():
            every = [self._first[pack], *others]
            owner = self._owner(every)
            yield from (one for one in every if owner is not None and one.writer != owner)

    def _owner(self, claims: list[Claim]) -> str | None:
        """Whose pack it is, by its clear front; that is one of those who claim it, or nobody."""
        for where in dict.fromkeys(one.where for one in claims):
            try:
                owner = read_header(self._store.read(where, (0, HEADER_BYTES)), where).writer.hex()
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
                continue
            return owner if any(one.writer == owner for one in claims) else None
        return None
