"""Costs for people: what is paid now, a picture of the months, a table of the years, and what would change most."""

from collections.abc import Sequence
from itertools import pairwise

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, FAINT, GOOD, STRONG, columns, facts, line, next_steps, text, unbroken
from lifeboat.foundation.sizes import show_bytes
from lifeboat.foundation.value import Value
from lifeboat.operations.cost.report import CostMonth, CostReport, GrowthRow

ROWS = 8
WIDEST = 100
BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:-=+*%#"
"""Of a cell, from nothing to full."""
NAMES = {
    "versions": "older versions",
    "overhead": "small and archived objects' extra",
    "early": "minimum durations",
    "moves": "moves by age rules",
    "reads": "reading to verify",
}


class Drawn(Value):
    """How it is drawn. Args: blocks: False: ASCII alone. typed: the command, for one more option behind it."""

    width: int
    blocks: bool
    monthly: bool = False
    compare: bool = False
    typed: str = "lifeboat cost"


def draw_cost(report: CostReport, how: Drawn) -> list[RenderableType]:
    months = report.policy.months
    drawn: list[RenderableType] = [_head(report), ""]
    drawn += _picture(months, report.budget, how)
    drawn += ["", _months(months) if how.monthly else _years(months)]
    if not how.monthly:
        drawn += ["", _lines(months[-1])]
    if how.compare and report.others:
        drawn += ["", _compared(report)]
    drawn += ["", line(("biggest lever", STRONG), f": {report.lever}"), "", _budget(report)]
    for one in report.assumed:
        drawn.append(text(one, FAINT))
    drawn.append(text(f"not counted: {', '.join(report.not_counted)}", FAINT))
    return drawn + _next(report, how)


def money(dollars: float) -> str:
    """``"$0.0031"``, ``"$4.88"``, ``"$12,345"``."""
    if 0 < dollars < 0.00005:
        return "<$0.0001"
    if 0 < dollars < 0.01:
        return f"${dollars:.4f}"
    return f"${dollars:,.2f}" if dollars < 1000 else f"${dollars:,.0f}"


def _head(report: CostReport) -> RenderableType:
    rows: list[tuple[str, str]] = [("of", report.subject)] if report.now is not None else []
    if report.now is not None:
        held = ", ".join(f"{_size(gb)} in {name}" for name, gb in report.now.gb.items()) or "nothing"
        old = sum((report.now.versions_gb or {}).values())
        held += f", and {_size(old)} in older versions" if old else ""
        rows.append(("stored now", f"{money(report.now.dollars)} a month: {held}"))
    first, last = report.policy.months[0], report.policy.months[-1]
    rows += [
        ("this month", money(first.dollars) if report.now is None else f"{money(first.dollars)}, requests and all"),
        (f"month {last.month}", money(last.dollars)),
        ("age rules", f"{report.policy.name}: {report.policy.words}"),
        ("prices", report.prices),
        ("goes on", report.basis),
    ]
    for one in report.growth:
        rows.append((f"  {one.what}", _growth(one)))
    return facts(rows)


def _growth(row: GrowthRow) -> str:
    new = f"{show_bytes(row.day_bytes)} new a day"
    if row.what == "uploads":
        return new
    if row.what == "archive":
        return f"{new} in {row.runs_a_day:,.0f} segments"
    grows = f", {show_bytes(row.grows_day)} larger each day" if row.grows_day else ""
    return f"a full of {show_bytes(row.full_bytes)}, {new}{grows}, {row.runs_a_day:.3g} runs a day"


