"""``lifeboat drill calendar``: what is due when."""

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run


@lifeboat_command("calendar", examples=(("drill calendar", "planned, done, overdue"),))
def command(run: Run) -> ExitStatus:
    """When the next restore, full drill and exercise are due, and how long a restore of everything would take today.

    How often says [drills] in lifeboat.toml. Exit status 3: something is overdue, or would take longer than the objective.
    """
    from lifeboat.cli.show.drill_book import draw_calendar

    with run.lifeboat() as lifeboat:
        found = lifeboat.drill_book().calendar()
    run.show(found, lambda: draw_calendar(found))
    late = any(one.is_overdue(found.now) for one in found.due)
    slow = found.prediction is not None and found.prediction.seconds > found.objective_seconds
    return ExitStatus.FINDINGS if late or slow else ExitStatus.DONE
