"""``lifeboat erase hold ID WHY``."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "hold",
    examples=(
        ('erase hold 3f2a91c0 "court order 2026/17"', "restores bring it back, and say so"),
        ('erase hold 3f2a91c0 "recorded by mistake"', "also for a slip of the hand"),
    ),
)
@click.argument("erasure", metavar="ID")
@click.argument("why")
def command(run: Run, erasure: str, why: str) -> ExitStatus:
    """Something wants the data kept, such as a court: restores bring it back until it is released. The hold wins."""
    from lifeboat.cli.show.erase import draw_recorded

    with run.lifeboat() as lifeboat:
        done = lifeboat.erasing().hold(erasure, why)
    run.show(done, lambda: draw_recorded(done, run.clock.now()))
    return ExitStatus.DONE
