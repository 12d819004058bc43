"""``lifeboat replicate``: a second copy, elsewhere, byte for byte."""

import click

from lifeboat.cli.ask import confirm, must_be_confirmed
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.cli.shard_options import read_sharing, say_done, shard_options
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
@shard_options
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
    shard: str | None,
    shard_run: str | None,
    shard_wait: str | None,
) -> ExitStatus:
    """Make a second copy of the repository and keep it up to date: in another region, account or provider, or on a disk.

    REPLICA is the name of a [[replica]] in lifeboat.toml, s3://bucket/prefix, or a folder; without one, all that are set.

    Only what is missing is copied, each object checked against the hash in its name. The replica is a whole repository at every instant,
    opens with the same key, and can be restored from by any command with --replica. No key is needed to copy.

    With --shard several processes share the copying; the last one waits for the others and finishes.

    What goes from the repository stays in the replica: who empties the one does not empty the other.

    Exit status 3: something could not be copied, or is damaged; the report names it.
    """
    from lifeboat.app.replicating import HowToReplicate
    from lifeboat.cli.show.replicate import draw_replicated
    from lifeboat.operations.reports.replicas import ReplicateReport

    sharing = read_sharing(shard, shard_run, shard_wait, run.environment)
    if sharing is not None and (promote or dry_run):
        raise click.UsageError("--shard shares out the copying: leave it out with --promote and --dry-run")
    if promote:
        return _promote(run, where, yes)
    how = HowToReplicate(dry_run=dry_run, delete=delete, adopt=adopt, repair=repair, verify=verifies)
    if dry_run and (verifies or repair):
        raise click.UsageError("--dry-run changes nothing and reads names alone: leave out --verify and --repair")
    run.when_stopped = "the replica is behind, and whole as far as it goes; the same command goes on from where it was"
    with run.lifeboat() as lifeboat:
        report = lifeboat.replicate_shared(where, how, sharing) if sharing else lifeboat.replicate(where, how)
    if not isinstance(report, ReplicateReport):
        done = report
        run.show(done, lambda: say_done(done))
        return ExitStatus.DONE
    whole = report
    run.show(whole, lambda: draw_replicated(whole))
    return ExitStatus.FINDINGS if any_problem(whole.findings) else ExitStatus.DONE


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
