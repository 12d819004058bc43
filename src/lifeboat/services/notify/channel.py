"""What a way of telling promises."""

from typing import Protocol

from lifeboat.foundation.errors import LifeboatError
from lifeboat.services.notify.notice import Notice


class NoticeNotSent(LifeboatError):
    """A notice could not be handed over; the message names the way, never a password or a webhook's address."""

    code = "notice-not-sent"


class Channel(Protocol):
    """One way to reach somebody."""

    @property
    def where(self) -> str:
        """For messages: ``"e-mail to ops@example.com"``. No secret."""
        ...

    def send(self, notice: Notice) -> None:
        """Hand it over once; raises ``NoticeNotSent``. Whoever calls tries again."""
        ...
