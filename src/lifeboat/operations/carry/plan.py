"""Which packs are worth copying, decided from facts alone: pure, frozen, complete."""

from lifeboat.foundation.sizes import KIB, MIB
from lifeboat.foundation.value import Value
from lifeboat.operations.carry.facts import Lot
from lifeboat.operations.carry.home import Hindrance, HomePack
from lifeboat.repository.names import Class

MOSTLY_DEAD = "mostly not needed any more"
TOO_SMALL = "small: stored again, gathered into larger packs"


class Worth(Value):
    """From when on a copy is worth it."""

    living_short: float = 0.5
    """Share of a pack that must be needed still: the rest lies there for a month or two for nothing."""
    living_long: float = 0.9
    """The same in ``long``, where the rest would lie for years."""
    smallest_pack_bytes: int = 256 * KIB
    """A copy costs a request, as storing a pack of 24 MiB does; and archive classes take small objects badly (S3: none below 128 KiB)."""
    smallest_lot_bytes: int = 16 * MIB
    """Less than this is stored again in seconds."""

    def living(self, class_: Class) -> float:
        return self.living_long if class_ is Class.LONG else self.living_short


class Choice(Value):
    """What becomes of one lot. Args: left: Reason to the packs that are not copied for it."""

    lot: Lot
    carried: tuple[HomePack, ...]
    left: dict[str, tuple[HomePack, ...]]
    why: str
    """Why nothing is copied; empty when something is."""

    @property
    def bytes(self) -> int:
        return sum(one.size_bytes for one in self.carried)

    @property
    def live_bytes(self) -> int:
        return sum(one.live_bytes for one in self.carried)


def choose(lot: Lot, worth: Worth) -> Choice:
    """Decide about one lot. Pure."""
    whole_there = {one.name for one in lot.packs if lot.sizes.get(one.name) == one.size_bytes}
    if lot.again:
        gone = tuple(one for one in lot.packs if not one.hindrance)
        hindered = tuple(one for one in lot.packs if one.hindrance)
        left_out = {str(hindered[0].hindrance): hindered} if hindered else {}
        return Choice(lot, gone, left_out, "" if gone else "what was carried is gone, here and where it came from")
    if lot.begun:
        return Choice(lot, (), {}, "its first backup of this month is stored already")
    left: dict[str, list[HomePack]] = {}
    carried = []
    for one in lot.packs:
        if one.name in lot.said and one.name in whole_there:
            continue
        reason = _why_not(one, worth, lot.lane.class_)
        if reason:
            left.setdefault(reason, []).append(one)
        else:
            carried.append(one)
    why = _why_none(lot, carried, whole_there, worth)
    told = {reason: tuple(packs) for reason, packs in left.items()}
    return Choice(lot, () if why else tuple(carried), told, why)


def _why_not(pack: HomePack, worth: Worth, class_: Class) -> str:
    if pack.hindrance is not Hindrance.NONE:
        return str(pack.hindrance)
    if pack.live_bytes < worth.living(class_) * pack.size_bytes or not pack.live_bytes:
        return MOSTLY_DEAD
    return TOO_SMALL if pack.size_bytes < worth.smallest_pack_bytes else ""


def _why_none(lot: Lot, carried: list[HomePack], whole_there: set[bytes], worth: Worth) -> str:
    if carried and sum(one.live_bytes for one in carried) >= worth.smallest_lot_bytes:
        return ""
    if whole_there & lot.said:
        return "carried already"
    return "too little to be worth it" if carried else "nothing of it is worth a copy"
