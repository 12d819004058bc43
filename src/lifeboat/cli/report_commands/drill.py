"""``lifeboat report drill``: a drill's report as a page, and whether a copy is what was put down."""

from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "drill",
    examples=(
        ("report drill", "the newest drill, as HTML and JSON in this folder"),
        ("report drill 3f2a91c0 --out /srv/papers", "one of them, elsewhere"),
        ("report drill --check drill-3f2a91c0.html", "was this copy changed?"),
    ),
)
@click.argument("drill", default="")
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Where it is written; else here.")
@click.option(
    "--check", "checked", type=click.Path(path_type=Path), metavar="FILE", help="Hold a copy against the ledger."
)
def command(run: Run, drill: str, out: Path | None, checked: Path | None) -> ExitStatus:
    """Write the report of a drill as a page that prints, and as JSON; the newest, where no id is given.

    Exit status 3, with --check: the copy is not what was put down when the drill ended.
    """
    from lifeboat.app.drill_files import write_report
    from lifeboat.cli.show.drill_book import draw_check, draw_written

    if checked is not None and out is not None:
        raise click.UsageError("--check and --out exclude each other")
    with run.lifeboat() as lifeboat:
        book = lifeboat.drill_book()
        if checked is not None:
            found = book.check(checked, drill)
            run.show(found, lambda: draw_check(found))
            return ExitStatus.DONE if found.is_the_same else ExitStatus.FINDINGS
        report = book.report(drill)
    written = write_report(report, out or run.folder)
    run.show(
        {"drill": report.drill, "files": [str(one) for one in written]}, lambda: draw_written(report.drill, written)
    )
    return ExitStatus.DONE
