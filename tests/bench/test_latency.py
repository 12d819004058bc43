"""The wire that the bench puts before S3: each answer waits once, and every byte arrives, both ways, on one connection."""

import http.client
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LATENCY = Path(__file__).parents[2] / "bench" / "latency.py"
MILLISECONDS = 120
BODY = bytes(range(256)) * 20_000


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        for begin in range(0, len(content), 100_000):
            self.wfile.write(content[begin : begin + 100_000])

    def log_message(self, *_: object) -> None:
        pass


def test_each_request_waits_once_and_comes_back_whole() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = [sys.executable, LATENCY, str(server.server_port), str(MILLISECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as between:
        try:
            assert between.stdout is not None
            near = _seconds_of_three(server.server_port)
            far = _seconds_of_three(int(between.stdout.readline()))
        finally:
            between.terminate()
            server.shutdown()
    # Three answers and the connection: four waits. A wait for each piece of a body would be fifty.
    assert 4 * MILLISECONDS / 1000 <= far < near + 12 * MILLISECONDS / 1000


def _seconds_of_three(port: int) -> float:
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(3):
        connection.request("POST", "/", BODY)
        assert connection.getresponse().read() == BODY
    connection.close()
    return time.monotonic() - began
