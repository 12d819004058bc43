"""``lifeboat writer``: who may write to the repository, and who may prune it, without the key."""

import os
from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "writer",
    examples=(
        ("writer list", "who writes, who reads everything, who prunes"),
        ("writer add shop-1 --to shop-1.writer", "let another machine back up; carry the file there"),
        ("writer add shop-1 --again --to shop-1.writer", "the same, when that machine lost its memory"),
        ("writer add shop-1 --new --to shop-1.writer", "a new generation, when that machine was in wrong hands"),
        ("writer add ci --custodian --to ci.key", "a key that lists and prunes, and opens nothing"),
        ("writer remove ci", "a custodian's word counts no longer"),
    ),
)
@click.argument("action", type=click.Choice(["list", "add", "remove"]))
@click.argument("name", required=False)
@click.option("--to", type=click.Path(path_type=Path), metavar="FILE", help="add: the file to write, mode 0600.")
@click.option("--again", is_flag=True, help="add: the writer that is registered, once more.")
@click.option("--new", is_flag=True, help="add: a new writer under a name that is taken.")
@click.option("--custodian", is_flag=True, help="add: a custodian instead of a writer.")
def command(
    run: Run, action: str, name: str | None, to: Path | None, again: bool, new: bool, custodian: bool
) -> ExitStatus:
    """List the writers of the repository, or make one for another machine.

    Run `add` where the key is (the keeper's machine). It registers the writer and writes a file; on the other machine
    `lifeboat init --writer FILE` takes it in. Then destroy the file. That machine can back up from then on, and read nothing.

    A custodian's file is its key: LIFEBOAT_KEY_FILE=FILE lets `snapshots`, `status` and `prune` run there.
    """
    if action == "list":
        return _list(run)
    if name is None:
        raise click.UsageError(f"`lifeboat writer {action}` needs a NAME")
    if action == "remove":
        return _remove(run, name)
    if to is None:
        raise click.UsageError(f"say where its file goes: `lifeboat writer add {name} --to {name}.writer`")
    if again + new + custodian > 1:
        raise click.UsageError("--again, --new and --custodian exclude each other")
    from lifeboat.cli.show.writer import draw_added

    path = Path(os.path.normpath(run.folder / to))
    with run.lifeboat() as lifeboat:
        added = (
            lifeboat.add_custodian(name, path) if custodian else lifeboat.add_writer(name, path, again=again, new=new)
        )
    run.show(added, lambda: draw_added(added))
    return ExitStatus.DONE


def _list(run: Run) -> ExitStatus:
    from lifeboat.cli.show.writer import draw_writers

    with run.lifeboat() as lifeboat:
        rows = lifeboat.writers()
    run.show({"writers": rows}, lambda: draw_writers(rows, run.clock.now()))
    return ExitStatus.DONE


def _remove(run: Run, name: str) -> ExitStatus:
    from lifeboat.cli.show.writer import draw_removed

    with run.lifeboat() as lifeboat:
        fingerprint = lifeboat.remove_custodian(name)
    run.show({"removed": name, "fingerprint": fingerprint}, lambda: draw_removed(name, fingerprint))
    return ExitStatus.DONE
