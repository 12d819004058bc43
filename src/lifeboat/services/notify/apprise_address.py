"""Notices by everything that Apprise knows: Telegram, Teams, Discord, ntfy, Pushover, Matrix, SMS gateways and a hundred more.

Invariant: the address holds a secret, so only its kind is ever named.
"""

from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.channel import NoticeNotSent
from lifeboat.services.notify.notice import Kind, Notice


class AppriseAddress:
    """Args: url: As Apprise writes it: ``ntfy://topic``, ``tgram://token/chat``."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        kind, is_address, _ = url.reveal().partition("://")
        self._kind = kind.strip().lower()[:32] if is_address else "no address"

    @property
    def where(self) -> str:
        return f"apprise ({self._kind})"

    def send(self, notice: Notice) -> None:
        from apprise import Apprise, NotifyType

        kinds = {Kind.FAILED: NotifyType.FAILURE, Kind.SILENT: NotifyType.WARNING, Kind.WORKS_AGAIN: NotifyType.SUCCESS}
        told = Apprise()
        if not told.add(self._url.reveal()):
            hint = "how an address is written for each service stands in Apprise's documentation"
            raise NoticeNotSent(f"{self.where}: the address is none that Apprise knows", hint)
        if not told.notify(title=notice.subject, body=notice.text, notify_type=kinds.get(notice.kind, NotifyType.INFO)):
            hint = "is the address right, and may this machine reach the service?"
            raise NoticeNotSent(f"{self.where}: it was not taken", hint)
