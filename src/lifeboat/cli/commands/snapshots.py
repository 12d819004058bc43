"""``lifeboat snapshots``: the list of what is stored, what lies inside one of them, and which are kept on purpose."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

LISTED_AT_TERMINAL = 30


@lifeboat_command(
    "snapshots",
    examples=(
        ("snapshots", "the newest, with their age"),
        ("snapshots 3f2a91c0", "its collections, or its top folders"),
        ("snapshots files contracts/2026", "what lies below a path in the newest snapshot of the files"),
        ('snapshots 3f2a91c0 --keep "before migration"', "prune never removes it"),
    ),
)
@click.argument("snapshot", required=False)
@click.argument("path", required=False, default="")
@click.option("--all", "everything", is_flag=True, help=f"List all, not only the newest {LISTED_AT_TERMINAL}.")
@click.option("--keep", metavar="WHY", help="Keep SNAPSHOT whatever the rules say; WHY is shown with it.")
@click.option("--release", is_flag=True, help="Leave SNAPSHOT to the rules again; brings a forgotten one back.")
@click.option("--where", is_flag=True, help="Say which can be read now, and which lie in an archive class.")
@click.option("--forgotten", is_flag=True, help="List what prune let go and has not removed yet.")
def command(
    run: Run,
    snapshot: str | None,
    path: str,
    everything: bool,
    keep: str | None,
    release: bool,
    where: bool,
    forgotten: bool,
) -> ExitStatus:
    """List what is stored, newest first; with SNAPSHOT, what lies inside it, below PATH.

    SNAPSHOT is an id or its first letters; `db`, `files` or `config` for the newest of each; or `latest`. In a pipe and
    with --json the list is always whole.
    """
    from lifeboat.cli.show.snapshots import draw_contents, draw_forgotten, draw_snapshots

    if keep is not None or release:
        if snapshot is None or path or forgotten or everything or (keep is not None and release):
            raise click.UsageError("--keep and --release take one SNAPSHOT and nothing else: see `lifeboat snapshots`")
        return _annotate(run, snapshot, keep)
    if where and (snapshot is not None or forgotten):
        raise click.UsageError("--where goes with the list; of one snapshot: `lifeboat retrieve SNAPSHOT --dry-run`")
    if forgotten and snapshot is not None:
        raise click.UsageError("--forgotten lists all of them; it takes no SNAPSHOT")
    with run.lifeboat() as lifeboat:
        if snapshot is not None:
            contents = lifeboat.contents(snapshot, path)
            report = {"snapshot": snapshot, "path": path, "contents": contents}
            run.show(report, lambda: draw_contents(snapshot, path, contents, run.clock.now()))
            return ExitStatus.DONE
        rows = lifeboat.snapshots(forgotten=forgotten, where=where)
    if forgotten:
        run.show({"snapshots": rows}, lambda: draw_forgotten(rows, run.clock.now()))
        return ExitStatus.DONE
    shown = rows if everything or not run.at_terminal else rows[:LISTED_AT_TERMINAL]
    run.show({"snapshots": rows}, lambda: draw_snapshots(shown, len(rows) - len(shown), run.clock.now()))
    return ExitStatus.DONE


def _annotate(run: Run, snapshot: str, keep: str | None) -> ExitStatus:
    from lifeboat.cli.show.snapshots import draw_annotated

    with run.lifeboat() as lifeboat:
        row = lifeboat.release_snapshot(snapshot) if keep is None else lifeboat.keep_snapshot(snapshot, keep)
    run.show(row, lambda: draw_annotated(row))
    return ExitStatus.DONE
