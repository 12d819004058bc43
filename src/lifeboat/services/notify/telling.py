"""Send a notice every way there is, again if need be; and not more often than somebody wants to hear it.

Invariant: what could not be sent is returned, never swallowed; trouble that was told of is told to be over, too.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.value import Value
from lifeboat.services.notify.channel import Channel, NoticeNotSent
from lifeboat.services.notify.notice import Notice

WAITS_SECONDS = (2.0, 10.0)
"""Between tries: a mail server that restarts is back by then; a run must not hang on one that is gone."""
AGAIN_AFTER = timedelta(hours=1)
"""The same trouble is told once in this time."""


class Told(Value):
    """Where a notice went, and what stood in the way elsewhere."""

    reached: tuple[str, ...]
    failures: tuple[NoticeNotSent, ...]


def send(notice: Notice, channels: Sequence[Channel], clock: Clock) -> Told:
    """Hand it to every channel; one that fails does not keep the others from it."""
    reached, failures = [], []
    for channel in channels:
        for wait in (*WAITS_SECONDS, None):
            try:
                channel.send(notice)
                reached.append(channel.where)
                break
            except NoticeNotSent as error:
                if wait is None:
                    failures.append(error)
                else:
                    clock.sleep(wait)
    return Told(tuple(reached), tuple(failures))


class Troubles:
    """Open trouble of one job: what was told, and when. ``kept`` is a JSON object that whoever calls keeps.

    Its form: ``{code: instant at which somebody was told, ISO 8601, or null}``.
    """

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept

    @property
    def open(self) -> bool:
        return bool(self.kept)

    @property
    def told(self) -> bool:
        """Whether anybody knows of any of it."""
        return any(self.kept.values())

    def is_due(self, code: str, now: datetime) -> bool:
        """Whether to tell of it now; it is open from here on."""
        last = self.kept.setdefault(code, None)
        return last is None or now - datetime.fromisoformat(last) >= AGAIN_AFTER

    def mark_told(self, code: str, now: datetime) -> None:
        self.kept[code] = now.isoformat()

    def close(self) -> None:
        self.kept.clear()
