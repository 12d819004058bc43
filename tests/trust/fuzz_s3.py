"""Answers of an S3 that is none, or a proxy's in front of it: statuses, headers and XML made unsound, through the real client."""

import io
import json
from collections.abc import Callable, Iterable
from itertools import islice
from random import Random
from typing import Any

from botocore.awsrequest import AWSResponse
from fuzz_kit import Target
from fuzz_mutate import NUMBERS, text_bytes_mutated
from repository_kit import HandClock

from lifeboat.foundation.secret import Secret
from lifeboat.storage.archive import Tier
from lifeboat.storage.s3.client import S3Settings
from lifeboat.storage.s3.store import S3Store

NAME = "files/pack/short/2026-11/" + "ab" * 32
PAGES_AT_MOST = 300
"""Requests for one question: a store that always says there is more is told by it, not walked for ever. A redirect without end takes a hundred."""
DATE = "Thu, 26 Nov 2026 10:00:00 GMT"
LISTING = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix><KeyCount>2</KeyCount>
<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
<Contents><Key>{NAME}</Key><LastModified>2026-11-26T10:00:00.000Z</LastModified><ETag>"x"</ETag><Size>12</Size>
<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>
<RestoreExpiryDate>2026-12-26T00:00:00.000Z</RestoreExpiryDate></RestoreStatus></Contents>
<Contents><Key>config/a.json</Key><LastModified>2026-11-26T10:00:00.000Z</LastModified><Size>5</Size></Contents>
</ListBucketResult>"""
TRUNCATED = LISTING.replace(
    "<IsTruncated>false</IsTruncated>",
    "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>",
)
VERSIONS = f"""<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><IsTruncated>false</IsTruncated>
<Version><Key>{NAME}</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest><LastModified>2026-11-26T10:00:00.000Z</LastModified>
<Size>12</Size><StorageClass>STANDARD</StorageClass></Version>
<DeleteMarker><Key>config/a.json</Key><VersionId>v1</VersionId><IsLatest>false</IsLatest>
<LastModified>2026-11-25T10:00:00.000Z</LastModified></DeleteMarker></ListVersionsResult>"""
ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>what the store says</Message><Region>eu-west-1</Region><RequestId>1</RequestId></Error>"""
COPIED = """<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><ETag>"x"</ETag>
<LastModified>2026-11-26T10:00:00.000Z</LastModified><ChecksumSHA256>47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=</ChecksumSHA256></CopyObjectResult>"""
CODES = (
    "NoSuchKey",
    "AccessDenied",
    "SlowDown",
    "InvalidObjectState",
    "RequestTimeTooSkewed",
    "PermanentRedirect",
    "InvalidRequest",
)

Ask = Callable[[S3Store], object]


class _Raw(io.BytesIO):
    """The body of an answer, as the HTTP client gives it."""

    def stream(self, amount: int = 65536, **_: object) -> Iterable[bytes]:
        while piece := self.read(amount):
            yield piece


class Answers:
    """A store whose every request is answered by the bytes at hand."""

    def __init__(self) -> None:
        settings = S3Settings("b", "p", "eu-west-1", None, Secret("AK" * 8), Secret("s" * 40))
        self.store = S3Store(settings, HandClock())
        self.status, self.headers, self.body = 200, {}, b""  # type: ignore[var-annotated]
        self.asked = 0
        self.store._client.meta.events.register("before-send.s3", self._answer)

    def _answer(self, request: Any, **_: object) -> AWSResponse:
        self.asked += 1
        assert self.asked <= PAGES_AT_MOST, "asked again and again for what never comes to an end"
        return AWSResponse(request.url, self.status, self.headers, _Raw(self.body))


def as_bytes(status: int, headers: dict[str, str], body: str) -> bytes:
    """Status and headers as one line of JSON, then the body."""
    return json.dumps([status, headers]).encode() + b"\n" + body.encode()


