"""A stream as people and programs watch it: one line that moves on a terminal, a line a minute in a log, JSON lines for programs.

Invariant: what happened (a gap, a store that is away) is a line of its own in every form; only the moving line is ever drawn over.
"""

import json
import threading

from lifeboat.cli.run import Run
from lifeboat.cli.show.json_form import plain
from lifeboat.cli.show.progress import one_line
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.stream.report import StreamStatus

LOG_EVERY_SECONDS = 60.0
_CLEAR_LINE = "\r\x1b[K"
_WORDS = {Level.OK: "note", Level.WARNING: "warning", Level.PROBLEM: "problem"}


class StreamShow:
    """A ``Watcher``; called from several threads."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._mutex = threading.Lock()
        self._moves = run.at_terminal and not run.quiet and run.environment.get("TERM", "") not in ("", "dumb")
        self._logged_at: float | None = None
        self._drawn = ""
        self.every_seconds = LOG_EVERY_SECONDS

    def said(self, finding: Finding) -> None:
        if self._run.json:
            self._write_json("event", finding)
            return
        if self._run.quiet and finding.level is Level.OK:
            return
        words = f"{_WORDS[finding.level]}: {one_line(finding.message)}"
        if finding.level is not Level.OK:
            words += f" [{finding.code}]" + (f"\nhint: {one_line(finding.hint)}" if finding.hint else "")
        with self._mutex:
            self._clear()
            self._run.say(words)
            self._draw(self._drawn)

    def moved(self, status: StreamStatus) -> None:
        if not self._moves and not self._is_time():
            return
        if self._run.json:
            self._write_json("status", status)
            return
        if self._run.quiet:
            return
        with self._mutex:
            if self._moves:
                self._draw(status_line(status)[: self._run.width(self._run.out) - 1])
            else:
                self._run.tell(f"{status.at:%Y-%m-%d %H:%M:%SZ} {status_line(status)}\n")

    def close(self) -> None:
        with self._mutex:
            self._clear()
            self._drawn = ""

    def _is_time(self) -> bool:
        now = self._run.clock.monotonic()
        if self._logged_at is not None and now - self._logged_at < self.every_seconds:
            return False
        self._logged_at = now
        return True

    def _draw(self, line: str) -> None:
        if self._moves and line:
            self._drawn = line
            self._run.tell(f"{_CLEAR_LINE}{line}")

    def _clear(self) -> None:
        if self._moves and self._drawn:
            self._run.tell(_CLEAR_LINE)

    def _write_json(self, kind: str, what: object) -> None:
        at = self._run.clock.now().isoformat()
        line = json.dumps({"kind": kind, "at": at, **plain(what)})
        with self._mutex:
            self._run.tell(line + "\n")


def status_line(status: StreamStatus) -> str:
    """Everything that matters, on one line; first what would be missed if the line were cut."""
    through = None if status.through is None else f"archived through {status.through.instant:%Y-%m-%d %H:%M:%SZ}"
    parts = [through or "nothing archived yet"]
    if status.lag_seconds is not None:
        parts.append(f"lag {show_seconds(status.lag_seconds)}")
    if status.waiting_for:
        parts.append(f"waiting: {one_line(status.waiting_for)}")
    if status.snapshot:
        parts.append(status.snapshot)
    parts.append(f"{status.events_per_second:,.0f} changes/s")
    parts.append(f"{show_bytes(status.stored_bytes)} stored")
    if status.oplog_left_seconds is not None:
        parts.append(f"oplog holds {show_seconds(status.oplog_left_seconds)} more")
    return ", ".join(parts)
