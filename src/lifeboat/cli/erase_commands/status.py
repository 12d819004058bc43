"""``lifeboat erase status ID``."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "status",
    examples=(
        ("erase status 3f2a91c0", "which copies may hold it, and when the last of them is gone"),
        ("erase status", "all of them in short, as `erase list`"),
    ),
)
@click.argument("erasure", metavar="ID", required=False)
def command(run: Run, erasure: str | None) -> ExitStatus:
    """Which copies may still hold what was erased, until when, and which restores left it out.

    Without ID: all erasures in short.
    """
    from lifeboat.cli.show.erase import draw_list, draw_status

    with run.lifeboat() as lifeboat:
        if erasure is None:
            every = lifeboat.erasing().every()
            run.show(every, lambda: draw_list(every, run.clock.now()))
            return ExitStatus.FINDINGS if any_problem(every.findings) else ExitStatus.DONE
        found = lifeboat.erasing().status(erasure)
    run.show(found, lambda: draw_status(found, run.clock.now()))
    return ExitStatus.FINDINGS if any_problem(found.findings) else ExitStatus.DONE
