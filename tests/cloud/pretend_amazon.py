"""Amazon without a network: what is sent to it is kept, and answered from a table. For what no other server does as Amazon does.

Limits: answers are bytes as Amazon's documents show them; whether Amazon still answers so is not tried here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from lifeboat.cloud.session import Aws, AwsAccess
from lifeboat.foundation.secret import Secret

ACCOUNT = "123456789012"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request. Args: what: ``"PUT versioning"``, ``"HEAD"``; of other services ``"GetCallerIdentity"``."""

    what: str
    host: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def refusal(code: str, status: int) -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>")


class _Body:
    def __init__(self, text: str) -> None:
        self._content = text.encode()

    def stream(self, **_: Any) -> Any:
        yield self._content


class PretendAmazon(Aws):
    """Answers by ``says[what]``: an answer, or a function of how often it was asked before. Not found: an empty 200."""

    def __init__(self, region: str | None = "eu-central-1", who: str = f"arn:aws:iam::{ACCOUNT}:user/admin") -> None:
        super().__init__(AwsAccess(region, None, Secret("AKIDEXAMPLE"), Secret("secret")))
        self.sent: list[Sent] = []
        caller = f"<Account>{ACCOUNT}</Account><Arn>{who}</Arn><UserId>x</UserId>"
        self.says: dict[str, Answer | Callable[[int], Answer]] = {
            "GetCallerIdentity": Answer(body=in_result("GetCallerIdentity", caller)),
            "HEAD": Answer(headers={"x-amz-bucket-region": region or "us-east-1"}),
        }

    def _make(self, service: str, region: str | None) -> Any:
        client = super()._make(service, region)
        client.meta.events.register("before-send.*", self._answer)
        return client

    def count(self, what: str) -> int:
        return sum(one.what == what for one in self.sent)

    def only(self, what: str) -> Sent:
        [found] = [one for one in self.sent if one.what == what]
        return found

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        body = request.body or b""
        text = (
            body.decode() if isinstance(body, bytes) else body.read().decode() if hasattr(body, "read") else str(body)
        )
        action = parse_qs(text).get("Action", [""])[0]
        words = [one for one in url.query.split("&") if "=" not in one or one.endswith("=")]
        what = action or " ".join([request.method, *(one.rstrip("=") for one in words if one)])
        if not action and "configuration" in url.path:
            what = f"{request.method} account {url.path.rsplit('/', 1)[-1]}"
        asked = self.count(what)
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        self.sent.append(Sent(what, url.netloc, headers, text))
        said = self.says.get(what, Answer())
        answer = said(asked) if callable(said) else said
        return AWSResponse(request.url, answer.status, answer.headers, _Body(answer.body))


def in_result(action: str, inner: str) -> str:
    return f"<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
