"""The audit log of this machine: JSON lines in the state folder, only ever added to.

Invariant: an entry is on the disk whole when ``append`` returns, or ``append`` raised; a line that was cut off by a kill or a full disk is
taken away by the next one. Many processes append at once: one line each, in one order.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from lifeboat.evidence.entry import Entry, first_previous, make_entry, parse_entry
from lifeboat.foundation.value import Value
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.writers import WriterSecret

NAME = "audit.jsonl"
HEAD = "audit-head.json"
LINE_AT_MOST = 64 * 1024
_LOG_BYTES = 8


class Line(Value):
    """A line of the file."""

    number: int
    """From 1, or from the place where reading began."""
    start: int
    """Offset in the file."""
    raw: bytes
    entry: Entry | None
    """None when the line is none of ours."""


class AuditLog:
    """The log of one repository on this machine."""

    def __init__(self, state: LocalState) -> None:
        self._state = state
        self.path = state.directory / NAME

    def append(self, content: Mapping[str, Any], secret: WriterSecret | None) -> Entry:
        """Add an entry durably; raises ``OSError``."""
        with self._opened() as descriptor:
            last, end = _last_line(descriptor)
            if end < os.fstat(descriptor).st_size:
                os.ftruncate(descriptor, end)  # cut off in the middle: it was never said to be there
            entry = self._next(last, content, secret)
            line = entry.line() + b"\n"
            if len(line) > LINE_AT_MOST:
                raise OSError(f"an entry of {len(line)} bytes")
            try:
                _write_whole(descriptor, line, end)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(descriptor, end)
                raise
            # Remembered beside it: a log that was cut at its end is shorter than this says.
            with suppress(Exception):
                self._state.write_json(HEAD, {"log": entry.log, "seq": entry.seq, "hash": entry.hash})
        return entry

    def lines(self, start: int = 0) -> Iterator[Line]:
        """The lines in their order; a last one that is not finished yet is left out. Nothing when there is no log; raises ``OSError``.

        Args:
            start: Offset of the line to begin with.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                for number, raw in enumerate(file, start=1):
                    if raw.endswith(b"\n"):
                        yield Line(number, start, raw[:-1], _entry_or_none(raw[:-1]))
                    start += len(raw)
        except FileNotFoundError:
            return

    def head(self) -> tuple[str, int, str] | None:
        """Log, number and hash of the last entry, as this machine remembers it; None when it does not."""
        said = self._state.read_json(HEAD) or {}
        log, seq, stated = said.get("log"), said.get("seq"), said.get("hash")
        return (log, seq, stated) if isinstance(log, str) and isinstance(seq, int) and isinstance(stated, str) else None

    def _next(self, last: bytes | None, content: Mapping[str, Any], secret: WriterSecret | None) -> Entry:
        if last is None:
            log = os.urandom(_LOG_BYTES).hex()
            return make_entry(content, seq=1, log=log, previous=first_previous(log), secret=secret)
        before = _entry_or_none(last)
        if before is not None:
            return make_entry(content, seq=before.seq + 1, log=before.log, previous=before.hash, secret=secret)
        # Somebody spoilt the last line. What happens now is to be kept all the same, and ``verify`` names that line.
        number = sum(1 for _ in self.lines())
        logs = [line.entry.log for line in self.lines() if line.entry is not None]
        log = logs[-1] if logs else os.urandom(_LOG_BYTES).hex()
        return make_entry(content, seq=number + 1, log=log, previous=hashlib.sha256(last).hexdigest(), secret=secret)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Where locks cannot be had (some network file systems), two runs at once may fork the chain; ``verify`` says so then.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def _entry_or_none(raw: bytes) -> Entry | None:
    try:
        return parse_entry(raw)
    except ValueError:
        return None


def _last_line(descriptor: int) -> tuple[bytes | None, int]:
    """The last finished line, and where it ends (with its newline): a rest behind that is no line."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - 2 * LINE_AT_MOST)
    tail = os.pread(descriptor, size - start, start)
    end = tail.rfind(b"\n")
    if end < 0:
        return (None, 0) if start == 0 else (b"", size)
    return tail[tail.rfind(b"\n", 0, end) + 1 : end], start + end + 1


def _write_whole(descriptor: int, content: bytes, where: int) -> None:
    done = 0
    while done < len(content):
        done += os.pwrite(descriptor, content[done:], where + done)
    os.fsync(descriptor)
