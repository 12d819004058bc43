"""``lifeboat drill``: restore to a place of its own, compare, try, measure, wipe, put down. What follows a drill is in ``cli/drill_commands``."""

import importlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lifeboat.cli.command import common_options
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

if TYPE_CHECKING:
    from lifeboat.operations.drill.report import Phase

SCENARIOS = ("database-loss", "file-loss", "server-loss", "ransomware", "bad-deploy", "key-holder-lost")
ACTIONS = {
    "list": "the drills that were made, newest first",
    "show": "one drill again, as it was shown when it ended",
    "calendar": "what is due when, and how long a restore would take today",
    "exercise": "put down an exercise of the people",
    "follow-up": "what is to be done after a drill: add, list, close",
}
EXAMPLES = (
    ("lifeboat drill", "everything lost but the repository and the key: does it come back?"),
    ("lifeboat drill --scenario database-loss --point random", "an older copy, drawn by chance"),
    ("lifeboat drill --scenario ransomware --before '2 hours ago'", "all of it from before that"),
    ("lifeboat drill --scenario bad-deploy --ns shop.orders --before '1 hour ago'", "one collection"),
    ("lifeboat drill --scenario key-holder-lost --key-file second.key", "with the other key alone"),
)


class DrillGroup(click.Group):
    """``lifeboat drill [ACTION]``; without one the drill is made. Each action is imported when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(ACTIONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in ACTIONS:
            return None
        module = importlib.import_module(f"lifeboat.cli.drill_commands.{cmd_name.replace('-', '_')}")
        found: click.Command = module.command
        found.short_help = ACTIONS[cmd_name]
        return found

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for typed, why in EXAMPLES:
                formatter.write(f"  {typed}\n      {why}\n")


@click.group("drill", cls=DrillGroup, params=common_options(), no_args_is_help=False, invoke_without_command=True)
@click.option("--scenario", type=click.Choice(SCENARIOS), metavar="NAME", help=f"One of {', '.join(SCENARIOS)}.")
@click.option(
    "--point",
    type=click.Choice(["latest", "random", "oldest"]),
    default="latest",
    show_default=True,
    help="Which copy is brought back.",
)
@click.option("--at", metavar="TIME", help="An instant in its place, as `lifeboat restore --at` takes it.")
@click.option("--before", metavar="TIME", help="ransomware, bad-deploy: go back before this time.")
@click.option("--ns", "namespace", metavar="DB.COLL", help="bad-deploy: the collection.")
@click.option("--key-file", type=click.Path(path_type=Path), metavar="FILE", help="key-holder-lost: the other key.")
@click.option("--key-env", metavar="NAME", help="key-holder-lost: the variable that holds the other key.")
@click.option("--to", metavar="URI", help="An empty server, or env:VARIABLE; else one is started for the drill.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Where scratch folders go.")
@click.option("--hook", metavar="COMMAND", help="Run this on the restored copy first, to see that a drill notices.")
@click.option("--incident", metavar="TIME", help="When it happened, where people are measured, too.")
@click.option("--detected", metavar="TIME", help="When somebody noticed.")
@click.option("--declared", metavar="TIME", help="When it was decided to restore.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Also write the report there.")
@click.option("--no-notice", is_flag=True, help="Tell nobody before and after.")
@click.pass_context
def command(ctx: click.Context, /, **said: Any) -> ExitStatus | None:
    """Restore everything to a place of its own, and find out what a disaster would cost.

    \b
    database-loss    the database alone
    file-loss        the uploads alone
    server-loss      all of it, from nothing but repository and key (usual)
    ransomware       all of it, from before a time
    bad-deploy       one collection, from before a time
    key-holder-lost  all of it, with the key of another recipient

    Nothing live is touched: a mongod and a folder of the drill's own are made for it and wiped afterwards, also when it is
    killed. Every document and file is held against the copy; the application's checks are asked ([[drills.check]]).

    Exit status 3: something did not come back as it was, a check failed, or an objective was missed.
    """
    if ctx.invoked_subcommand is not None:
        return None
    run: Run = ctx.obj
    return _drill(run, **said)


def _drill(
    run: Run,
    *,
    scenario: str | None,
    point: str,
    at: str | None,
    before: str | None,
    namespace: str | None,
    key_file: Path | None,
    key_env: str | None,
    to: str | None,
    folder: Path | None,
    hook: str | None,
    incident: str | None,
    detected: str | None,
    declared: str | None,
    out: Path | None,
    no_notice: bool,
) -> ExitStatus:
    from lifeboat.app.drilling import key_from
    from lifeboat.cli.restore_words import note_password
    from lifeboat.cli.show.drill import draw_drill
    from lifeboat.operations.drill.report import Outcome
    from lifeboat.operations.drill.request import DrillRequest
    from lifeboat.operations.drill.scenario import Scenario

    if at is not None and (before is not None or point != "latest"):
        raise click.UsageError("--at, --before and --point each say which copy is meant: one of them")
    key = key_from(key_file, key_env)
    if key is not None:
        run.hidden.add(key.reveal())
    note_password(run, "db", to)
    request = DrillRequest(
        scenario=None if scenario is None else Scenario(scenario),
        point=point,
        at=at,
        before=before,
        namespace=namespace,
        key=key,
        to=to,
        folder=None if folder is None else folder.absolute(),
        hook=hook,
        incident=_time(run, incident),
        detected=_time(run, detected),
        declared=_time(run, declared),
        notify=not no_notice,
    )
    run.when_stopped = "what was restored for the drill is wiped; nothing live was touched"
    with run.lifeboat() as lifeboat:
        report = lifeboat.drilling().run(request, None if run.json or run.quiet else _Told(run))
    if out is not None:
        from lifeboat.app.drill_files import write_report

        for path in write_report(report, out):
            run.say(f"written: {path}")
    run.show(report, lambda: draw_drill(report))
    return ExitStatus.DONE if report.outcome is Outcome.PASSED else ExitStatus.FINDINGS


def _time(run: Run, said: str | None) -> datetime | None:
    from lifeboat.operations.moments import read_moment

    goal = None if said is None else read_moment(said, run.clock.now()).goal
    return None if goal is None else goal.instant


class _Told:
    """Says each phase when it has ended."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def begins(self, phase: str) -> None:
        pass

    def ends(self, phase: "Phase") -> None:
        from lifeboat.cli.show.drill import phase_line

        self._run.say(phase_line(phase))