def s3_targets(_: object = None) -> list[Target]:
    answers = Answers()
    dated = {"date": DATE, "content-type": "application/xml"}
    whole = {**dated, "content-length": "12", "last-modified": DATE, "etag": '"x"', "x-amz-version-id": "v1"}
    part = {
        **whole,
        "content-range": "bytes 0-11/12",
        "x-amz-restore": f'ongoing-request="false", expiry-date="{DATE}"',
    }
    errors = [as_bytes(status, dated, ERROR.format(code=code)) for code in CODES for status in (403, 503)]
    asks: list[tuple[str, Ask, list[bytes]]] = [
        ("list", lambda store: list(islice(store.list_under(""), 10_000)), [as_bytes(200, dated, LISTING)]),
        (
            "list archived",
            lambda store: list(islice(store.archived_under(""), 10_000)),
            [as_bytes(200, dated, LISTING)],
        ),
        (
            "list versions",
            lambda store: list(islice(store.versions_under(""), 10_000)),
            [as_bytes(200, dated, VERSIONS)],
        ),
        ("read", lambda store: store.read(NAME), [as_bytes(200, whole, "twelve bytes")]),
        ("read a span", lambda store: store.read(NAME, (0, 12)), [as_bytes(206, part, "twelve bytes")]),
        (
            "state",
            lambda store: store.archive_state(NAME),
            [as_bytes(200, {**part, "x-amz-storage-class": "GLACIER"}, "")],
        ),
        ("write", lambda store: store.write(NAME, b"content"), [as_bytes(200, dated, "")]),
        ("copy", lambda store: store.copy_within(NAME, NAME[:-1] + "c"), [as_bytes(200, dated, COPIED)]),
        ("delete", lambda store: store.delete(NAME), [as_bytes(204, dated, "")]),
        ("time", lambda store: store.time_there(), [as_bytes(200, dated, "")]),
        ("hash", lambda store: store.hash_of_version(NAME, "v1"), [as_bytes(200, whole, "")]),
        ("bring back", lambda store: store.bring_back(NAME, 3, Tier.BULK), [as_bytes(202, dated, "")]),
    ]
    more = [
        *errors,
        as_bytes(200, dated, TRUNCATED),
        as_bytes(200, {}, "<html>a proxy</html>"),
        as_bytes(302, {"location": "/"}, ""),
    ]
    return [
        Target(f"S3 {name}", _asking(answers, ask), seeds, _answer_mutated, share=0.06, also=more)
        for name, ask, seeds in asks
    ]


def _asking(answers: Answers, ask: Ask) -> Callable[[bytes], None]:
    def parse(raw: bytes) -> None:
        head, _, body = raw.partition(b"\n")
        try:
            status, headers = json.loads(head)
            answers.status = status if isinstance(status, int) and 100 <= status < 1000 else 200
            answers.headers = {str(name): str(value) for name, value in headers.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            answers.status, answers.headers = 200, {}
        # The client asks again by itself, and counts what it did for that.
        answers.body, answers.asked, answers.store._creates_once = body, 0, True
        answers.store._told = None
        ask(answers.store)

    return parse


def _answer_mutated(chance: Random, sound: bytes, others: object) -> bytes:
    head, _, body = sound.partition(b"\n")
    status, headers = json.loads(head)
    act = chance.random()
    if act < 0.1:
        status = chance.choice(
            (100, 200, 204, 206, 301, 304, 400, 401, 403, 404, 409, 412, 416, 429, 500, 501, 503, 507, 599)
        )
    if 0.1 <= act < 0.5 and headers:
        name = chance.choice(list(headers))
        value = headers[name].encode()
        changed = (
            repr(chance.choice(NUMBERS)).encode()
            if chance.random() < 0.3
            else text_bytes_mutated(chance, value, [value])
        )
        headers[name] = changed.decode("latin-1").replace("\n", " ").replace("\r", " ")
        if chance.random() < 0.2:
            del headers[name]
    if act >= 0.4:
        body = text_bytes_mutated(chance, body, [body])
    return json.dumps([status, headers]).encode() + b"\n" + body
