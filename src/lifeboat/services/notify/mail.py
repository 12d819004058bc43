"""Notices by e-mail, through any SMTP server.

Invariant: a password goes over TLS, or over the loopback, or not at all.
"""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.channel import NoticeNotSent
from lifeboat.services.notify.mail_settings import LOOPBACK, MailSettings
from lifeboat.services.notify.notice import Notice

PATIENCE_SECONDS = 20.0


class Mail:
    """Args: machine: This machine's name, for the sender's address."""

    def __init__(self, settings: MailSettings, machine: str) -> None:
        self._settings = settings
        self._machine = machine

    @property
    def where(self) -> str:
        return f"e-mail to {', '.join(self._settings.to)}"

    def send(self, notice: Notice) -> None:
        said = self._settings
        if said.password and said.chosen_security == "none" and said.host not in LOOPBACK:
            raise NoticeNotSent(
                f"{self.where}: the password would go to {said.host} unencrypted",
                'set smtp_security = "starttls" (port 587) or "tls" (port 465) under [notify] in lifeboat.toml',
            )
        try:
            with self._connected() as server:
                if said.user and said.password:
                    self._sign_in(server, said.user, said.password)
                refused = server.send_message(self._message(notice), to_addrs=list(said.to))
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            hint = "is the address right, and may this user send to it?"
            raise self._failed(f"{said.host} refuses the address ({', '.join(map(str, codes))})", hint) from None
        except smtplib.SMTPResponseException as error:
            words = f"{said.host} refuses ({error.smtp_code} {_words(error.smtp_error)})"
            hint = "does it want a user and password, or another sender (LIFEBOAT_SMTP_FROM)?"
            raise self._failed(words, hint) from None
        except smtplib.SMTPNotSupportedError:
            hint = (
                'set smtp_security under [notify] in lifeboat.toml to what the server does: "starttls", "tls", "none"'
            )
            raise self._failed(f"{said.host} does not offer what is needed (STARTTLS or sign-in)", hint) from None
        except ssl.SSLError as error:
            hint = 'is smtp_port right for smtp_security ("tls" 465, "starttls" 587), and is the certificate valid?'
            raise self._failed(f"{said.host}: TLS failed ({error.reason or type(error).__name__})", hint) from None
        except (OSError, smtplib.SMTPException) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            hint = "is a mail server there? Name yours: LIFEBOAT_SMTP_HOST=smtp.example.com in .env; or use a webhook"
            raise self._failed(f"{said.host}:{said.chosen_port} does not answer ({reason.lower()})", hint) from None
        if refused:
            raise self._failed(f"{said.host} refuses {', '.join(refused)}", "are the addresses right?")

    def _connected(self) -> smtplib.SMTP:
        said, context = self._settings, ssl.create_default_context()
        if said.chosen_security == "tls":
            return smtplib.SMTP_SSL(said.host, said.chosen_port, timeout=PATIENCE_SECONDS, context=context)
        server = smtplib.SMTP(said.host, said.chosen_port, timeout=PATIENCE_SECONDS)
        try:
            if said.chosen_security == "starttls":
                server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server

    def _sign_in(self, server: smtplib.SMTP, user: str, password: Secret) -> None:
        try:
            server.login(user, password.reveal())
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPServerDisconnected):  # some hang up instead of answering
            raise self._failed(
                f"{self._settings.host} does not accept user and password",
                "are LIFEBOAT_SMTP_USER and LIFEBOAT_SMTP_PASSWORD right? Some providers want an app password",
            ) from None

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = notice.subject
        message["From"] = self._settings.sender or f"Lifeboat <lifeboat@{self._machine}>"
        message["To"] = ", ".join(self._settings.to)
        message["Date"] = format_datetime(notice.at)
        message["Message-ID"] = make_msgid(domain=self._machine)
        message["Auto-Submitted"] = "auto-generated"  # so that no holiday reply comes back
        message.set_content(notice.text + "\n")
        return message

    def _failed(self, message: str, hint: str) -> NoticeNotSent:
        return NoticeNotSent(f"{self.where}: {message}", hint)


def _words(answer: object) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return " ".join(text.split())[:200]
