"""``lifeboat alerts``: what is wrong now, and whether somebody would hear of it."""

from datetime import timedelta

import click

from lifeboat.cli.command import common_options, lifeboat_command
from lifeboat.cli.commands.schedule import say_told, scheduled_runs
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


class AlertsGroup(click.Group):
    """``lifeboat alerts ACTION``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write(
                "  lifeboat alerts check\n      look now, and tell what is due; for cron where `serve` does not run\n"
            )
            formatter.write("  lifeboat alerts test\n      does a notice arrive?\n")


@click.group("alerts", cls=AlertsGroup, params=common_options(), no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """What is wrong now, whom it is told, and what was before."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError(f"say what to do: {', '.join(command.commands)}", ctx)


@lifeboat_command("check", examples=(("alerts check", "look now, and tell what is due; for cron without the daemon"),))
def check(run: Run) -> ExitStatus:
    """Look at everything now and tell whoever is set what is due. Exit status 3: something is wrong."""
    from lifeboat.app.alerting import Alerting
    from lifeboat.cli.show.alerts import draw_check

    done = Alerting(run.settings(), run.clock).check()
    run.show(done, lambda: draw_check(done))
    return ExitStatus.FINDINGS if done.open or done.not_sent else ExitStatus.DONE


@lifeboat_command("list")
@click.option("--days", type=click.IntRange(1, 400), default=30, show_default=True, help="How far back.")
def list_alerts(run: Run, days: int) -> ExitStatus:
    """What is open, and what was, newest first."""
    from lifeboat.app.alerting import Alerting
    from lifeboat.cli.show.alerts import draw_history

    now = run.clock.now()
    rows = Alerting(run.settings(), run.clock).history(now - timedelta(days=days))
    run.show({"alerts": rows}, lambda: draw_history(rows, now))
    return ExitStatus.DONE


@lifeboat_command("test")
def test(run: Run) -> ExitStatus:
    """Send a test notice by every way that is set. Exit status 3: one did not arrive."""
    told = scheduled_runs(run).test_notice()
    run.show({"told": told.reached, "failed": [error.message for error in told.failures]}, list)
    return say_told(run, told)


for one, line in (
    (check, "look now, and tell what is due"),
    (list_alerts, "what is open, and what was"),
    (test, "see whether a notice arrives"),
):
    one.short_help = line
    command.add_command(one)
