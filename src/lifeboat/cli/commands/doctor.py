"""``lifeboat doctor``: check everything a backup and a restore lean on."""

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import Level


@lifeboat_command(
    "doctor",
    examples=(
        ("doctor", "after a change, and when something is odd"),
        ("doctor --role backup", "the database role a backup needs, to paste into mongosh"),
    ),
)
@click.option(
    "--role",
    type=click.Choice(["backup", "restore", "users"]),
    help="Check nothing; print the role and user for this, to paste into mongosh.",
)
def command(run: Run, role: str | None) -> ExitStatus:
    """Check settings, keys, store, database, rights, files, schedule: each by its name, with what to do about it.

    Small test objects are written to the repository and taken away again. Exit status 3: something must be mended.
    """
    if role:
        return _print_role(run, role)
    from lifeboat.cli.show.doctor import draw_diagnosis

    run.when_stopped = "the examination is not finished; nothing of yours was changed"
    with run.lifeboat() as lifeboat:
        results = lifeboat.doctor()
    levels = [result.level for result in results]
    report = {
        "checks": results,
        "good": levels.count(Level.OK),
        "to_look_at": levels.count(Level.WARNING),
        "to_mend": levels.count(Level.PROBLEM),
        "findings": [finding for result in results for finding in result.findings or ()],
    }
    run.show(report, lambda: draw_diagnosis(results))
    return ExitStatus.FINDINGS if Level.PROBLEM in levels else ExitStatus.DONE


def _print_role(run: Run, role: str) -> ExitStatus:
    from lifeboat.sources.mongodb.connect import database_of
    from lifeboat.sources.mongodb.rights import role_in_mongosh

    settings = run.settings()
    named = database_of(settings.mongodb.uri) if settings.mongodb.uri else None
    databases = list(settings.mongodb.databases) or ([named] if named else None)
    words = role_in_mongosh(role, databases)
    if run.json:
        run.show({"role": role, "databases": databases, "mongosh": words}, list)
    else:
        run.write(run.out, f"{words}\n")
    return ExitStatus.DONE
