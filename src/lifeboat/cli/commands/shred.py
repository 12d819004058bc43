"""``lifeboat shred``: destroy the data keys of a month, in every version and every copy."""

import click

from lifeboat.cli.ask import ask_text, confirm_typing, must_be_confirmed
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "shred",
    examples=(
        ("shred 2026-09 --dry-run", "which snapshots and moments die, and which copies of the keys there are"),
        ("shred 2026-09", "destroy them; asks why, and has the month typed"),
        ("shred 2026-09 --why 'contract ended' --yes", "without a question"),
    ),
)
@click.argument("generation", metavar="MONTH")
@click.option("-n", "--dry-run", is_flag=True, help="Say what would die; change nothing.")
@click.option("--why", default="", metavar="TEXT", help="For the ledger, where it stays.")
@click.option("--even-the-last", is_flag=True, help="Also where nothing is left of the database or the files then.")
@click.option("--even-kept", is_flag=True, help="Also snapshots that are kept on purpose.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
def command(
    run: Run, generation: str, dry_run: bool, why: str, even_the_last: bool, even_kept: bool, yes: bool
) -> ExitStatus:
    """Destroy the keys of a month, so that nobody ever opens what was sealed in it: not you, nor who stole the bucket.

    All versions go, in the repository and in every replica of lifeboat.toml, and copies of these keys that were carried into later
    months. Only a month that takes no more backups can be shredded. What was sealed stays until `lifeboat prune` removes it. It needs
    the key, and rights to delete versions; it goes on where it was stopped.

    Exit status 3: some of the keys could not be destroyed, and are named.
    """
    from lifeboat.cli.show.shred import draw_shred

    asks = not dry_run and must_be_confirmed(run, yes)
    run.when_stopped = "nothing was changed" if dry_run else "what is destroyed is gone; the same command goes on"
    with run.lifeboat() as lifeboat:
        shredding = lifeboat.shredding(generation)
        report = shredding.plan()
        if not dry_run and (report.snapshots or report.segments or any(one.objects for one in report.places)):
            if asks:
                run.draw(*draw_shred(report, asks=True), "")
                why = why or ask_text("Why? It is put into the ledger")
                confirm_typing(run, generation, "Nobody will ever open this month again.")
            report = shredding.run(why, even_the_last=even_the_last, even_kept=even_kept)
    run.show(report, lambda: draw_shred(report))
    left = any(one.left for one in report.places)
    return ExitStatus.FINDINGS if left or any_problem(report.findings) else ExitStatus.DONE
