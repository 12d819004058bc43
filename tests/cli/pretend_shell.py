"""Run the command line in this process, with an environment and a folder of its own: ``shell("backup", "all")``."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pretend_lifeboat import FixedClock, PretendLifeboat

from lifeboat.app.settings import Settings
from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress

KEY = "ab" * 32


@dataclass
class Outcome:
    status: int
    out: str
    err: str
    called: list[tuple[Any, ...]]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Shell:
    """``shell("backup", "all")``; ``answers`` tells the pretended Lifeboat what to answer."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    terminal: bool = False

    def __call__(self, *arguments: str, typed: str = "") -> Outcome:
        called: list[tuple[Any, ...]] = []

        def open_it(settings: Settings, clock: Clock, progress: Progress) -> PretendLifeboat:
            return PretendLifeboat(settings, clock, progress, called=called, **self.answers)

        make = Terminal if self.terminal else io.StringIO
        out, err = make(), make()
        run = Run(self.environment, self.folder, FixedClock(), open_it, (io.StringIO(typed), out, err))
        status = carry_out(run, arguments)
        return Outcome(status, out.getvalue(), err.getvalue(), called)
