"""Every check, with what it found."""

from collections.abc import Sequence

from rich.console import RenderableType

from lifeboat.cli.show.console import next_steps
from lifeboat.cli.show.findings import count_findings, draw_findings
from lifeboat.foundation.finding import Finding, any_problem


def draw_diagnosis(findings: Sequence[Finding]) -> list[RenderableType]:
    drawn: list[RenderableType] = [*draw_findings(findings, with_good=True), "", count_findings(findings)]
    if any_problem(findings):
        return drawn + next_steps(("lifeboat doctor", "again, when that is put right"))
    return drawn + next_steps(("lifeboat backup all", "take a backup"))
