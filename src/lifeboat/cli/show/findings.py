"""Findings: how bad, what, why, what it costs, what to do."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, indented, line, text
from lifeboat.foundation.finding import Finding, Level

SHOWN_AT_MOST = 50
HURTS_AT_MOST = 10
_STYLES = {Level.OK: GOOD, Level.WARNING: DOUBTFUL, Level.PROBLEM: BAD}
_WIDTH = len("problem") + 2


def draw_findings(findings: Sequence[Finding], with_good: bool = False) -> list[RenderableType]:
    """The worst first; good ones only where the list itself is the answer."""
    order = (Level.PROBLEM, Level.WARNING, Level.OK) if not with_good else None
    wanted = [one for one in findings if with_good or one.level is not Level.OK]
    if order:
        wanted.sort(key=lambda one: order.index(one.level))
    drawn: list[RenderableType] = []
    for finding in wanted[:SHOWN_AT_MOST]:
        drawn.extend(_draw(finding))
    if len(wanted) > SHOWN_AT_MOST:
        drawn.append(text(f"... and {len(wanted) - SHOWN_AT_MOST:,} more; --json lists them all", FAINT))
    return drawn


def count_findings(findings: Sequence[Finding]) -> Text:
    """``"2 problems, 1 warning, 14 good"``."""
    numbers = {level: sum(one.level is level for one in findings) for level in Level}
    problems, warnings = numbers[Level.PROBLEM], numbers[Level.WARNING]
    parts = [f"{problems:,} problem{'' if problems == 1 else 's'}"] if problems else []
    parts += [f"{warnings:,} warning{'' if warnings == 1 else 's'}"] if warnings else []
    parts += [f"{numbers[Level.OK]:,} good"] if numbers[Level.OK] else []
    worst = BAD if problems else DOUBTFUL if warnings else GOOD
    return text(", ".join(parts) or "nothing was found", worst)


def _draw(finding: Finding) -> list[RenderableType]:
    subject = f"{finding.subject}: " if finding.subject else ""
    head = line((finding.level.value.ljust(_WIDTH), _STYLES[finding.level]), subject, finding.message)
    if finding.level is Level.OK:
        return [_hanging(head)]
    head.append(f" [{finding.code}]", style=FAINT)
    below: list[RenderableType] = [indented(text(f"hurts {one}"), _WIDTH) for one in finding.hurts[:HURTS_AT_MOST]]
    if len(finding.hurts) > HURTS_AT_MOST:
        below.append(indented(text(f"hurts {len(finding.hurts) - HURTS_AT_MOST:,} more", FAINT), _WIDTH))
    if finding.hint:
        below.append(indented(line(("do: ", FAINT), finding.hint), _WIDTH))
    return [_hanging(head), *below]


def _hanging(head: Text) -> RenderableType:
    """The level in a column of its own, so that long sentences stay to its right."""
    from rich.table import Table

    level, sentence = head[:_WIDTH], head[_WIDTH:]
    level.rstrip()
    grid = Table.grid(padding=0)
    grid.add_column(width=_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(level, sentence)
    return grid
