"""A real proxy before a real S3 that misbehaves when it is told to: the driver meets it on a socket, and never knows.

Invariant: a fault tells how often it was hit; a plan that was never reached proves nothing.
"""

import http.client
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

DAY = 86_400
ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>as a test</Message></Error>'


class Fault(StrEnum):
    """What goes wrong with a request."""

    REPLY_LOST = "the reply is lost after the store has done it"
    NEVER_ARRIVED = "the line is cut before the store hears of it"
    ERROR_500 = "500 InternalError"
    ERROR_503 = "503 ServiceUnavailable"
    SLOW_DOWN = "503 SlowDown"
    TOO_MANY = "429 TooManyRequests"
    SILENCE = "no answer for longer than anybody waits"
    TRICKLE = "the answer trickles"
    CUT_BODY = "the body breaks off"
    SHORT_BODY = "a shorter body, and its length says so"
    FLIPPED = "a bit of the body is wrong"
    WRONG_HASH = "the answer states another hash than was sent"
    OLD_LISTING = "a listing lacks what was written last"
    GHOST_LISTING = "a listing still has what was deleted"
    LATE_WRITE = "a write is answered, and done only later"
    LOST_WRITE = "a write is answered, and never done"
    CLOCK_AHEAD = "the store's clock is a day ahead"
    CLOCK_BEHIND = "the store's clock is a day behind"
    LOGIN_PAGE = "the page of some network's login, with 200"
    REDIRECT = "a redirect to nowhere"
    EMPTY = "an empty answer with 200"


LYING = frozenset(
    {Fault.LATE_WRITE, Fault.LOST_WRITE, Fault.OLD_LISTING, Fault.GHOST_LISTING, Fault.LOGIN_PAGE, Fault.EMPTY}
)
"""After these a store may have been believed that something is there, or is not."""
WRITES = frozenset({"PUT", "COPY"})
FITS: dict[Fault, frozenset[str]] = {
    Fault.CUT_BODY: frozenset({"GET", "LIST"}),
    Fault.SHORT_BODY: frozenset({"GET"}),
    Fault.FLIPPED: frozenset({"GET"}),
    Fault.TRICKLE: frozenset({"GET", "LIST"}),
    Fault.WRONG_HASH: WRITES,
    Fault.OLD_LISTING: frozenset({"LIST"}),
    Fault.GHOST_LISTING: frozenset({"LIST"}),
    Fault.LATE_WRITE: WRITES,
    Fault.LOST_WRITE: WRITES,
    Fault.EMPTY: frozenset({"GET", "LIST"}),
}
"""To which kinds of requests a fault can happen; not named: to all."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Args: kind: PUT, GET, LIST, DELETE, COPY, HEAD, POST; name: of the object, or the prefix."""

    kind: str
    name: str


@dataclass
class Plan:
    """A fault at the nth request that fits, and so many after it.

    Args:
        nth: Counted from 1. times: How many in a row.
        name: What the name has to hold.
    """

    fault: Fault
    nth: int = 1
    times: int = 1
    name: str = ""
    kinds: frozenset[str] = frozenset()
    seen: int = 0
    hit: int = 0

    def takes(self, request: Request) -> bool:
        if self.kinds and request.kind not in self.kinds:
            return False
        if self.fault in FITS and request.kind not in FITS[self.fault]:
            return False
        if self.name not in request.name:
            return False
        self.seen += 1
        if self.nth <= self.seen < self.nth + self.times:
            self.hit += 1
            return True
        return False


