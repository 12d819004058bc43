"""Which of the suspects it was, where nobody says otherwise. Pure.

Invariant: never the middle of a disaster: whoever drops twenty collections is undone from before the first of them, not before the last.
"""

from collections.abc import Sequence
from datetime import timedelta

from lifeboat.foundation.cluster_time import ClusterTime, read_words
from lifeboat.operations.emergency.situation import Situation
from lifeboat.operations.suspects import Kind, Suspect

LOSES = (Kind.DROP_DATABASE, Kind.DROP, Kind.REPLACE, Kind.RENAME, Kind.DELETES, Kind.UPDATES)
_DROPS = (Kind.DROP_DATABASE, Kind.DROP, Kind.RENAME)
CLEARLY_LESS = 0.5
ONE_DISASTER = timedelta(minutes=10)
"""Losses that lie no further apart are of one hand: somebody who drops collection by collection, a script that takes its time."""


def culprit(situation: Situation) -> Suspect | None:
    """The first loss of the newest disaster that is not mended yet."""
    return next(iter(disaster(situation)), None)


def disaster(situation: Situation) -> tuple[Suspect, ...]:
    """The losses of the newest disaster that is not mended yet, in their order."""
    losses = [one for one in _in_order(situation.suspects) if one.kind in LOSES and not one.minor]
    losses = [one for one in losses if not _mended(one, situation) and not _held_by_a_later_copy(one, situation)]
    hurt = _hurt(situation)
    touching = [one for one in losses if _touches(one, hurt)]
    of_one: list[Suspect] = []
    for one in reversed(touching or losses):
        if of_one and of_one[-1].instant - one.instant > ONE_DISASTER:
            break
        of_one.append(one)
    return tuple(reversed(of_one))


def first_with(worst: Suspect, suspects: Sequence[Suspect]) -> Suspect:
    """Of many drops in one database the first: what is gone back to, if they are to be undone. Other losses stand alone."""
    first, databases = worst, {name.partition(".")[0] for name in worst.namespaces}
    for one in reversed(_in_order(suspects)):
        alike = one.kind in _DROPS and worst.kind in _DROPS and not one.minor
        same = any(name.partition(".")[0] in databases for name in one.namespaces)
        if alike and same and order_of(one) < order_of(first) and first.instant - one.instant <= ONE_DISASTER:
            first = one
    return first


def order_of(suspect: Suspect) -> ClusterTime:
    found = read_words(suspect.op)
    assert found is not None
    return found


def _end_of(suspect: Suspect) -> ClusterTime:
    """Of a restore of many collections: when the last of them was there."""
    return read_words(suspect.through) or order_of(suspect)


def _in_order(suspects: Sequence[Suspect]) -> list[Suspect]:
    return sorted(suspects, key=order_of)


def _mended(loss: Suspect, situation: Situation) -> bool:
    """Lifeboat itself brought back later what was lost there, and it is still live; or all is gone, that too."""
    later = [one for one in situation.suspects if one.kind is Kind.RESTORE and _end_of(one) > order_of(loss)]
    if not any(_touches(loss, one.namespaces) for one in later):
        return False
    database = situation.database
    return database is None or database.is_gone or not _touches(loss, _hurt(situation))


def _held_by_a_later_copy(loss: Suspect, situation: Situation) -> bool:
    """The newest whole copy was taken after it and holds what it took: so this is not why it is missing now."""
    point, database = situation.point("db"), situation.database
    if point is None or database is None or loss.instant >= point.snapshot.instant:
        return False
    held = sum(one.stored for one in database.collections if _touches(loss, (one.namespace,)))
    return database.is_gone or (loss.kind in _DROPS and held > 0 and held >= CLEARLY_LESS * (loss.documents or 0))


def _hurt(situation: Situation) -> tuple[str, ...]:
    """What is missing, or clearly less, in the live data."""
    database = situation.database
    return () if database is None else tuple(one.namespace for one in (*database.missing, *database.fewer))


def _touches(loss: Suspect, namespaces: Sequence[str]) -> bool:
    if loss.kind is Kind.DROP_DATABASE:
        databases = {one.partition(".")[0] for one in loss.namespaces}
        return any(one.partition(".")[0] in databases for one in namespaces)
    return not set(loss.namespaces).isdisjoint(namespaces)
