"""Requests as checks: an address that must answer, a test user who must be let in.

Invariant: only this machine is asked, or a host that the check itself allows: a drill must never try production by accident. Redirects are not
followed; no answer is waited for, or read, without end.
"""

import json
import re
import ssl
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.operations.drill.checks.kinds import Http, SignIn, Surroundings

LOOPBACK = ("localhost", "127.0.0.1", "::1")
BODY_AT_MOST = 1024 * 1024
_PORT = re.compile(r"\{port:([^}]*)\}")


class HostNotAllowed(SettingsError):
    """A check would ask another machine than this one, and does not say that it may."""

    code = "check-host-not-allowed"


class Answered:
    """Args: headers: lower-case names; of several with one name all values."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def at(self, path: str) -> Any:
        """What stands at a dotted path of the JSON in it; None for nothing."""
        try:
            value: Any = json.loads(self.body)
            for part in path.split("."):
                value = value[int(part)] if isinstance(value, list) else value[part]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            return None
        return value

    @property
    def cookies(self) -> str:
        return "; ".join(value.partition(";")[0] for name, value in self.headers if name == "set-cookie")


def ask_http(check: Http, surroundings: Surroundings, clock: Clock) -> tuple[bool, str, str]:
    parts = [f"status {check.expect_status}"]
    parts += [f"saying {check.expect_text!r}"] if check.expect_text else []
    parts += [f"{path} = {value!r}" for path, value in check.expect_json.items()]
    expected = ", ".join(parts)
    headers = {name: value.reveal() for name, value in check.headers.items()}
    if "" in headers.values():
        return False, expected, "what the settings name for a header is not set on this machine"
    body = None if check.body is None else check.body.encode()
    url = _filled(check.url, surroundings)
    try:
        answer = request(check.method, url, headers, body, check.allow_host, check.seconds, clock)
    except (OSError, HTTPException) as error:
        return False, expected, _why(error)
    wrong = [] if answer.status == check.expect_status else [f"status {answer.status}"]
    if check.expect_text and check.expect_text not in answer.text:
        wrong.append(f"it says: {answer.text[:100]}")
    for path, value in check.expect_json.items():
        if answer.at(path) != value:
            wrong.append(f"{path} = {answer.at(path)!r}"[:100])
    return not wrong, expected, ", ".join(wrong) or f"status {answer.status}"


def sign_in(check: SignIn, surroundings: Surroundings, clock: Clock) -> tuple[bool, str, str]:
    expected = f"status {check.expect_status}" + (f", then {check.then_status}" if check.then_url else "")
    if not check.password.reveal():
        return False, expected, "the password that the settings name is not set on this machine"
    said = {check.user_field: check.user, check.password_field: check.password.reveal()}
    body = urlencode(said) if check.form else json.dumps(said)
    headers = {"Content-Type": "application/x-www-form-urlencoded" if check.form else "application/json"}
    url, allowed = _filled(check.url, surroundings), check.allow_host
    try:
        first = request("POST", url, headers, body.encode(), allowed, check.seconds, clock)
        if first.status != check.expect_status:
            return False, expected, f"signing in as {check.user} is answered by {first.status}"
        token = first.at(check.token_field) if check.token_field else None
        if check.token_field and not isinstance(token, str):
            return False, expected, f"no token at {check.token_field}"
        if not check.then_url:
            return True, expected, f"{check.user} is let in"
        with_it = {"Authorization": f"Bearer {token}"} if token else {"Cookie": first.cookies}
        then = request("GET", _filled(check.then_url, surroundings), with_it, None, allowed, check.seconds, clock)
    except (OSError, HTTPException) as error:
        return False, expected, _why(error)
    passed = then.status == check.then_status
    return passed, expected, f"{check.user} is let in, and then answered by {then.status}"


def request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    allowed: str,
    seconds: float,
    clock: Clock,
) -> Answered:
    """One request, done within ``seconds`` or ``TimeoutError``; raises ``HostNotAllowed``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https"):
        raise HostNotAllowed(f"{url} is no address of the web", "it begins with http:// or https://")
    if host not in LOOPBACK and host != allowed:
        raise HostNotAllowed(
            f"the check would ask {host}, which is not this machine",
            f'if that is the application on restored data, allow_host = "{host}"; never production',
        )
    deadline = clock.monotonic() + seconds
    connection = (
        HTTPSConnection(host, parts.port, timeout=seconds, context=ssl.create_default_context())
        if parts.scheme == "https"
        else HTTPConnection(host, parts.port, timeout=seconds)
    )
    try:
        connection.request(
            method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, dict(headers)
        )
        answer = connection.getresponse()
        content = bytearray()
        while len(content) < BODY_AT_MOST:
            if clock.monotonic() > deadline:
                raise TimeoutError(f"not done after {seconds:.0f} s")
            part = answer.read1(64 * 1024)
            if not part:
                break
            content += part
        return Answered(answer.status, [(name.lower(), value) for name, value in answer.getheaders()], bytes(content))
    finally:
        connection.close()


def _filled(url: str, surroundings: Surroundings) -> str:
    def port(match: re.Match[str]) -> str:
        if match[1] not in surroundings.ports:
            raise SettingsError(f"no service called {match[1]!r} is running", "it did not start, or has another name")
        return str(surroundings.ports[match[1]])

    return _PORT.sub(port, url)


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).lower()
