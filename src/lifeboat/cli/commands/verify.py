"""``lifeboat verify``: prove that what is stored is whole."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "verify",
    examples=(
        ("verify", "is everything there that something names?"),
        ("verify --level sample --percent 10", "a tenth of it, as for every day"),
        ("verify --level full", "every chunk, as for every month"),
    ),
)
@click.option(
    "--level",
    type=click.Choice(["age", "structure", "sample", "full"]),
    default="structure",
    metavar="LEVEL",
    show_default=True,
    help="How deep to look; each level includes those before it.",
)
@click.option(
    "--percent",
    type=click.FloatRange(0, 100, min_open=True),
    default=5.0,
    show_default="5",
    metavar="NUMBER",
    help="How much of it --level sample reads.",
)
def command(run: Run, level: str, percent: float) -> ExitStatus:
    """Prove that what is stored is whole.

    \b
    age        is the newest snapshot of each source young enough?
    structure  is every object there that something names?
    sample     some chunks are read, opened with the key and identified
    full       every chunk is

    Exit status 3: something is damaged, missing or too old; the report names the snapshots, collections and files it
    hurts.
    """
    from lifeboat.cli.show.verify import draw_verified

    run.when_stopped = "the verification is not finished; it changes nothing"
    with run.lifeboat() as lifeboat:
        report = lifeboat.verify(level, sample_percent=percent)
    run.show(report, lambda: draw_verified(report))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE
