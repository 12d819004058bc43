"""The window in which any moment can be brought back: where it begins, and from which snapshots its moments are reached. Pure.

Invariant: of the snapshots that ``bases`` names none goes before a newer one has taken its place, so a window that was reached once does not shrink.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from lifeboat.retention.candidate import Candidate, last_of_each
from lifeboat.retention.periods import LOCK
from lifeboat.retention.rules import Rule

STILL_READ = timedelta(days=1)
"""A restore that began with the oldest moment of the window is given this long to end."""
SEEN_AT_MOST = timedelta(days=1)
"""A stretch in which the store took nothing counts as no more than this: a clock that ran ahead leaves one, and must not use up the window."""
_EVERY_DAY = Rule("day", 10**6)


def begin_of_window(now: datetime, window: timedelta, moments: Sequence[datetime]) -> datetime:
    """Since when so much time has passed, as the store's own times witness it.

    Args:
        moments: When the store took something, in order.
    """
    at, left = now, window
    for moment in reversed(moments):
        if moment > at:
            continue
        passed = min(at - moment, SEEN_AT_MOST)
        if passed >= left:
            break
        left -= passed
        at = moment
    return at - left


def bases(newest_first: Iterable[Candidate], begin: datetime) -> list[Candidate]:
    """The snapshots of one label and source from which any moment since ``begin`` is reached through the archive: the last of each day, and
    the newest that is old enough for the beginning. Among the proved ones once more: a thief's snapshot reaches nothing. And those that lead
    into a stretch of the archive.
    """
    fit = [one for one in newest_first if one.archived and one.complete and not one.safety and not one.imported]
    proved = [one for one in _back_to(begin, [one for one in fit if one.proved]) if one.finished > begin - LOCK]
    return [*_back_to(begin, fit), *proved, *(one for one in fit if one.leads)]


def first_bases(newest_first: Iterable[Candidate], begin: datetime) -> list[Candidate]:
    """Those of them from which the beginning is reached: what was archived before the oldest of them is needed no more."""
    return [one for one in bases(newest_first, begin) if one.finished <= begin]


def _back_to(begin: datetime, newest_first: Sequence[Candidate]) -> list[Candidate]:
    found = []
    for one in last_of_each(newest_first, _EVERY_DAY):
        found.append(one)
        if one.finished <= begin:
            break
    return found
