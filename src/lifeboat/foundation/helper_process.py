"""Processes of our own that do a piece of work beside us: a module is started, asked through a pipe, and answers in the order of the questions.

For work of many small system calls, which threads would do in turns, for the interpreter's lock. Nothing may depend on a helper: one that dies,
or cannot be started, answers None from then on, and whoever asked does the work himself.

Limits: a question waits until the helper has taken it in, so what is asked and not answered must be small on one of the two ways (64 KiB together),
or both could wait for each other. What goes through the pipes is made and read by ``marshal``, by the same interpreter on both sides.
"""

import ctypes
import fcntl
import marshal
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lifeboat.foundation.sizes import KIB, MIB

UNANSWERED_BYTES = 64 * KIB
"""What a pipe takes before its writer waits, if nobody has made it larger. Source: pipe(7)."""
_PIPE_BYTES = MIB
"""Asked for, so that a large answer or question waits in the pipe and not its writer; the most a user may have. Source: pipe(7)."""
_HEAD_BYTES = 4
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TMPDIR")
"""All that a helper learns of our variables: no key is among it."""
_SET_PDEATHSIG = 1


class HelperProcess:
    """One process. Args: module: what it runs, which calls ``serve``; folder: what it is told at the start."""

    def __init__(self, module: str, folder: Path) -> None:
        import subprocess  # a command that starts none does not wait for its loading

        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        for pipe in (self._to, self._from):
            if hasattr(fcntl, "F_SETPIPE_SZ"):
                with suppress(OSError):
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._failed = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, question: list[Any]) -> None:
        """Hand over a question; what it was is for the answer to tell."""
        try:
            _send(self._to.fileno(), question)
        except OSError:
            self._fail()

    def answer(self) -> list[Any] | None:
        """Wait for the answer to the oldest question; None: there is none, and there will be no more."""
        if self._failed:
            return None
        try:
            found: list[Any] = marshal.loads(_receive(self._from.fileno()))
        except (OSError, EOFError, ValueError, TypeError):
            self._fail()
            return None
        return found

    def has_answered(self) -> bool:
        """Whether ``answer`` would not wait."""
        waiting = select.poll()
        waiting.register(self._from, select.POLLIN)
        return self._failed or bool(waiting.poll(0))

    def _fail(self) -> None:
        """From now on it does nothing any more, not even what it was asked before."""
        self._failed = True
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Stop it wherever it is: it may wait for a disk."""
        self._process.kill()
        self._to.close()
        self._from.close()
        self._process.wait()


def start_helpers(module: str, folder: Path, count: int) -> list[HelperProcess]:
    """Start some; fewer, or none, where the system has no room for them."""
    helpers: list[HelperProcess] = []
    with suppress(OSError):
        for _ in range(count if sys.executable else 0):
            helpers.append(HelperProcess(module, folder))
    return helpers


def serve(answer: Callable[[list[Any]], list[Any]]) -> None:
    """Be a helper: answer questions until nobody asks any more; dies with whoever started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # at the terminal it is for whoever started us, who then ends us
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    with suppress(EOFError):
        while os.getppid() == parent:
            _send(1, answer(marshal.loads(_receive(0))))


def _send(pipe: int, said: list[Any]) -> None:
    raw = marshal.dumps(said)
    left = memoryview(len(raw).to_bytes(_HEAD_BYTES, "big") + raw)
    while left:
        left = left[os.write(pipe, left) :]


def _receive(pipe: int) -> bytearray:
    return _exactly(pipe, int.from_bytes(_exactly(pipe, _HEAD_BYTES), "big"))


def _exactly(pipe: int, count: int) -> bytearray:
    found = bytearray(count)
    left = memoryview(found)
    while left:
        came = os.readv(pipe, [left])
        if not came:
            raise EOFError
        left = left[came:]
    return found