@dataclass
class Misbehaving:
    """The proxy. Args: address: what to set as endpoint."""

    target: str
    address: str = ""
    plans: list[Plan] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    silence_seconds: float = 3.0
    late: list[Callable[[], None]] = field(default_factory=list)
    deleted: list[tuple[str, bytes]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_of(self, request: Request) -> Fault | None:
        with self._lock:
            self.requests.append(request)
            # Every plan counts every request; the first that takes it is the one.
            taken = [plan.fault for plan in self.plans if plan.takes(request)]
        return taken[0] if taken else None

    def settle(self) -> None:
        """What was put off happens now."""
        while self.late:
            self.late.pop(0)()

    def forget(self) -> None:
        self.plans.clear()
        self.requests.clear()
        self.late.clear()


@contextmanager
def misbehaving(target: str) -> Iterator[Misbehaving]:
    """Before the S3 at this address."""
    proxy = Misbehaving(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    server.daemon_threads = True
    proxy.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: Misbehaving
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = self._request()
        fault = self.proxy.fault_of(request)
        if fault is None:
            self._answer(*self._forward(body))
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            self._misbehave(fault, body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _any

    def _request(self) -> Request:
        split = urlsplit(self.path)
        query = parse_qs(split.query, keep_blank_values=True)
        name = unquote(split.path).split("/", 2)[-1]
        if self.command == "GET" and ("list-type" in query or "versions" in query):
            return Request("LIST", query.get("prefix", [""])[0])
        if self.command == "PUT" and "x-amz-copy-source" in self.headers:
            return Request("COPY", name)
        return Request(self.command, name)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        host = self.proxy.target.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=60)
        try:
            headers = {key: value for key, value in self.headers.items() if key.lower() not in ("connection", "expect")}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, *, length: int | None = None, pause: float = 0
    ) -> None:
        self.send_response_only(status)
        named = {key.lower() for key, _ in headers}
        for key, value in headers:
            if key.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(key, value)
        if "date" not in named:
            self.send_header("Date", self.date_time_string())
        stated = next((value for key, value in headers if key.lower() == "content-length"), None)
        if self.command == "HEAD" and stated is not None:
            self.send_header("Content-Length", stated)
        else:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            for start in range(0, len(body), max(1, len(body) // 10) if pause else max(1, len(body))):
                self.wfile.write(body[start : start + (max(1, len(body) // 10) if pause else len(body))])
                time.sleep(pause)

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _misbehave(self, fault: Fault, body: bytes) -> None:
        errors = {
            Fault.ERROR_500: (500, "InternalError"),
            Fault.ERROR_503: (503, "ServiceUnavailable"),
            Fault.SLOW_DOWN: (503, "SlowDown"),
            Fault.TOO_MANY: (429, "TooManyRequests"),
        }
        xml = [("Content-Type", "application/xml")]
        if fault in errors:
            status, code = errors[fault]
            self._answer(status, xml, ERROR.format(code).encode())
        elif fault is Fault.NEVER_ARRIVED:
            self._cut()
        elif fault is Fault.REPLY_LOST:
            self._forward(body)
            self._cut()
        elif fault is Fault.SILENCE:
            time.sleep(self.proxy.silence_seconds)
            self._cut()
        elif fault is Fault.LOGIN_PAGE:
            self._answer(200, [("Content-Type", "text/html")], b"<html><body>Please sign in to the guest network")
        elif fault is Fault.REDIRECT:
            self._answer(307, [("Location", "http://127.0.0.1:9/nowhere")], b"")
        elif fault is Fault.EMPTY:
            self._answer(200, xml, b"")
        elif fault is Fault.LOST_WRITE:
            self._answer(200, [("ETag", '"0"')], _copied() if self._request().kind == "COPY" else b"")
        elif fault is Fault.LATE_WRITE:
            self.proxy.late.append(lambda: self._put_later(body))
            self._answer(200, [("ETag", '"0"')], _copied() if self._request().kind == "COPY" else b"")
        else:
            self._change(fault, *self._forward(body))

    def _put_later(self, body: bytes) -> None:
        self._forward(body)

    def _change(self, fault: Fault, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """What the store answered, made wrong."""
        if fault is Fault.TRICKLE:
            self._answer(status, headers, body, pause=0.02)
        elif fault is Fault.CUT_BODY:
            self._answer(status, headers, body[: len(body) // 2], length=len(body))
            self._cut()
        elif fault is Fault.SHORT_BODY:
            self._answer(status, _without_hashes(headers), body[: len(body) * 2 // 3])
        elif fault is Fault.FLIPPED:
            wrong = bytearray(body)
            if wrong:
                wrong[len(wrong) // 2] ^= 4
            self._answer(status, _without_hashes(headers), bytes(wrong))
        elif fault is Fault.WRONG_HASH:
            kept = _without_hashes(headers)
            self._answer(status, [*kept, ("ETag", '"abc"'), ("x-amz-checksum-sha256", "A" * 43 + "=")], body)
        elif fault is Fault.OLD_LISTING:
            rows = re.findall(rb"<Contents>.*?</Contents>", body, re.S)
            newest = sorted(rows, key=lambda row: re.search(rb"<LastModified>(.*?)<", row)[1])[-3:]  # type: ignore[index]
            for row in newest:
                body = body.replace(row, b"")
            self._answer(status, headers, body)
        elif fault is Fault.GHOST_LISTING:
            row = (
                b"<Contents><Key>%s</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;0&quot;</ETag>"
                b"<Size>77</Size><StorageClass>STANDARD</StorageClass></Contents>"
            )
            ghosts = b"".join(row % (self._request().name.encode() + one) for one in GHOSTS)
            self._answer(status, headers, re.sub(rb"(</ListBucketResult>)", ghosts + rb"\1", body))
        else:
            shift = DAY if fault is Fault.CLOCK_AHEAD else -DAY
            kept = [one for one in headers if one[0].lower() != "date"]
            self._answer(status, [*kept, ("Date", formatdate(time.time() + shift, usegmt=True))], body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


GHOSTS = (b"snapshot-" + b"0" * 64, b"0" * 64)
"""What a listing shows and no reading finds."""


def _without_hashes(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """So that no driver finds the fault for us."""
    return [one for one in headers if not one[0].lower().startswith(("x-amz-checksum", "etag", "content-md5"))]


def _copied() -> bytes:
    return b"<CopyObjectResult><ETag>&quot;0&quot;</ETag><LastModified>2026-11-26T10:00:00.000Z</LastModified></CopyObjectResult>"
