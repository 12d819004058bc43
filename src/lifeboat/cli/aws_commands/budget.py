"""``lifeboat aws budget``: AWS itself tells when the month's bill comes near the limit."""

import click

from lifeboat.cli.arranging import apply_steps, check_steps, plan_steps
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "budget",
    examples=(
        ("aws budget plan", "what there would be, and what is otherwise now"),
        ("aws budget apply", "make it; the limit is cost_month under [alerts], $50 by default"),
        ("aws budget check", "whether it is still as it should be"),
    ),
)
@click.argument("action", type=click.Choice(["plan", "apply", "check"]))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--explain", is_flag=True, help="Say of every step what it is for.")
def command(run: Run, action: str, yes: bool, explain: bool) -> ExitStatus:
    """A budget at AWS for all that S3 costs: told at 80 %, at 100 %, and when the month is going to end above it.

    AWS counts hours late: this is an alert, not a brake. `lifeboat cost` says what is coming, and what would make it less.
    """
    from lifeboat.app.aws_watch import budget_steps
    from lifeboat.app.cloudwatch import repository_named

    settings = run.settings()
    repository_named(settings)
    subject = f"the budget of ${settings.alerts.thresholds.cost_month:g} a month"
    if action == "plan":
        return plan_steps(run, lambda: budget_steps(settings), subject, "lifeboat aws budget apply", explain=explain)
    if action == "check":
        return check_steps(run, lambda: budget_steps(settings), subject, "lifeboat aws budget apply", explain=explain)
    return apply_steps(
        run, lambda: budget_steps(settings), subject, "lifeboat aws budget check", yes=yes, explain=explain
    )
