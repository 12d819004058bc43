"""``lifeboat audit``: who did what, from where, with which result; and whether that record is as it was written."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem

LISTED_AT_TERMINAL = 50


@lifeboat_command(
    "audit",
    examples=(
        ("audit verify", "was the record changed, reordered or shortened?"),
        ("audit query --since '7 days ago' --act restore", "who restored what this week"),
        ("audit query --who anna --json", "for a program"),
        ("audit export audit.jsonl", "for an auditor: checked without Lifeboat, docs/format.md section 16"),
    ),
)
@click.argument("action", type=click.Choice(["verify", "query", "export"]))
@click.argument("file", required=False)
@click.option("--since", metavar="TIME", help="A date, or an instant as `lifeboat restore --at` takes it.")
@click.option("--who", metavar="NAME", help="query: part of a user's, machine's or address's name.")
@click.option("--act", metavar="COMMAND", help="query: a command, such as restore or 'backup db'.")
@click.option("--all", "everything", is_flag=True, help=f"query: all of it, not only the newest {LISTED_AT_TERMINAL}.")
def command(
    run: Run, action: str, file: str | None, since: str | None, who: str | None, act: str | None, everything: bool
) -> ExitStatus:
    """Show the record of all acts, check it, or hand it over.

    Every command that changes something or reads content leaves two entries in a chain of hashes in the state folder, and is anchored
    in the repository when it ends. With the key of the keeper the anchors of all machines are shown and checked.

    verify --since passes over what was wrong before: once somebody has looked into it.

    Exit status 3: verify found entries or anchors that were changed, moved, removed or put there; each is named.
    """
    if (action == "export") != (file is not None):
        raise click.UsageError(
            "`lifeboat audit export FILE`: export takes a FILE, - for standard output; nothing else does"
        )
    if action != "query" and (who is not None or act is not None or everything):
        raise click.UsageError("--who, --act and --all go with `lifeboat audit query`")
    if action == "verify":
        return _verify(run, since)
    if file is not None:
        return _export(run, file, since)
    from lifeboat.cli.show.audit import draw_rows

    with run.lifeboat() as lifeboat:
        found = lifeboat.audit(since, who, act)
    shown = found.entries if everything or not run.at_terminal else found.entries[-LISTED_AT_TERMINAL:]
    run.show(found, lambda: draw_rows(shown, len(found.entries) - len(shown), found.findings, run.clock.now()))
    return ExitStatus.DONE


def _verify(run: Run, since: str | None) -> ExitStatus:
    from lifeboat.cli.show.audit import draw_verified

    with run.lifeboat() as lifeboat:
        report = lifeboat.verify_audit(since)
    run.show(report, lambda: draw_verified(report, run.clock.now()))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE


def _export(run: Run, file: str, since: str | None) -> ExitStatus:
    from lifeboat.cli.show.audit import draw_exported

    if since is not None:
        raise click.UsageError("export writes all of it: a chain without its beginning cannot be checked")
    with run.lifeboat() as lifeboat:
        exported = lifeboat.export_audit(file)
    if file != "-":
        run.show(exported, lambda: draw_exported(exported))
    return ExitStatus.DONE
