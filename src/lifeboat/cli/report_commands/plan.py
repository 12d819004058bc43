"""``lifeboat report plan``: the recovery plan of this installation, written, checked, approved."""

import os
from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "plan",
    examples=(
        ("report plan", "write recovery-plan.md and recovery-plan.html, or renew them"),
        ("report plan --out /srv/papers", "into another folder"),
        ("report plan --check", "is the plan that people hold still true? status 3: no, and why"),
        ('report plan --approve "Noura Al-Harbi, incident lead"', "approve the version that lies there"),
        ("report plan --offline", "without asking store and database: from what this machine knows"),
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER|FILE",
    help="Where it is written; else ./recovery-plan.md and .html.",
)
@click.option("--check", is_flag=True, help="Only say whether FILE is still true, naming each difference.")
@click.option(
    "--approve", metavar='"NAME, ROLE"', help="Put an approval of FILE as it is into the ledger; needs the key."
)
@click.option("--offline", is_flag=True, help="Ask neither the store nor the database.")
def command(
    run: Run, file: Path | None, out: Path | None, check: bool, approve: str | None, offline: bool
) -> ExitStatus:
    """Write the disaster recovery plan of this installation, from its real settings, copies and drills.

    Parts for people stand between <!-- yours: NAME --> and <!-- end: NAME --> in the Markdown file: write into them, and run it
    again; they stay. The HTML file prints well; its first page is a card that can be printed alone.
    """
    from lifeboat.cli.show.plan import draw_check, draw_written

    if check and approve is not None:
        raise click.UsageError("--check and --approve exclude each other")
    if file is not None and not check and approve is None:
        raise click.UsageError(f"--out {file} says where it is written; a FILE goes with --check and --approve")
    if out is not None and (check or approve is not None):
        raise click.UsageError("--out goes with writing; name the FILE behind --check or --approve")
    if approve is not None:
        if not approve.strip() or not approve.isprintable():
            raise click.UsageError('who approves it? --approve "Name, role"')
        if offline:
            raise click.UsageError("an approval is put into the ledger, which lies in the store: leave --offline out")
    with run.lifeboat() as lifeboat:
        planning = lifeboat.planning(_config(run))
        if check:
            checked = planning.check(file, offline=offline)
            run.show(checked, lambda: draw_check(checked))
            return ExitStatus.FINDINGS if checked.is_stale else ExitStatus.DONE
        written = (
            planning.approve(approve.strip(), file) if approve is not None else planning.write(out, offline=offline)
        )
    run.show(written, lambda: draw_written(written))
    return ExitStatus.DONE


def _config(run: Run) -> Path | None:
    """The settings file as somebody named it: commands in the plan name it, too."""
    named = run.config or Path(run.environment.get("LIFEBOAT_CONFIG") or "")
    return Path(os.path.abspath(run.folder / named)) if str(named) != "." else None
