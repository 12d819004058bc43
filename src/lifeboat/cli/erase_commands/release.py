"""``lifeboat erase release ID``."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command("release", examples=(("erase release 3f2a91c0", "restores leave it out again"),))
@click.argument("erasure", metavar="ID")
def command(run: Run, erasure: str) -> ExitStatus:
    """The hold is over: restores leave it out again."""
    from lifeboat.cli.show.erase import draw_recorded

    with run.lifeboat() as lifeboat:
        done = lifeboat.erasing().release(erasure)
    run.show(done, lambda: draw_recorded(done, run.clock.now()))
    return ExitStatus.DONE
