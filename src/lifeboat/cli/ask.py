"""Questions to a person at a terminal, on standard error, so that the result on standard output stays clean.

Invariant: what is typed as a secret is not shown, and nothing is asked where nobody can answer.
"""

import os
import sys

import click

from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.fold import fold
from lifeboat.cli.run import Run


def ask_text(question: str, default: str = "") -> str:
    answer: str = click.prompt(_folded(question), default=default, show_default=bool(default), err=True)
    return answer.strip()


def ask_hidden(question: str) -> str:
    """Like ``ask_text``, without showing what is typed; an empty answer is allowed."""
    answer: str = click.prompt(
        _folded(f"{question} (not shown while you type)"), default="", show_default=False, hide_input=True, err=True
    )
    return answer.strip()


def ask_yes(question: str, default: bool) -> bool:
    return click.confirm(_folded(question), default=default, err=True)


def confirm_typing(run: Run, words: str, why: str) -> None:
    """Go on only if the person types the very words; anything else stops the command."""
    answer = ask_text(f"{why}\nType {words} to go on")
    if answer != words:
        run.when_stopped = "that was not it; nothing was changed"
        raise click.Abort


def confirm(run: Run, question: str) -> None:
    """Go on only after a yes."""
    if not ask_yes(question, default=False):
        run.when_stopped = "nothing was changed"
        raise click.Abort


LOOK_FIRST = "look at it with --dry-run first, then say --yes"


def must_be_confirmed(run: Run, yes: bool, hint: str = LOOK_FIRST, changes: str = "data") -> bool:
    """Whether to ask before something is changed; refuses where nobody can answer and ``--yes`` was not said."""
    if yes:
        return False
    if not run.asks:
        raise CannotAsk(f"this changes {changes}, and nobody is here to be asked", hint)
    return True


ROOM_FOR_ANSWER = 8
"""Columns left free after a question, for ``[Y/n]: `` and the first letters."""


def _folded(question: str) -> str:
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        return question
    return fold(question, max(columns - ROOM_FOR_ANSWER, 20))
