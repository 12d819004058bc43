"""``lifeboat backup``: store the database, the files, the configuration, or all three as one recovery point."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import NOTHING_LOST, Run


@lifeboat_command(
    "backup",
    examples=(
        ("backup all", "database, files, configuration: one recovery point"),
        ("backup db", "the database alone, as for every hour"),
        ('backup all --keep "before migration"', "never removed by prune"),
        ("backup files --json", "for a program that reads the result"),
    ),
)
@click.argument("what", type=click.Choice(["all", "db", "files", "config"]))
@click.option("--new-generation", is_flag=True, help="Store everything anew, sharing nothing with earlier backups.")
@click.option("--keep", metavar="WHY", help="Keep these snapshots whatever the rules say; WHY is shown with them.")
def command(run: Run, what: str, new_generation: bool, keep: str | None) -> ExitStatus:
    """Back up the database, the files, the configuration, or all.

    Only what is not stored yet is uploaded. A run that was stopped is simply run again: it goes on from what was
    uploaded, and until it is done nothing is called a backup.

    Exit status 4: stored, but something that should be in it is missing, such as a file that could not be read.
    """
    from lifeboat.cli.show.backup import draw_backup

    run.when_stopped = f"this backup is not finished; {NOTHING_LOST}"
    with run.lifeboat() as lifeboat:
        report = lifeboat.backup(what, new_generation=new_generation, keep=keep)
    run.show(report, lambda: draw_backup(report, run.clock.now()))
    whole = bool(report.snapshots) and all(one.complete for one in report.snapshots)
    return ExitStatus.DONE if whole else ExitStatus.INCOMPLETE
