"""Progress on a terminal: what is being done, how much, how fast, how long yet.

Invariant: ``advance`` is cheap and safe from any thread, thousands of times a second: it adds to two numbers, and the
drawing happens a few times a second at most.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from lifeboat.cli.show.progress import NOTES_AT_MOST, one_line
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.sizes import show_bytes, show_seconds

REDRAW_SECONDS = 0.1
BAR_COLUMNS = 14
"""What is left of 80 columns beside a title, an amount, a rate and the time left."""
RATE_AFTER_SECONDS = 0.5
"""Before that a rate or a time left is a guess."""


@dataclass(slots=True)
class Doing:
    """The present task, counted."""

    title: str
    total_bytes: int | None
    total_items: int | None
    began: float
    bytes: int = 0
    items: int = 0

    def amount(self) -> str:
        """``"1.2 of 4 GiB"``, ``"3,120 of 10,000"``, ``"712 MiB"``: bytes, unless only items are known."""
        if self.total_bytes or (self.bytes and not self.total_items):
            done, total = show_bytes(self.bytes), show_bytes(self.total_bytes or 0)
            if not self.total_bytes:
                return done
            number, unit = done.split(" ")
            return f"{number if unit == total.split(' ')[1] else done} of {total}"
        return f"{self.items:,}" + (f" of {self.total_items:,}" if self.total_items else "")

    def pace(self, seconds: float) -> str:
        """``"212 MiB/s"`` and, when the end is known, ``"14 s left"``."""
        if seconds < RATE_AFTER_SECONDS:
            return ""
        said = [f"{show_bytes(self.bytes / seconds)}/s"] if self.bytes else []
        done, total = (self.bytes, self.total_bytes) if self.total_bytes else (self.items, self.total_items)
        if total and done:
            said.append(f"{show_seconds(max(total - done, 0) * seconds / done)} left")
        return ", ".join(said)


class TerminalProgress:
    """One line that moves for the present task, and one that stays for each finished task."""

    def __init__(self, stream: TextIO, clock: Clock, environment: Mapping[str, str]) -> None:
        self._console = Console(
            file=stream,
            no_color=bool(environment.get("NO_COLOR")),
            highlight=False,
            markup=False,
            emoji=False,
            _environ=environment,
        )
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=BAR_COLUMNS),
            _Fact("amount"),
            _Fact("pace"),
            console=self._console,
            transient=True,
            refresh_per_second=1 / REDRAW_SECONDS,
        )
        self._clock = clock
        self._counting = threading.Lock()
        self._doing: Doing | None = None
        self._drawn = clock.monotonic()
        self._notes_left = NOTES_AT_MOST
        self._bar.start()

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self._finish()
        now = self._clock.monotonic()
        with self._counting:
            self._doing = Doing(one_line(task), total_bytes, total_items, now)
            self._notes_left = NOTES_AT_MOST
        self._bar.add_task(self._doing.title, total=total_bytes or total_items, amount="", pace="")

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        with self._counting:
            if self._doing is None:
                return
            self._doing.bytes += done_bytes
            self._doing.items += done_items
            now = self._clock.monotonic()
            if now - self._drawn < REDRAW_SECONDS:
                return
            self._drawn = now
        self._draw(self._doing, now)

    def note(self, message: str) -> None:
        with self._counting:
            self._notes_left -= 1
            if self._notes_left < 0:
                return
        self._console.print(Text(f"note: {one_line(message)}", style="yellow"))

    def close(self) -> None:
        self._finish()
        self._bar.stop()

    def _draw(self, doing: Doing, now: float) -> None:
        for task in self._bar.tasks:
            done = doing.bytes if doing.total_bytes else doing.items
            self._bar.update(task.id, completed=done, amount=doing.amount(), pace=doing.pace(now - doing.began))

    def _finish(self) -> None:
        """Leave one still line that says what the task came to."""
        with self._counting:
            doing, self._doing = self._doing, None
        for task in self._bar.tasks:
            self._bar.remove_task(task.id)
        if doing is None or not (doing.bytes or doing.items):
            return
        seconds = self._clock.monotonic() - doing.began
        done = Doing(doing.title, None, None, 0.0, doing.bytes, doing.items)
        pace = done.pace(seconds)
        count = f"{doing.items:,} items, " if doing.items and doing.bytes else ""
        words = f"{doing.title}: {count}{done.amount()} in {show_seconds(seconds)}{', ' if pace else ''}{pace}"
        self._console.print(Text(words, style="dim"))


class _Fact(ProgressColumn):
    """A field of the task, as text."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self._field = field

    def render(self, task: Task) -> Text:
        return Text(str(task.fields[self._field]), no_wrap=True)
