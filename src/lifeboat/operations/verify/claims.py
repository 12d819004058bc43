"""What indexes say of packs, and whom to believe where they differ: the writer whose pack it is (docs/decisions/0056).

A pack is one writer's, wherever it lies: carried forward, its own writer tells of it in two places, and both are right.

Invariant: a stolen writer's index changes nothing of what is said of another writer's packs: it can neither bring them into doubt nor keep them
from being proved.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.verify.told_packs import ToldPack, ToldPacks
from lifeboat.repository.names import At
from lifeboat.repository.pack_format import HEADER_BYTES, read_header
from lifeboat.storage.object_store import ObjectStore


class Claim(NamedTuple):
    """What one index says of a pack in one place. Args: number: Of the pack there, among those told of."""

    place: str
    number: int
    pack: ToldPack

    @property
    def writer(self) -> str:
        return self.pack.origin.writer

    @property
    def where(self) -> str:
        """The pack's whole name, were the index right."""
        return self.place + self.pack.name.hex()

    @property
    def at(self) -> At:
        return self.place, self.pack.name

    def says_as(self, other: "Claim") -> bool:
        """Of the same pack in the same place the same."""
        return self.place == other.place and self.pack.says_as(other.pack)


@dataclass
class Verdict:
    """On all that indexes say: what contradicts what is believed, and what is said of packs of another writer."""

    contradicting: list[Claim] = field(default_factory=list)
    lies: list[Claim] = field(default_factory=list)
    repeats: list[Claim] = field(default_factory=list)
    """What is said word by word by an index before it."""
    unbelieved: list[Claim] = field(default_factory=list)


def judge(packs: ToldPacks, store: ObjectStore) -> Verdict:
    """Leave of each pack and place one claim in ``packs``: the one to go by."""
    verdict = Verdict()
    for told in packs.repeated():
        _judge_one(verdict, store, [Claim(place, number, packs.at(place, number)) for place, number in told])
    packs.sort_out(
        [(one.place, one.number) for one in verdict.repeats], [(one.place, one.number) for one in verdict.unbelieved]
    )
    return verdict


def _judge_one(verdict: Verdict, store: ObjectStore, claims: Sequence[Claim]) -> None:
    """Of one pack, what is said of it more than once: believed is its own writer's word (or, where that is not to be told, everybody's)."""
    if len({one.writer for one in claims}) == 1 and len({one.place for one in claims}) == len(claims):
        return  # carried forward
    first, *others = claims
    every = [first]
    for one in others:
        is_repeat = one.writer == first.writer and one.says_as(first)
        (verdict.repeats if is_repeat else every).append(one)
    if len(every) == 1:
        return
    owner = _owner(every, store)
    places: dict[str, list[Claim]] = {}
    for one in [one for one in every if one.writer == owner] or every:
        places.setdefault(one.place, []).append(one)
    believed = [own[0] for own in places.values()]
    verdict.contradicting += [one for own in places.values() for one in own[1:] if not one.says_as(own[0])]
    verdict.lies += [one for one in every if owner is not None and one.writer != owner]
    verdict.unbelieved += [one for one in every if one not in believed]


def _owner(claims: Sequence[Claim], store: ObjectStore) -> str | None:
    """Whose pack it is: the only one who claims it, or by its clear front one of several; else nobody."""
    if len({one.writer for one in claims}) == 1:
        return claims[0].writer
    for where in dict.fromkeys(one.where for one in claims):
        try:
            owner = read_header(store.read(where, (0, HEADER_BYTES)), where).writer.hex()
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            continue
        return owner if any(one.writer == owner for one in claims) else None
    return None
