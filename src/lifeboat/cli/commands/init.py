"""``lifeboat init``: make a repository, with a key that somebody has, and test everything."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifeboat.cli.ask import ask_yes
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import any_problem

if TYPE_CHECKING:
    from lifeboat.cli.init_key import ChosenKey


@lifeboat_command(
    "init",
    examples=(
        ("init", "asks what it has to know"),
        ("init --yes", "asks nothing: everything is in the environment or .env"),
        ("init --guarded", "this machine can make backups, but not read them"),
        ("init --writer shop-1.writer", "become the writer that the file was made for"),
    ),
)
@click.option("--guarded", is_flag=True, help="Keep only the public half of the key on this machine.")
@click.option(
    "--writer",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Make no repository; become the writer of this file, from `lifeboat writer add`.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write a new key to this file.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing; without a key, make one.")
def command(run: Run, guarded: bool, writer: Path | None, out: Path | None, yes: bool) -> ExitStatus:
    """Make a repository and its key, and test everything.

    Asks only what is not set yet, and only at a terminal: the database, the folder of the uploads, where the copies go, which key.
    The answers go to lifeboat.toml; a secret goes to a file of its own that only you can read. Then the first backup, and whether
    it shall happen by itself from now on.

    With BACKUP_ENCRYPTION_KEY set that key is used. Without one a new key is made and kept in a file on this machine:
    store a copy of it elsewhere at once; you are asked to type some of it from there. With --guarded the key is never kept here.
    """
    if writer is not None:
        from lifeboat.cli.init_writer import become_writer

        return become_writer(run, writer, asks=run.asks and not yes)
    from lifeboat.cli.init_key import choose_key, throw_away
    from lifeboat.cli.init_questions import ask_what_is_unset
    from lifeboat.cli.show.init import draw_initialised, draw_key_kept, draw_next

    settings = run.settings()
    asks = run.asks and not yes
    if asks:
        settings = ask_what_is_unset(run, settings)
    settings.need_repository()
    chosen = choose_key(run, settings, guarded, out, yes)
    if not guarded:
        run.use(replace(settings, key=chosen.key, key_from=chosen.kept_in or settings.key_from))
    run.when_stopped = "the repository may be half made; run the same command again"
    try:
        with run.lifeboat() as lifeboat:
            report = lifeboat.initialise(guarded=guarded, new_key=chosen.key if chosen.is_new or guarded else None)
    except LifeboatError as error:
        if error.code == "repository-exists":
            throw_away(chosen)
        raise
    if chosen.is_new and chosen.kept_in and not report.key_created:
        report = replace(report, key_created=chosen.kept_in)
    # A person at a terminal sees the key itself in a moment, and is led on from there.
    is_led_on = asks and not guarded
    run.show(
        report,
        lambda: [
            *draw_initialised(report),
            *([] if is_led_on and chosen.is_new else draw_key_kept(chosen, guarded)),
            *([] if is_led_on else draw_next(guarded)),
        ],
    )
    if run.quiet and chosen.is_new and chosen.kept_in:
        run.say(f"the only copy of the key is {chosen.kept_in}: store another outside this machine")
    if asks or chosen.is_stored:
        _have_it_stored(run, chosen, guarded)
    if any_problem(report.findings):
        return ExitStatus.FINDINGS
    if not asks or not (settings.mongodb.uri or settings.files.paths):
        return ExitStatus.DONE
    return _first_backup(run)


def _have_it_stored(run: Run, chosen: "ChosenKey", guarded: bool) -> None:
    """Ask for the key's second home, and remember it only if it was shown to be one."""
    from lifeboat.cli import key_stored

    stored = chosen.is_stored
    if not stored and not guarded:
        if chosen.is_new:
            stored = key_stored.show_and_check(run, chosen.key, chosen.fingerprint, chosen.kept_in)
        else:
            stored = key_stored.ask_and_check(run, chosen.key)
    if stored:
        with run.lifeboat() as lifeboat:
            lifeboat.key_is_stored(chosen.key, key_stored.HOW)
    elif not guarded:
        run.say(
            "do it soon: store the key in two places, then `lifeboat keygen --stored`; `lifeboat doctor` reminds you"
        )


def _first_backup(run: Run) -> ExitStatus:
    """Take it, and offer that the next one comes by itself."""
    from lifeboat.cli.init_schedule import offer_schedule

    status = ExitStatus.DONE
    if ask_yes("\nTake the first backup now?", True):
        from lifeboat.cli.commands.backup import command as backup

        status = click.get_current_context().invoke(backup, what="all", new_generation=False)
    # The backup has ended, one way or the other: Ctrl-C at the next questions takes nothing of it away.
    run.when_stopped = "the repository is made; when you like: `lifeboat schedule install`"
    offer_schedule(run)
    return status
