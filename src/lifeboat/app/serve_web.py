"""The web server of ``lifeboat serve``: ``/healthz``, ``/readyz``, ``/metrics``, and whatever is mounted beside them, in a thread of its own.

A page that hangs or fails never touches the schedule.
"""

import json
import socket
import threading
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lifeboat.app.serving import Serving
from lifeboat.foundation.errors import SettingsError

BEGIN_SECONDS = 20.0
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class ListenRefused(SettingsError):
    """``[serve] listen`` names an address that cannot be listened on."""

    code = "listen-refused"


def build_app(serving: Serving, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """Everything that is answered. Args: routes: Of the dashboard; health and metrics come first."""

    async def healthz(request: Request) -> Response:
        return _answer(serving.is_alive(), "alive", "the schedule has not looked what is due for two minutes")

    async def readyz(request: Request) -> Response:
        return _answer(serving.is_ready(), "ready", "the schedule has not begun yet")

    def metrics(request: Request) -> Response:
        # Not async: it asks the store, in a thread of the server's own.
        return Response(serving.metrics(), media_type=METRICS_TYPE, headers={"Cache-Control": "no-store"})

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics), *routes])


class WebServer:
    """Args: listen: Address and port; port 0 takes a free one. Raises ``ListenRefused``."""

    def __init__(self, app: Starlette, listen: tuple[str, int]) -> None:
        import uvicorn

        self._socket = _bound(listen)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=5
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="web", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(BEGIN_SECONDS)
        self._socket.close()


def _bound(listen: tuple[str, int]) -> socket.socket:
    host, port = listen
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        one = socket.socket(family, kind)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(address)
        one.listen(128)
        return one
    except OSError as error:
        raise ListenRefused(
            f"{host}:{port} cannot be listened on: {(error.strerror or str(error)).lower()}",
            'name another under [serve] in lifeboat.toml, listen = "127.0.0.1:8766", or listen = "off"',
        ) from None


def _answer(good: bool, word: str, why_not: str) -> Response:
    said = {"status": word} if good else {"status": "bad", "reason": why_not}
    headers = {"Cache-Control": "no-store"}
    return Response(json.dumps(said) + "\n", 200 if good else 503, headers, "application/json")
