"""A server that is away is waited for, for ever, with pauses that grow; and somebody hears of it."""

import threading
from collections.abc import Callable

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.sources.mongodb.errors import DatabaseBusy, DatabaseUnreachable

AWAY = (DatabaseBusy, DatabaseUnreachable)
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
SAID_AFTER_SECONDS = 5.0
"""An election is over before that, mostly."""
ALARM_AFTER_SECONDS = 300.0


class Patience:
    """Args: at_most_seconds: Then what went wrong is raised; None for never."""

    def __init__(
        self, clock: Clock, stop: threading.Event, say: Callable[[Finding], None], at_most_seconds: float | None
    ) -> None:
        self._clock = clock
        self._stop = stop
        self._say = say
        self._at_most_seconds = at_most_seconds
        self._pause = FIRST_PAUSE_SECONDS
        self._away_since: float | None = None
        self._behind_since: float | None = None
        self._said: Level | None = None
        self.trouble: LifeboatError | None = None
        """What the server says now, while it is away."""

    def repeat(self, act: Callable[[], None]) -> bool:
        """Until it is done; False when the stream is to end before."""
        while not self.try_once(act):
            if self._stop.is_set():
                return False
        return True

    def try_once(self, act: Callable[[], None]) -> bool:
        """Do it; False when the server is away, after a pause."""
        try:
            act()
        except AWAY as trouble:
            self._wait(trouble)
            return False
        self._is_there()
        return True

    def is_up_to_date(self) -> None:
        """The server was as far as it should be."""
        self._behind_since = None

    def is_behind_for_too_long(self, seconds: float) -> bool:
        """It answers, and is not as far as it was."""
        now = self._clock.monotonic()
        self._behind_since = self._behind_since or now
        return now - self._behind_since >= seconds

    def _wait(self, trouble: LifeboatError) -> None:
        now = self._clock.monotonic()
        self._away_since = self._away_since or now
        self.trouble = trouble
        away = now - self._away_since
        if self._at_most_seconds is not None and away > self._at_most_seconds:
            raise trouble
        level = Level.PROBLEM if away >= ALARM_AFTER_SECONDS else Level.WARNING
        if away >= SAID_AFTER_SECONDS and level is not self._said:
            self._said = level
            words = f"{trouble.message}; waiting for it ({show_seconds(away)} so far)"
            self._say(Finding(level, "stream-database-away", "database", words, trouble.hint))
        self._stop.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)

    def _is_there(self) -> None:
        if self._said is not None and self._away_since is not None:
            away = show_seconds(self._clock.monotonic() - self._away_since)
            words = f"the database answers again after {away}; going on"
            self._say(Finding(Level.OK, "stream-database-away", "database", words))
        self._pause, self._away_since, self._said, self.trouble = FIRST_PAUSE_SECONDS, None, None, None
