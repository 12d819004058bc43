"""``lifeboat schedule``: have systemd or cron run the backups, and be told when one fails."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifeboat.cli.command import common_options, lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.cli.schedule_batch import batch
from lifeboat.foundation.finding import any_problem

if TYPE_CHECKING:
    from lifeboat.app.schedule_install import Scheduling
    from lifeboat.app.schedule_run import ScheduledRuns

JOBS = ("db", "files", "config", "all", "age", "verify", "scrub", "replicate", "prune", "carry", "drill")


class ScheduleGroup(click.Group):
    """``lifeboat schedule ACTION``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write("  lifeboat schedule install systemd --notify-email ops@example.com\n")
            formatter.write("      hourly the database, at 02:00 everything, later it is checked\n")
            formatter.write("  lifeboat schedule status\n      when did each last run, and how did it end?\n")


@click.group("schedule", cls=ScheduleGroup, params=common_options(), no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Have systemd or cron run the backups in this folder, and be told when one fails."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError(f"say what to do: {', '.join(command.commands)}", ctx)


@lifeboat_command(
    "install",
    examples=(
        ("schedule install systemd --notify-email ops@example.com", "timers that tell when a backup fails"),
        ("schedule install systemd --stream", "and a service that archives every change: any moment can be restored"),
        ("schedule install systemd --serve", "one service that does all of it, with health and dashboard"),
        ("schedule install cron --print", "the lines of the crontab, to look at"),
        ("schedule install kubernetes --to k8s --image IMAGE", "CronJobs as files, for kubectl apply"),
        ("schedule install kubernetes --to k8s --image IMAGE --shards 16", "and the large ones in 16 pods at once"),
    ),
)
@click.argument("manager", type=click.Choice(["systemd", "cron", "kubernetes"]), required=False)
@click.option(
    "--print", "--dry-run", "only_print", is_flag=True, help="Print what would be written, and write nothing."
)
@click.option("--system/--user", default=None, help="For the whole machine (root's choice), or for this user alone.")
@click.option("--stream", is_flag=True, help="systemd: a service that archives every change, too (`lifeboat stream`).")
@click.option("--serve", is_flag=True, help="systemd: one service in place of timers and stream (`lifeboat serve`).")
@click.option("--to", type=click.Path(path_type=Path), metavar="FOLDER", help="kubernetes: write the files there.")
@click.option("--image", metavar="IMAGE", help="kubernetes: holds the command lifeboat.")
@click.option("--namespace", default="default", metavar="NAME", help="kubernetes: where the objects belong.")
@click.option("--secret", default="lifeboat", metavar="NAME", help="kubernetes: the Secret with the variables.")
@click.option("--uploads-claim", metavar="NAME", help="kubernetes: the volume with the uploads, mounted read only.")
@click.option(
    "--shards",
    type=click.IntRange(2, 10_000),
    metavar="N",
    help="kubernetes: back up the files, and once a week verify everything, in N pods at once.",
)
@click.option("--notify-email", multiple=True, metavar="ADDRESS", help="Who is told; kept in lifeboat.toml.")
@click.option("--notify-webhook", metavar="URL", help="Or env:NAME; a URL is kept in a file of its own.")
@click.option(
    "--environment-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="systemd: a file of NAME=value lines with what .env does not have.",
)
def install(
    run: Run,
    manager: str | None,
    only_print: bool,
    system: bool | None,
    stream: bool,
    serve: bool,
    notify_email: tuple[str, ...],
    notify_webhook: str | None,
    environment_file: Path | None,
    **cluster: Any,
) -> ExitStatus:
    """Install the jobs of the application in this folder; again to change them.

    Every hour the database, at 02:00 everything as one recovery point, at 03:30 an hour of scrubbing, at 08:00 a verification;
    [objectives] in lifeboat.toml move that. They run in this folder as you. Without SYSTEMD or CRON: whichever runs this machine.

    A test notice is sent at the end. Exit status 3: installed, but the notice did not arrive.
    """
    from lifeboat.app.schedule_install import has_systemd
    from lifeboat.cli.schedule_notices import keep_notices

    if manager == "kubernetes":
        return _install_in_cluster(run, stream=stream, only_print=only_print, **cluster)
    if not only_print:
        run.note()
        keep_notices(run, list(notify_email), notify_webhook)
    scheduling = scheduling_of(run)
    chosen: Any = manager or ("systemd" if has_systemd() else "cron")
    beside = (run.folder / environment_file) if environment_file else None
    if serve:
        if chosen != "systemd":
            raise click.UsageError("--serve is for systemd: cron keeps nothing running")
        plan = scheduling.plan_serve(system=whole_machine(system), environment_file=beside)
        return install_plan(run, scheduling, plan, only_print)
    plan = scheduling.plan(chosen, system=whole_machine(system), environment_file=beside, stream=stream)
    return install_plan(run, scheduling, plan, only_print)


def _install_in_cluster(run: Run, *, stream: bool, only_print: bool, to: Path | None, **said: Any) -> ExitStatus:
    """Print the objects, or write them into a folder; applying them is for whoever may."""
    from lifeboat.app.schedule_kubernetes import ClusterRequest, plan_cluster, write_cluster

    given = {name: one for name, one in said.items() if one is not None}
    plan = plan_cluster(run.settings(), run.folder, ClusterRequest(stream=stream, **given))
    if to is None or only_print:
        if run.json:
            run.show(plan, list)
        else:
            run.write(run.out, "---\n".join(plan.files.values()))
        run.say(f"first, once, with what each file holds:\n{plan.before}")
        return ExitStatus.DONE
    written = write_cluster(plan, run.folder / to)
    run.show({"files": written, "before": plan.before}, lambda: [f"written: {one}" for one in written])
    run.say(f"first, once, with what each file holds:\n{plan.before}\nthen: kubectl apply -f {to}")
    return ExitStatus.DONE


def whole_machine(said: bool | None) -> bool:
    """Whether to install for the whole machine: as said, else if root asks."""
    return os.geteuid() == 0 if said is None else said


def install_plan(run: Run, scheduling: "Scheduling", plan: Any, only_print: bool = False) -> ExitStatus:
    """Carry the plan out, or print it, and send a test notice."""
    from lifeboat.cli.show.schedule import draw_installed, plan_as_text

    if only_print:
        if run.json:
            run.show(plan, list)
        else:
            run.write(run.out, plan_as_text(plan))
        return ExitStatus.DONE
    doubts = scheduling.install(plan)
    runs = scheduled_runs(run)
    if not runs.notify_settings().channels("here"):
        run.show({"plan": plan, "doubts": doubts, "told": []}, lambda: draw_installed(plan, doubts))
        run.say("warning: nobody is told when a backup fails; add --notify-email ADDRESS or --notify-webhook URL")
        return ExitStatus.DONE
    told = runs.test_notice()
    run.show({"plan": plan, "doubts": doubts, "told": told.reached}, lambda: draw_installed(plan, doubts))
    return say_told(run, told)


@lifeboat_command("remove")
def remove(run: Run) -> ExitStatus:
    """Take away what was installed for this folder. Backups that exist stay."""
    run.note()
    removed = scheduling_of(run).remove()
    run.show({"removed": removed}, lambda: [f"removed {one}" for one in removed] or ["nothing was installed here"])
    return ExitStatus.DONE


@lifeboat_command("status")
def status(run: Run) -> ExitStatus:
    """When did each job last run, and how did it end? Exit status 3: something is wrong."""
    from lifeboat.app.schedule_status import look_at_schedule
    from lifeboat.cli.show.schedule import draw_schedule

    found = look_at_schedule(scheduling_of(run), scheduled_runs(run).notify_settings(), run.clock.now())
    run.show(found, lambda: draw_schedule(found, run.clock.now()))
    return ExitStatus.FINDINGS if any_problem(found.findings) or found.manager is None else ExitStatus.DONE


@lifeboat_command("run", examples=(("schedule run db", "as the timer does it"),))
@click.argument("job", type=click.Choice(JOBS))
@click.option("--for-serve", is_flag=True, hidden=True)
def run_job(run: Run, job: str, for_serve: bool) -> ExitStatus:
    """Run one job now, as the timer would, and tell when it fails. Exit status: that of the command it runs."""
    code = scheduled_runs(run).run(job, for_serve=for_serve)
    try:
        return ExitStatus(code)
    except ValueError:
        return ExitStatus.BUG


@lifeboat_command("tell")
@click.argument("job", type=click.Choice(JOBS))
def tell(run: Run, job: str) -> ExitStatus:
    """Tell of a run that failed and could not tell itself; systemd calls this."""
    return ExitStatus.FINDINGS if scheduled_runs(run).tell(job) else ExitStatus.DONE


@lifeboat_command("test-notice")
def test_notice(run: Run) -> ExitStatus:
    """Send a test notice to everybody who would be told. Exit status 3: it did not get everywhere."""
    told = scheduled_runs(run).test_notice()
    run.show({"told": told.reached, "failed": [error.message for error in told.failures]}, list)
    return say_told(run, told)


def say_told(run: Run, told: Any) -> ExitStatus:
    """Where a test notice went, and where not."""
    if not run.json:
        for where in told.reached:
            run.say(f"a test notice went out: {where}. Did it arrive?")
    for error in told.failures:
        run.say(f"error: {error.message} [{error.code}]\nhint: {error.hint}")
    return ExitStatus.FINDINGS if told.failures else ExitStatus.DONE


def scheduling_of(run: Run) -> "Scheduling":
    from lifeboat.app.schedule_install import Scheduling

    return Scheduling(run.settings(), run.config, run.environment, run.folder, run.clock)


def scheduled_runs(run: Run) -> "ScheduledRuns":
    """Needs no settings that can be read: that they cannot be is told, too."""
    from lifeboat.app.schedule_run import ScheduledRuns

    runs = ScheduledRuns(run.config, run.environment, run.folder, run.clock, run.say)
    run.hidden.update(runs.notify_settings().hidden_texts())
    return runs


for one, line in (
    (install, "write the jobs for systemd, cron or kubernetes"),
    (batch, "write the large ones as array jobs for AWS Batch"),
    (status, "when each last ran, and how it ended"),
    (test_notice, "see whether a notice arrives"),
    (remove, "take the jobs away; backups stay"),
    (run_job, "run one job now, as the timer would"),
    (tell, "tell of a run that was killed; systemd calls it"),
):
    one.short_help = line
    command.add_command(one)
