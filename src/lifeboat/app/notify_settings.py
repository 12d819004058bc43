"""Who is told when something fails, and how: what ``read_notify.py`` read."""

from dataclasses import dataclass

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.channel import Channel
from lifeboat.services.notify.mail import Mail, MailSettings
from lifeboat.services.notify.webhook import Webhook


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is told. ``trouble`` holds what could not be read of it."""

    mail: MailSettings | None = None
    webhook: Secret | None = None
    trouble: tuple[LifeboatError, ...] = ()

    def channels(self, machine: str) -> list[Channel]:
        found: list[Channel] = [Mail(self.mail, machine)] if self.mail else []
        return found + ([Webhook(self.webhook)] if self.webhook else [])

    def hidden_texts(self) -> set[str]:
        secrets = (self.webhook, self.mail.password if self.mail else None)
        return {secret.reveal() for secret in secrets if secret}
