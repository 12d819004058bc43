"""``lifeboat aws lifecycle``: age rules that never eat what is kept; shown, applied, judged, tried years ahead."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lifeboat.cli.arranging import apply_steps
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

if TYPE_CHECKING:
    from lifeboat.app.aws_lifecycle import AwsLifecycle

SETS = ("mission", "hours", "cheapest")


@lifeboat_command(
    "lifecycle",
    examples=(
        ("aws lifecycle plan", "the rules to have, what they change, and the proof that no copy is eaten"),
        ("aws lifecycle plan --set cheapest --json", "another set; the JSON as S3 takes it is in it"),
        ("aws lifecycle apply", "set them; somebody else's rules stay"),
        ("aws lifecycle check", "are the bucket's rules safe for everything that is kept?"),
        ("aws lifecycle check rules.json", "would S3 take this file, and what would it do to the copies?"),
        ("aws lifecycle simulate --years 8", "what becomes of the copies, month by month"),
    ),
)
@click.argument("action", type=click.Choice(["plan", "apply", "check", "simulate"]))
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--set", "chosen", type=click.Choice(SETS), help="plan, apply, simulate: another set than the one in lifeboat.toml."
)
@click.option(
    "--drop", metavar="ID", multiple=True, help="plan, apply: take somebody else's rule off. Can be repeated."
)
@click.option("--years", type=click.IntRange(1, 30), default=8, show_default=True, help="simulate: how far ahead.")
@click.option(
    "--stop-after", metavar="DAYS", type=click.IntRange(0, 20000), help="simulate: no backup comes after so many days."
)
@click.option("-y", "--yes", is_flag=True, help="apply: ask nothing.")
def command(
    run: Run,
    action: str,
    file: Path | None,
    chosen: str | None,
    drop: tuple[str, ...],
    years: int,
    stop_after: int | None,
    yes: bool,
) -> ExitStatus:
    """Age rules of the bucket: plan, apply, check, simulate.

    plan shows the set that lifeboat.toml names under [aws] (mission, hours, cheapest, or a file) beside the rules that are there, and proves
    that none of them hides or removes anything a kept snapshot needs. apply sets ours and keeps everybody else's. check judges what the
    bucket has, or what a FILE says, in S3's own words. simulate runs rules over the years to come.

    Exit status 3: S3 would refuse the rules, or they would eat a copy that is kept; each reason is given.
    """
    _check_usage(action, file, chosen, drop, stop_after, yes)
    if action == "apply":
        made = _lifecycle(run, chosen, drop)
        return apply_steps(run, made.steps, made.subject, "lifeboat aws lifecycle check", yes=yes)
    if action == "simulate":
        return _simulate(run, file, chosen, years, stop_after)
    from lifeboat.cli.show.lifecycle import draw_judged, draw_planned
    from lifeboat.cli.show.progress import watch

    with watch(run) as progress:
        made = _lifecycle(run, chosen, drop, progress)
        report = made.plan() if action == "plan" else made.check(file)
        there = made.read() if action == "plan" else None
    if action == "check" or there is None:
        run.show(report, lambda: draw_judged(report))
    else:
        wanted = made.wanted(there)
        from lifeboat.cloud.lifecycle.step import differences_of

        differences = differences_of(wanted, there) if wanted else ()
        options = "".join([f" --set {chosen}" if chosen else "", *(f" --drop {shlex.quote(one)}" for one in drop)])
        run.show(report, lambda: draw_planned(report, differences, options))
    return ExitStatus.DONE if report.is_well else ExitStatus.FINDINGS


def _simulate(run: Run, file: Path | None, chosen: str | None, years: int, stop_after: int | None) -> ExitStatus:
    from lifeboat.cli.show.lifecycle import draw_simulated
    from lifeboat.cli.show.progress import watch

    with watch(run) as progress:
        report = _lifecycle(run, chosen, (), progress).simulate(file, years, stop_after)
    run.show(report, lambda: draw_simulated(report, run.width(run.out)))
    return ExitStatus.FINDINGS if report.lost else ExitStatus.DONE


def _lifecycle(run: Run, chosen: str | None, drop: tuple[str, ...], progress: object = None) -> "AwsLifecycle":
    from lifeboat.app.aws_lifecycle import AwsLifecycle

    return AwsLifecycle(run.settings(), run.clock, progress, chosen=chosen, drop=drop)  # type: ignore[arg-type]


def _check_usage(
    action: str, file: Path | None, chosen: str | None, drop: tuple[str, ...], stop_after: int | None, yes: bool
) -> None:
    if file is not None and action not in ("check", "simulate"):
        raise click.UsageError(
            'a FILE goes with check and simulate; to apply one, name it in lifeboat.toml: lifecycle = "file:..."'
        )
    if chosen is not None and (action == "check" or file is not None):
        raise click.UsageError("--set goes with plan, apply and simulate, and not beside a FILE")
    if drop and action not in ("plan", "apply"):
        raise click.UsageError("--drop goes with plan and apply")
    if stop_after is not None and action != "simulate":
        raise click.UsageError("--stop-after goes with simulate")
    if yes and action != "apply":
        raise click.UsageError("--yes goes with apply")
