"""One run of the command line: what was asked of it, where words go, what it may open.

Invariant: with ``--json`` standard output carries one JSON object and nothing else; whatever is said beside the result
goes to standard error. A reader that went away (``| head``) ends the talking, never the work.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from lifeboat.cli.accounting import begin_account, end_account
from lifeboat.cli.facade import Facade, OpenLifeboat, open_lifeboat
from lifeboat.cli.fold import fold
from lifeboat.cli.log_lines import FORMS, JSON, said_as_json
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.standard_output import forget_what_is_unwritten

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lifeboat.app.account import Account
    from lifeboat.app.settings import Settings
    from lifeboat.foundation.clock import Clock

LINE_IN_A_PIPE = 10_000
"""Lines are never broken for a program that reads them."""

NOT_IN_A_REPLICA = ("init", "serve", "schedule", "stream", "dashboard", "aws", "demo", "alerts")
NOTHING_LOST = "nothing is lost: what was stored is whole, and the same command goes on from where it was"


class OutputUnwritable(SettingsError):
    """Standard output does not take what is to be shown; what the command did is done."""

    code = "output-unwritable"


def not_taken(error: OSError) -> OutputUnwritable:
    return OutputUnwritable(
        f"standard output does not take what is to be shown: {(error.strerror or str(error)).lower()}",
        "what the command did is done; make room where its output goes, and see `lifeboat status`",
    )


class Run:
    """Handed to every command as ``context.obj``."""

    def __init__(
        self,
        environment: Mapping[str, str],
        folder: Path,
        clock: "Clock",
        opener: OpenLifeboat = open_lifeboat,
        streams: tuple[TextIO, TextIO, TextIO] | None = None,
    ) -> None:
        self.environment = environment
        self.folder = folder
        self.clock = clock
        self.input, self.out, self.err = streams or (sys.stdin, sys.stdout, sys.stderr)
        self.json = False
        self.quiet = False
        self.config: Path | None = None
        self.replica: str | None = None
        """The second copy that stands for the repository in this run."""
        self.when_stopped = "nothing was changed"
        """Said after Ctrl-C; a command that changes something says what that means for it."""
        self.hidden: set[str] = set()
        """Secrets this run has met besides the settings' own, such as a URI in an argument."""
        self.arguments: Sequence[str] = ()
        """As typed."""
        self.report: object = None
        """The last result that was shown."""
        self.error_code: str | None = None
        self._opener = opener
        self._settings: Settings | None = None
        self._account: Account | None = None

    @property
    def asks(self) -> bool:
        """Whether somebody is there to answer a question."""
        return not self.json and is_terminal(self.input) and is_terminal(self.err)

    @property
    def at_terminal(self) -> bool:
        """Whether the result is read by a person, not by a program or a log."""
        return not self.json and is_terminal(self.out)

    def settings(self) -> "Settings":
        if self._settings is None:
            from lifeboat.app.read_settings import read_settings

            self.use(read_settings(self.config, self.environment, self.folder))
            if self.replica is not None and self._settings is not None:
                _refuse_in_replica(self.replica)
                from lifeboat.app.read_replicas import as_replica

                self.use(as_replica(self._settings, self.replica, self.folder))
        assert self._settings is not None
        return self._settings

    def use(self, settings: "Settings") -> None:
        """Go on with these settings; their secrets are hidden from now on."""
        self._settings = settings
        self.hidden.update(settings.hidden_texts())

    def forget_settings(self) -> None:
        """Read them anew the next time: something was written."""
        self._settings = None

    @contextmanager
    def lifeboat(self, settings: "Settings | None" = None, *, shows_itself: bool = False) -> Iterator[Facade]:
        """The application for the present settings, or for others, with progress drawn if somebody watches.

        Args:
            shows_itself: The command draws what moves; nothing else may.
        """
        from lifeboat.cli.show.progress import watch
        from lifeboat.foundation.progress import Silent

        settings = settings or self.settings()
        self.note(settings)
        if shows_itself:
            yield self._opener(settings, self.clock, Silent())
            return
        with watch(self) as progress:
            yield self._opener(settings, self.clock, progress)

    def note(self, settings: "Settings | None" = None) -> None:
        """Note in journal and audit log that the command acts; for one that acts without ``lifeboat``."""
        if self._opener is not open_lifeboat or self._account is not None:
            return
        with suppress(LifeboatError):  # whoever needs the settings says what is wrong with them
            self._account = begin_account(self, settings or self.settings())

    def end(self, status: int) -> None:
        """Note how the run ended; never raises what would change that."""
        account, self._account = self._account, None
        if account is not None:
            end_account(self, account, status)

    def show(self, report: object, draw: Callable[[], Sequence["RenderableType"]]) -> None:
        """Give the result: as JSON, or drawn for people."""
        self.report = report
        if self.json:
            from lifeboat.cli.show.json_form import to_json

            self.write(self.out, to_json(report) + "\n")
        elif not self.quiet:
            self.draw(*draw())

    def draw(self, *drawn: "RenderableType") -> None:
        """Write tables and text for people to standard output."""
        from lifeboat.cli.show.console import render

        self.write(self.out, render(drawn, is_terminal(self.out), self.width(self.out), self.environment))

    def say(self, message: str) -> None:
        """Say something beside the result, such as a warning; not silenced by ``--quiet``."""
        if self.log_form == JSON and not is_terminal(self.err):
            self.write(self.err, said_as_json(message, self.clock.now()) + "\n")
        else:
            self.write(self.err, f"{fold(message, self.width(self.err))}\n")

    @property
    def log_form(self) -> str | None:
        """How a log collector wants what is said: ``json``, ``console``; None: nobody asked."""
        said = self.environment.get("LIFEBOAT_LOG", "").strip().lower()
        if said in FORMS:
            return said
        return None if self._settings is None else self._settings.log_form

    def width(self, stream: TextIO) -> int:
        if not is_terminal(stream):
            return LINE_IN_A_PIPE
        try:
            return max(os.get_terminal_size(stream.fileno()).columns, 20)
        except OSError:
            return 80

    def write(self, stream: TextIO | None, text: str) -> None:
        """Write and flush; a stream that was closed before we began, or that nobody reads any more, takes nothing.

        Raises:
            OutputUnwritable: Standard output is a file on a full disk, or the like. Standard error may be one in silence.
        """
        if stream is None:
            return
        try:
            stream.write(text)
            stream.flush()
        except OSError as error:
            forget_what_is_unwritten(stream.fileno())
            if stream is self.out and not isinstance(error, BrokenPipeError):
                raise not_taken(error) from error

    def tell(self, text: str) -> None:
        """Write a line of one who goes on for days: that nobody takes it must not end it."""
        with suppress(OutputUnwritable):
            self.write(self.out, text)


def _refuse_in_replica(name: str) -> None:
    """Stop what would do its work in processes or files of its own, which know nothing of this option."""
    context = click.get_current_context(silent=True)
    words = context.command_path.split() if context is not None else []
    command = next((word for word in words if word in NOT_IN_A_REPLICA), None)
    if command is not None:
        raise click.UsageError(
            f"--replica {name} is for commands that look or bring back, and `lifeboat {command}` is about the repository"
        )


def is_terminal(stream: Any) -> bool:
    return bool(stream and not stream.closed and stream.isatty())
