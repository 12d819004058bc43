"""Notices arrive over real connections, or it is said why not; no secret is in what is said."""

import smtplib
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from post import PASSWORD, USER, MailServer, mail_server, make_certificate, web_server

from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.channel import Channel, NoticeNotSent
from lifeboat.services.notify.mail import Mail
from lifeboat.services.notify.mail_settings import MailSettings
from lifeboat.services.notify.notice import Kind, Notice
from lifeboat.services.notify.telling import AGAIN_AFTER, WAITS_SECONDS, Troubles, send
from lifeboat.services.notify.webhook import Webhook

NOW = datetime(2026, 11, 25, 2, 0, 13, tzinfo=UTC)
NOTICE = Notice(Kind.FAILED, "shop on app-1", "backup db failed", "عقد is\x1b[31m gone", "an hour", "type this", NOW)
TO = ("ops@example.com",)


class StillClock:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def mail(port: int, **more: object) -> Mail:
    return Mail(MailSettings(**({"to": TO, "host": "127.0.0.1", "port": port} | more)), "app-1")  # type: ignore[arg-type]


def refused(channel: Channel) -> str:
    with pytest.raises(NoticeNotSent) as raised:
        channel.send(NOTICE)
    assert raised.value.hint
    words = f"{raised.value.message} {raised.value.hint} {raised.value.__cause__!r}"
    assert PASSWORD not in words and "Planted" not in words
    return raised.value.message


def test_a_notice_says_what_happened_what_it_means_and_what_to_type() -> None:
    assert NOTICE.subject == "[lifeboat] shop on app-1: backup db failed"
    assert "What happened\n  عقد is\\x1b[31m gone" in NOTICE.text
    assert "What it means\n  an hour" in NOTICE.text and "What to do\n  type this" in NOTICE.text


def test_a_mail_arrives_with_its_letters_and_a_mark_that_it_was_not_written_by_hand() -> None:
    with mail_server() as server:
        mail(server.port).send(NOTICE)
    [message] = server.messages
    assert message["To"] == "ops@example.com" and message["From"] == "Lifeboat <lifeboat@app-1>"
    assert message["Auto-Submitted"] == "auto-generated" and message["Date"] and message["Message-ID"]
    assert "عقد" in message.get_content() and "\x1b" not in message.get_content()


def test_starttls_with_sign_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    monkeypatch.setattr("lifeboat.services.notify.mail.PATIENCE_SECONDS", 3.0)
    known = {"security": "starttls", "user": USER}
    with mail_server(certificate, sign_in=True) as server:
        mail(server.port, password=Secret(PASSWORD), **known).send(NOTICE)
        assert server.encrypted == [True]
        assert "does not accept user and password" in refused(mail(server.port, password=Secret("wrong"), **known))
        assert "refuses" in refused(mail(server.port, security="starttls"))
        monkeypatch.delenv("SSL_CERT_FILE")
        assert "TLS failed" in refused(mail(server.port, password=Secret(PASSWORD), **known))
    assert len(server.messages) == 1


def test_a_server_that_cannot_encrypt_gets_no_password() -> None:
    with mail_server() as server:
        words = refused(mail(server.port, security="starttls", user=USER, password=Secret(PASSWORD)))
    assert "does not offer" in words and server.messages == []
    settings = MailSettings(TO, "mail.example.com", 25, "none", USER, Secret(PASSWORD))
    assert "unencrypted" in refused(Mail(settings, "app-1"))


def test_how_it_is_encrypted_goes_by_port_and_place_unless_said() -> None:
    assert MailSettings(TO, "localhost").chosen_security == "none"
    assert (MailSettings(TO, "mx").chosen_security, MailSettings(TO, "mx").chosen_port) == ("starttls", 587)
    assert MailSettings(TO, "mx", 465).chosen_security == "tls"
    assert MailSettings(TO, "mx", security="tls").chosen_port == 465


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (lambda server: setattr(server, "refused", TO), "refuses the address (550)"),
        (lambda server: server.answers.append("554 5.7.1 spam"), "refuses (554 5.7.1 spam)"),
    ],
)
def test_what_the_mail_server_refuses_is_said(arrange: object, words: str) -> None:
    with mail_server() as server:
        arrange(server)  # type: ignore[operator]
        assert words in refused(mail(server.port))


def test_nobody_at_the_port_is_said_with_where_to_name_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "does not answer" in refused(mail(taken.getsockname()[1]))


def test_a_webhook_gets_the_text() -> None:
    with web_server() as server:
        Webhook(Secret(server.url)).send(NOTICE)
    assert list(server.posted[0]) == ["text"] and server.posted[0]["text"].startswith(NOTICE.subject)


@pytest.mark.parametrize("status", [500, 404, 302])
def test_a_webhook_that_answers_otherwise_is_not_taken_for_told(status: int) -> None:
    with web_server() as server:
        server.answers = [status]
        assert f"answers {status}" in refused(Webhook(Secret(server.url)))
    assert len(server.paths) == 1, "a redirect is not followed"
    assert "does not answer" in refused(Webhook(Secret(server.url)))
    assert "not one of the web" in refused(Webhook(Secret("file:///etc/passwd")))


def test_what_fails_for_a_moment_is_tried_again_and_one_way_does_not_stop_the_other() -> None:
    clock = StillClock()
    with mail_server() as server, web_server() as web:
        server.answers = ["451 later", "451 later"]
        web.answers = [503] * 3
        told = send(NOTICE, [mail(server.port), Webhook(Secret(web.url))], clock)
    assert told.reached == ("e-mail to ops@example.com",)
    assert [error.message for error in told.failures] == ["webhook at 127.0.0.1: answers 503"]
    assert clock.slept == [*WAITS_SECONDS, *WAITS_SECONDS]


def test_the_same_trouble_is_told_once_an_hour_and_another_at_once() -> None:
    troubles = Troubles({})
    assert troubles.is_due("database-unreachable", NOW) and troubles.open and not troubles.told
    assert troubles.is_due("database-unreachable", NOW), "it was not told yet"
    troubles.mark_told("database-unreachable", NOW)
    assert not troubles.is_due("database-unreachable", NOW + AGAIN_AFTER - timedelta(seconds=1))
    assert troubles.is_due("storage-full", NOW)
    assert troubles.is_due("database-unreachable", NOW + AGAIN_AFTER)
    assert troubles.told
    troubles.close()
    assert not troubles.open


def test_the_mail_server_of_these_tests_is_one(tmp_path: Path) -> None:
    """The checker itself: another client gets through to it, and a refusal is one."""
    server: MailServer
    with mail_server() as server, smtplib.SMTP("127.0.0.1", server.port) as client:
        server.answers = ["550 no"]
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("a@b", ["c@d"], "Subject: x\n\ny")
