"""``lifeboat aws setup``: the bucket as the settings want it."""

from functools import partial

import click

from lifeboat.cli.arranging import apply_steps, plan_steps
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "setup",
    examples=(
        ("aws setup --dry-run", "what would be made and changed, and why; changes nothing"),
        ("aws setup", "the same, then a question, then do it"),
        ("aws setup --yes", "without a question, as from a script; a second time it changes nothing"),
    ),
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be changed and why; change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@click.option(
    "--explain", is_flag=True, help="Say of every step what it is for, not only where something is to be done."
)
def command(run: Run, dry_run: bool, yes: bool, explain: bool) -> ExitStatus:
    """Make the bucket of the settings, or bring it in order: what is as wanted already is left alone.

    Versions, encryption, no public access, a policy of its own, an access log in a second bucket, Object Lock, tags, as [aws] in
    lifeboat.toml says. Tags, statements and rules of others stay. `lifeboat aws policy admin` prints the rights it needs.

    Exit status 3: something could not be changed, such as for a missing right, which is named.
    """
    from lifeboat.app.aws_bucket import need_bucket, setup_steps

    settings = run.settings()
    subject = f"the bucket {need_bucket(settings).bucket}"

    steps = partial(setup_steps, settings, run.clock)
    if dry_run:
        return plan_steps(run, steps, subject, "lifeboat aws setup", explain=explain)
    return apply_steps(run, steps, subject, "lifeboat aws check", yes=yes, explain=explain)
