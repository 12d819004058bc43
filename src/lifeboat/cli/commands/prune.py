"""``lifeboat prune``: let old snapshots go, and remove what nobody needs any more."""

import click

from lifeboat.cli.ask import confirm, must_be_confirmed
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "prune",
    examples=(
        ("prune --dry-run", "what would go, what stays, and why"),
        ("prune --yes", "do it without a question, as from cron"),
    ),
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be done and why; change nothing.")
@click.option("--all", "everything", is_flag=True, help="Give the verdict on every snapshot, not by groups.")
@click.option(
    "--despite-loss",
    is_flag=True,
    help="Also remove what a snapshot needed whose record was taken out of the store: look into that first (`verify`).",
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
def command(run: Run, dry_run: bool, everything: bool, despite_loss: bool, yes: bool) -> ExitStatus:
    """Let go the snapshots that the rules keep no longer, and remove what was let go a week ago.

    In two steps: what is let go is listed no more, and `lifeboat snapshots --forgotten` shows it for a week at least, in which
    `lifeboat snapshots SNAPSHOT --release` brings it back. Then it is removed, with all that nobody else needs, once its month has
    been over for a week. The rules stand in lifeboat.toml under [retention].

    Exit status 3: something stands in the way, such as a store that refuses to delete; what is kept is not touched by it.
    """
    from lifeboat.cli.show.prune import draw_prune

    asks = not dry_run and must_be_confirmed(run, yes)
    run.when_stopped = "prune is not finished; what is kept is whole, and the next prune goes on"
    with run.lifeboat() as lifeboat:
        if dry_run or asks:
            report = lifeboat.prune(dry_run=True, despite_loss=despite_loss)
    if asks:
        run.draw(*draw_prune(report, everything), "")
        if report.forgotten or report.taken_back or report.objects_removed:
            confirm(run, "Go on?")
    if not dry_run:
        with run.lifeboat() as lifeboat:
            report = lifeboat.prune(dry_run=False, despite_loss=despite_loss)
    run.show(report, lambda: draw_prune(report, everything))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE
