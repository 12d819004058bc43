"""What ``lifeboat cost`` tells. Dollars and GB as on AWS's bill: a GB is 2^30 bytes, a month 30.4 days."""

from collections.abc import Mapping
from datetime import datetime

from lifeboat.foundation.value import Value


class CostMonth(Value):
    """One month of 30.4 days. Args: lines: dollars by what they are for; gb: by storage class."""

    month: int
    begins: datetime
    dollars: float
    lines: Mapping[str, float]
    gb: Mapping[str, float]

    @property
    def all_gb(self) -> float:
        return sum(self.gb.values())


class PolicyCost(Value):
    """What one set of age rules makes of it. Args: last: dollars of the last month; total: of all months."""

    name: str
    words: str
    last: float
    total: float
    months: tuple[CostMonth, ...] = ()


class CostNow(Value):
    """What lies there now.

    Args:
        dollars: A month, for storage alone. gb, objects: By storage class.
        versions_gb: What was deleted and is billed still; None: not known, and not in ``dollars``.
        exact: False: told by the records, for this machine may not list everything.
    """

    dollars: float
    gb: Mapping[str, float]
    objects: Mapping[str, int]
    versions_gb: Mapping[str, float] | None
    exact: bool = True


class GrowthRow(Value):
    """What the projection goes on. Bytes as they lie in the bucket. Args: grows_day: By so much a full is larger each day."""

    what: str
    full_bytes: float
    day_bytes: float
    runs_a_day: float
    grows_day: float = 0.0


class CostReport(Value):
    """Args:
    subject: Of what: the repository, or "what if".
    basis: What the projection rests on, and how sure it is.
    budget: Dollars a month. over_budget: The first month above it; None: none.
    lever: What would change most, in a sentence. others: The same under other age rules, the cheapest in the end first.
    assumed, not_counted: Sentences.
    """

    subject: str
    now: CostNow | None
    policy: PolicyCost
    prices: str
    basis: str
    growth: tuple[GrowthRow, ...]
    budget: float
    over_budget: int | None
    lever: str
    others: tuple[PolicyCost, ...] = ()
    assumed: tuple[str, ...] = ()
    not_counted: tuple[str, ...] = ()
