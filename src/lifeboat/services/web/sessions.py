"""Who is signed in: kept here on the server, so that signing out and time really end it.

Invariant: the cookie's value is known to the browser alone; here lies only its hash.
"""

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass

from lifeboat.services.web.users import User, Users

IDLE_SECONDS = 30 * 60.0
LONGEST_SECONDS = 12 * 3600.0
SESSIONS_AT_MOST = 1000


@dataclass(slots=True)
class Session:
    """Args: form_token: To be sent along with whatever changes something. began, used: By the steady clock."""

    user: User
    form_token: str
    began: float
    used: float

    def allows(self, token: str) -> bool:
        return hmac.compare_digest(self.form_token.encode(), token.encode())


class Sessions:
    """Args: users: Asked anew each time: a user who was removed, or got another password, is out."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._sessions: dict[str, Session] = {}
        self._mutex = threading.Lock()

    def begin(self, user: User, now: float) -> str:
        """Returns what goes into the cookie."""
        token = secrets.token_urlsafe(32)
        with self._mutex:
            self._drop_old(now)
            if len(self._sessions) >= SESSIONS_AT_MOST:
                del self._sessions[min(self._sessions, key=lambda one: self._sessions[one].used)]
            self._sessions[_hash(token)] = Session(user, secrets.token_urlsafe(32), now, now)
        return token

    def find(self, token: str | None, now: float, *, is_watching: bool = False) -> Session | None:
        """Args: is_watching: A page that looks by itself is no sign of a person: it does not keep the session alive."""
        if not token:
            return None
        with self._mutex:
            self._drop_old(now)
            session = self._sessions.get(_hash(token))
            if session is None:
                return None
            user = self._users.find(session.user.name)
            if user is None or user.stamp != session.user.stamp or user.added != session.user.added:
                del self._sessions[_hash(token)]
                return None
            session.user = user
            if not is_watching:
                session.used = now
            return session

    def end(self, token: str | None) -> None:
        with self._mutex:
            self._sessions.pop(_hash(token or ""), None)

    def _drop_old(self, now: float) -> None:
        for name, one in list(self._sessions.items()):
            if now - one.used > IDLE_SECONDS or now - one.began > LONGEST_SECONDS:
                del self._sessions[name]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
