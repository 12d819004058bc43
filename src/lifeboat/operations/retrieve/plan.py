"""What to ask for, and what that takes and costs: pure.

Invariant: nothing is asked for that is coming already, unless a faster tier is wanted than it was asked for; nothing that can be read is asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from lifeboat.cloud.prices.prices import Prices
from lifeboat.cloud.prices.retrieval import Held, retrieval_cost
from lifeboat.foundation.value import Value
from lifeboat.operations.reports.retrievals import AwayRow, Offer
from lifeboat.operations.retrieve.journal import Asked
from lifeboat.storage.archive import ARCHIVE_CLASSES, ArchivedObject, Tier

SHOWS_WITHIN = timedelta(minutes=2)
"""For so long our own note of a request counts for more than a listing that does not show it yet."""
LASTS_AT_LEAST = timedelta(days=2)
"""A copy that goes sooner than this is made to last longer before a restore begins: none takes that long."""


class RetrievalPlan(Value):
    """How each of the objects that a job needs stands, all of them in an archive class."""

    away: tuple[ArchivedObject, ...]
    coming: tuple[ArchivedObject, ...]
    readable: tuple[ArchivedObject, ...]

    @property
    def is_readable(self) -> bool:
        return not self.away and not self.coming


def plan_retrieval(
    needed: Iterable[ArchivedObject], asked: Mapping[str, Asked], now: datetime, tier: Tier | None = None
) -> RetrievalPlan:
    """Sort what is needed by what is to be done with it.

    Args:
        asked: By name: what this machine asked for.
        now: By the store's clock, as the times in ``asked`` and of the copies are.
        tier: The tier that is wanted, where somebody said it: what is coming at a slower one is asked for again.
    """
    away, coming, readable = [], [], []
    for one in needed:
        before = asked.get(one.name)
        is_fresh = before is not None and timedelta() <= now - before.at < SHOWS_WITHIN
        is_too_slow = before is not None and tier is not None and tier.is_faster_than(before.tier)
        if one.readable_until is not None and one.readable_until > now:
            readable.append(one)
        elif (one.coming or is_fresh) and not is_too_slow:
            coming.append(one)
        else:
            away.append(one)
    return RetrievalPlan(tuple(away), tuple(coming), tuple(readable))


def offers_of(
    away: Iterable[ArchivedObject], prices: Prices, days: int
) -> tuple[tuple[AwayRow, ...], tuple[Offer, ...]]:
    """What is away, by class, and what each tier takes and costs for all of it."""
    objects, sizes = dict.fromkeys(ARCHIVE_CLASSES, 0), dict.fromkeys(ARCHIVE_CLASSES, 0)
    for one in away:
        objects[one.storage_class] += 1
        sizes[one.storage_class] += one.size_bytes
    rows = tuple(AwayRow(each, objects[each], sizes[each]) for each in ARCHIVE_CLASSES if objects[each])
    return rows, tuple(_offer(rows, tier, prices, days) for tier in Tier) if rows else ()


def ready_at(coming: Iterable[ArchivedObject], asked: Mapping[str, Asked], prices: Prices) -> datetime | None:
    """By when all of it should be there; None where it is not known of any when it was asked for."""
    latest: datetime | None = None
    for one in coming:
        before = asked.get(one.name)
        speed = prices.of(one.storage_class).restore.get(before.tier) if before else None
        if before is None or speed is None:
            continue
        ready = before.at + timedelta(minutes=speed.minutes[1])
        latest = max(latest, ready) if latest else ready
    return latest


def to_prolong(readable: Iterable[ArchivedObject], now: datetime) -> list[ArchivedObject]:
    """Copies that would go before a restore that begins now may be over."""
    return [one for one in readable if one.readable_until is not None and one.readable_until - now < LASTS_AT_LEAST]


def _offer(rows: Sequence[AwayRow], tier: Tier, prices: Prices, days: int) -> Offer:
    refusing = next((one.storage_class for one in rows if tier not in prices.of(one.storage_class).restore), None)
    if refusing is not None:
        return Offer(tier, None, None, refusing)
    found = retrieval_cost([Held(one.storage_class, one.objects, one.bytes) for one in rows], tier, prices, days=days)
    return Offer(tier, found.hours_most * 3600, found.dollars)
