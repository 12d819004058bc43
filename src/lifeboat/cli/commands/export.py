"""``lifeboat export``: write a snapshot in a form that needs no Lifeboat."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.restore_words import check_moment
from lifeboat.cli.run import Run


@lifeboat_command(
    "export",
    examples=(
        ("export db shop.archive", "for `mongorestore --archive=shop.archive`"),
        ("export db dump --format mongodump-dir", "for `mongorestore dump`"),
        ("export 3f2a91c0 --ns shop.users users.archive", "one collection of that snapshot"),
        ("export db then.archive --at '10 minutes ago'", "any moment that the archive covers"),
        ("export files uploads.tar.gz --gzip", "for `tar xf uploads.tar.gz`"),
        ("export db - | mongorestore --archive", "through a pipe, nothing on a disk"),
    ),
)
@click.argument("snapshot")
@click.argument("out")
@click.option(
    "--format",
    "form",
    type=click.Choice(["mongodump-archive", "mongodump-dir", "tar"]),
    metavar="FORMAT",
    help="mongodump-archive (else for a database), mongodump-dir, or tar (files).",
)
@click.option("--ns", "namespaces", multiple=True, metavar="DB.COLL", help="Only this collection, or this database.")
@click.option("--at", metavar="TIME", help="The database as of this instant, as `lifeboat restore --at` takes it.")
@click.option("--before-op", metavar="OP", help="The database as of just before this operation.")
@click.option("--gzip", "compress", is_flag=True, help="Compressed; tell mongorestore --gzip too.")
@click.option("--users/--no-users", "with_users", default=True, show_default=True, help="Users and roles.")
@click.option(
    "--without-erasures", is_flag=True, help="Take along also what was erased since; it stands in the audit log."
)
def command(
    run: Run,
    snapshot: str,
    out: str,
    form: str | None,
    namespaces: tuple[str, ...],
    compress: bool,
    with_users: bool,
    at: str | None,
    before_op: str | None,
    without_erasures: bool,
) -> ExitStatus:
    """Write SNAPSHOT to OUT as mongodump or tar would have written it.

    SNAPSHOT is an id, latest, or db, files or config for the newest of those. OUT must not exist yet; - is standard
    output. What comes out is readable by anybody: it is not encrypted any more.
    """
    from lifeboat.cli.show.export import draw_exported

    to_pipe = out == "-"
    if to_pipe and (run.json or run.at_terminal):
        raise click.UsageError("an export to - goes into a pipe or a file, without --json")
    if (at or before_op) and snapshot != "db":
        raise click.UsageError("--at and --before-op go with the database: lifeboat export db OUT --at TIME")
    check_moment("latest", {"at": at, "before_op": before_op})
    run.when_stopped = "the export is not finished; nothing stored was changed"
    with run.lifeboat() as lifeboat:
        report = lifeboat.export(
            snapshot,
            form,
            out,
            namespaces=namespaces,
            with_users=with_users,
            compress=compress,
            at=at,
            before_op=before_op,
            without_erasures=without_erasures,
        )
    if not to_pipe:
        run.show(report, lambda: draw_exported(report, compress, run.clock.now()))
    return ExitStatus.DONE
