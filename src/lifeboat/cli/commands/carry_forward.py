"""``lifeboat carry-forward``: the store copies into the new month what is still needed of the old one."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "carry-forward",
    examples=(
        ("carry-forward --dry-run", "what would be copied, and what that saves"),
        ("carry-forward", "copy it; early on the first of the month, as from cron"),
    ),
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be copied and what it saves; change nothing.")
def command(run: Run, dry_run: bool) -> ExitStatus:
    """Copy packs that the newest snapshots still need into the month that has begun, within the store.

    Every month stores its data anew, so that age rules can never remove what a younger snapshot needs. This spares the first
    backup of a month to read, seal and send what was there already. Run it where the key is, after midnight UTC of the first
    and before that backup; later it finds nothing to do. What is copied is checked against its hash.

    Exit status 3: a pack was found damaged; it was not carried, and the next backup stores again what it held.
    """
    from lifeboat.cli.show.carrying import draw_carried

    run.when_stopped = "not everything is carried; run it again, it goes on with what is missing"
    with run.lifeboat() as lifeboat:
        report = lifeboat.carry_forward(dry_run=dry_run)
    run.show(report, lambda: draw_carried(report))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE
