"""Bring the journal up to date with what it has not seen: runs that were killed, and what other machines stored and proved."""

from contextlib import suppress
from datetime import timedelta

from lifeboat.app.build import build_repository
from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.journal.journal import Journal
from lifeboat.operations.rebuild_journal import rebuild_from_repository

EVERY = timedelta(hours=6)
"""All records are read for it."""


def catch_up(settings: Settings, clock: Clock, journal: Journal) -> None:
    """End what was killed; fill in what the repository tells, where that is due. What cannot be read now is read the next time."""
    now = clock.now()
    journal.close_abandoned(now)
    filled = journal.filled_in
    if journal.trouble is None and (filled is None or not timedelta() <= now - filled < EVERY):
        with suppress(LifeboatError):
            rebuild_from_repository(build_repository(settings, clock), journal, now)
