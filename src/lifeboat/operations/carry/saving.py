"""What a copy saves and costs, besides bytes: hours, and dollars at S3's prices.

Sending data to S3 costs nothing there, so what is saved is time and the host's line; of dollars there is little either way, and the room for what is
copied along and nobody needs is the larger part of it.
"""

from lifeboat.cloud.prices.prices import GB, Prices
from lifeboat.foundation.value import Value
from lifeboat.operations.carry.plan import Choice
from lifeboat.repository.names import Class
from lifeboat.repository.writing import WriteLimits
from lifeboat.retention.rules import Rules

SHORT_MONTHS = 2.4
"""A month, the 35 days for which its last snapshots are kept, and the grace."""
IA_MONTHS = 11
"""Of those that packs of the month's copy lie in Standard-IA, after one in Standard and before Glacier (the preset of age rules)."""


class Saving(Value):
    """Args: seconds: None where the writer's rate is not known. Dollars: None where S3 is not what stores it."""

    seconds: float | None
    dollars_saved: float | None = None
    dollars_copying: float | None = None
    dollars_dead: float | None = None


def saving_of(choice: Choice, rules: Rules, prices: Prices | None) -> Saving:
    """Of carrying the chosen packs instead of storing again what lives in them."""
    rate = choice.lot.bytes_per_second
    seconds = None if rate is None else choice.live_bytes / rate
    if prices is None:
        return Saving(seconds)
    request = prices.of("STANDARD").puts / 1000
    keys = len({one.data_key for one in choice.carried})
    fetched = sum(one.size_bytes / GB * prices.of(one.storage_class).retrieval_gb for one in choice.carried)
    dead_gb = (choice.bytes - choice.live_bytes) / GB
    return Saving(
        seconds,
        -(-choice.live_bytes // WriteLimits().pack_bytes) * request,
        (len(choice.carried) + keys) * request + fetched,
        dead_gb * _room(choice.lot.lane.class_, rules, prices),
    )


def _room(class_: Class, rules: Rules, prices: Prices) -> float:
    """Dollars for a GB as long as it lies there."""
    standard, cooler, cold = (prices.of(name).gb_month[0].price for name in ("STANDARD", "STANDARD_IA", "GLACIER"))
    if class_ is Class.SHORT:
        return standard * SHORT_MONTHS
    in_ia = min(max(rules.monthly - 1, 0), IA_MONTHS)
    return standard + cooler * in_ia + cold * max(rules.monthly - 1 - in_ia, 0)
