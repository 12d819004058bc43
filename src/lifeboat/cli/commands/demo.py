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
def command(run: Run, scale: float, keep: Path | None) -> ExitStatus:
    """See it all on sample data: back up, lose everything, restore, compare.

    Starts a MongoDB server of its own on this machine, fills it with a legal-services application and a folder with
    its uploads, and takes the whole way. Nothing of yours is read or touched, no settings are needed.

    It needs a mongod program: on PATH, in this Python, or named by LIFEBOAT_MONGOD. Exit status 3: what came back is
    not what was lost.
    """
    from lifeboat.app.demo import Demo
    from lifeboat.cli.show.demo import Teller, draw_demo

    run.when_stopped = "the demonstration's server and folder are removed"
    mongod = run.environment.get("LIFEBOAT_MONGOD")
    with Teller(run) as teller:
        report = Demo(run.clock, teller, mongod).play(scale, run.folder / keep if keep else None)
    run.show(report, lambda: draw_demo(report))
    return ExitStatus.DONE if report.equal else ExitStatus.FINDINGS
