"""``lifeboat doctor``: check everything a backup and a restore lean on."""

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command("doctor", examples=(("doctor", "after a change, and when something is odd"),))
def command(run: Run) -> ExitStatus:
    """Check settings, key, repository, database and rights, and try what the store promises.

    Small test objects are written to the repository and taken away again. Exit status 3: something must be put right.
    """
    from lifeboat.cli.show.doctor import draw_diagnosis

    run.when_stopped = "the examination is not finished; nothing of yours was changed"
    with run.lifeboat() as lifeboat:
        findings = lifeboat.doctor()
    run.show({"findings": findings}, lambda: draw_diagnosis(findings))
    return ExitStatus.FINDINGS if any_problem(findings) else ExitStatus.DONE
