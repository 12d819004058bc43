"""``lifeboat report compliance``: evidence for an auditor, as a signed bundle."""

from datetime import timedelta
from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "compliance",
    examples=(
        ("report compliance", "look at everything, and write a bundle for the auditor"),
        ("report compliance --days 365 --out audit-2026.zip", "of the last year"),
        ("report compliance --check audit-2026.zip", "is it as it was made, and who signed it?"),
    ),
)
@click.option("--days", type=click.IntRange(1, 3660), default=90, show_default=True, help="The period reported on.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.zip|FOLDER",
    help="Where it is written; else ./compliance-DAY.zip.",
)
@click.option("--check", "checked", type=click.Path(path_type=Path), metavar="FILE.zip", help="Only check a bundle.")
def command(run: Run, days: int, out: Path | None, checked: Path | None) -> ExitStatus:
    """Show, article by article, what supports it and what is missing: PDPL, GDPR, ISO 27001.

    It is evidence with date and source, and never a verdict. The bundle holds the report for people and programs, the facts
    behind it, the record of acts, the drills, hashes and a signature.

    Exit status 3, with --check: a file was changed, added or removed, or the signature is not right. A report with gaps is a
    report: status 0.
    """
    from lifeboat.cli.show.compliance import draw_checked, draw_report

    if checked is not None and out is not None:
        raise click.UsageError("--check and --out exclude each other")
    with run.lifeboat() as lifeboat:
        complying = lifeboat.complying()
        if checked is not None:
            found = complying.check(checked)
            run.show(found, lambda: draw_checked(found))
            return ExitStatus.FINDINGS if any_problem(found.findings) else ExitStatus.DONE
        report = complying.write(out or run.folder, timedelta(days=days))
    run.show(report, lambda: draw_report(report))
    return ExitStatus.DONE
