"""``lifeboat demo``: the whole way on sample data, in a folder and a mongod of its own."""

from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "demo",
    examples=(
        ("demo", "less than a minute; everything is removed afterwards"),
        ("demo --scale 10", "ten times as much data"),
        ("demo --keep look", "keep the repository, to look around in it"),
        ("demo --exercise training", "keep it all up, to exercise disasters on it: docs/training.md"),
        ("demo --break 2", "in another terminal, in that folder: plant the disaster of task 2"),
        ("demo --check", "is it mended, and how long did it take?"),
    ),
)
@click.option(
    "--scale",
    type=click.FloatRange(0.001, 1000),
    default=1.0,
    metavar="NUMBER",
    help="How much data; 1 is about 100 MB.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value="lifeboat-demo",
    metavar="[FOLDER]",
    help="Keep repository, key and restored files in ./lifeboat-demo, or in FOLDER.",
)
@click.option(
    "--exercise",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Fill, back up and archive in FOLDER, and keep the server up until Ctrl-C.",
)
@click.option(
    "--break", "task", type=click.IntRange(1, 7), metavar="TASK", help="Plant the disaster of this task there."
)
@click.option("--check", is_flag=True, help="Say whether what was planted is mended.")
@click.option("--answer", default="", metavar="TEXT", help="With --check: of tasks that ask for an answer.")
def command(
    run: Run, scale: float, keep: Path | None, exercise: Path | None, task: int | None, check: bool, answer: str
) -> ExitStatus:
    """See it all on sample data: back up, lose everything, restore, compare.

    Starts a MongoDB server of its own on this machine, fills it with a legal-services application and a folder with
    its uploads, and takes the whole way. Nothing of yours is read or touched, no settings are needed.

    It needs a mongod program: on PATH, in this Python, or named by LIFEBOAT_MONGOD. Exit status 3: what came back is
    not what was lost; with --check: not mended yet.
    """
    if sum((exercise is not None, task is not None, check)) > 1 or (keep and (exercise or task or check)):
        raise click.UsageError("say one of --keep, --exercise, --break and --check")
    if exercise is not None:
        return _exercise(run, run.folder / exercise, scale)
    if task is not None:
        return _break(run, task)
    if check or answer:
        return _check(run, answer)
    from lifeboat.app.demo import Demo
    from lifeboat.cli.show.demo import Teller, draw_demo

    run.when_stopped = "the demonstration's server and folder are removed"
    mongod = run.environment.get("LIFEBOAT_MONGOD")
    with Teller(run) as teller:
        report = Demo(run.clock, teller, mongod).play(scale, run.folder / keep if keep else None)
    run.show(report, lambda: draw_demo(report))
    return ExitStatus.DONE if report.equal else ExitStatus.FINDINGS


def _exercise(run: Run, folder: Path, scale: float) -> ExitStatus:
    import threading

    from lifeboat.app.exercise.running import Exercise
    from lifeboat.cli.show.demo import Teller
    from lifeboat.cli.show.exercise import draw_ready

    run.when_stopped = f"the exercise's server is ended; {folder} stays, remove it when you need it no more"
    with Teller(run) as teller, Exercise(run.clock, run.environment).begun(folder, scale, teller) as ready:
        run.show(ready, lambda: draw_ready(ready))
        run.out.flush()
        threading.Event().wait()
    return ExitStatus.DONE


def _break(run: Run, task: int) -> ExitStatus:
    from lifeboat.app.exercise.running import Exercise
    from lifeboat.cli.show.exercise import draw_broken

    run.say("something happens ...")
    run.when_stopped = "the disaster is half planted: type the same command again"
    broken = Exercise(run.clock, run.environment).break_it(run.folder, task)
    run.show(broken, lambda: draw_broken(broken))
    return ExitStatus.DONE


def _check(run: Run, answer: str) -> ExitStatus:
    from lifeboat.app.exercise.running import Exercise
    from lifeboat.cli.show.exercise import draw_judged

    judged = Exercise(run.clock, run.environment).judge(run.folder, answer)
    run.show(judged, lambda: draw_judged(judged))
    return ExitStatus.DONE if judged.solved else ExitStatus.FINDINGS
