"""A client's way to an application in this process, as from the host ``HOST``: nothing is opened on the network.

Limits: an answer is there when it is whole; a page that never ends never comes.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

HOST = "192.0.2.7"


class _Blocks(httpx.AsyncByteStream):
    """A request's body as the client gives it, block by block."""

    def __init__(self, blocks: Any) -> None:
        self._blocks = blocks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for block in self._blocks:
            yield block


class InProcess(httpx.BaseTransport):
    """Each request runs on an event loop of its own."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app=app, client=(HOST, 50000))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        body = _Blocks(request.stream)
        asked = httpx.Request(request.method, request.url, headers=request.headers, stream=body)
        answer = await self._inner.handle_async_request(asked)
        assert isinstance(answer.stream, httpx.AsyncByteStream)
        raw = b"".join([block async for block in answer.stream])
        return httpx.Response(answer.status_code, headers=answer.headers, content=raw, request=request)
