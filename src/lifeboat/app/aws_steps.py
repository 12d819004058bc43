"""What a list of steps at AWS amounts to: looked at, or carried out.

Limits: who is asked before, and what is printed, stands in ``cli/arranging.py``.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from lifeboat.cloud.steps import State, Step, StepReport, carry_out, look_at
from lifeboat.foundation.value import Value

Action = Literal["plan", "check", "apply"]


class StepsReport(Value):
    """How everything stands, or went."""

    subject: str
    """What is arranged: ``"the bucket my-backups"``."""
    action: Action
    steps: tuple[StepReport, ...]
    as_wanted: int
    to_change: int
    """What applying would change."""
    changed: int
    needs_attention: int
    """What is otherwise and is not changed by applying: a right is missing, a person has to do it, it failed."""

    @property
    def is_well(self) -> bool:
        """Whether a check, or what was applied, leaves nothing to do. Advice counts in a check only, when it was found necessary."""
        return not any(counts(one, self.action) for one in self.steps)


def counts(report: StepReport, action: Action) -> bool:
    """Whether this step makes the command end with status 3."""
    if report.is_well:
        return False
    if report.advice:
        return action == "check" and report.state is State.DIFFERS
    # What waits for a step that is only to be made, waits for nothing bad; a step that is in the way counts itself.
    return action != "plan" or not (report.will_change or report.state is State.WAITS)


def plan(steps: Sequence[Step], subject: str, action: Action = "plan") -> StepsReport:
    """Look, and change nothing."""
    return _report(subject, action, look_at(steps))


def check(steps: Sequence[Step], subject: str) -> StepsReport:
    """The same, to be judged: everything that is otherwise counts."""
    return plan(steps, subject, "check")


def apply(steps: Sequence[Step], subject: str, tell: Callable[[StepReport], None] = lambda report: None) -> StepsReport:
    """Change what is otherwise, and look again. Args: tell: called with each step's report as it is done."""
    return _report(subject, "apply", carry_out(steps, tell))


def _report(subject: str, action: Action, reports: Sequence[StepReport]) -> StepsReport:
    well = [one for one in reports if one.state is State.AS_WANTED]
    changed = [one for one in reports if one.state is State.CHANGED]
    to_change = [one for one in reports if one.will_change]
    rest = len(reports) - len(well) - len(changed) - len(to_change)
    return StepsReport(subject, action, tuple(reports), len(well), len(to_change), len(changed), rest)
