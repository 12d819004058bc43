"""Into which class a backup goes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

FIRST_DAY = timedelta(days=1)
"""A new user's first day stores nothing twice: a copy for years is made of what has been backed up for a day."""


def long_is_due(now: datetime, taken: Iterable[datetime], long_this_month: bool) -> bool:
    """Whether this backup is the month's copy, which is written whole into ``long``. Pure.

    Args:
        now: By the store's clock.
        taken: When this writer's snapshots of the source were finished.
        long_this_month: Whether one of them, of the month of ``now``, is in ``long``.
    """
    if long_this_month:
        return False
    return any(now - finished >= FIRST_DAY for finished in taken)
