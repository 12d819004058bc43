"""``lifeboat import``: what mongodump wrote becomes a snapshot."""

from datetime import datetime

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command(
    "import",
    examples=(
        ("import shop.archive", "of `mongodump --archive=shop.archive`, with --gzip or not"),
        ("import dump", "of `mongodump --out=dump`; also the folder of one database in it"),
        ("import old.archive --taken 2026-03-01T04:00:00+01:00", "where the file's own date says something else"),
        ("mongodump --archive --oplog | lifeboat import -", "through a pipe, nothing on a disk"),
    ),
)
@click.argument("dump")
@click.option(
    "--taken",
    metavar="TIME",
    help="When it was taken, as 2026-03-01T04:00:00Z; else the date of the file. A dump with --oplog says it itself.",
)
def command(run: Run, dump: str, taken: str | None) -> ExitStatus:
    """Take in DUMP, what mongodump wrote, as a snapshot like any other.

    DUMP is an archive, a directory, or - for an archive on standard input; compressed or not. It is read once, to its end,
    and becomes a snapshot only when it is whole: each collection of an archive against its checksum. The oplog of
    `mongodump --oplog` comes along, and a restore replays it: all is then of the instant of its last entry.

    The snapshot counts as no backup: latest never means it, and prune keeps it until `lifeboat snapshots ID --release`.

    Exit status 13: the dump is damaged, cut off or no dump; nothing was stored.
    """
    from lifeboat.cli.show.import_dump import draw_imported

    when = None if taken is None else _moment(taken)
    if dump == "-" and run.input.isatty():
        raise click.UsageError("a dump on standard input comes through a pipe: mongodump --archive | lifeboat import -")
    run.when_stopped = "the dump is not imported; nothing of it is called a snapshot, and the dump itself was only read"
    with run.lifeboat() as lifeboat:
        report = lifeboat.import_dump(dump, when)
    run.show(report, lambda: draw_imported(report))
    return ExitStatus.DONE if report.snapshot.complete else ExitStatus.INCOMPLETE


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.UsageError(f"--taken {text!r} is no time with a zone, as 2026-03-01T04:00:00Z or ...+01:00")
    return moment
