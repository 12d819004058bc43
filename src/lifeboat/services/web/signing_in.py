"""Signing in and out, and whose request it is."""

import asyncio
import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.secret import Secret
from lifeboat.services.web.attempts import Attempts
from lifeboat.services.web.sessions import LONGEST_SECONDS, Session, Sessions
from lifeboat.services.web.users import User, Users

FIELDS_AT_MOST = 10
WAITING_AT_MOST = 5
"""One password is tried at a time, each a tenth of a second of one core; who would stand behind more is sent away."""


class SigningIn:
    """Args: users: Who may. clock: Its steady side counts sessions and waits."""

    def __init__(self, users: Users, clock: Clock) -> None:
        self.users = users
        self.sessions = Sessions(users)
        self._attempts = Attempts()
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._waiting = 0
        self._one_at_a_time = asyncio.Lock()

    def session(self, request: Request, *, is_watching: bool = False) -> Session | None:
        return self.sessions.find(self._cookie(request, "session"), self._clock.monotonic(), is_watching=is_watching)

    def form_token(self, request: Request) -> tuple[str, str]:
        """What a form for somebody who is not signed in carries, and the cookie that it must come with."""
        cookie = self._cookie(request, "form") or secrets.token_urlsafe(32)
        return self._signed(cookie), cookie

    def is_our_form(self, request: Request, token: str) -> bool:
        cookie = self._cookie(request, "form")
        return bool(cookie) and hmac.compare_digest(self._signed(cookie or "").encode(), token.encode())

    async def sign_in(self, request: Request, name: str, password: Secret) -> tuple[User | None, float, bool]:
        """The user, or None and how many seconds to wait before the next try; and whether this was one at all."""
        address = address_of(request)
        if self._waiting >= WAITING_AT_MOST:
            return None, 1.0, False
        self._waiting += 1
        try:
            # So that a hundred tries at once are not counted only after the last.
            async with self._one_at_a_time:
                now = self._clock.monotonic()
                if (wait := self._attempts.wait_seconds(address, name, now)) > 0:
                    return None, wait, False
                user = await run_in_threadpool(self.users.check, name, password)
                if user is None:
                    self._attempts.failed(address, name, now)
                    return None, self._attempts.wait_seconds(address, name, now), True
                self._attempts.succeeded(name)
                return user, 0.0, True
        finally:
            self._waiting -= 1

    def begin(self, request: Request, response: Response, user: User) -> None:
        self.sessions.end(self._cookie(request, "session"))
        token = self.sessions.begin(user, self._clock.monotonic())
        self.set_cookie(request, response, "session", token)

    def end(self, request: Request, response: Response) -> None:
        self.sessions.end(self._cookie(request, "session"))
        response.delete_cookie(
            _name(request, "session"), path="/", secure=_is_https(request), httponly=True, samesite="strict"
        )

    def set_cookie(self, request: Request, response: Response, kind: str, value: str) -> None:
        response.set_cookie(
            _name(request, kind),
            value,
            max_age=int(LONGEST_SECONDS),
            path="/",
            httponly=True,
            samesite="strict",
            secure=_is_https(request),
        )

    def _cookie(self, request: Request, kind: str) -> str | None:
        return request.cookies.get(_name(request, kind))

    def _signed(self, cookie: str) -> str:
        return hmac.new(self._key, cookie.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form; of several of one name the first. Empty for what is no form."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        return {}
    body = (await request.body()).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=FIELDS_AT_MOST)
    except ValueError:
        return {}
    return dict(reversed(pairs))


def address_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _name(request: Request, kind: str) -> str:
    """With the prefix a browser takes it over https from this very host alone; ports of a host share their cookies otherwise."""
    return f"__Host-lifeboat-{kind}" if _is_https(request) else f"lifeboat-{kind}"


def _is_https(request: Request) -> bool:
    return request.url.scheme == "https"
