"""Who watches the progress: a person at a terminal, a log, or nobody.

Limits: whoever began the command may name a file instead. Nothing moves in a pipe, with ``--json`` or with ``--quiet``; a log gets the notes alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lifeboat.cli.run import Run, is_terminal
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.services.schedule.told import PROGRESS

NOTES_AT_MOST = 20
"""Per task; the report at the end holds them all."""


@contextmanager
def watch(run: Run) -> Iterator[Progress]:
    """Draw while the block runs, if a person is watching."""
    if path := run.environment.get(PROGRESS):
        from lifeboat.cli.show.file_progress import FileProgress

        yield FileProgress(Path(path), run.clock)
        return
    if run.json or run.quiet:
        yield Silent()
        return
    if not is_terminal(run.err) or run.environment.get("TERM", "") in ("", "dumb"):
        yield NotesOnly(run)
        return
    from lifeboat.cli.show.terminal_progress import TerminalProgress

    drawn = TerminalProgress(run.err, run.clock, run.environment)
    try:
        yield drawn
    finally:
        drawn.close()


class NotesOnly:
    """Progress for a log: what is worth a line, and nothing that moves."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._left = NOTES_AT_MOST

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self._left = NOTES_AT_MOST

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        pass

    def note(self, message: str) -> None:
        if self._left > 0:
            self._left -= 1
            self._run.say(f"note: {one_line(message)}")


def one_line(words: str) -> str:
    """The words with control characters spelled out: names in them are other people's."""
    return words if words.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in words)
