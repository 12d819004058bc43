"""``lifeboat backup``: store the database, the files, the configuration, or all three as one recovery point."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import NOTHING_LOST, Run
from lifeboat.cli.shard_options import read_sharing, say_done, shard_options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lifeboat.operations.reports.snapshots import BackupReport


@lifeboat_command(
    "backup",
    examples=(
        ("backup all", "database, files, configuration: one recovery point"),
        ("backup db", "the database alone, as for every hour"),
        ('backup all --keep "before migration"', "never removed by prune"),
        ("backup files --json", "for a program that reads the result"),
        ("backup files --shard 0/4 --shard-run monday", "one of four processes; 3/4 commits what all stored"),
    ),
)
@click.argument("what", type=click.Choice(["all", "db", "files", "config"]))
@click.option("--new-generation", is_flag=True, help="Store everything anew, sharing nothing with earlier backups.")
@click.option("--keep", metavar="WHY", help="Keep these snapshots whatever the rules say; WHY is shown with them.")
@shard_options
def command(
    run: Run,
    what: str,
    new_generation: bool,
    keep: str | None,
    shard: str | None,
    shard_run: str | None,
    shard_wait: str | None,
) -> ExitStatus:
    """Back up the database, the files, the configuration, or all.

    Only what is not stored yet is uploaded. A run that was stopped is simply run again: it goes on from what was
    uploaded, and until it is done nothing is called a backup.

    With --shard several processes share a backup of files, on one machine or on many that have the state folder and the
    files in common; the last one waits for the others and commits the one snapshot.

    Exit status 4: stored, but something that should be in it is missing, such as a file that could not be read.
    """
    from lifeboat.operations.reports.snapshots import BackupReport

    sharing = read_sharing(shard, shard_run, shard_wait, run.environment)
    if sharing is not None and (what != "files" or new_generation):
        raise click.UsageError("--shard shares out `backup files`, without --new-generation")
    run.when_stopped = f"this backup is not finished; {NOTHING_LOST}"
    with run.lifeboat() as lifeboat:
        if sharing is not None:
            shared = lifeboat.backup_shared(sharing, keep=keep)
            if not isinstance(shared, BackupReport):
                run.show(shared, lambda: say_done(shared))
                return ExitStatus.DONE
            report = shared
        else:
            report = lifeboat.backup(what, new_generation=new_generation, keep=keep)
    run.show(report, lambda: _drawn(report, run))
    whole = bool(report.snapshots) and all(one.complete for one in report.snapshots)
    return ExitStatus.DONE if whole else ExitStatus.INCOMPLETE


def _drawn(report: "BackupReport", run: Run) -> "Sequence[RenderableType]":
    """Loads what draws where somebody looks: the run of a timer does without, and is the sooner done."""
    from lifeboat.cli.show.backup import draw_backup

    return draw_backup(report, run.clock.now())
