"""Steps at AWS: what would change, what did, what is otherwise; each says what it is for where something is to be decided."""

from collections import Counter

from rich.cells import cell_len
from rich.console import RenderableType

from lifeboat.app.aws_steps import Action, StepsReport
from lifeboat.cli.show.console import (
    BAD,
    DOUBTFUL,
    FAINT,
    GOOD,
    STRONG,
    USUAL_COLUMNS,
    indented,
    line,
    next_steps,
    text,
)
from lifeboat.cloud.steps import Difference, State, StepReport

_STATES = {
    State.AS_WANTED: ("good", GOOD),
    State.CHANGED: ("changed", GOOD),
    State.DENIED: ("denied", BAD),
    State.NOT_OFFERED: ("not here", DOUBTFUL),
    State.FAILED: ("failed", BAD),
    State.WAITS: ("waits", FAINT),
}
_DIFFERS: dict[Action, tuple[str, str]] = {
    "plan": ("change", DOUBTFUL),
    "check": ("differs", BAD),
    "apply": ("differs", BAD),
}
_COUNTED = {
    "good": "as wanted",
    "changed": "changed",
    "change": "to change",
    "differs": "otherwise",
    "by hand": "to be done by hand",
    "denied": "denied",
    "not here": "not offered here",
    "failed": "failed",
    "waits": "waiting",
    "unknown": "not to be looked at",
}
_WIDTH = len("not here") + 2


def draw_plan(report: StepsReport, apply: str | None, explain: bool = False) -> list[RenderableType]:
    """Args: apply: what to type to do it; None: it is asked next. explain: give the reason of every step."""
    drawn = _all(report, explain)
    if report.to_change:
        drawn.append(text(f"{_counted(report)}; nothing was changed yet", STRONG))
    else:
        drawn.append(text(f"nothing to change; {_counted(report)}", STRONG if report.needs_attention else GOOD))
    if apply is None:
        return drawn
    steps = [(apply, "do it; it asks first")] if report.to_change else []
    return drawn + (next_steps(*steps) if steps else [])


def draw_checked(report: StepsReport, mend: str, explain: bool = False) -> list[RenderableType]:
    drawn = _all(report, explain)
    drawn.append(text(_counted(report), GOOD if report.is_well else BAD))
    if any(one.will_change for one in report.steps):
        drawn += next_steps((mend, "make it as wanted; it shows what it changes and asks first"))
    return drawn


def draw_applied(report: StepsReport, check: str) -> list[RenderableType]:
    """The end; each step was drawn as it was done."""
    words = _counted(report) if report.changed else f"nothing was to be changed; {_counted(report)}"
    return ["", text(words, GOOD if report.is_well else BAD), *next_steps((check, "whether it is still as wanted"))]


def draw_step(report: StepReport, action: Action, explain: bool = False) -> list[RenderableType]:
    """One step: how it stands, then only what somebody has to know of it."""
    words, style = _mark(report, action)
    head: list[str | tuple[str, str]] = [(words.ljust(_WIDTH), style), (report.title, STRONG)]
    short = report.state in (State.AS_WANTED, State.CHANGED, State.WAITS)
    below: list[tuple[str, str]] = []
    beside = f"  {report.said}" if short and not report.differences and report.said else ""
    if beside and _WIDTH + cell_len(report.title + beside) <= USUAL_COLUMNS:
        head.append((beside, FAINT))
    elif report.said and not report.differences:
        below.append((report.said, FAINT if short else ""))
    elif report.said and report.state not in (State.DIFFERS, State.CHANGED):
        below.append((report.said, ""))
    below += [(_change(one, report.state), "") for one in report.differences]
    if report.why and (explain or report.state not in (State.AS_WANTED, State.CHANGED, State.WAITS)):
        below.append((f"why: {report.why}", FAINT))
    if report.hint:
        below.append((f"do: {report.hint}" if report.by_hand else report.hint, ""))
    return [line(*head), *(indented(text(*one), _WIDTH) for one in below)]


def _all(report: StepsReport, explain: bool) -> list[RenderableType]:
    drawn: list[RenderableType] = [text(report.subject, STRONG), ""]
    for one in report.steps:
        drawn += draw_step(one, report.action, explain)
    return [*drawn, ""]


def _mark(report: StepReport, action: Action) -> tuple[str, str]:
    if report.state is State.DIFFERS and report.by_hand:
        return "by hand", DOUBTFUL if report.advice else BAD
    if report.advice and report.state in (State.DENIED, State.NOT_OFFERED, State.FAILED):
        return "unknown", FAINT
    return _DIFFERS[action] if report.state is State.DIFFERS else _STATES[report.state]


def _change(one: Difference, state: State) -> str:
    if state is State.CHANGED:
        return f"{one.what}: {one.wanted} (was: {one.now})"
    return f"{one.what}: {one.now}, wanted: {one.wanted}"


def _counted(report: StepsReport) -> str:
    """``"9 as wanted, 3 to change, 1 missing right"``."""
    found = Counter(_mark(one, report.action)[0] for one in report.steps)
    return ", ".join(f"{found[mark]} {words}" for mark, words in _COUNTED.items() if found[mark])
