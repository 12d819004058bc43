"""How long work tells what it is doing; the terminal decides what to draw."""

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of one piece of work after another. Called from any thread."""

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        """Start a task; totals are None while unknown. Ends the task before it."""
        ...

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        """Add to what the present task has done."""
        ...

    def note(self, message: str) -> None:
        """Say one thing worth a line of its own, such as a file that vanished."""
        ...


class Silent:
    """Progress nobody watches."""

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        pass

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        pass

    def note(self, message: str) -> None:
        pass
