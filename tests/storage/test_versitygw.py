"""The test server itself: it must never outlive the tests."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from versitygw import running_versitygw
with running_versitygw() as server:
    print(server.endpoint_url, server.folder, flush=True)
    time.sleep(60)
"""


def test_a_server_stops_and_its_folder_goes_when_the_tests_are_killed(s3_server):
    servers = Path(__file__).parent.parent / "servers"
    tests = subprocess.Popen([sys.executable, "-c", SCRIPT, str(servers)], stdout=subprocess.PIPE, text=True)
    address, folder = tests.stdout.readline().split()
    port = int(address.rsplit(":", 1)[1])
    assert is_listening(port) and Path(folder).is_dir()
    os.kill(tests.pid, signal.SIGKILL)
    tests.wait()
    deadline = time.monotonic() + 10
    while (is_listening(port) or Path(folder).exists()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_listening(port) and not Path(folder).exists()


def is_listening(port):
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
