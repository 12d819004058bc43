"""A compliance report at a terminal: the matrix, and the gaps with what closes them."""

from rich.console import RenderableType

from lifeboat.app.complying import BundleCheck, ComplianceReport
from lifeboat.cli.show.console import BAD, DOUBTFUL, GOOD, STRONG, columns, facts, indented, line, next_steps, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.foundation.finding import any_problem


def draw_report(report: ComplianceReport) -> list[RenderableType]:
    table = columns("article", "subject", "evidence", "gaps", right=("evidence", "gaps"), fold=("article", "subject"))
    for one in report.articles:
        table.add_row(
            text(one.article),
            text(one.title),
            str(len(one.evidence)),
            text(str(len(one.gaps)), DOUBTFUL if one.gaps else ""),
        )
    gaps = dict.fromkeys(gap for one in report.articles for gap in one.gaps)
    drawn: list[RenderableType] = [table, ""]
    if gaps:
        drawn.append(line(("Gaps that can be closed from here", STRONG)))
        drawn += [indented(text(f"- {one}"), 2) for one in gaps]
        drawn.append("")
    drawn.append(text("What cannot be seen from here stands in the report. It is no verdict, and no legal advice."))
    drawn += draw_findings(report.findings)
    signed = "not signed" if report.signed_by is None else f"signed by {report.signed_by}"
    rows = [("bundle", report.file), ("files", f"{report.files:,}, {signed}"), ("sha256", report.sha256)]
    drawn += ["", facts(rows)]
    return drawn + next_steps((f"lifeboat report compliance --check {report.file}", "is it as it was made?"))


def draw_checked(found: BundleCheck) -> list[RenderableType]:
    if any_problem(found.findings):
        return [line(("not as it was made", BAD), f": {found.file}"), *draw_findings(found.findings)]
    return [line(("as it was made", GOOD), f": {found.files:,} files, signed by {found.signed_by}")]
