"""Programs as checks: run, or started and ended again, on the restored data and on nothing else.

Invariants: of this installation's secrets no program gets any: neither key, nor credentials of the store, nor the live database. Whatever it
starts dies with it, and it dies with us.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from lifeboat.foundation.clock import Clock
from lifeboat.operations.drill.checks.kinds import Command, Service, Surroundings

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_PATH", "VIRTUAL_ENV", "USER")
OUTPUT_AT_MOST = 64 * 1024
GRACE_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


def environment_of(surroundings: Surroundings, port: int | None = None) -> dict[str, str]:
    """What a program is given: the restored database under the names that applications know, and no secret of ours."""
    given = {name: os.environ[name] for name in KEPT if name in os.environ}
    given["LIFEBOAT_DRILL"] = "1"
    if surroundings.uri is not None:
        given["LIFEBOAT_DRILL_URI"] = given["MONGODB_URI"] = surroundings.uri.reveal()
    for _, restored in list(surroundings.folders.items())[:1]:
        given["LIFEBOAT_DRILL_FILES"] = given["UPLOADS_DIR"] = str(restored)
    if port is not None:
        given["PORT"] = str(port)
    return given


def run_command(check: Command, surroundings: Surroundings) -> tuple[bool, str, str]:
    """Run to the end; whatever it started is ended with it."""
    expected = f"exit status {check.expect_exit}" + (f", saying {check.expect_text!r}" if check.expect_text else "")
    process, output = _start(check.argv, check.cwd, environment_of(surroundings), surroundings.scratch)
    try:
        process.wait(timeout=check.seconds)
    except subprocess.TimeoutExpired:
        return False, expected, f"not done after {check.seconds:.0f} s"
    finally:
        _end_group(process)
    said = _said(output)
    passed = process.returncode == check.expect_exit and check.expect_text in said
    last = said.strip().rpartition("\n")[2]
    return passed, expected, f"exit status {process.returncode}" + (f": {last}" if last else "")


def start_service(
    check: Service, surroundings: Surroundings, running: ExitStack, clock: Clock
) -> tuple[bool, str, str]:
    """Start it, and wait until it answers; it is ended with ``running``."""
    port = _free_port()
    ready = check.ready.replace("{port}", str(port))
    expected = f"{ready} answers {check.expect_status} within {check.seconds:.0f} s"
    argv = tuple(one.replace("{port}", str(port)) for one in check.argv)
    process, output = _start(argv, check.cwd, environment_of(surroundings, port), surroundings.scratch)
    running.callback(_end_group, process)
    deadline = clock.monotonic() + check.seconds
    last = "nobody answers"
    while clock.monotonic() < deadline:
        if process.poll() is not None:
            words = _said(output).strip().rpartition("\n")[2]
            return False, expected, f"it ended with {process.returncode}: {words}"
        status = _status_of(ready)
        if status == check.expect_status:
            return True, expected, f"answers on port {port}"
        last = "nobody answers" if status is None else f"answers {status}"
        clock.sleep(0.1)
    _end_group(process)
    return False, expected, last


def _start(
    argv: tuple[str, ...], cwd: Path | None, environment: Mapping[str, str], scratch: Path
) -> "tuple[subprocess.Popen[bytes], Path]":
    """The process, and where what it says is written."""
    descriptor, path = tempfile.mkstemp(prefix="said-", dir=scratch)
    with open(descriptor, "wb") as said:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    return process, Path(path)


def _said(output: Path) -> str:
    with output.open("rb") as said:
        size = said.seek(0, os.SEEK_END)
        said.seek(max(0, size - OUTPUT_AT_MOST))
        return said.read().decode(errors="replace")


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask the whole group to end, then make it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _status_of(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded here: between fork and exec is no place for it."""


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
