"""One price list, in dollars. Pure.

A GB is 2^30 bytes and a month 30.4 days wherever dollars are counted here: S3 bills bytes by the hour, and a GB-month is that of an average month.
Source: Amazon S3 FAQ, "How will I be charged and billed for my use of Amazon S3?".
"""

from collections.abc import Mapping
from datetime import date

from lifeboat.foundation.value import Value, field

GB = 1024**3
MONTH_DAYS = 30.4


class Tier(Value):
    """Dollars per GB-month up to so many GB in one month; ``up_to_gb`` None: for all that is more."""

    price: float
    up_to_gb: float | None = None


class Restore(Value):
    """One speed of bringing back from an archive class.

    Args:
        gb: Dollars per GB. requests: Dollars per 1,000 objects.
        minutes: How long it takes at least and at most.
    """

    gb: float
    requests: float
    minutes: tuple[float, float]


class ClassPrices(Value):
    """What one storage class costs; everything that it does not ask for is 0.

    Args:
        puts, gets, moves: Dollars per 1,000 requests; moves: by an age rule INTO the class.
        retrieval_gb: Dollars per GB read, on top of the request; archive classes have ``restore`` instead.
        watching: Dollars per 1,000 objects a month (INTELLIGENT_TIERING).
        minimum_days: Billed at least so long, however soon an object is deleted or moved on.
        minimum_bytes: Billed at least as so large.
        overhead_bytes, overhead_standard_bytes: Billed beside each object, at the price of this class, and of STANDARD.
        restore: By speed: ``bulk``, ``standard``, ``expedited``. Empty: the class is read at once.
    """

    gb_month: tuple[Tier, ...]
    puts: float = 0.0
    gets: float = 0.0
    moves: float = 0.0
    retrieval_gb: float = 0.0
    watching: float = 0.0
    minimum_days: int = 0
    minimum_bytes: int = 0
    overhead_bytes: int = 0
    overhead_standard_bytes: int = 0
    restore: Mapping[str, Restore] = field(default_factory=dict)

    @property
    def is_archive(self) -> bool:
        """Whether an object has to be brought back before it can be read."""
        return bool(self.restore)

    def storage(self, gb_months: float) -> float:
        """Dollars for so many GB-months of one month, by tier."""
        dollars, below = 0.0, 0.0
        for one in self.gb_month:
            top = gb_months if one.up_to_gb is None else min(gb_months, one.up_to_gb)
            dollars += max(top - below, 0.0) * one.price
            below = max(top, below)
        return dollars


class Prices(Value):
    """All prices of one region.

    Args:
        region: Whose they are. dated: As of when.
        out_gb: Dollars per GB read from outside of AWS, beyond ``out_free_gb`` a month.
        kms_requests: Dollars per 1,000.
        metric_month, alarm_month: Dollars for one at CloudWatch, beyond the free ones.
        file: Where they were read, as shown to people.
        asked_region: The region that was asked for; another than ``region`` where there is no list of it.
    """

    region: str
    dated: date
    classes: Mapping[str, ClassPrices]
    sources: tuple[str, ...] = ()
    out_gb: float = 0.0
    out_free_gb: float = 0.0
    kms_key_month: float = 0.0
    kms_requests: float = 0.0
    metric_month: float = 0.0
    metrics_free: int = 0
    alarm_month: float = 0.0
    alarms_free: int = 0
    file: str = ""
    asked_region: str | None = None

    @property
    def is_of_another_region(self) -> bool:
        return self.asked_region is not None and self.asked_region != self.region

    @property
    def words(self) -> str:
        """Whose prices these are, and what to do where they are another region's."""
        said = f"prices of {self.region} of {self.dated.isoformat()}"
        if self.is_of_another_region:
            said += f"; there is no list for {self.asked_region}: name yours with prices under [aws]"
        return f"{said} ({self.file})" if self.file else said

    def of(self, storage_class: str) -> ClassPrices:
        """Of a class that is not in the list: STANDARD's, the dearest."""
        return self.classes.get(storage_class, self.classes["STANDARD"])
