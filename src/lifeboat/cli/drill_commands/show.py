"""``lifeboat drill show``: one drill again."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "show", examples=(("drill show", "the newest"), ("drill show 3f2a91c0 --json", "one of them, for a program"))
)
@click.argument("drill", default="")
def command(run: Run, drill: str) -> ExitStatus:
    """One drill, as it was shown when it ended; the newest, where no id or beginning of one is given."""
    from lifeboat.cli.show.drill import draw_drill

    with run.lifeboat() as lifeboat:
        report = lifeboat.drill_book().report(drill)
    run.show(report, lambda: draw_drill(report))
    return ExitStatus.DONE
