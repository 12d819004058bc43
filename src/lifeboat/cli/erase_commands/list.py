"""``lifeboat erase list``."""

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command("list", examples=(("erase list", "all erasures, the oldest first"),))
def command(run: Run) -> ExitStatus:
    """All erasures, the oldest first: what each covers, and how it stands."""
    from lifeboat.cli.show.erase import draw_list

    with run.lifeboat() as lifeboat:
        found = lifeboat.erasing().every()
    run.show(found, lambda: draw_list(found, run.clock.now()))
    return ExitStatus.FINDINGS if any_problem(found.findings) else ExitStatus.DONE