def _picture(months: Sequence[CostMonth], budget: float, how: Drawn) -> list[RenderableType]:
    """Dollars over time: one column is one month or several, or one month several columns; the budget is a dashed line."""
    room = max(min(how.width, WIDEST) - 11, 20)
    values = [one.dollars for one in months]
    wide = max(room // len(values), 1)
    shown = [value for value in values for _ in range(wide)] if len(values) * wide <= room else _thinned(values, room)
    top = max(*shown, 0.01)
    near = budget <= top * 1.25
    top = max(top, budget) if near else top
    signs = BLOCKS if how.blocks else ASCII
    drawn: list[RenderableType] = []
    at_budget = min(int(budget / top * ROWS), ROWS - 1) if near else None
    for row in range(ROWS - 1, -1, -1):
        cells = [min(max(value / top * ROWS - row, 0.0), 1.0) for value in shown]
        drawn_cells = "".join(signs[round(cell * (len(signs) - 1))] for cell in cells)
        if row == at_budget:
            drawn_cells = "".join(("╌" if how.blocks else "~") if one == " " else one for one in drawn_cells)
        label = money(top * (row + 1) / ROWS) if row in (ROWS - 1, ROWS // 2 - 1) else ""
        if row == at_budget and label == "":
            label = "budget"
        one = unbroken(f"{label:>9} " + ("│" if how.blocks else "|"), FAINT)
        drawn.append(one.append(drawn_cells.rstrip(), style=BAD if row == at_budget else GOOD))
    first, last = f"{months[0].begins:%Y-%m}", f"{months[-1].begins:%Y-%m}"
    drawn.append(unbroken(" " * 11 + first + last.rjust(max(len(shown) - len(first), len(last) + 1)), FAINT))
    return drawn


def _thinned(values: Sequence[float], room: int) -> list[float]:
    """As many as there is room for, each the highest of those that it stands for."""
    edges = [round(len(values) * one / room) for one in range(room + 1)]
    return [max(values[begin:end]) for begin, end in pairwise(edges) if end > begin]


def _years(months: Sequence[CostMonth]) -> RenderableType:
    table = columns(
        "year",
        "until",
        "a month",
        "at its end",
        "in all",
        "stored",
        right=("a month", "at its end", "in all", "stored"),
    )
    for number, first in enumerate(range(0, len(months), 12), start=1):
        of_year = months[first : first + 12]
        total = sum(one.dollars for one in of_year)
        short = "" if len(of_year) == 12 else f" ({len(of_year)} months)"
        table.add_row(
            f"{number}{short}",
            f"{of_year[-1].begins:%Y-%m}",
            money(total / len(of_year)),
            money(of_year[-1].dollars),
            money(total),
            _size(of_year[-1].all_gb),
        )
    return table


def _months(months: Sequence[CostMonth]) -> RenderableType:
    table = columns(
        "month", "begins", "dollars", "stored", "of that", right=("month", "dollars", "stored"), fold=("of that",)
    )
    for one in months:
        said = ", ".join(f"{NAMES.get(name, name)} {money(dollars)}" for name, dollars in one.lines.items())
        table.add_row(str(one.month), f"{one.begins:%Y-%m-%d}", money(one.dollars), _size(one.all_gb), said)
    return table


def _lines(month: CostMonth) -> RenderableType:
    table = columns(f"month {month.month}, by line", "dollars", "stored", right=("dollars", "stored"))
    for name, dollars in sorted(month.lines.items(), key=lambda pair: -pair[1]):
        table.add_row(NAMES.get(name, name), money(dollars), _size(month.gb[name]) if name in month.gb else "")
    return table


def _compared(report: CostReport) -> RenderableType:
    last = report.policy.months[-1].month
    table = columns(
        "age rules",
        f"month {last}",
        f"all {last} months",
        "what they do",
        right=(f"month {last}", f"all {last} months"),
        fold=("what they do",),
    )
    for one in sorted((report.policy, *report.others), key=lambda one: one.last):
        table.add_row(one.name, money(one.last), money(one.total), one.words)
    return table


def _budget(report: CostReport) -> RenderableType:
    if report.over_budget is None:
        return line(
            ("within the budget", GOOD),
            f" of {money(report.budget)} a month for all {len(report.policy.months)} months",
        )
    begins = report.policy.months[report.over_budget - 1].begins
    return line(
        ("above the budget", BAD),
        f" of {money(report.budget)} a month from month {report.over_budget} on ({begins:%Y-%m})",
    )


def _size(gb: float) -> str:
    return show_bytes(gb * 1024**3)


def _next(report: CostReport, how: Drawn) -> list[RenderableType]:
    steps = [] if how.compare else [(f"{how.typed} --compare", "the same under other age rules")]
    if report.over_budget is not None and report.now is not None:
        steps.append(("lifeboat prune --dry-run", "what could go; [retention] says how much is kept"))
    elif report.now is None:
        steps.append(("lifeboat cost", "of what is really stored"))
    if not how.monthly:
        steps.append((f"{how.typed} --monthly", "every month, line by line"))
    return next_steps(*steps) if steps else []
