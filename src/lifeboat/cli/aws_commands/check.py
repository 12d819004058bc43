"""``lifeboat aws check``: is the bucket still as it was set up?"""

import click

from lifeboat.cli.arranging import check_steps
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "check",
    examples=(
        ("aws check", "after `aws setup`, and from time to time"),
        ("aws check --json", "for a program; exit status 3 where something is otherwise"),
    ),
)
@click.option("--explain", is_flag=True, help="Say of every step what it is for, not only of what is otherwise.")
def command(run: Run, explain: bool) -> ExitStatus:
    """Compare the bucket with the settings, and look at the account around it; changes nothing.

    Exit status 3: something is otherwise, or a right is missing to look. What the account lacks counts when it was seen, not when nobody
    may look at it.
    """
    from lifeboat.app.aws_bucket import need_bucket, setup_steps

    settings = run.settings()
    subject = f"the bucket {need_bucket(settings).bucket}"
    return check_steps(run, lambda: setup_steps(settings, run.clock), subject, "lifeboat aws setup", explain=explain)
