"""Copies of a writer's indexes on this machine: by the end of a month there are hundreds, and a far store need not bring them all for every backup.

Invariant: a copy is the stored object's bytes, sealed as they are, and counts only where its hash is the one in its name. Which indexes there
are says the store's listing alone. All of it can be lost.

A backup that reads a damaged index stores its chunks again: so a copy counts for a day only, and ``verify`` has the next backup read them all anew.
"""

import os
from contextlib import suppress
from pathlib import Path

from lifeboat.foundation.clock import SystemClock
from lifeboat.repository.names import digest, stated_digest

COUNTS_SECONDS = 86_400
GENERATIONS = 2
"""The newest are kept: this month's, and the last one's for a while."""


class IndexCopies:
    """Args: folder: Made when there is something to keep; a folder of it for each generation."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._there: dict[str, set[str]] = {}

    def has(self, name: str) -> bool:
        generation, last = _parts(name)
        if generation not in self._there:
            with suppress(OSError):
                since = SystemClock().now().timestamp() - COUNTS_SECONDS  # files are dated by the same clock
                with os.scandir(self._folder / generation) as found:
                    self._there[generation] = {one.name for one in found if one.stat().st_mtime >= since}
        return last in self._there.get(generation, ())

    def read(self, name: str) -> bytes | None:
        """The bytes, or None where there is no copy that is sound."""
        if not self.has(name):
            return None
        generation, last = _parts(name)
        with suppress(OSError):
            raw = (self._folder / generation / last).read_bytes()
            if digest(raw) == stated_digest(name):
                return raw
        self._there[generation].discard(last)
        return None

    def keep(self, name: str, raw: bytes) -> None:
        """Keep a copy of an index; of nothing else, and nothing fails where it cannot be kept."""
        generation, last = _parts(name)
        if not last.startswith("index-") or self.has(name):
            return
        with suppress(OSError):
            folder = self._folder / generation
            if not folder.is_dir():
                self._folder.mkdir(mode=0o700, exist_ok=True)
                newest = sorted(one.name for one in self._folder.iterdir())[-GENERATIONS:]
                if len(newest) == GENERATIONS and generation < newest[0]:
                    return  # of a month long gone, as for a restore: asked for once
                folder.mkdir(mode=0o700, exist_ok=True)
                self._let_go()
            unfinished = folder / f".{os.urandom(6).hex()}"
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(raw)
            unfinished.rename(folder / last)
            self._there.setdefault(generation, set()).add(last)

    def forget(self) -> None:
        """Have all of them read from the store again."""
        _remove(self._folder)
        self._there.clear()

    def _let_go(self) -> None:
        for old in sorted(one.name for one in self._folder.iterdir())[:-GENERATIONS]:
            _remove(self._folder / old)
            self._there.pop(old, None)


def _remove(folder: Path) -> None:
    import shutil  # seldom needed, and slow to load

    shutil.rmtree(folder, ignore_errors=True)


def _parts(name: str) -> tuple[str, str]:
    """Generation and last part of ``catalog/WRITER/GENERATION/index-HASH``."""
    parts = name.split("/")
    return (parts[-2], parts[-1]) if len(parts) == 4 else ("", "")
