"""Every check, with what it found; then, for each that is not good, what to type."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lifeboat.cli.show.console import (
    BAD,
    DOUBTFUL,
    FAINT,
    GOOD,
    STRONG,
    columns,
    indented,
    line,
    next_steps,
    safe,
    text,
)
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.reports.checks import CheckResult

_STATES = {Level.OK: ("good", GOOD), Level.WARNING: ("look", DOUBTFUL), Level.PROBLEM: ("mend", BAD)}


def draw_diagnosis(results: Sequence[CheckResult]) -> list[RenderableType]:
    table = columns("check", "", "found", fold=("found",))
    for result in results:
        if result.findings is None:
            table.add_row(
                safe(result.title), text("-", FAINT), text(f"not looked at before {result.waits_for} is good", FAINT)
            )
            continue
        rows = _worth_a_row(result.findings)
        for number, finding in enumerate(rows):
            words, style = _STATES[finding.level]
            table.add_row(safe(result.title if not number else ""), text(words, style), safe(_sentence(finding)))
        if not rows:
            table.add_row(safe(result.title), text("good", GOOD), text("nothing to say", FAINT))
    remedies = [one for level in (Level.PROBLEM, Level.WARNING) for one in _remedies(results, level)]
    drawn: list[RenderableType] = [table, *remedies, "", count_checks(results)]
    if any(result.level is Level.PROBLEM for result in results):
        return drawn + next_steps(("lifeboat doctor", "again, when that is mended"))
    return drawn + next_steps(("lifeboat backup all", "take a backup"))


def count_checks(results: Sequence[CheckResult]) -> Text:
    """``"21 good, 2 to look at, 1 to mend"``."""
    number = {level: sum(result.level is level for result in results) for level in Level}
    parts = [f"{number[Level.OK]:,} good"]
    parts += [f"{number[Level.WARNING]:,} to look at"] if number[Level.WARNING] else []
    parts += [f"{number[Level.PROBLEM]:,} to mend"] if number[Level.PROBLEM] else []
    skipped = sum(result.findings is None for result in results)
    parts += [f"{skipped:,} not looked at"] if skipped else []
    worst = BAD if number[Level.PROBLEM] else DOUBTFUL if number[Level.WARNING] else GOOD
    return text(", ".join(parts), worst)


def _worth_a_row(findings: Sequence[Finding]) -> list[Finding]:
    """What is not good, each; what is good, only if there is little of it."""
    bad = [one for one in findings if one.level is not Level.OK]
    good = [one for one in findings if one.level is Level.OK]
    if len(good) <= 3:
        return [*bad, *good]
    whole = Finding(Level.OK, good[0].code, good[0].subject, f"{len(good)} things tried, all as they should be")
    return [*bad, whole]


def _sentence(finding: Finding) -> str:
    return f"{finding.subject}: {finding.message}" if finding.subject else finding.message


def _remedies(results: Sequence[CheckResult], level: Level) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    for result in results:
        for finding in result.findings or ():
            if finding.level is level and finding.hint:
                words, style = _STATES[level]
                drawn += ["", line((f"{words}  ", style), (result.title, STRONG), (f" [{finding.code}]", FAINT))]
                drawn.append(indented(text(finding.hint), 6))
    return drawn
