"""Which recovery point a drill goes back to. Pure.

``random`` draws an age first (today, this week, this month, older) and then a snapshot of that age, so that old copies are drilled as often
as new ones, however many new ones there are.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.repository.names import Source, typed
from lifeboat.repository.record import Record

WAYS = ("latest", "random", "oldest")
AGES = (timedelta(days=1), timedelta(days=7), timedelta(days=31))
ORDER = (Source.MONGODB, Source.FILES, Source.CONFIG)


class NothingToDrill(SettingsError):
    """No snapshot is stored that this drill could bring back."""

    code = "nothing-to-drill"


class Chosen(Value):
    """Args: records: By source as people type it. words: How it was chosen, for the report."""

    records: dict[str, Record]
    words: str


def choose(
    records: Iterable[Record], sources: Sequence[str], way: str, now: datetime, draw: Callable[[int], int]
) -> Chosen:
    """Choose snapshots that belong together.

    Args:
        records: All that are stored; what is no backup is passed over, and what lacks something where another does not.
        sources: Those that are to come back, as people type them; one that has no snapshot at all is left out.
        draw: Gives a number from 0 to below its argument.

    Raises:
        NothingToDrill.
    """
    usable: list[Record] = []
    every = [one for one in records if one.is_backup and typed(one.source) in sources]
    for source in ORDER:
        of_source = [one for one in every if one.source == source]
        # One that lacks something is better than none: what it lacks its own report says.
        usable += [one for one in of_source if one.complete] or of_source
    first = next((source for source in ORDER if any(one.source == source for one in usable)), None)
    if first is None:
        raise NothingToDrill(
            f"no snapshot of {', '.join(sources)} is stored",
            "`lifeboat backup all`, then try again; `lifeboat snapshots` shows what there is",
        )
    main = sorted((one for one in usable if one.source == first), key=lambda one: one.instant)
    if way == "oldest":
        base, words = main[0], "the oldest complete snapshot"
    elif way == "random":
        base, words = _drawn(main, now, draw)
    else:
        base, words = main[-1], "the newest complete snapshot"
    found = {typed(base.source): base}
    for source in ORDER:
        beside = [one for one in usable if one.source == source and source != base.source]
        if beside:
            found[typed(source)] = _beside(base, beside)
    return Chosen(found, words)


def _drawn(main: Sequence[Record], now: datetime, draw: Callable[[int], int]) -> tuple[Record, str]:
    ages: dict[int, list[Record]] = {}
    for one in main:
        ages.setdefault(sum(now - one.instant > limit for limit in AGES), []).append(one)
    name = sorted(ages)[draw(len(ages))]
    of_age = ages[name]
    words = ("of the last day", "of the last week", "of the last month", "older than a month")[name]
    return of_age[draw(len(of_age))], f"drawn by chance: one of {len(of_age)} {words}"


def _beside(base: Record, others: Sequence[Record]) -> Record:
    """Of the same recovery point, else the newest that is not younger, else the oldest there is."""
    for one in others:
        if one.point == base.point:
            return one
    before = [one for one in others if one.instant <= base.instant]
    return max(before, key=lambda one: one.instant) if before else min(others, key=lambda one: one.instant)
