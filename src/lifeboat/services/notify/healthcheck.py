"""Pings to somebody outside who notices when they stop: healthchecks.io, or one's own server of that kind.

The one alarm for a machine that is dead: whoever waits for the ping tells, not we. ``start`` lets it measure how long a run takes.

Invariant: a ping never fails a run, and never holds one up for long; the address is a secret.
"""

import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.channel import NoticeNotSent

PATIENCE_SECONDS = 10.0
BODY_AT_MOST = 10_000


class Healthcheck:
    """Args: url: The check's ping address, without ``/start`` or the like behind it."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._host = urlsplit(url.reveal()).hostname or "(no host)"

    @property
    def where(self) -> str:
        return f"health check at {self._host}"

    def start(self) -> None:
        """A run begins."""
        self._ping("/start", "")

    def success(self, text: str = "") -> None:
        """It ended well."""
        self._ping("", text)

    def fail(self, text: str = "") -> None:
        """It did not."""
        self._ping("/fail", text)

    def log(self, text: str) -> None:
        """Something to be kept with the check, that is neither."""
        self._ping("/log", text)

    def _ping(self, end: str, text: str) -> None:
        try:
            address = self._url.reveal().rstrip("/") + end
            request = urllib.request.Request(
                address, text.encode()[:BODY_AT_MOST], {"User-Agent": "lifeboat"}, method="POST"
            )
            if request.type not in ("http", "https"):
                raise ValueError
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                answer.read(1024)
        except ValueError:
            raise NoticeNotSent(f"{self.where}: the address is not one of the web", "it begins with https://") from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "code", None) or getattr(error, "reason", None) or type(error).__name__
            hint = "is the ping address right, and the network up?"
            raise NoticeNotSent(f"{self.where}: does not take the ping ({str(reason)[:120]})", hint) from None
