"""``lifeboat restore``: bring it back, beside the live data or over it; ``--undo`` goes back."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from lifeboat.cli.ask import confirm, confirm_typing, must_be_confirmed
from lifeboat.cli.bring_back import TIERS, HowToRetrieve, bring_back
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.restore_documents import restore_documents
from lifeboat.cli.restore_words import check_documents, check_request, live_name, note_password
from lifeboat.cli.run import NOTHING_LOST, Run
from lifeboat.cli.shard_options import read_sharing, say_done, shard_options
from lifeboat.foundation.finding import any_problem
from lifeboat.operations.reports.restores import RestorePlanReport, RestoreReport, RestoreRequest

if TYPE_CHECKING:
    from lifeboat.operations.shards import Sharing

STOPPED = f"each live collection is the old one or the new one, whole; {NOTHING_LOST}"


@lifeboat_command(
    "restore",
    examples=(
        ("restore db latest --to shop_copy", "as another database, beside the live one"),
        ("restore db latest --over-live", "replace the live data; the old is kept"),
        ("restore --undo", "go back to what was there before that"),
        ("restore db --to env:STAGING_URI", "to another server"),
        ("restore files 3f2a91c0 --to /srv/restored", "the files, into an empty folder"),
        ("restore files latest contracts/2026/7.pdf --over-live", "one file, or one folder, where it was"),
        ("restore db --over-live --ns shop.users", "one collection"),
        ("restore db --at '10 minutes ago' --to shop_then", "any moment that the archive covers"),
        ("restore db --before-op 1764123456.3 --over-live", "just before a mistake; `timeline --suspects` names it"),
        (
            """restore db --over-live --ns shop.users --filter '{"email": "x@y"}'""",
            "single documents, also --at a moment: look, then put back the chosen",
        ),
    ),
)
@click.argument("what", required=False, type=click.Choice(["all", "db", "files", "config"]))
@click.argument("snapshot", required=False, default="latest")
@click.argument("paths", required=False, nargs=-1)
@click.option("--to", metavar="TARGET", help="A folder, a database's name, a MongoDB URI, or env:VARIABLE naming one.")
@click.option("--over-live", is_flag=True, help="Replace the live data; what is there now is backed up first.")
@click.option(
    "--at",
    metavar="TIME",
    help="As of this instant: 2026-11-26T14:03:27+03:00, '10 minutes ago', newest, or SECONDS.INCREMENT.",
)
@click.option(
    "--before-op", metavar="OP", help="As of just before this operation, which `lifeboat timeline --suspects` names."
)
@click.option("--ns", "namespaces", multiple=True, metavar="DB.COLL", help="Only this collection; DB.* for all of one.")
@click.option(
    "--rename", "renames", multiple=True, metavar="FROM=TO", help="Under another name: shop.a=shop.b, shop=x."
)
@click.option(
    "--filter",
    "wanted",
    metavar="QUERY",
    help="Only documents that fit this MongoDB filter; @FILE reads it from a file.",
)
@click.option(
    "--only",
    type=click.Choice(["gone", "changed", "all"]),
    help="With --filter: which of those that differ from live; else both.",
)
@click.option("--bypass-validators", is_flag=True, help="With --filter: put back what the validator would refuse.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files that match.")
@click.option(
    "--compare",
    type=click.Choice(["full", "counts"]),
    default="full",
    show_default=True,
    help="How what landed is compared, before anything live is touched.",
)
@click.option("--users/--no-users", "with_users", default=None, help="Users and roles; else with --over-live only.")
@click.option("--tier", type=click.Choice(TIERS), help="From archive classes: how fast, and how dear; else it asks.")
@click.option("--wait/--no-wait", default=None, help="Wait for archive classes; else only at a terminal.")
@click.option("--dry-run", is_flag=True, help="Show what would be done and stop.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--resume/--no-resume", default=True, show_default=True, help="Go on from a restore that was stopped, or waited."
)
@click.option(
    "--without-erasures",
    is_flag=True,
    help="Bring back also people who were erased since: if the ledger cannot be read. It stands in the audit log.",
)
@click.option("--undo", is_flag=True, help="Go back to what the last --over-live replaced.")
@shard_options
def command(
    run: Run,
    what: str | None,
    snapshot: str,
    paths: tuple[str, ...],
    to: str | None,
    over_live: bool,
    renames: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    resume: bool,
    undo: bool,
    wanted: str | None,
    only: str | None,
    bypass_validators: bool,
    tier: str | None,
    wait: bool | None,
    shard: str | None,
    shard_run: str | None,
    shard_wait: str | None,
    **chosen: object,
) -> ExitStatus:
    """Bring back the database, the files, the configuration, or all, as of SNAPSHOT (else the latest) or of any moment (--at);
    of files, only PATHS if some are named.

    It needs a target: --to somewhere else, or --over-live. Everything lands beside the live data and is compared; only
    then is it swapped in, collection by collection, or file by file.

    With --shard several processes share a restore of files --to a new place; the last one waits for the others and
    finishes the tree. Name the snapshot: the latest may be another one for the next process.
    """
    from lifeboat.cli.show.restore import draw_plan

    sharing = read_sharing(shard, shard_run, shard_wait, run.environment)
    if sharing is not None and (what != "files" or to is None or over_live or undo or dry_run or wanted or tier):
        raise click.UsageError(
            "--shard shares out `restore files SNAPSHOT --to DIRECTORY`, and nothing else of restore"
        )
    if undo:
        others = [
            what,
            paths,
            to,
            over_live,
            renames,
            dry_run,
            wanted,
            *(chosen[name] for name in ("at", "before_op", "namespaces", "include", "exclude")),
        ]
        alone = not any(others) and chosen["with_users"] is None
        return _undo(run, yes, alone=alone, without_erasures=bool(chosen["without_erasures"]))
    if wanted is not None:
        asked = check_documents(run.folder, what, snapshot, to, over_live, wanted, renames, {**chosen, "paths": paths})
        note_password(run, "db", to)
        if tier is not None or wait is not None:
            raise click.UsageError("with --filter nothing is brought back from archive classes: `lifeboat retrieve`")
        return restore_documents(run, asked, only, bypass_validators=bypass_validators, dry_run=dry_run, yes=yes)
    if only or bypass_validators:
        raise click.UsageError("--only and --bypass-validators go with --filter")
    request = check_request(what, snapshot, to, over_live, renames, {**chosen, "paths": paths})
    if sharing is not None:
        return _shared(run, request, sharing)
    request = _pinned(request, run)
    note_password(run, request.source, to)
    # Beside the live data nothing is harmed: where nobody can be asked, nobody has to be.
    asks = not dry_run and (must_be_confirmed(run, yes) if request.over_live else run.asks and not yes)
    with run.lifeboat() as lifeboat:
        plan = lifeboat.plan_restore(request)
    if plan.retrieval is not None and not dry_run:
        ended = _retrieve(run, request, plan, HowToRetrieve(tier, wait, yes))
        if ended is not None:
            return ended
        with run.lifeboat() as lifeboat:
            plan = lifeboat.plan_restore(request)
    if plan.point is not None and request.at is not None:
        # The newest of now, not of when the question is answered.
        _, at, name = request.at.partition("@")
        request = replace(request, at=f"{plan.point.cluster_time}{at}{name}")
    if dry_run:
        run.show(plan, lambda: draw_plan(plan, run.clock.now()))
        return ExitStatus.FINDINGS if any_problem(plan.findings) else ExitStatus.DONE
    if not run.json and not run.quiet:
        run.draw(*draw_plan(plan, run.clock.now()), "")
    # Who would only be refused is not asked first. Over live data somebody is always asked.
    if asks and (request.over_live or all(finding.code != "target-not-empty" for finding in plan.findings)):
        _ask(run, request, plan)
    run.when_stopped = STOPPED
    with run.lifeboat() as lifeboat:
        return _finish(run, lifeboat.restore(request, resume=resume), with_origin=False)


def _shared(run: Run, request: RestoreRequest, sharing: "Sharing") -> ExitStatus:
    from lifeboat.operations.shards import ShardDone

    run.when_stopped = STOPPED
    with run.lifeboat() as lifeboat:
        report = lifeboat.restore_shared(request, sharing)
    if isinstance(report, ShardDone):
        done = report
        run.show(done, lambda: say_done(done))
        return ExitStatus.DONE
    return _finish(run, report, with_origin=False)


def _retrieve(run: Run, request: RestoreRequest, plan: RestorePlanReport, how: HowToRetrieve) -> ExitStatus | None:
    """Bring back what lies in archive classes; None when all can be read and the restore goes on."""
    from lifeboat.cli.show.restore import draw_plan

    assert plan.retrieval is not None
    if not run.json and not run.quiet:
        run.draw(*draw_plan(plan, run.clock.now()), "")
    with run.lifeboat(shows_itself=True) as lifeboat:
        return bring_back(run, lifeboat.retrieval(request), plan.retrieval, how)


def _pinned(request: RestoreRequest, run: Run) -> RestoreRequest:
    """``10 minutes ago`` is ten minutes before now, however long somebody looks at the plan: it must not slide into the disaster."""
    from lifeboat.operations.moments import pinned

    return request if request.at is None else replace(request, at=pinned(request.at, run.clock.now()))


def _ask(run: Run, request: RestoreRequest, plan: RestorePlanReport) -> None:
    if request.over_live:
        name = live_name(plan)
        confirm_typing(run, name, f"This replaces live data of {name}.")
    else:
        confirm(run, "Go on?")


def _undo(run: Run, yes: bool, *, alone: bool, without_erasures: bool) -> ExitStatus:
    if not alone:
        # A --dry-run that was not dry would be the worst of all surprises.
        raise click.UsageError(
            "--undo stands alone (with --yes, --without-erasures): it goes back to what the last --over-live replaced"
        )
    if must_be_confirmed(run, yes, "say --yes to have it done without a question"):
        confirm(run, "This replaces the live data with what was there before the last restore. Go on?")
    run.when_stopped = STOPPED
    with run.lifeboat() as lifeboat:
        return _finish(run, lifeboat.undo_restore(without_erasures=without_erasures), with_origin=True)


def _finish(run: Run, report: RestoreReport, with_origin: bool) -> ExitStatus:
    from lifeboat.cli.show.restore import draw_restored

    run.show(report, lambda: draw_restored(report, run.clock.now(), with_origin))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE
