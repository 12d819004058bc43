"""Requests to the dashboard that no browser sends: in this process, and as bytes on a socket of the real server."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote_to_bytes

from fuzz_kit import Target
from fuzz_mutate import bytes_mutated, text_bytes_mutated
from scene import NOW
from web_kit import PASSWORD, Steps, small_scene, token_in

from lifeboat.foundation.secret import Secret
from lifeboat.services.web.pages import Dashboard
from lifeboat.services.web.users import SCRYPT_BYTES, Users, _scrypt

SECRET_OF_THE_PAGES = "shop-backups"
"""Stands on pages for users, and on no other."""
PATHS = (
    *("/", "/history", "/history/1000", "/snapshots?source=db&page=2", "/sizes", "/alerts?page=1", "/drills", "/audit"),
    *("/jobs/db", "/live/first", "/live/jobs/db", "/static/style.css", "/signin", "/nowhere"),
)


class Wrong(AssertionError):
    """An answer that must not be."""


class Site:
    """A dashboard with somebody signed in."""

    def __init__(self, folder: Path) -> None:
        salt = b"s" * 16
        hash_ = _scrypt(PASSWORD, salt, 2, 8, 1).hex()
        assert len(hash_) == 2 * SCRYPT_BYTES
        one = {"role": "operator", "added": NOW.isoformat(), "salt": salt.hex(), "hash": hash_, "n": 2, "r": 8, "p": 1}
        users = Users(folder)
        users.path.write_text(json.dumps({"users": {"alice": one}}))
        users.path.chmod(0o600)
        self.dashboard = Dashboard(small_scene(), users, Steps())
        form = self.ask(request("GET", "/signin"))
        self.form_cookie = _cookie(form, b"lifeboat-form")
        self.form_token = token_in(form.body.decode())
        signed_in = self.ask(self.signing_in(PASSWORD))
        self.session = _cookie(signed_in, b"lifeboat-session")
        self.token = token_in(self.ask(self.with_session("GET", "/")).body.decode())
        assert self.session and self.token

    def ask(self, raw: bytes) -> "Answer":
        return asyncio.run(_asked(self.dashboard.app, scope_of(raw), body_of(raw)))

    def signing_in(self, password: Secret) -> bytes:
        fields = f"name=alice&password={password.reveal().replace(' ', '+')}&token={self.form_token}"
        return request("POST", "/signin", f"Cookie: lifeboat-form={self.form_cookie}", fields)

    def with_session(self, method: str, path: str, fields: str = "") -> bytes:
        return request(method, path, f"Cookie: lifeboat-session={self.session}", fields)


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""


def request(method: str, path: str, header: str = "", fields: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1:8765", "User-Agent: fuzz", "Accept: text/html"]
    if fields:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(fields)}"]
    return "\r\n".join([*lines, *([header] if header else []), "", fields]).encode()


def scope_of(raw: bytes) -> dict[str, Any]:
    """As a server would hand it on: what is no HTTP at all it answers itself, so here everything passes that has any form."""
    head = raw.partition(b"\r\n\r\n")[0]
    first, *lines = head.split(b"\r\n")
    method, _, rest = first.partition(b" ")
    target = rest.rpartition(b" ")[0] or rest or b"/"
    path, _, query = target.partition(b"?")
    headers = [
        (name.strip().lower(), value.strip()) for name, colon, value in (one.partition(b":") for one in lines) if colon
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method.decode("latin-1").upper() or "GET",
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.7", 50000),
        "server": ("127.0.0.1", 8765),
        "state": {},
    }


def body_of(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


async def _asked(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    answer, blocks = Answer(), [body[at : at + 3000] for at in range(0, len(body), 3000)] or [b""]

    async def receive() -> dict[str, Any]:
        if not blocks:
            return {"type": "http.disconnect"}
        block = blocks.pop(0)
        return {"type": "http.request", "body": block, "more_body": bool(blocks)}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            if answer.status:
                raise Wrong("two answers to one request")
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message.get("body", b"")

    await app(scope, receive, send)
    return answer


def _cookie(answer: Answer, name: bytes) -> str:
    found = [value for key, value in answer.headers if key == b"set-cookie" and value.startswith(name + b"=")]
    return found[0].partition(b"=")[2].partition(b";")[0].decode() if found else ""


def web_targets(folder: Path) -> list[Target]:
    site = Site(folder)
    return [*_requests(site)]


def _requests(site: Site) -> Iterable[Target]:
    def check(raw: bytes) -> None:
        answer = site.ask(raw)
        if not answer.status or answer.status >= 500:
            raise Wrong(f"status {answer.status}")
        if not any(name == b"content-security-policy" for name, _ in answer.headers):
            raise Wrong("an answer without the headers")
        if site.session.encode() not in raw and SECRET_OF_THE_PAGES.encode() in answer.body:
            raise Wrong("a page was shown to a stranger")

    strangers = [request("GET", path) for path in PATHS]
    users = [site.with_session("GET", path) for path in PATHS]
    forms = [
        site.signing_in(PASSWORD),
        site.signing_in(Secret("wrong")),
        site.with_session("POST", "/start", f"job=db&token={site.token}"),
        site.with_session("POST", "/signout", "token=wrong"),
    ]
    yield Target("requests of strangers", check, strangers, _request_mutated, share=0.5)
    yield Target("requests of users", check, users, _request_mutated, share=0.5)
    yield Target("forms", check, forms, _request_mutated, share=0.5)


def _request_mutated(chance: Random, sound: bytes, others: Sequence[bytes]) -> bytes:
    """Mostly one part of a request; the session stays when only another part was meant."""
    head, _, body = sound.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    act = chance.random()
    if act < 0.3:
        return bytes_mutated(chance, sound, others)
    if act < 0.6:
        method, path, version = lines[0].split(b" ")
        lines[0] = b" ".join(
            (method, text_bytes_mutated(chance, path, [path]).replace(b"\r", b"").replace(b"\n", b""), version)
        )
    elif act < 0.8 or not body:
        at = chance.randrange(1, len(lines))
        lines[at] = text_bytes_mutated(chance, lines[at], lines)
    else:
        body = text_bytes_mutated(chance, body, [body])
        if chance.random() < 0.7:
            lines = [one for one in lines if not one.startswith(b"Content-Length")] + [
                b"Content-Length: %d" % len(body)
            ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def answers_of(port: int, raw: bytes, patience_seconds: float = 10.0) -> bytes:
    """The beginning of what the real server says to some bytes; nothing where it waits for more, or hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(raw)
            connection.settimeout(patience_seconds)
            return connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            return b""


def raw_inputs(site: Site) -> Callable[[int, int], bytes]:
    """Inputs for the socket: HTTP that is nearly right."""
    forms = [site.with_session("POST", "/start", f"job=none&token={site.token}"), site.signing_in(Secret("wrong"))]
    seeds = [request("GET", path) for path in PATHS] + [site.with_session("GET", path) for path in PATHS] + forms
    target = Target("socket", lambda raw: None, seeds, _request_mutated)
    return target.input
