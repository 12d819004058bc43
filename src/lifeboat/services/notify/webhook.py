"""Notices by a POST of ``{"text": ...}``, which Slack, Mattermost, Rocket.Chat and many others show as it stands.

Invariant: the address is a secret (whoever has it can post), so only its host is ever named; a redirect is not followed, because a
POST that is redirected arrives as a GET, empty, and looks delivered.
"""

import json
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import urlsplit

from lifeboat.foundation.secret import Secret
from lifeboat.services.notify.channel import NoticeNotSent
from lifeboat.services.notify.notice import Notice

PATIENCE_SECONDS = 20.0


class Webhook:
    def __init__(self, url: Secret) -> None:
        self._url = url
        self._host = urlsplit(url.reveal()).hostname or "(no host)"

    @property
    def where(self) -> str:
        return f"webhook at {self._host}"

    def send(self, notice: Notice) -> None:
        body = json.dumps({"text": f"{notice.subject}\n\n{notice.text}"}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "lifeboat"}
        try:
            request = urllib.request.Request(self._url.reveal(), body, headers, method="POST")
            if request.type not in ("http", "https"):
                raise ValueError
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=PATIENCE_SECONDS) as answer:
                answer.read(1024)
        except urllib.error.HTTPError as error:
            error.close()
            hint = "is the address still the one that was given out? A hook that was removed answers 404 or 410"
            raise NoticeNotSent(f"{self.where}: answers {error.code}", hint) from None
        except ValueError:
            hint = "it begins with https://; it stands in LIFEBOAT_NOTIFY_WEBHOOK, or in the file that [notify] names"
            raise NoticeNotSent(f"{self.where}: the address is not one of the web", hint) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            hint = "is the network up, and may this machine reach it?"
            raise NoticeNotSent(f"{self.where}: does not answer ({str(reason)[:120].lower()})", hint) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        return None
