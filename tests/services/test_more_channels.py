"""SNS, Apprise and health checks against real servers on the loopback: what arrives, and what is said when nothing does."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from post import web_server

from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.apprise_address import AppriseAddress
from lifeboat.services.notify.channel import NoticeNotSent
from lifeboat.services.notify.healthcheck import Healthcheck
from lifeboat.services.notify.notice import Kind, Notice
from lifeboat.services.notify.sns import Sns, SnsSettings

NOTICE = Notice(
    Kind.FAILED,
    "shop on app-1",
    "backup db failed – عطل",
    "It failed.",
    "An hour would be lost.",
    "lifeboat doctor",
    datetime(2026, 11, 26, tzinfo=UTC),
)
KEYS: dict[str, Any] = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "s", "region_name": "me-south-1"}


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_a_topic_passes_it_on_whole(aws: str) -> None:
    sns = boto3.client("sns", endpoint_url=aws, **KEYS)
    sqs = boto3.client("sqs", endpoint_url=aws, **KEYS)
    topic = sns.create_topic(Name="backups")["TopicArn"]
    queue = sqs.create_queue(QueueName="seen")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    channel = Sns(SnsSettings(topic, Secret("AKIA"), Secret("s"), None, aws))
    channel.send(NOTICE)
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert body["Subject"] == "[lifeboat] shop on app-1: backup db failed ? ???"
    assert "An hour would be lost." in body["Message"] and "lifeboat doctor" in body["Message"]
    assert channel.where == "SNS topic backups"


@pytest.mark.parametrize("topic", ["backups", "arn:aws:s3:::bucket", "arn:aws:sns:me-south-1:123456789012:missing"])
def test_a_topic_that_is_none_is_said_to_be(aws: str, topic: str) -> None:
    with pytest.raises(NoticeNotSent) as raised:
        Sns(SnsSettings(topic, Secret("AKIA"), Secret("planted-secret"), None, aws)).send(NOTICE)
    assert raised.value.hint and "planted-secret" not in str(raised.value)


def test_apprise_hands_it_to_its_service() -> None:
    with web_server() as web:
        AppriseAddress(Secret(f"json://127.0.0.1:{web.port}/Planted-t0ken")).send(NOTICE)
    assert web.posted[0]["title"] == NOTICE.subject and "An hour would be lost." in web.posted[0]["message"]
    assert web.posted[0]["type"] == "failure"


def test_apprise_without_an_answer_or_a_known_service_is_not_taken_for_told() -> None:
    for url in ("json://127.0.0.1:1/Planted-t0ken", "nosuchthing://Planted-t0ken", "Planted-t0ken"):
        with pytest.raises(NoticeNotSent) as raised:
            AppriseAddress(Secret(url)).send(NOTICE)
        assert "t0ken" not in str(raised.value).lower()


@contextmanager
def check_server(status: int = 200) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Keeps path and body of every ping."""
    pings: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            pings.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/Planted-uuid", pings
    finally:
        server.shutdown()
        server.server_close()


def test_a_health_check_hears_beginning_end_failure_and_more() -> None:
    with check_server() as (url, pings):
        check = Healthcheck(Secret(url))
        check.start(), check.success("12 documents"), check.fail("no room"), check.log("x" * 50_000)
    assert [path for path, _ in pings] == [f"/Planted-uuid{end}" for end in ("/start", "", "/fail", "/log")]
    assert pings[1][1] == "12 documents" and len(pings[3][1]) == 10_000


def test_a_health_check_that_does_not_take_the_ping_is_said_without_its_address() -> None:
    with check_server(404) as (url, _), pytest.raises(NoticeNotSent, match="404") as raised:
        Healthcheck(Secret(url)).success()
    assert "Planted" not in str(raised.value)
    with pytest.raises(NoticeNotSent):
        Healthcheck(Secret("http://127.0.0.1:1/Planted-uuid")).start()
    with pytest.raises(NoticeNotSent, match="not one of the web"):
        Healthcheck(Secret("file:///etc/passwd")).start()
