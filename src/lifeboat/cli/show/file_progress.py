"""Progress for somebody who watches from elsewhere, the dashboard: a small file, written anew while the work goes on.

Limits: a hint. What cannot be written is not, and the work does not notice.
"""

import json
import os
import threading
from contextlib import suppress
from pathlib import Path

from lifeboat.cli.show.progress import one_line
from lifeboat.cli.show.terminal_progress import Doing
from lifeboat.foundation.clock import Clock

EVERY_SECONDS = 0.5


class FileProgress:
    """Args: path: Named by whoever began the command; removed by him, too."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._mutex = threading.Lock()
        self._doing: Doing | None = None
        self._written = float("-inf")

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        with self._mutex:
            self._doing = Doing(one_line(task), total_bytes, total_items, self._clock.monotonic())
            self._write(self._doing)

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        with self._mutex:
            if self._doing is None:
                return
            self._doing.bytes += done_bytes
            self._doing.items += done_items
            if self._clock.monotonic() - self._written >= EVERY_SECONDS:
                self._write(self._doing)

    def note(self, message: str) -> None:
        pass

    def _write(self, doing: Doing) -> None:
        self._written = self._clock.monotonic()
        done, total = (doing.bytes, doing.total_bytes) if doing.total_bytes else (doing.items, doing.total_items)
        share = min(100, 100 * done // total) if total else None
        text = json.dumps({"doing": f"{doing.title}: {doing.amount()}", "share": share})
        beside = self._path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(beside, self._path)
