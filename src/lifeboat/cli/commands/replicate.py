"""``lifeboat replicate``: a second copy, elsewhere, byte for byte."""

import click

from lifeboat.cli.ask import confirm, must_be_confirmed
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "replicate",
    examples=(
        ("replicate --dry-run", "how much each replica that is set is behind"),
        ("replicate", "bring all of them up to date"),
        ("replicate /mnt/usb/backups", "a copy to a disk that is named here alone"),
        ("replicate riyadh --verify", "and read everything there afterwards"),
        ("restore db latest --to shop_copy --replica riyadh", "restore from a replica"),
        ("replicate --promote --replica riyadh", "the repository is lost: from now on this is it"),
    ),
)
@click.argument("where", nargs=-1, metavar="[REPLICA]...")
@click.option("-n", "--dry-run", is_flag=True, help="Say how much would be copied; change nothing.")
@click.option("--verify", "verifies", is_flag=True, help="Then read everything in the replica and check it.")
@click.option("--repair", is_flag=True, help="Replace what is damaged in the replica by the repository's good bytes.")
@click.option("--delete", is_flag=True, help="Also remove what prune has removed from the repository. Needs a key.")
@click.option("--adopt", is_flag=True, help="Take the place as it is: a copy by another tool, or an empty new disk.")
@click.option(
    "--promote", is_flag=True, help="Make a replica the repository; name it by --replica or LIFEBOAT_REPOSITORY."
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
def command(
    run: Run,
    where: tuple[str, ...],
    dry_run: bool,
    verifies: bool,
    repair: bool,
    delete: bool,
    adopt: bool,
    promote: bool,
    yes: bool,
) -> ExitStatus:
    """Make a second copy of the repository and keep it up to date: in another region, account or provider, or on a disk.

    REPLICA is the name of a [[replica]] in lifeboat.toml, s3://bucket/prefix, or a folder; without one, all that are set.

    Only what is missing is copied, each object checked against the hash in its name. The replica is a whole repository at every instant,
    opens with the same key, and can be restored from by any command with --replica. No key is needed to copy.

    What goes from the repository stays in the replica: who empties the one does not empty the other.

    Exit status 3: something could not be copied, or is damaged; the report names it.
    """
    from lifeboat.app.replicating import HowToReplicate
    from lifeboat.cli.show.replicate import draw_replicated

    if promote:
        return _promote(run, where, yes)
    how = HowToReplicate(dry_run=dry_run, delete=delete, adopt=adopt, repair=repair, verify=verifies)
    if dry_run and (verifies or repair):
        raise click.UsageError("--dry-run changes nothing and reads names alone: leave out --verify and --repair")
    run.when_stopped = "the replica is behind, and whole as far as it goes; the same command goes on from where it was"
    with run.lifeboat() as lifeboat:
        report = lifeboat.replicate(where, how)
    run.show(report, lambda: draw_replicated(report))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE


def _promote(run: Run, where: tuple[str, ...], yes: bool) -> ExitStatus:
    from lifeboat.cli.show.replicate import draw_promoted

    if where:
        raise click.UsageError(f"say `lifeboat replicate --promote --replica {where[0]}`")
    if must_be_confirmed(run, yes, "say --yes, if the repository it is a copy of is lost or no longer written to"):
        place = run.settings().need_repository()
        confirm(run, f"Make {place} the repository? Nobody may go on writing to the one it is a copy of.")
    with run.lifeboat() as lifeboat:
        report = lifeboat.promote_replica()
    run.show(report, lambda: draw_promoted(report))
    return ExitStatus.DONE
