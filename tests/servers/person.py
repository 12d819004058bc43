"""A person at a real terminal: reads what appears, types answers, presses Ctrl-C, pulls the plug."""

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bare import BARE

PATIENCE_SECONDS = 20.0
LOOK = Path(__file__).parents[1] / "cli" / "pretend_main.py"


class Person:
    """``with Person(folder, environment, "init") as person: person.sees("?"); person.types("x")``."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *arguments: str,
        columns: int = 80,
        answers: str = "{}",
        real: bool = False,
    ) -> None:
        """Args: real: The command itself, in place of one whose application is made up."""
        self.screen = ""
        self._read_to = 0
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lifeboat", *arguments]
            if real
            else [sys.executable, str(LOOK), answers, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={**BARE, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def sees(self, words: str) -> None:
        """Wait until the words appear after what was seen before."""
        end = time.monotonic() + PATIENCE_SECONDS
        while (at := self.screen.find(words, self._read_to)) < 0:
            if not self._read(end):
                raise AssertionError(f"{words!r} never appeared; the screen:\n{self.screen}")
        self._read_to = at + len(words)

    def types(self, words: str) -> None:
        os.write(self._master, f"{words}\n".encode())

    def presses_control_c(self) -> None:
        os.write(self._master, b"\x03")

    def sends(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def leaves(self) -> int:
        """Read to the end and return the exit status."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self._read(end):
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return False
        try:
            more = os.read(self._master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux: everybody has closed the terminal.
                return False
            raise
        self.screen += more.decode(errors="replace").replace("\r\n", "\n")
        return bool(more)
