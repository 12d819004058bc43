"""How e-mail is sent, as somebody said it; apart from ``mail.py``, which loads what it takes."""

from typing import Literal

from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value

Security = Literal["starttls", "tls", "none"]
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class MailSettings(Value):
    """Args: security: None chooses: ``tls`` on port 465, ``none`` on the loopback, else ``starttls``. sender: None makes one up."""

    to: tuple[str, ...]
    host: str = "localhost"
    port: int | None = None
    security: Security | None = None
    user: str | None = None
    password: Secret | None = None
    sender: str | None = None

    @property
    def chosen_security(self) -> Security:
        if self.security:
            return self.security
        if self.port == 465:
            return "tls"
        return "none" if self.host in LOOPBACK else "starttls"

    @property
    def chosen_port(self) -> int:
        return self.port or {"tls": 465, "starttls": 587, "none": 25}[self.chosen_security]
