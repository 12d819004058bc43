"""What AWS takes for bringing objects back from its archive classes, in hours and in dollars.

The hours are the longest that Amazon names for a class and tier (S3 User Guide, "Archive retrieval options"); a few minutes of Expedited are
counted as a quarter of an hour. The dollars are those of us-east-1; other regions are up to half dearer.
"""

from dataclasses import dataclass
from typing import Protocol

from lifeboat.foundation.sizes import GIB
from lifeboat.storage.archive import Tier

DAYS_IN_A_MONTH = 30.4


@dataclass(frozen=True, slots=True)
class Fare:
    """What one class takes at one tier."""

    hours: float
    dollars_per_gib: float
    dollars_per_thousand: float
    """Requests, one for each object."""


class Tariff(Protocol):
    """Where hours and prices come from."""

    def fare(self, storage_class: str, tier: Tier) -> Fare | None:
        """None where the class is not to be had at this tier."""
        ...

    def standard_gib_month(self) -> float:
        """Dollars for what the readable copies take up meanwhile."""
        ...


_FARES = {
    ("GLACIER", Tier.EXPEDITED): Fare(0.25, 0.03, 10.0),
    ("GLACIER", Tier.STANDARD): Fare(5, 0.01, 0.05),
    ("GLACIER", Tier.BULK): Fare(12, 0.0, 0.0),
    ("DEEP_ARCHIVE", Tier.STANDARD): Fare(12, 0.02, 0.10),
    ("DEEP_ARCHIVE", Tier.BULK): Fare(48, 0.0025, 0.025),
}


class UsEast1:
    """Prices of us-east-1, as of May 2026."""

    def fare(self, storage_class: str, tier: Tier) -> Fare | None:
        return _FARES.get((storage_class, tier))

    def standard_gib_month(self) -> float:
        return 0.023


def dollars_for(
    tariff: Tariff, storage_class: str, tier: Tier, objects: int, size_bytes: int, days: int
) -> float | None:
    """Asking, retrieving, and ``days`` of a readable copy; None where the class is not to be had at this tier."""
    fare = tariff.fare(storage_class, tier)
    if fare is None:
        return None
    gib = size_bytes / GIB
    return (
        gib * fare.dollars_per_gib
        + objects / 1000 * fare.dollars_per_thousand
        + gib * tariff.standard_gib_month() * days / DAYS_IN_A_MONTH
    )
