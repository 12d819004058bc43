"""The looks of ``serve`` at how everything stands: once a minute, in a thread of its own.

A store that hangs then delays an alert, and no backup.
"""

import threading
from collections.abc import Callable

from lifeboat.app.settings import Settings
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError

EVERY_SECONDS = 60.0
FIRST_SECONDS = 30.0
"""What is due at the start has begun by then."""


class AlertLooks:
    """Args: settings: Asked each time: they may have been read again. say: Hears of each new thing that is wrong, and what could not be sent."""

    def __init__(self, settings: Callable[[], Settings], clock: Clock, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._say = say
        self._stop = threading.Event()
        self._said: set[str] = set()

    def start(self) -> None:
        threading.Thread(target=self._run, name="alerts", daemon=True).start()

    def stop(self) -> None:
        """Not waited for: an alert that is being told may take its time."""
        self._stop.set()

    def _run(self) -> None:
        wait = FIRST_SECONDS
        while not self._stop.wait(wait):
            wait = EVERY_SECONDS
            try:
                self._look()
            except LifeboatError as error:
                self._say_once({error.code: f"alerts cannot be looked for: {error.message} [{error.code}]"})
            except Exception as error:
                # A bug in a rule must not end the looks at all others.
                self._say_once({"bug": f"alerts cannot be looked for: {type(error).__name__}, a bug of Lifeboat"})

    def _look(self) -> None:
        from lifeboat.app.alerting import Alerting

        done = Alerting(self._settings(), self._clock).check()
        found = {one.key: f"alert: {one.happened}" for one in done.open}
        self._say_once(found | {why: f"an alert could not be sent: {why}" for why in done.not_sent})

    def _say_once(self, lines: dict[str, str]) -> None:
        for key in lines.keys() - self._said:
            self._say(lines[key])
        self._said = set(lines)
