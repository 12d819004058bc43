"""Dollars, month by month and line by line. Pure.

Limits: what is not in it stands in ``NOT_COUNTED``. Decision 0185.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from lifeboat.cloud.cost.cohort import Cohort
from lifeboat.cloud.cost.usage import MONTH, STANDARD, Usage
from lifeboat.cloud.prices.prices import GB, ClassPrices, Prices
from lifeboat.foundation.value import Value, field

NOT_COUNTED = (
    "taxes",
    "traffic between regions",
    "a replica's own bill",
    "the access log",
    "what else lies in the bucket",
)


class Bill(Value):
    """Dollars of one month.

    Args:
        month: 1 is the first. begins: Its first instant.
        storage: By storage class, of what can be seen.
        versions: Storage of what was deleted and can be brought back still.
        overhead: What archive classes bill beside each object, and what is billed as larger than it is.
        early: Minimum durations of what was deleted or moved on too soon.
        requests: PUT, GET, LIST. moves: By age rules. reads: Retrieval per GB. download: Out of AWS.
        gb: GB-months by storage class, older versions included.
    """

    month: int
    begins: datetime
    storage: Mapping[str, float] = field(default_factory=dict)
    versions: float = 0.0
    overhead: float = 0.0
    early: float = 0.0
    requests: float = 0.0
    moves: float = 0.0
    reads: float = 0.0
    download: float = 0.0
    kms: float = 0.0
    cloudwatch: float = 0.0
    gb: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.lines().values())

    @property
    def all_gb(self) -> float:
        return sum(self.gb.values())

    def lines(self) -> dict[str, float]:
        """All lines by name, storage classes first; those of nothing too."""
        rest = ("versions", "overhead", "early", "requests", "moves", "reads", "download", "kms", "cloudwatch")
        return {**self.storage, **{name: getattr(self, name) for name in rest}}


class Beside(Value):
    """What is billed beside S3: dollars a month, and requests to KMS for each one to S3.

    Args:
        metrics, alarms: At CloudWatch, of this repository; 0: it is not switched on.
    """

    kms: bool = False
    metrics: int = 0
    alarms: int = 0


def bills(usage: Usage, prices: Prices, beside: Beside | None = None) -> list[Bill]:
    """One a month."""
    beside, months = beside or Beside(), range(usage.months)
    stored, hidden, rounding, overhead, early, puts, gets, moves, read = (
        {name: one.all() for name, one in amounts.items()}
        for amounts in (
            *(usage.stored, usage.hidden, usage.rounding, usage.overhead, usage.early),
            *(usage.puts, usage.gets, usage.moves, usage.read),
        )
    )
    overhead_standard, watched, out = usage.overhead_standard.all(), usage.watched.all(), usage.out.all()
    names = sorted({*stored, *hidden, *rounding, *overhead, *early, STANDARD})
    found = []
    for month in months:
        storage, versions, beyond, early_dollars = {}, 0.0, watched[month], 0.0
        for name in names:
            seen, gone, small, extra = (_at(one, name, month) for one in (stored, hidden, rounding, overhead))
            extra += small + (overhead_standard[month] if name == STANDARD else 0.0)
            price = _each(prices.of(name), seen + gone + extra)
            storage[name] = seen * price
            versions += gone * price
            beyond += extra * price
            early_dollars += _at(early, name, month) * prices.of(name).gb_month[-1].price
        asked = sum(_at(one, name, month) for one in (puts, gets) for name in one)
        found.append(
            Bill(
                month=month + 1,
                begins=usage.begin + MONTH * month,
                storage={name: dollars for name, dollars in storage.items() if dollars},
                versions=versions,
                overhead=beyond,
                early=early_dollars,
                requests=sum(
                    _at(puts, name, month) / 1000 * prices.of(name).puts
                    + _at(gets, name, month) / 1000 * prices.of(name).gets
                    for name in {*puts, *gets}
                ),
                moves=sum(count[month] / 1000 * prices.of(name).moves for name, count in moves.items()),
                reads=sum(gb[month] * prices.of(name).retrieval_gb for name, gb in read.items()),
                download=max(out[month] - prices.out_free_gb, 0.0) * prices.out_gb,
                kms=prices.kms_key_month + asked / 1000 * prices.kms_requests if beside.kms else 0.0,
                cloudwatch=max(beside.metrics - prices.metrics_free, 0) * prices.metric_month
                + max(beside.alarms - prices.alarms_free, 0) * prices.alarm_month,
                gb={
                    name: gb
                    for name in names
                    if (gb := _at(stored, name, month) + _at(hidden, name, month)) > 0
                },
            )
        )  # fmt: skip
    return found


def standing(cohorts: Iterable[Cohort], at: datetime, prices: Prices) -> dict[str, float]:
    """Dollars a month by storage class for keeping what is there at a moment, older versions included, without overheads."""
    gb: dict[str, float] = {}
    for one in cohorts:
        if one.stages[0].at > at or (one.gone is not None and one.gone <= at):
            continue
        now = [stage for stage in one.stages if stage.at <= at][-1].storage_class
        gb[now] = gb.get(now, 0.0) + one.all_bytes / GB
    return {name: prices.of(name).storage(amount) for name, amount in gb.items()}


def _each(prices: ClassPrices, gb: float) -> float:
    """Dollars for each of so many GB-months, where tiers make the later ones cheaper."""
    return prices.storage(gb) / gb if gb > 0 else 0.0


def _at(amounts: Mapping[str, Sequence[float]], name: str, month: int) -> float:
    return amounts[name][month] if name in amounts else 0.0


def total_of(found: Sequence[Bill]) -> float:
    return sum(one.total for one in found)


def in_years(found: Sequence[Bill]) -> list[Sequence[Bill]]:
    """Twelve months each; the last may have fewer."""
    return [found[first : first + 12] for first in range(0, len(found), 12)]
