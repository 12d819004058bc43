"""``lifeboat aws alarms``: CloudWatch tells when a backup fails, grows old or costs too much, and when this machine falls silent."""

import click

from lifeboat.cli.arranging import apply_steps, check_steps, plan_steps
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "alarms",
    examples=(
        ("aws alarms plan", "which alarms there would be, and what is otherwise now"),
        ("aws alarms apply", "make them, the topic they tell, and subscribe the addresses of LIFEBOAT_NOTIFY_EMAIL"),
        ("aws alarms check", "whether they are still as they should be; for cron"),
        ("aws alarms test", "send the metrics now, and let one alarm go off: does a mail come?"),
    ),
)
@click.argument("action", type=click.Choice(["plan", "apply", "check", "test"]))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--explain", is_flag=True, help="Say of every step what it is for.")
def command(run: Run, action: str, yes: bool, explain: bool) -> ExitStatus:
    """Alarms in CloudWatch over the metrics that Lifeboat sends: silence counts as trouble.

    Within the free tier: at most ten metrics and ten alarms for a repository. Thresholds are those of [alerts].
    """
    from lifeboat.app.aws_watch import alarm_steps, try_alarm
    from lifeboat.app.cloudwatch import repository_named

    settings = run.settings()
    subject = f"the alarms of {repository_named(settings)}"
    if action == "test":
        tried = try_alarm(settings, run.clock)
        run.show(
            tried,
            lambda: [
                f"sent {len(tried.metrics)} metrics: {', '.join(tried.metrics) or 'none'}",
                f"let the alarm {tried.alarm!r} go off: it tells {tried.topic} within a minute",
            ],
        )
        return ExitStatus.DONE
    if action == "plan":
        return plan_steps(run, lambda: alarm_steps(settings), subject, "lifeboat aws alarms apply", explain=explain)
    if action == "check":
        return check_steps(run, lambda: alarm_steps(settings), subject, "lifeboat aws alarms apply", explain=explain)
    return apply_steps(
        run, lambda: alarm_steps(settings), subject, "lifeboat aws alarms check", yes=yes, explain=explain
    )
