"""``lifeboat diff``: which documents of a collection differ between two instants."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.restore_words import is_one_collection, read_wanted
from lifeboat.cli.run import Run


@lifeboat_command(
    "diff",
    examples=(
        ("diff --ns shop.orders --from '2 hours ago'", "what happened to it since, up to what is live"),
        ("diff --ns shop.orders --from 2026-11-26T14:00Z --to 2026-11-26T14:10Z", "ten minutes"),
        ("diff --ns shop.orders --from 3f2a91c0 --to latest", "between two snapshots"),
        ("""diff --ns shop.users --from '1 day ago' --filter '{role: "admin"}'""", "some documents only"),
    ),
)
@click.option("--ns", "namespace", required=True, metavar="DB.COLL", help="The collection, as it was called then.")
@click.option(
    "--from",
    "since",
    required=True,
    metavar="TIME",
    help="An instant as `lifeboat restore --at` takes it, a snapshot's id, or latest.",
)
@click.option("--to", "until", default="live", show_default=True, metavar="TIME", help="The same, or live.")
@click.option(
    "--filter",
    "wanted",
    metavar="QUERY",
    help="Only documents that fit this MongoDB filter at one of the two; @FILE reads it from a file.",
)
@click.option(
    "--limit",
    type=click.IntRange(0, 100_000),
    default=50,
    show_default=True,
    metavar="N",
    help="How many documents are listed; all are counted.",
)
def command(run: Run, namespace: str, since: str, until: str, wanted: str | None, limit: int) -> ExitStatus:
    """Count and list the documents of a collection that were added, removed or changed between two instants.

    Nothing is changed, and between two stored instants the server is asked only for a filter. To put something back:
    lifeboat restore db --at TIME --ns DB.COLL --filter QUERY.
    """
    from lifeboat.cli.show.diff import draw_diff
    from lifeboat.operations.diff_report import DiffRequest

    if not is_one_collection(namespace):
        raise click.UsageError(f"--ns {namespace} does not name one collection, such as shop.users")
    filter_text = None if wanted is None else read_wanted(run.folder, wanted)
    with run.lifeboat() as lifeboat:
        report = lifeboat.diff(DiffRequest(namespace, since, until, filter_text, limit))
    run.show(report, lambda: draw_diff(report, run.clock.now()))
    return ExitStatus.DONE
