"""What will lie in a bucket if backups go on as they did, until they stop: made up for the simulator. Pure.

Limits: one cohort for a day and source, packs of one size; the first backup of all, and each month's, stores everything anew, in ``long`` and in
``short``; proofs keep up. Retention and prune act as ``retention`` says of snapshots that come daily.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from lifeboat.cloud.lifecycle.prove import FOR_EVER, Group, Place
from lifeboat.cloud.lifecycle.simulate import DAY, Cohort
from lifeboat.foundation.value import Value
from lifeboat.repository.names import Class
from lifeboat.retention.periods import GRACE, begin_of, closes, end_of, generation_of
from lifeboat.retention.rules import Rules

PACK_BYTES = 24 << 20


class Habit(Value):
    """What a source stores. Args: whole_bytes: of everything anew; daily_bytes: of what changes in a day."""

    source: str
    whole_bytes: int
    daily_bytes: int


def cohorts(
    habits: Sequence[Habit], present: Iterable[Group], place: Place, days: int, stop_after: int | None = None
) -> Iterator[Cohort]:
    """What lies there now, and what comes.

    Args:
        stop_after: The last backup is taken so many days from now; None: they go on.
    """
    start = place.now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    last = start + timedelta(days=days if stop_after is None else min(stop_after, days))
    stored: set[str] = set()
    for group in present:
        stored.add(group.area.split("/")[0])
        parts = group.key[len(place.before) :].split("/")
        if len(parts) < 5 or parts[1] != "pack":
            continue
        until, pruned = _kept(parts[2], parts[3], place.rules, last)
        if group.needed_until == FOR_EVER:
            until = pruned = None
        size = max(group.total_bytes // group.count, 1)
        yield Cohort(
            group.key,
            size,
            group.count,
            group.created,
            until,
            pruned,
            group.storage_class,
            _copies(parts[0], parts[2], parts[3]),
        )
    for habit in habits:
        day = start
        while day <= last:
            anew = day.day == 1 or (day == start and habit.source not in stored)
            monthly = day.day == 1 or (day == start + DAY and habit.source not in stored)
            yield from _of_day(habit, day, place, last, anew=anew, monthly=monthly)
            day += DAY


def _of_day(
    habit: Habit, day: datetime, place: Place, last: datetime, *, anew: bool, monthly: bool
) -> Iterator[Cohort]:
    generation = generation_of(day)
    written = {Class.SHORT: habit.whole_bytes if anew else habit.daily_bytes}
    if monthly and place.rules.takes_long:
        written[Class.LONG] = habit.whole_bytes
    for class_, size in written.items():
        if size > 0:
            until, pruned = _kept(class_, generation, place.rules, last)
            count = -(-size // PACK_BYTES)
            key = f"{place.before}{habit.source}/pack/{class_}/{generation}/{'0' * 64}"
            yield Cohort(
                key,
                size // count,
                count,
                day + timedelta(hours=2),
                until,
                pruned,
                copies=_copies(habit.source, class_, generation),
            )


def _copies(source: str, class_: str, generation: str) -> str:
    return f"{source} {'monthly' if class_ == Class.LONG else 'hourly and daily'} {generation}"


def _kept(class_: str, generation: str, rules: Rules, last: datetime) -> tuple[datetime | None, datetime | None]:
    """Until when what was stored in a month is needed, and when prune removes it; None while nothing newer pushes it out."""
    newest = min(end_of(generation), last) - DAY
    if class_ == Class.SHORT:
        spans = {"hour": 1, "day": 1, "week": 7}
        days = max((rule.count * spans[rule.period] for rule in rules.of_class(class_)), default=0)
        until = newest + timedelta(days=days)
    else:
        until = begin_of(_months_on(generation, rules.monthly))
        if rules.yearly and generation[5:7] == "12":
            until = max(until, datetime(int(generation[:4]) + rules.yearly, 1, 1, tzinfo=UTC))
    until = max(until, closes(generation))
    return (until, until + GRACE) if until <= last else (None, None)


def _months_on(generation: str, months: int) -> str:
    at = int(generation[:4]) * 12 + int(generation[5:7]) - 1 + months
    return f"{min(at // 12, 9999):04d}-{at % 12 + 1:02d}"
