"""``lifeboat restore db --filter``: show what differs from live, ask which of it, put that back."""

from contextlib import ExitStack

import click

from lifeboat.cli.ask import ask_text, confirm, must_be_confirmed
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run
from lifeboat.foundation.finding import any_problem
from lifeboat.operations.reports.documents import DocumentsPlan, DocumentsRequest

STOPPED = (
    "each document is as it was or as it was stored; the same command goes on, and `lifeboat restore --undo` goes back"
)

LONGEST_NUMBERS = 20
"""Characters of ``4-6``: no list has so many rows that a longer one could be meant."""


def restore_documents(
    run: Run, request: DocumentsRequest, only: str | None, *, bypass_validators: bool, dry_run: bool, yes: bool
) -> ExitStatus:
    """Find, show, ask, put back: what was shown and what is written are one look."""
    from lifeboat.cli.show.documents import draw_documents, draw_put_back
    from lifeboat.cli.show.progress import watch

    asks = not dry_run and (must_be_confirmed(run, yes) if request.over_live else run.asks and not yes)
    with ExitStack() as stack:
        with run.lifeboat() as lifeboat:
            found = stack.enter_context(lifeboat.single_documents(request))
        plan = found.plan
        if dry_run:
            run.show(plan, lambda: draw_documents(plan, run.clock.now()))
            return ExitStatus.FINDINGS if any_problem(plan.findings) else ExitStatus.DONE
        if not run.json and not run.quiet:
            run.draw(*draw_documents(plan, run.clock.now()), "")
        numbers = None
        if asks and _differing(plan, request):
            only, numbers = _ask(run, plan, request, only)
        run.when_stopped = STOPPED
        with watch(run) as progress:
            report = found.put_back(only or "all", numbers, bypass_validators=bypass_validators, progress=progress)
    run.show(report, lambda: draw_put_back(report))
    return ExitStatus.FINDINGS if any_problem(report.findings) else ExitStatus.DONE


def _differing(plan: DocumentsPlan, request: DocumentsRequest) -> int:
    return sum(one.gone + (one.changed if request.over_live else 0) for one in plan.collections)


def _ask(
    run: Run, plan: DocumentsPlan, request: DocumentsRequest, only: str | None
) -> tuple[str | None, frozenset[int] | None]:
    """Which of them: all, a kind of them, picked numbers; none ends the command."""
    gone = sum(one.gone for one in plan.collections)
    changed = sum(one.changed for one in plan.collections) if request.over_live else 0
    if only is not None or not request.over_live:
        confirm(run, "Put them back?")
        return only, None
    offered = {"all": f"all ({gone + changed:,})", "none": "none"}
    if gone and changed:
        offered |= {"gone": f"only what is gone ({gone:,})", "changed": f"only what was changed ({changed:,})"}
    said = ", ".join(offered.values())
    while True:
        answer = ask_text(f"Put back {said}, or numbers such as 1 3 4-6?\nall, gone, changed, none or numbers", "none")
        if answer == "none":
            run.when_stopped = "nothing was changed"
            raise click.Abort
        if answer in ("all", "gone", "changed"):
            return answer, None
        numbers = read_numbers(answer)
        known = {row.number for one in plan.collections for row in one.rows if row.number is not None}
        if numbers and numbers <= known:
            return None, numbers
        run.say("that is none of them: type all, gone, changed, none, or numbers of the list")


def read_numbers(text: str) -> frozenset[int]:
    """``"1 3 4-6"`` or with commas; empty when it cannot be read."""
    numbers: set[int] = set()
    for word in text.replace(",", " ").split():
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(word) > LONGEST_NUMBERS:
            return frozenset()
        begin, end = int(first), int(last or first)
        if end - begin > 1_000_000 or len(numbers) > 1_000_000:
            return frozenset()
        numbers |= set(range(begin, end + 1))
    return frozenset(numbers)
