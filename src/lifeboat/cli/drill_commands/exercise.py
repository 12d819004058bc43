"""``lifeboat drill exercise``: put down an exercise of the people."""

import click

from lifeboat.cli.ask import ask_text
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "exercise",
    examples=(
        (
            'drill exercise --what "server lost, on paper" --lead Noura --participants "Noura, Omar, Sara"',
            "it went as planned",
        ),
        ('drill exercise --what "key holder away" --lead Omar --failed --notes "nobody knew the safe"', "it did not"),
    ),
)
@click.option("--what", metavar="TEXT", help="What was exercised; else it is asked.")
@click.option("--lead", metavar="NAME", help="Who led it; else it is asked.")
@click.option("--participants", default="", metavar="NAMES", help="Who took part.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), metavar="NUMBER", help="How long it took.")
@click.option("--failed", is_flag=True, help="It did not go as planned.")
@click.option("--notes", default="", metavar="TEXT", help="What was learnt.")
def command(
    run: Run, what: str | None, lead: str | None, participants: str, minutes: float | None, failed: bool, notes: str
) -> ExitStatus:
    """Put an exercise of the people into the ledger: it counts in the calendar and for auditors."""
    from lifeboat.cli.show.drill_book import draw_exercise

    if run.asks:
        what = what or ask_text("What was exercised?")
        lead = lead or ask_text("Who led it?")
    if not what or not lead:
        raise click.UsageError("say what was exercised and who led it: --what TEXT --lead NAME")
    with run.lifeboat() as lifeboat:
        kept = lifeboat.drill_book().exercise(what, lead, participants, not failed, notes, minutes)
    run.show(kept, lambda: draw_exercise(kept))
    return ExitStatus.DONE
