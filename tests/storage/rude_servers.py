"""Servers between us and S3 that answer badly: real sockets, so that the real driver meets them."""

import socket
import threading
from contextlib import contextmanager, suppress
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ERROR = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>{}</Message>{}</Error>'


@contextmanager
def answering(
    status, code="", message="As a test.", *, more="", headers=(), date=None, body=None, cut_to=None, heard=None
):
    """A server that gives every request the same answer; yields its address.

    Args:
        code: S3's name of the error; with ``more`` elements beside it.
        date: What it tells as its time; None is the truth.
        cut_to: Breaks off after so many bytes of the body.
        heard: A list that gets each request's method and headers.
    """
    answer = body if body is not None else ERROR.format(code, message, more).encode() if code else b""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if heard is not None:
                heard.append((self.command, dict(self.headers)))
            self.send_response_only(status)
            self.send_header("Date", format_datetime(date, usegmt=True) if date else self.date_time_string())
            self.send_header("Content-Length", str(len(answer)))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer[:cut_to])
            self.close_connection = cut_to is not None

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = reply

        def log_message(self, *_):
            pass

    with _serving(Handler) as address:
        yield address


@contextmanager
def _serving(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class ReplyEater:
    """Hands everything to a server and, when told to, cuts the line instead of handing back the reply to a write."""

    def __init__(self, target):
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.eats = 0
        self.spares = 0  # so many replies pass first
        self.eaten = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            writing = threading.Event()
            threading.Thread(target=self._upwards, args=(client, server, writing), daemon=True).start()
            threading.Thread(target=self._downwards, args=(client, server, writing), daemon=True).start()

    def _upwards(self, client, server, writing):
        while data := _receive(client):
            if data[:4] in (b"PUT ", b"POST"):
                writing.set()
            elif data[:4] in (b"GET ", b"HEAD"):
                writing.clear()
            server.sendall(data)
        server.close()

    def _downwards(self, client, server, writing):
        while data := _receive(server):
            if self.eats > 0 and writing.is_set() and b" 100 " not in data[:20]:
                if self.spares == 0:
                    self.eats -= 1
                    self.eaten += 1
                    break
                self.spares -= 1
            client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()


def _receive(connection):
    try:
        return connection.recv(65536)
    except OSError:
        return b""
