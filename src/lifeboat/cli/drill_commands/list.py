"""``lifeboat drill list``: the drills that were made."""

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command("list", examples=(("drill list", "newest first, with exercises of people"),))
def command(run: Run) -> ExitStatus:
    """The drills and exercises that the ledger holds."""
    from lifeboat.cli.show.drill_book import draw_list

    with run.lifeboat() as lifeboat:
        found = lifeboat.drill_book().drills()
    run.show(found, lambda: draw_list(found))
    return ExitStatus.DONE
