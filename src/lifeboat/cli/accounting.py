"""Every act of the command line is noted in one place: here, whatever the command.

Invariant: whatever goes wrong while noting, the command goes on and ends as it would have.
"""

import shlex
from typing import TYPE_CHECKING

import click

from lifeboat.cli.log_lines import CONSOLE, closing_facts, closing_line
from lifeboat.cli.scrub import hidden_around, scrub
from lifeboat.cli.shard_options import numbered

if TYPE_CHECKING:
    from lifeboat.app.account import Account, Asked
    from lifeboat.app.settings import Settings
    from lifeboat.cli.run import Run

LEFT_OUT = ("--json", "-q", "--quiet")


def begin_account(run: "Run", settings: "Settings") -> "Account | None":
    """Note that an act begins; None when the present command is none."""
    from lifeboat.app.account import Account

    try:
        asked = _asked(run)
        if asked is None or not asked.is_act or settings.repository.location is None:
            return None
        account = Account(settings, run.clock, asked, run.environment, run.say, lambda text: _scrubbed(run, text))
    except Exception as error:
        _warn(run, error)
        return None
    try:
        account.begin()
    except Exception as error:
        _warn(run, error)
    return account


def end_account(run: "Run", account: "Account", status: int) -> None:
    """Note how it ended."""
    from lifeboat.cli.run import is_terminal
    from lifeboat.cli.show.json_form import plain

    try:
        account.end(status, run.error_code, run.report, plain)
    except (Exception, KeyboardInterrupt) as error:
        _warn(run, error)
    form, now = run.log_form, run.clock.now()
    if form is not None:
        form = form if form == CONSOLE or not is_terminal(run.err) else CONSOLE
        facts = closing_facts(account.job, account.began, now, status, run.error_code, run.report)
        run.write(run.err, _scrubbed(run, closing_line(form, facts, now)) + "\n")


def _asked(run: "Run") -> "Asked | None":
    from lifeboat.app.account import Asked

    context = click.get_current_context(silent=True)
    if context is None:
        return None
    command = context.command_path.partition(" ")[2]
    kind = context.params.get("what") or context.params.get("action")
    parameters = dict(context.params)
    if parameters.get("shard"):
        parameters["shard"] = numbered(parameters["shard"], run.environment)
    return Asked(command, f"{command} {kind}" if kind else command, words_as_typed(run), parameters)


def words_as_typed(run: "Run") -> str:
    """As typed, without secrets and without what was looked for in documents."""
    from lifeboat.app.account import NOT_IN_WORDS

    words: list[str] = []
    hides = False
    for one in run.arguments:
        name = one.partition("=")[0]
        if hides:
            words.append("...")
        elif one.startswith("--") and "=" in one and name in NOT_IN_WORDS:
            words.append(f"{name}=...")
        elif one not in LEFT_OUT:
            words.append(one)
        hides = not hides and one in NOT_IN_WORDS
    return _scrubbed(run, shlex.join(words))


def _scrubbed(run: "Run", text: str) -> str:
    return scrub(text, run.hidden | hidden_around(run.environment, run.folder, run.arguments))


def _warn(run: "Run", error: BaseException) -> None:
    words = _scrubbed(run, f"{type(error).__name__}: {error}")
    run.say(f"warning: this run could not be noted in the journal and the audit log: {words}")
