"""A network with a latency, before a server on this machine: ``latency.py PORT MILLISECONDS`` prints the port it listens on.

Whatever opens a turn of the conversation takes so long to be answered: the connection itself, and the first byte after each change from asking to
answering (an answer of 100 Continue is a turn of its own, as it is on a wire). Bytes stream through; nothing is kept but what is under way.
"""

import asyncio
import contextlib
import socket
import sys

PIECE_BYTES = 256 * 1024


class Turns:
    """Of one connection: whose turn it is. An answer's first byte waits; the rest does not."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_asked = False

    def asked(self) -> None:
        self._is_asked = True

    async def answered(self) -> None:
        if self._is_asked:
            self._is_asked = False
            await asyncio.sleep(self._seconds)


async def serve(port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    listening.setblocking(False)
    print(listening.getsockname()[1], flush=True)
    under_way = set()
    while True:
        client, _ = await loop.sock_accept(listening)
        task = asyncio.create_task(_connect(client, port, seconds))
        under_way.add(task)
        task.add_done_callback(under_way.discard)


async def _connect(client: socket.socket, port: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    with client, socket.socket() as server:
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.sleep(seconds)
        turns = Turns(seconds)
        with contextlib.suppress(OSError):
            await loop.sock_connect(server, ("127.0.0.1", port))
            await asyncio.gather(_ask(client, server, turns), _answer(server, client, turns))


async def _ask(client: socket.socket, server: socket.socket, turns: Turns) -> None:
    loop = asyncio.get_running_loop()
    while piece := await loop.sock_recv(client, PIECE_BYTES):
        turns.asked()
        await loop.sock_sendall(server, piece)
    server.shutdown(socket.SHUT_WR)


async def _answer(server: socket.socket, client: socket.socket, turns: Turns) -> None:
    loop = asyncio.get_running_loop()
    while piece := await loop.sock_recv(server, PIECE_BYTES):
        await turns.answered()
        await loop.sock_sendall(client, piece)
    client.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000))
