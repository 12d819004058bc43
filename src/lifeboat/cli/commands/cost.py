"""``lifeboat cost``: what the copies cost now, and month by month; what if they were others, or the age rules were."""

import csv
import io
import shlex
from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import LINE_IN_A_PIPE, Run

WIDTH_IN_A_PIPE = 80
GIGABYTES = click.FloatRange(0, 1e9)


@lifeboat_command(
    "cost",
    examples=(
        ("cost", "now, and seven years on, from what is really stored"),
        ("cost --gb-a-day 1", "what if 1 GB were uploaded every day, and all of it kept?"),
        ("cost --db-gb 20 --files-gb 200 --change-percent 1", "what if backups were of this size?"),
        ("cost --policy cheapest --compare", "the same under other age rules"),
        ("cost --monthly --months 24", "every month, line by line"),
        ("cost --csv > cost.csv", "for a spreadsheet"),
    ),
)
@click.option("--months", type=click.IntRange(1, 360), default=84, show_default=True, help="How far to look ahead.")
@click.option(
    "--gb-a-day", "day_gb", type=GIGABYTES, metavar="N", help="What if: N GB a day, kept as the age rules say."
)
@click.option("--db-gb", type=GIGABYTES, metavar="N", help="What if: a database of N GB, compressed.")
@click.option("--files-gb", type=GIGABYTES, metavar="N", help="What if: N GB of files, compressed.")
@click.option(
    "--change-percent", type=click.FloatRange(0, 100), metavar="N", help="With them: changed each day; 2 if not said."
)
@click.option("--policy", metavar="NAME", help="Age rules: mission, hours, cheapest, off, or a file of S3's JSON.")
@click.option(
    "--prices", type=click.Path(path_type=Path), metavar="FILE", help="Prices that win over those that come along."
)
@click.option("--outside", is_flag=True, help="Who verifies is not in AWS: downloads are billed.")
@click.option("--compare", is_flag=True, help="Show what all sets of age rules cost.")
@click.option("--monthly", is_flag=True, help="Show every month, line by line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print every month as CSV.")
def command(
    run: Run,
    months: int,
    day_gb: float | None,
    db_gb: float | None,
    files_gb: float | None,
    change_percent: float | None,
    policy: str | None,
    prices: Path | None,
    outside: bool,
    compare: bool,
    monthly: bool,
    as_csv: bool,
) -> ExitStatus:
    """Tell what the copies cost now, and project it month by month.

    It goes on what lies in the repository, what backups stored lately, [retention], the bucket's age rules and the prices of
    S3. With --gb-a-day, --db-gb or --files-gb it needs no repository.

    A GB is 2^30 bytes, as on the bill; a month is 30.4 days.
    """
    if day_gb is not None and (db_gb is not None or files_gb is not None):
        raise click.UsageError("--gb-a-day says all there is: leave --db-gb and --files-gb out")
    if change_percent is not None and db_gb is None and files_gb is None:
        raise click.UsageError("--change-percent goes with --db-gb or --files-gb")
    if as_csv and (run.json or monthly or compare):
        raise click.UsageError("--csv stands alone: without --json, --monthly, --compare")
    from lifeboat.app.costing import YEAR, Costing, CostRequest
    from lifeboat.cli.show.cost import Drawn, draw_cost

    change = 2.0 if change_percent is None else change_percent
    request = CostRequest(months, day_gb, db_gb, files_gb, change, policy, True, prices, outside)
    costing = Costing(run.settings(), run.clock)
    report = costing.report(request)
    if months >= YEAR and request == CostRequest(months=months):
        costing.remember(report)
    if as_csv:
        run.report = report
        run.write(run.out, _csv(report.policy.months))
        return ExitStatus.DONE
    width = run.width(run.out)
    drawn = Drawn(
        width if width < LINE_IN_A_PIPE else WIDTH_IN_A_PIPE, _shows_blocks(run), monthly, compare, _typed(run)
    )
    run.show(report, lambda: draw_cost(report, drawn))
    return ExitStatus.DONE


def _csv(months: "object") -> str:
    from lifeboat.operations.cost.report import CostMonth

    rows: tuple[CostMonth, ...] = months  # type: ignore[assignment]
    lines = sorted({name for row in rows for name in row.lines})
    classes = sorted({name for row in rows for name in row.gb})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["month", "begins", "dollars", *lines, *(f"gb {name}" for name in classes)])
    for row in rows:
        dollars = [f"{row.lines.get(name, 0.0):.4f}" for name in lines]
        gb = [f"{row.gb.get(name, 0.0):.3f}" for name in classes]
        writer.writerow([row.month, f"{row.begins:%Y-%m-%d}", f"{row.dollars:.4f}", *dollars, *gb])
    return out.getvalue()


def _typed(run: Run) -> str:
    """The command as it was typed, without what it shows already."""
    words = shlex.join(run.arguments)
    return "lifeboat " + (words if words.isprintable() and words.startswith("cost") else "cost")


def _shows_blocks(run: Run) -> bool:
    encoding = getattr(run.out, "encoding", None) or "utf-8"
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"
