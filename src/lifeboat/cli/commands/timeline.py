"""``lifeboat timeline``: which moments can be restored; ``--suspects``: what was dropped or deleted, and when."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import LINE_IN_A_PIPE, Run

WIDTH_IN_A_PIPE = 100


@lifeboat_command(
    "timeline",
    examples=(
        ("timeline", "the last seven days: what can be restored, and where the gaps are"),
        (
            "timeline --suspects",
            "what was dropped or deleted in the last day, and its --before-op",
        ),
        ("timeline --suspects --near 2026-11-26T14:00:00+03:00 --within 20min", "around a time"),
        ("timeline --at '10 minutes ago'", "can this moment be restored, and from what?"),
    ),
)
@click.option("--from", "since", metavar="TIME", help="Where the picture begins; else seven days ago.")
@click.option("--to", "until", metavar="TIME", help="Where it ends; else now.")
@click.option("--at", metavar="TIME", help="Say only whether and how this moment can be restored.")
@click.option("--before-op", metavar="OP", help="The same for the moment before this operation.")
@click.option("--suspects", is_flag=True, help="List what somebody may want undone, with its number for --before-op.")
@click.option("--near", metavar="TIME", help="With --suspects: around this time; else the last 24 hours.")
@click.option("--within", metavar="SPAN", help="With --near: so far to both sides; 1h if not said.")
@click.option(
    "--ns", "namespaces", multiple=True, metavar="DB.COLL", help="With --suspects: only this; DB.* for all of one."
)
@click.option(
    "--least", type=click.IntRange(min=1), help="With --suspects: so many deletes or updates are worth a word."
)
@click.option("--writer", metavar="NAME", help="With --suspects: of this machine, where several store their databases.")
def command(
    run: Run,
    since: str | None,
    until: str | None,
    at: str | None,
    before_op: str | None,
    suspects: bool,
    near: str | None,
    within: str | None,
    namespaces: tuple[str, ...],
    least: int | None,
    writer: str | None,
) -> ExitStatus:
    """Show which moments of the database can be restored, from which snapshots, and where the gaps are.

    TIME is written as for `lifeboat restore --at`: ISO 8601 with a zone, or '10 minutes ago'.
    """
    if not suspects and (near or within or namespaces or least or writer):
        raise click.UsageError("--near, --within, --ns, --least and --writer go with --suspects")
    if within and not near:
        raise click.UsageError("--within goes with --near")
    if near and (since or until):
        raise click.UsageError("--near with --within says the window; leave --from and --to out")
    if (at or before_op) and (suspects or since or until):
        raise click.UsageError("--at and --before-op ask for one moment: they stand alone")
    if at and before_op:
        raise click.UsageError("--at and --before-op exclude each other")
    if at or before_op:
        return _moment(run, at, before_op)
    if suspects:
        return _suspects(run, (since, until, near, _seconds(within), namespaces, least, writer))
    from lifeboat.cli.show.timeline import draw_timeline

    with run.lifeboat() as lifeboat:
        report = lifeboat.looking_back().timeline(since, until)
    width = run.width(run.out)
    width = width if width < LINE_IN_A_PIPE else WIDTH_IN_A_PIPE
    run.show(report, lambda: draw_timeline(report, width, _shows_blocks(run)))
    return ExitStatus.DONE


def _moment(run: Run, at: str | None, before_op: str | None) -> ExitStatus:
    from lifeboat.cli.show.suspects import draw_moment

    with run.lifeboat() as lifeboat:
        report = lifeboat.looking_back().moment(at, before_op)
    run.show(report, lambda: draw_moment(report))
    return ExitStatus.DONE


def _suspects(
    run: Run, asked: tuple[str | None, str | None, str | None, float, tuple[str, ...], int | None, str | None]
) -> ExitStatus:
    from lifeboat.cli.show.suspects import draw_suspects

    with run.lifeboat() as lifeboat:
        report = lifeboat.looking_back().suspects(*asked)
    run.show(report, lambda: draw_suspects(report))
    return ExitStatus.DONE


def _seconds(within: str | None) -> float:
    from lifeboat.app.settings_tables import read_span

    try:
        return float(str(read_span(within or "1h")))
    except ValueError as error:
        raise click.UsageError(f"--within {within}: {error}") from error


def _shows_blocks(run: Run) -> bool:
    """Whether what is drawn may hold more than ASCII."""
    encoding = getattr(run.out, "encoding", None) or "utf-8"
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"
