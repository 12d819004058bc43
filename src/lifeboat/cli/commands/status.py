"""``lifeboat status``: am I safe?"""

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "status",
    examples=(("status", "for you"), ("status --quiet || page-somebody", "for a script")),
)
def command(run: Run) -> ExitStatus:
    """Am I safe? The age of the newest copy of each source, against how much may be lost.

    Exit status 3: a source is older than its goal, or something else is wrong.
    """
    from lifeboat.cli.show.status import draw_status

    with run.lifeboat() as lifeboat:
        report = lifeboat.status()
    run.show(report, lambda: draw_status(report, run.clock.now()))
    good = all(one.meets_objective for one in report.sources) and not any_problem(report.findings)
    return ExitStatus.DONE if good else ExitStatus.FINDINGS
