"""Who is told when something fails, and how: what ``read_notify.py`` read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value, field
from lifeboat.services.notify.apprise_address import AppriseAddress
from lifeboat.services.notify.channel import Channel
from lifeboat.services.notify.mail_settings import MailSettings
from lifeboat.services.notify.sns import Sns, SnsSettings

if TYPE_CHECKING:
    from lifeboat.services.notify.healthcheck import Healthcheck


class NotifySettings(Value):
    """Who is told. ``trouble`` holds what could not be read of it."""

    mail: MailSettings | None = None
    webhook: Secret | None = None
    sns: SnsSettings | None = None
    apprise: tuple[Secret, ...] = ()
    healthchecks: Mapping[str, Secret] = field(default_factory=dict)
    """By job, as ``lifeboat schedule`` names it; whom its runs are told to from beginning to end."""
    trouble: tuple[LifeboatError, ...] = ()

    def channels(self, machine: str) -> list[Channel]:
        # What these load is not worth its time in every command.
        from lifeboat.services.notify.mail import Mail
        from lifeboat.services.notify.webhook import Webhook

        found: list[Channel] = [Mail(self.mail, machine)] if self.mail else []
        found += [Webhook(self.webhook)] if self.webhook else []
        found += [Sns(self.sns)] if self.sns else []
        return found + [AppriseAddress(one) for one in self.apprise]

    def healthcheck(self, job: str) -> "Healthcheck | None":
        """Who waits for the pings of a job."""
        from lifeboat.services.notify.healthcheck import Healthcheck

        url = self.healthchecks.get(job)
        return Healthcheck(url) if url else None

    def hidden_texts(self) -> set[str]:
        secrets = [self.webhook, self.mail.password if self.mail else None, *self.apprise, *self.healthchecks.values()]
        if self.sns:
            secrets += [self.sns.access_key_id, self.sns.secret_access_key, self.sns.session_token]
        return {secret.reveal() for secret in secrets if secret}
