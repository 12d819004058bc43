"""``lifeboat drill follow-up``: what is to be done after a drill, until it is."""

from datetime import date, datetime

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "follow-up",
    examples=(
        ('drill follow-up add 3f2a91c0 --text "index of clients" --owner Omar --due 2026-12-15', "after a drill"),
        ("drill follow-up list", "what is still to be done"),
        ('drill follow-up close 9c01ab --text "index is built by the release now"', "it was done"),
    ),
)
@click.argument("action", type=click.Choice(["add", "list", "close"]))
@click.argument("name", default="")
@click.option("--text", metavar="TEXT", help="What is to be done; with close: what was done.")
@click.option("--owner", metavar="NAME", help="add: who does it.")
@click.option("--due", metavar="DAY", help="add: until when, as 2026-12-15.")
@click.option("--all", "everything", is_flag=True, help="list: also what was done.")
def command(
    run: Run, action: str, name: str, text: str | None, owner: str | None, due: str | None, everything: bool
) -> ExitStatus:
    """Keep what is to be done after a drill, by whom and until when, and close it with words.

    NAME is the id of a drill (add) or of what is to be done (close).

    Exit status 3: with list, something is overdue.
    """
    from lifeboat.cli.show.drill_book import draw_follow_up, draw_follow_ups

    if action == "list":
        with run.lifeboat() as lifeboat:
            found = lifeboat.drill_book().follow_ups()
        run.show(found, lambda: draw_follow_ups(found, everything))
        return ExitStatus.FINDINGS if any(one.is_overdue(found.now) for one in found.follow_ups) else ExitStatus.DONE
    if not text or not text.strip():
        raise click.UsageError(f'{action} needs words: --text "..."')
    if action == "close":
        if not name:
            raise click.UsageError("which one? `lifeboat drill follow-up list` shows the ids")
        with run.lifeboat() as lifeboat:
            closed = lifeboat.drill_book().close_follow_up(name, text.strip())
        run.show(closed, lambda: draw_follow_up(closed))
        return ExitStatus.DONE
    if not owner or not owner.strip():
        raise click.UsageError("who does it? --owner NAME")
    with run.lifeboat() as lifeboat:
        kept = lifeboat.drill_book().add_follow_up(name, text.strip(), owner.strip(), _day(due))
    run.show(kept, lambda: draw_follow_up(kept))
    return ExitStatus.DONE


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise click.UsageError(f"--due {text} is no day; write it as 2026-12-15") from None
