"""``lifeboat erase close ID``."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "close",
    examples=(
        ("erase close 3f2a91c0", "looks at live, and closes it where nothing is left"),
        ("erase close 3f2a91c0 --unchecked", "live cannot be reached from here; the application has erased it"),
    ),
)
@click.argument("erasure", metavar="ID")
@click.option("--unchecked", is_flag=True, help="Where live cannot be looked at: it was erased there for certain.")
def command(run: Run, erasure: str, unchecked: bool) -> ExitStatus:
    """Live is clean: from now on only restores of instants before this one leave it out.

    So somebody who comes back as a client later is not erased again by a restore of younger copies.
    """
    from lifeboat.cli.show.erase import draw_recorded

    with run.lifeboat() as lifeboat:
        done = lifeboat.erasing().close(erasure, unchecked=unchecked)
    run.show(done, lambda: draw_recorded(done, run.clock.now()))
    return ExitStatus.DONE
