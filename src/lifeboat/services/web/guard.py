"""What stands before every page: who is called, how much may be sent, and what a browser is told to refuse.

Invariant: no answer leaves without the headers; a request that calls this server by a name it does not have gets nothing, so a page
elsewhere whose name was pointed here (DNS rebinding) reads nothing.
"""

import ipaddress
import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_AT_MOST = 8 * 1024
"""A name, a password and a token."""
ADDRESS_AT_MOST = 2 * 1024
POLICY = "; ".join(
    (
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: a browser would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Guard:
    """Args: hosts: Names by which this server may be called besides those of loopback, lower-case and without a port."""

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = LOOPBACK | frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no page speaks anything else
        is_https = scope.get("scheme") == "https"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                if is_https:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        await self._app(scope, _limited(receive), answer)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or host_of(named[0]) not in self._hosts:
            words = "This server does not go by that name. Add it to hosts under [serve] in lifeboat.toml, or use its address.\n"
            return PlainTextResponse(words, 421)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("Not allowed.\n", 405, {"Allow": "GET, HEAD, POST"})
        if len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > ADDRESS_AT_MOST:
            return PlainTextResponse("Too long.\n", 414)
        if not scope.get("query_string", b"").isascii():
            # Where it is read it is taken for UTF-8, and what is none would look like a bug of ours.
            return PlainTextResponse("No address is written like that.\n", 400)
        length = headers.get("content-length", "0")
        if not re.fullmatch(r"[0-9]{1,8}", length) or int(length) > BODY_AT_MOST:
            return PlainTextResponse("Too large.\n", 413)
        if scope["method"] == "POST" and not _is_our_own(headers, named[0], str(scope.get("scheme"))):
            return PlainTextResponse("That did not come from a page of this server.\n", 403)
        return None


class TooLarge(Exception):
    """More was sent than was announced, or without an announcement."""


def host_of(header: str) -> str:
    """The name in a Host header, without its port."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.rpartition(":")[0] if ":" in text else text


def hosts_of(address: str) -> frozenset[str]:
    """What a server that listens on an address may be called; of one that listens everywhere its name must be said in the settings."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return frozenset({address.lower()})
    return frozenset() if found.is_unspecified else frozenset({str(found)})


def _is_our_own(headers: Headers, host: str, scheme: str) -> bool:
    """By what browsers say of where a form came from; the token in it is asked for besides."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.lower() in (f"{scheme}://{host}".lower(), f"https://{host}".lower())


def _limited(receive: Receive) -> Receive:
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_AT_MOST:
            raise TooLarge
        return message

    return take
