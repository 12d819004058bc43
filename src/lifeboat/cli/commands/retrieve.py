"""``lifeboat retrieve``: bring back what lies in Glacier or Deep Archive, so that it can be read for some days."""

import re

import click

from lifeboat.cli.bring_back import TIERS, HowToRetrieve, bring_back
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.restore_words import check_moment
from lifeboat.cli.run import Run
from lifeboat.operations.reports.restores import RestoreRequest

SOURCES = ("all", "db", "files", "config")


@lifeboat_command(
    "retrieve",
    examples=(
        ("retrieve 3f2a91c0 --dry-run", "how long it takes, and what it costs at each tier"),
        ("retrieve 3f2a91c0 --tier bulk", "ask for all that this snapshot needs, and wait"),
        ("retrieve all", "the newest of database, files and configuration"),
        ("retrieve db --at 2026-03-01T12:00:00+03:00", "what this moment of the database needs"),
        ("retrieve 3f2a91c0 --ns shop.users --only-lists", "first what says where one collection lies"),
    ),
)
@click.argument("what", metavar="SNAPSHOT", required=False, default="all")
@click.option("--at", metavar="TIME", help="What this instant needs, as `lifeboat restore --at` takes it.")
@click.option("--before-op", metavar="OP", help="What the instant just before this operation needs.")
@click.option("--ns", "namespaces", multiple=True, metavar="DB.COLL", help="Only what this collection needs.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only what files that match need.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Nothing that only files that match need.")
@click.option("--only-lists", is_flag=True, help="First what says where a chosen part lies; then again without this.")
@click.option("--tier", type=click.Choice(TIERS), help="How fast, and how dear; else it asks (standard).")
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="How long it can be read then.")
@click.option("--wait/--no-wait", default=None, help="Stay until all is there; else only at a terminal.")
@click.option("--dry-run", is_flag=True, help="Show what it takes and costs, and stop.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(
    run: Run,
    what: str,
    namespaces: tuple[str, ...],
    only_lists: bool,
    tier: str | None,
    days: int,
    wait: bool | None,
    dry_run: bool,
    yes: bool,
    **chosen: object,
) -> ExitStatus:
    """Ask AWS for what lies in an archive class (Glacier, Deep Archive) of SNAPSHOT: an id, latest, or all, db, files, config for
    the newest of those.

    It takes minutes to two days and costs money: both are told first. Stopped or not waited for, it goes on at AWS; the
    same command, or the restore itself, then goes on from there and asks for nothing twice.
    """
    from lifeboat.cli.show.console import GOOD, line
    from lifeboat.cli.show.moments import show_moment
    from lifeboat.cli.show.retrieve import draw_retrieval

    request = _request(what, tuple(one.removesuffix(".*") for one in namespaces), chosen)
    with run.lifeboat(shows_itself=True) as lifeboat:
        retrieval = lifeboat.retrieval(request, days=days, only_lists=only_lists)
        report = retrieval.look()
        if dry_run or report.is_readable:
            run.show(report, lambda: draw_retrieval(report))
            return ExitStatus.DONE
        if not run.json and not run.quiet:
            run.draw(*draw_retrieval(report), "")
        ended = bring_back(run, retrieval, report, HowToRetrieve(tier, wait, yes))
        if ended is not None:
            return ended
        done = retrieval.look()
    until = f" until {show_moment(done.readable_until)} at least" if done.readable_until else ""
    run.show(done, lambda: [line(("readable", GOOD), f": {done.readable:,} objects were brought back{until}")])
    return ExitStatus.DONE


def _request(what: str, namespaces: tuple[str, ...], chosen: dict[str, object]) -> RestoreRequest:
    source, snapshot = (what, "latest") if what in SOURCES else ("", what)
    check_moment(snapshot, chosen)
    if not source and not re.fullmatch(r"latest(@.*)?|[0-9a-fA-F]{1,32}", snapshot):
        raise click.UsageError(f"{snapshot} is no snapshot's id, nor latest, all, db, files or config")
    return RestoreRequest(source, snapshot, namespaces=namespaces, **chosen)  # type: ignore[arg-type]
