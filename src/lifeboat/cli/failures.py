"""The last stop of everything that went wrong: one sentence and a hint, or the traceback of a bug.

With ``--json`` the failure is the one object on standard output: ``{"error": {"code", "message", "hint",
"exit_status"}}``. A bug's traceback goes to standard error in either form.

Invariant: whatever is printed here went through ``scrub``.
"""

import json
import traceback

import click

from lifeboat import __version__
from lifeboat.cli.exit_status import ExitStatus, status_of
from lifeboat.cli.run import OutputUnwritable, Run
from lifeboat.cli.scrub import hidden_around, scrub
from lifeboat.foundation.errors import LifeboatError


class CannotAsk(click.UsageError):
    """A question must be answered and nobody is there to answer it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def report_failure(run: Run, error: BaseException, arguments: list[str]) -> ExitStatus:
    """Tell what happened and return how the process should end."""
    hidden = run.hidden | hidden_around(run.environment, run.folder, arguments)
    if isinstance(error, OutputUnwritable):
        run.json = False  # nobody would read it there
    if isinstance(error, LifeboatError):
        return _tell(run, error.code, error.message, error.hint, status_of(type(error)), hidden)
    if isinstance(error, CannotAsk):
        return _tell(run, "cannot-ask", error.message, error.hint, ExitStatus.USAGE, hidden)
    if isinstance(error, click.ClickException):
        return _tell(run, "usage", *_usage_words(error), ExitStatus.USAGE, hidden)
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return _tell(run, "interrupted", "stopped", run.when_stopped, ExitStatus.INTERRUPTED, hidden)
    return _tell_bug(run, error, hidden)


def _tell(run: Run, code: str, message: str, hint: str, status: ExitStatus, hidden: set[str]) -> ExitStatus:
    run.error_code = code
    message, hint = scrub(message, hidden), scrub(hint, hidden)
    if run.json:
        error = {"code": code, "message": message, "hint": hint, "exit_status": int(status)}
        run.write(run.out, json.dumps({"error": error}, indent=2) + "\n")
        return status
    lines = [("error", f"{message} [{code}]")] + ([("hint", hint)] if hint else [])
    if status is ExitStatus.INTERRUPTED:
        lines = [("stopped", hint)]
    for label, text in lines:
        run.say(_wrapped(label, _printable(text), run))
    return status


def _tell_bug(run: Run, error: BaseException, hidden: set[str]) -> ExitStatus:
    run.say(scrub("".join(traceback.format_exception(error)), hidden).rstrip())
    return _tell(
        run,
        "bug",
        f"this is a bug of Lifeboat {__version__}: {type(error).__name__}",
        "please report it with the lines above (secrets are already taken out); what was stored before is untouched",
        ExitStatus.BUG,
        hidden,
    )


def _usage_words(error: click.ClickException) -> tuple[str, str]:
    message = " ".join(error.format_message().split()).rstrip(".")
    if isinstance(error, click.MissingParameter) and error.param and isinstance(error.param.type, click.Choice):
        message = f"say which: {', '.join(error.param.type.choices)}"
    hint = getattr(error, "hint", "")
    context = error.ctx if isinstance(error, click.UsageError) else None
    if not hint:
        hint = f"`{context.command_path if context else 'lifeboat'} --help` shows what it takes"
    return message[:1].lower() + message[1:], hint


def _wrapped(label: str, text: str, run: Run) -> str:
    import textwrap

    indent = " " * (len(label) + 2)
    return textwrap.fill(
        f"{label}: {text}",
        run.width(run.err),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _printable(text: str) -> str:
    """Names of files and collections are other people's text: control characters never reach the terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
