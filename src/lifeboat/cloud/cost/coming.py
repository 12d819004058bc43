"""The objects that will be stored from now on: monthly fulls, daily changes, the archive of changes, and what is written about them. Pure.

Each generation is a calendar month. Its first backup stores everything once in ``short``; one backup of the month is whole in ``long``; all
others store what changed. Prune removes ``short`` of a month once the last of its days is not kept any more, and ``long`` by the monthly rule.

Limits: counts days, not runs. What hourly backups alone need is taken to live as long as the month's daily ones (more than it really does);
nothing is carried forward. Segments go by the window. The catalog is never removed (it is small).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lifeboat.cloud.cost.cohort import Cohort, Policy, cohort_of
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.repository.names import SEGMENTS, Class, Source, packs_prefix
from lifeboat.retention.periods import GRACE, end_of, generation_of
from lifeboat.retention.rules import Rules

DAY = timedelta(days=1)
PACK_BYTES = 24 * MIB
"""``WriteLimits.pack_bytes``."""
CATALOG_BYTES_A_RUN = 8 * 1024
CATALOG_OBJECTS_A_RUN = 6
"""Data key, index, record, link of the chain, and what is noted of the run: 7 PUT with its pack, counted on a server for tests."""
LISTS_A_RUN = 12
"""Counted there too. LIST is billed as PUT."""
LISTS_A_LOOK = 11
"""Of `serve`, once a minute, at how everything stands."""
LOOKS_A_DAY = 1440


class Growth(Value):
    """What the backups of one source store, all of it as it lies in the bucket: compressed and sealed.

    Args:
        full_bytes: All of it, once. day_bytes: What is new each day.
        grows_a_day: So much larger is a full each day.
        runs_a_day: Backups.
    """

    source: Source
    full_bytes: float
    day_bytes: float
    runs_a_day: float = 1.0
    grows_a_day: float = 0.0


class ArchiveGrowth(Value):
    """The continuous archive. Args: objects_a_day: Segments; at most one each ``every_seconds``, at least one in five minutes."""

    day_bytes: float
    objects_a_day: float


class Begun(Value):
    """What of the month that runs is stored already, by source: it is not stored again."""

    short: frozenset[Source] = frozenset()
    long: frozenset[Source] = frozenset()


def coming(
    growths: Sequence[Growth],
    archive: ArchiveGrowth | None,
    rules: Rules,
    policy: Policy,
    begin: datetime,
    until: datetime,
    prefix: str = "",
    begun: Begun | None = None,
) -> Iterator[Cohort]:
    """Everything that will be written between two instants, with its course.

    Args:
        prefix: Of the repository in the bucket; empty or ending in a slash.
    """
    begun = begun or Begun()
    day, last_of_month = begin, ""
    while day < until:
        generation, age = generation_of(day), (day - begin) / DAY
        is_first, is_running = generation != last_of_month, generation == generation_of(begin)
        last_of_month = generation
        for one in growths:
            source, full = one.source, one.full_bytes + one.grows_a_day * age
            short, long = (prefix + packs_prefix(source, class_, generation) for class_ in (Class.SHORT, Class.LONG))
            ends = short_ends(generation, rules)
            if is_first and not (is_running and source in begun.short):
                yield _packs(policy, short, full, day, ends)
            if one.day_bytes + one.grows_a_day > 0:
                runs = max(one.runs_a_day, 1.0)
                yield _packs(policy, short, one.day_bytes + one.grows_a_day, day, ends, at_least=runs)
            if is_first and rules.takes_long and not (is_running and source in begun.long):
                yield _packs(policy, long, full, day, long_ends(generation, rules))
            if one.runs_a_day:
                count = one.runs_a_day * CATALOG_OBJECTS_A_RUN
                name = f"{prefix}catalog/"
                yield cohort_of(policy, name, CATALOG_BYTES_A_RUN / CATALOG_OBJECTS_A_RUN, count, day)
        if archive is not None and archive.objects_a_day:
            each = archive.day_bytes / archive.objects_a_day
            gone = day + rules.window + 2 * DAY
            yield cohort_of(policy, prefix + SEGMENTS, each, archive.objects_a_day, day, gone)
        day += DAY


def everything_kept(
    day_bytes: float, policy: Policy, begin: datetime, until: datetime, prefix: str = ""
) -> Iterator[Cohort]:
    """The same amount each day, in ``long``, until an age rule lets it go: how the costs of plain uploads grow."""
    day = begin
    while day < until:
        yield _packs(
            policy, prefix + packs_prefix(Source.MONGODB, Class.LONG, generation_of(day)), day_bytes, day, None
        )
        day += DAY


def short_ends(generation: str, rules: Rules) -> datetime:
    """When prune removes what a month stored in ``short``: its last day is not kept any more, and the grace is over."""
    kept = max(rules.hourly / 24, rules.daily, rules.weekly * 7, GRACE.days)
    return end_of(generation) + timedelta(days=kept) + GRACE


def long_ends(generation: str, rules: Rules) -> datetime:
    """The same for the month's copy; the last of a year is also kept by the yearly rule."""
    months = rules.monthly
    if generation[5:7] == "12":
        months = max(months, rules.yearly * 12)
    ends = end_of(generation)
    for _ in range(min(months, 12 * 200)):
        ends = end_of(generation_of(ends))
    return ends + GRACE


def _packs(
    policy: Policy, place: str, all_bytes: float, created: datetime, removed: datetime | None, *, at_least: float = 1.0
) -> Cohort:
    """As packs; the smallest amount is one object a run."""
    count = max(all_bytes / PACK_BYTES, at_least)
    return cohort_of(policy, place, all_bytes / count, count, created, removed)
