"""What is billed of cohorts, month by month, in GB-months and requests; no dollars yet. Pure.

A month is 30.4 days, counted from the beginning: months are then alike, and a constant amount costs the same in each of them.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from lifeboat.cloud.cost.cohort import Cohort
from lifeboat.cloud.prices.prices import GB, MONTH_DAYS, ClassPrices, Prices
from lifeboat.storage.archive import REST_DAYS

MONTH = timedelta(days=MONTH_DAYS)
STANDARD = "STANDARD"
ROUNDED = 1e-9
"""Months: less than this is how numbers are rounded."""


class Monthly:
    """An amount a month. Spans are added as differences, so that one of seven years costs no more than one of a day."""

    def __init__(self, months: int) -> None:
        self._months = months
        self._in = [0.0] * months
        self._steps = [0.0] * (months + 1)

    def add(self, month: int, amount: float) -> None:
        if 0 <= month < self._months:
            self._in[month] += amount

    def add_span(self, since: float, until: float, amount: float) -> None:
        """``amount`` for each month from ``since`` to ``until``, both in months, and the share of those that are cut."""
        since, until = max(since, 0.0), min(until, float(self._months))
        if since >= until:
            return
        first, last = int(since), int(until)
        if first == last:
            self._in[first] += (until - since) * amount
            return
        self._in[first] += (first + 1 - since) * amount
        self._steps[first + 1] += amount
        self._steps[last] -= amount
        if last < self._months:
            self._in[last] += (until - last) * amount

    def all(self) -> list[float]:
        found, level = [], 0.0
        for within, step in zip(self._in, self._steps, strict=False):
            level += step
            found.append(max(within + level, 0.0))  # differences leave a rounding below zero
        return found


class Usage:
    """All that is billed; by storage class, GB-months if nothing else is said.

    Args:
        begin: When the first month begins. What happened before is not billed again.
    """

    def __init__(self, begin: datetime, months: int, prices: Prices) -> None:
        def by_class() -> defaultdict[str, Monthly]:
            return defaultdict(lambda: Monthly(months))

        self.begin, self.months, self._prices = begin, months, prices
        self.stored, self.hidden = by_class(), by_class()
        self.rounding, self.overhead, self.early = by_class(), by_class(), by_class()
        self.overhead_standard = Monthly(months)
        self.watched = Monthly(months)
        """Objects that INTELLIGENT_TIERING watches, in thousand-object-months by price."""
        self.puts, self.gets, self.moves = by_class(), by_class(), by_class()
        """Requests."""
        self.read = by_class()
        """GB read."""
        self.out = Monthly(months)
        """GB that leave AWS."""

    def month_of(self, at: datetime) -> float:
        return (at - self.begin) / MONTH

    def add(self, cohorts: Iterable[Cohort]) -> "Usage":
        for one in cohorts:
            self._add(one)
        return self

    def _add(self, cohort: Cohort) -> None:
        gb = cohort.all_bytes / GB
        end = None if cohort.gone is None else self.month_of(cohort.gone)
        entered = self.month_of(cohort.stages[0].at)
        if entered >= 0:
            self.puts[cohort.stages[0].storage_class].add(int(entered), cohort.count)
        for number, stage in enumerate(cohort.stages):
            since = self.month_of(stage.at)
            if number:
                before = cohort.stages[number - 1].storage_class
                if stage.storage_class != before:
                    self._leave(before, entered, since, gb)
                    entered = since
                    if since >= 0:
                        self.moves[stage.storage_class].add(int(since), cohort.count)
            following = cohort.stages[number + 1].at if number + 1 < len(cohort.stages) else None
            until = self.month_of(following) if following is not None else end
            self._stay(cohort, stage.storage_class, stage.hidden, since, float(self.months) if until is None else until)
        if end is not None:
            self._leave(cohort.stages[-1].storage_class, entered, end, gb)

    def _stay(self, cohort: Cohort, storage_class: str, hidden: bool, since: float, until: float) -> None:
        prices = self._prices.of(storage_class)
        (self.hidden if hidden else self.stored)[storage_class].add_span(since, until, cohort.all_bytes / GB)
        if cohort.each_bytes < prices.minimum_bytes:
            missing = (prices.minimum_bytes - cohort.each_bytes) * cohort.count / GB
            self.rounding[storage_class].add_span(since, until, missing)
        if prices.overhead_bytes or prices.overhead_standard_bytes:
            self.overhead[storage_class].add_span(since, until, prices.overhead_bytes * cohort.count / GB)
            self.overhead_standard.add_span(since, until, prices.overhead_standard_bytes * cohort.count / GB)
        if prices.watching:
            self.watched.add_span(since, until, cohort.count / 1000 * prices.watching)

    def _leave(self, storage_class: str, entered: float, left: float, gb: float) -> None:
        """What is asked for when objects go before their minimum duration: the rest of it, at once."""
        missing = _minimum_months(self._prices.of(storage_class)) - (left - entered)
        if missing > ROUNDED and left >= 0:
            self.early[storage_class].add(int(left), missing * gb)


def _minimum_months(prices: ClassPrices) -> float:
    return prices.minimum_days / MONTH_DAYS


def add_nightly_reading(
    usage: Usage, nightly: tuple[float, float], object_bytes: int, prices: Prices, *, outside: bool
) -> None:
    """What the rolling verification reads: everything that is not archived, each time, or as much of it as it gets to; what is billed by
    the GB once in its ``REST_DAYS``.

    Args:
        nightly: GB a night at most, nights a month.
        object_bytes: Of each read, which is one GET.
        outside: The machine that reads is not in AWS.
    """
    gb_a_night, nights_a_month = nightly
    stored = {name: one.all() for name, one in usage.stored.items() if not prices.of(name).is_archive}
    for month in range(usage.months):
        all_gb = sum(one[month] for one in stored.values())
        nights = nights_a_month * min(1.0, gb_a_night / all_gb) if all_gb else 0.0
        for name, one in stored.items():
            times = min(nights, MONTH_DAYS / REST_DAYS[name]) if name in REST_DAYS else nights
            usage.read[name].add(month, one[month] * times)
            usage.gets[name].add(month, one[month] * times * GB / object_bytes)
            if outside:
                usage.out.add(month, one[month] * times)
