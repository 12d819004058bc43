"""``lifeboat snapshots``: the list of what is stored, and what lies inside one of them."""

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
    ),
)
@click.argument("snapshot", required=False)
@click.argument("path", required=False, default="")
@click.option("--all", "everything", is_flag=True, help=f"List all, not only the newest {LISTED_AT_TERMINAL}.")
def command(run: Run, snapshot: str | None, path: str, everything: bool) -> ExitStatus:
    """List what is stored, newest first; with SNAPSHOT, what lies inside it, below PATH.

    SNAPSHOT is an id or its first letters; `db`, `files` or `config` for the newest of each; or `latest`. In a pipe and
    with --json the list is always whole.
    """
    from lifeboat.cli.show.snapshots import draw_contents, draw_snapshots

    with run.lifeboat() as lifeboat:
        if snapshot is not None:
            contents = lifeboat.contents(snapshot, path)
            report = {"snapshot": snapshot, "path": path, "contents": contents}
            run.show(report, lambda: draw_contents(snapshot, path, contents, run.clock.now()))
            return ExitStatus.DONE
        rows = lifeboat.snapshots()
    shown = rows if everything or not run.at_terminal else rows[:LISTED_AT_TERMINAL]
    run.show({"snapshots": rows}, lambda: draw_snapshots(shown, len(rows) - len(shown), run.clock.now()))
    return ExitStatus.DONE
