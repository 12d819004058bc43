"""The frame of everything that is arranged at AWS: desired state, compared with what is, shown, carried out, looked at again.

Invariant: what was carried out is believed only after another look. A step that fails does not stop the others, unless they need it.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Protocol

from lifeboat.cloud.errors import CloudDenied, CloudMissing, CloudNotOffered
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value


class State(StrEnum):
    """How a step stands."""

    AS_WANTED = "as-wanted"
    DIFFERS = "differs"
    """It is otherwise, or not there yet."""
    CHANGED = "changed"
    """It was otherwise, and another look found it as wanted."""
    DENIED = "denied"
    """A right is missing to look, or to change it."""
    NOT_OFFERED = "not-offered"
    """The server at this address does not do this: nothing to change, and the promise does not hold."""
    FAILED = "failed"
    """It could not be changed, or was still otherwise afterwards."""
    WAITS = "waits"
    """For a step before it."""


class Difference(Value):
    """One thing that is otherwise. Args: what: in plain words; now, wanted: as people read them, ``"nothing"`` for what is not there."""

    what: str
    now: str
    wanted: str


class Looked(Value):
    """What a look found. Args: said: one sentence on how it stands, when nothing differs; only_by_hand: what a person has to do, where we cannot."""

    differences: tuple[Difference, ...] = ()
    said: str = ""
    only_by_hand: str = ""


class Step(Protocol):
    """One thing to arrange.

    Attributes:
        name: Permanent, as ``"versioning"``.
        title: The same in plain words.
        why: What it is for, and what is lost without it: one sentence.
        after: Names of steps that must be as wanted first.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def after(self) -> tuple[str, ...]: ...

    def look(self) -> Looked:
        """Compare; changes nothing. Raises ``CloudError``."""
        ...

    def carry_out(self) -> None:
        """Make it as wanted; harmless when it is already. Raises ``CloudError``."""
        ...


class StepReport(Value):
    """How one step stands, or went."""

    name: str
    title: str
    why: str
    state: State
    differences: tuple[Difference, ...] = ()
    said: str = ""
    hint: str = ""
    right: str = ""
    """The right that is missing, as policies name it."""
    by_hand: bool = False
    """Only a person can change it; ``hint`` says how."""
    advice: bool = False
    """About the account around it, not what was asked to be arranged: see ``is_advice``."""
    code: str = ""
    """Of the error that stood in the way."""

    @property
    def is_well(self) -> bool:
        return self.state in (State.AS_WANTED, State.CHANGED)

    @property
    def will_change(self) -> bool:
        """Whether carrying it out would change something."""
        return self.state is State.DIFFERS and not self.by_hand


def is_advice(step: Step) -> bool:
    """Whether a step only gives advice: its class says ``is_advice = True``. What it cannot look at makes no command fail."""
    return bool(getattr(step, "is_advice", False))


def look_at(steps: Iterable[Step]) -> list[StepReport]:
    """Compare each, changing nothing. What is still to be made is as good as made: the steps after it are looked at, too."""
    reports: list[StepReport] = []
    for step in steps:
        needed = [one for one in reports if one.name in step.after]
        behind = [one for one in needed if not one.is_well and not one.will_change]
        report = _waiting(step, behind[0]) if behind else _looked(step)
        to_be_made = [one for one in needed if one.will_change]
        if to_be_made and report.code == CloudMissing.code:
            report = _waiting(step, to_be_made[0])
        reports.append(report)
    return reports


def carry_out(steps: Sequence[Step], tell: Callable[[StepReport], None] = lambda report: None) -> list[StepReport]:
    """Make each as wanted that is otherwise, and look again.

    Args:
        tell: Called with each report as it is done.
    """
    reports: list[StepReport] = []
    for step in steps:
        report = _waits(step, reports) or _carried_out(step)
        reports.append(report)
        tell(report)
    return reports


def _waits(step: Step, before: Sequence[StepReport]) -> StepReport | None:
    behind = [one for one in before if one.name in step.after and not one.is_well]
    return _waiting(step, behind[0]) if behind else None


def _waiting(step: Step, behind: StepReport) -> StepReport:
    said = f"waits for: {behind.title}"
    return StepReport(step.name, step.title, step.why, State.WAITS, said=said, advice=is_advice(step))


def _looked(step: Step) -> StepReport:
    try:
        found = step.look()
    except LifeboatError as error:
        return _failed(step, error)
    state = State.DIFFERS if found.differences else State.AS_WANTED
    by_hand = bool(found.differences and found.only_by_hand)
    return StepReport(
        step.name,
        step.title,
        step.why,
        state,
        found.differences,
        found.said,
        found.only_by_hand,
        by_hand=by_hand,
        advice=is_advice(step),
    )


def _carried_out(step: Step) -> StepReport:
    before = _looked(step)
    if before.state is not State.DIFFERS or before.by_hand:
        return before
    try:
        step.carry_out()
    except LifeboatError as error:
        return _failed(step, error, before.differences)
    after = _looked(step)
    if after.state is State.AS_WANTED:
        return StepReport(step.name, step.title, step.why, State.CHANGED, before.differences, after.said)
    if after.state is State.DIFFERS:
        hint = "the server took the change and does not show it; ask again in a minute: `lifeboat aws check`"
        return StepReport(
            step.name, step.title, step.why, State.FAILED, after.differences, "still otherwise after the change", hint
        )
    return after


def _failed(step: Step, error: LifeboatError, differences: tuple[Difference, ...] = ()) -> StepReport:
    state = State.FAILED
    right = ""
    if isinstance(error, CloudDenied):
        state, right = State.DENIED, error.right
    elif isinstance(error, CloudNotOffered):
        state = State.NOT_OFFERED
    return StepReport(
        step.name,
        step.title,
        step.why,
        state,
        differences,
        error.message,
        error.hint,
        right,
        advice=is_advice(step),
        code=error.code,
    )
