"""The frame of commands that arrange something at AWS: look, show, ask, carry out, look again.

Exit status: 0 as wanted, or planned without a hindrance; 3 something is otherwise, denied, not offered or has to be done by hand;
2 nobody could be asked; 12 AWS could not be asked.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lifeboat.cli.ask import confirm, must_be_confirmed
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

if TYPE_CHECKING:
    from lifeboat.cloud.steps import Step, StepReport

MakeSteps = Callable[[], "Sequence[Step]"]
"""Opens what is needed and gives the steps; raises what stands in the way of all of them."""


def check_steps(run: Run, steps: MakeSteps, subject: str, mend: str, *, explain: bool = False) -> ExitStatus:
    """Look and judge. Args: subject: ``"the bucket my-backups"``; mend: what to type where something is otherwise."""
    from lifeboat.app.aws_steps import check
    from lifeboat.cli.show.steps import draw_checked

    run.when_stopped = "looking changes nothing"
    report = check(steps(), subject)
    run.show(report, lambda: draw_checked(report, mend, explain))
    return ExitStatus.DONE if report.is_well else ExitStatus.FINDINGS


def plan_steps(run: Run, steps: MakeSteps, subject: str, apply: str, *, explain: bool = False) -> ExitStatus:
    """Look, and say what applying would change. Args: apply: what to type to do it."""
    from lifeboat.app.aws_steps import plan
    from lifeboat.cli.show.steps import draw_plan

    run.when_stopped = "looking changes nothing"
    report = plan(steps(), subject)
    run.show(report, lambda: draw_plan(report, apply, explain))
    return ExitStatus.DONE if report.is_well else ExitStatus.FINDINGS


def apply_steps(
    run: Run, steps: MakeSteps, subject: str, check: str, *, yes: bool, explain: bool = False
) -> ExitStatus:
    """Show what would change, ask unless ``yes`` was said, carry it out, look again. Args: check: what to type to look later."""
    from lifeboat.app.aws_steps import apply, plan
    from lifeboat.cli.show.steps import draw_applied, draw_plan, draw_step

    asks = must_be_confirmed(run, yes, "look first (`plan`, or --dry-run), then say --yes", f"{subject} at AWS")
    run.note()
    made = steps()
    if asks:
        planned = plan(made, subject)
        if planned.to_change:
            run.draw(*draw_plan(planned, None, explain), "")
            confirm(run, f"Change {subject} as said above?")
    run.when_stopped = "what was changed stays changed; the same command goes on from there"

    def tell(one: "StepReport") -> None:
        if not run.json and not run.quiet:
            run.draw(*draw_step(one, "apply", explain))

    report = apply(made, subject, tell)
    run.show(report, lambda: draw_applied(report, check))
    return ExitStatus.DONE if report.is_well else ExitStatus.FINDINGS
