"""``lifeboat aws undelete``: bring back what somebody deleted or overwrote in the bucket."""

import click

from lifeboat.cli.ask import confirm, must_be_confirmed
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem


@lifeboat_command(
    "undelete",
    examples=(
        ("aws undelete --dry-run", "what was deleted when, and what of it can be had back"),
        ("aws undelete --since '2 hours ago'", "bring back what was deleted in the last two hours; asks first"),
        ("aws undelete --since 2026-11-26T08:00Z --yes", "since then, without a question"),
    ),
)
@click.option(
    "--since", metavar="TIME", help="Leave alone what was deleted before; as `lifeboat restore --at` takes it."
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would come back; change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
def command(run: Run, since: str | None, dry_run: bool, yes: bool) -> ExitStatus:
    """Bring back what was deleted or overwritten, in a bucket that keeps versions: the answer to a thief who deletes everything.

    Of each object the newest version comes back whose bytes have the hash that its name says; no key is needed. First take the thief's
    rights away. It needs a keeper's rights, and goes on where it was stopped. What prune removed comes back too, unless --since leaves it
    alone, and goes again with the next prune.

    Exit status 3: something could not be brought back, and is named.
    """
    from lifeboat.app.undeleting import Undeleting
    from lifeboat.cli.show.progress import watch
    from lifeboat.cli.show.undelete import draw_undelete

    settings = run.settings()
    asks = not dry_run and must_be_confirmed(run, yes, changes="the bucket")
    run.when_stopped = "nothing was changed" if dry_run else "what came back stays; the same command goes on from there"
    if not dry_run:
        run.note(settings)
    with watch(run) as progress:
        undeleting = Undeleting(settings, run.clock, progress, since)
        report = undeleting.plan()
    if dry_run or not report.objects:
        run.show(report, lambda: draw_undelete(report))
        return ExitStatus.DONE
    if asks:
        run.draw(*draw_undelete(report, asks=True), "")
        confirm(run, f"Bring back {report.objects:,} objects?")
    with watch(run) as progress:
        done = Undeleting(settings, run.clock, progress, since).run()
    run.show(done, lambda: draw_undelete(done))
    return ExitStatus.FINDINGS if any_problem(done.findings) else ExitStatus.DONE
