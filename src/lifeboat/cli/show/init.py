"""What init made, and above all: where the key is."""

from rich import box
from rich.console import RenderableType
from rich.panel import Panel

from lifeboat.cli.init_key import ChosenKey
from lifeboat.cli.show.console import BAD, FAINT, GOOD, STRONG, facts, line, next_steps, text, unbroken
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.words import short_id
from lifeboat.operations.reports.checks import InitReport


def draw_initialised(report: InitReport) -> list[RenderableType]:
    rows = [
        ("repository", report.repository),
        ("id", short_id(report.repository_id)),
        ("profile", report.profile),
    ]
    drawn: list[RenderableType] = [line(("the repository is made", GOOD)), "", facts(rows)]
    if shown := draw_findings(tuple(report.findings)):
        drawn += ["", *shown]
    return drawn


def draw_key_kept(chosen: ChosenKey, guarded: bool) -> list[RenderableType]:
    """Say where the key is, as loudly as it deserves."""
    if not chosen.is_new:
        where = chosen.kept_in or chosen.found_in
        drawn: list[RenderableType] = ["", text(f"key: fingerprint {chosen.fingerprint}, from {where}")]
        if guarded and where:
            drawn.append(text("This machine does not need it any more: store it elsewhere and remove it here.", BAD))
        elif not guarded:
            drawn.append(text("Is it stored outside this machine, too? Without it no backup can be read.", FAINT))
        return drawn
    if not chosen.kept_in:
        return ["", text(f"key: fingerprint {chosen.fingerprint}, shown above, not kept on this machine")]
    if guarded:
        words = "Take this file away from this machine now, and keep it in two places. It is not needed here."
    else:
        words = (
            "This file is the only copy of the key. If this machine dies, the key dies with it, and no backup can "
            "ever be read again. Store a copy outside this machine now: a password manager, paper in a safe."
        )
    panel = Panel(text(words), title="the key", border_style=BAD, box=box.ASCII, padding=(0, 1), width=78)
    return ["", panel, "", unbroken(f"key file  {chosen.kept_in}", STRONG)]


def draw_next(guarded: bool = False) -> list[RenderableType]:
    if guarded:
        return _draw_what_each_machine_holds()
    return next_steps(
        ("lifeboat backup all", "the first backup"),
        ("lifeboat doctor", "check everything a backup leans on"),
    )


def _draw_what_each_machine_holds() -> list[RenderableType]:
    """The guarded profile in plain words: who holds what, and what is to be done on the other machine."""
    rows = [
        ("this machine", "the public half of the key and a writer's secret of its own: it backs up, and opens nothing"),
        ("you, elsewhere", "the key, in two places. It alone opens backups, and nobody can make it again"),
        (
            "the keeper",
            "a second machine, yours or a colleague's, that has the key: it restores and proves the backups",
        ),
    ]
    return [
        "",
        facts(rows),
        *next_steps(
            ("lifeboat backup all", "here: the first backup; it needs no key"),
            (
                "lifeboat aws policy writer",
                "here: the rights to leave to this machine, so that it cannot delete either",
            ),
            (
                "lifeboat verify --level full",
                "on the keeper, with LIFEBOAT_KEY_FILE set and the same repository: prove it",
            ),
            ("lifeboat writer add NAME --to FILE", "on the keeper: let another machine back up too"),
        ),
    ]
