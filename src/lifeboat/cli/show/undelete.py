"""What was deleted or overwritten in the bucket, hour by hour, and what came back."""

from rich.console import RenderableType

from lifeboat.cli.show.console import DOUBTFUL, FAINT, GOOD, columns, line, next_steps, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.words import count
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.undelete.run import UndeleteReport

HOURS_AT_MOST = 20


def draw_undelete(report: UndeleteReport, *, asks: bool = False) -> list[RenderableType]:
    """For people: the plan, or what was done of it. Args: asks: a question follows, and no next steps."""
    if not report.lost:
        whole = f"{count(report.whole, 'object')} {'is' if report.whole == 1 else 'are'} there"
        return [line(("nothing was deleted", GOOD), f" in {report.place}: {whole}"), *_told(report)]
    drawn: list[RenderableType] = [
        text(f"deleted or overwritten in {report.place}, by the hour of the store's clock, in UTC", FAINT),
        _hours(report),
        "",
    ]
    size = show_bytes(report.bytes)
    if report.dry_run:
        drawn.append(line((f"{count(report.objects, 'object')} can be brought back", DOUBTFUL), f" ({size})"))
        drawn.append(text("prune's removals are among them; --since leaves alone what was hidden before a time", FAINT))
    else:
        drawn.append(
            line((f"{count(report.brought_back, 'object')} brought back", GOOD), f" of {report.objects:,} ({size})")
        )
        if report.by_copy:
            said = "by copying, since delete markers may not be removed with these rights: they take their room twice until the older versions expire"
            drawn.append(text(f"{report.by_copy:,} of them {said}", FAINT))
    return drawn + _told(report) + ([] if asks else _next(report))


def _hours(report: UndeleteReport) -> RenderableType:
    table = columns(
        "hour",
        "deleted",
        "overwritten",
        "size",
        "nothing left of",
        right=("deleted", "overwritten", "size", "nothing left of"),
    )
    shown = report.lost[-HOURS_AT_MOST:]
    if len(report.lost) > len(shown):
        earlier = report.lost[:-HOURS_AT_MOST]
        table.add_row(
            "before",
            f"{sum(one.hidden for one in earlier):,}",
            f"{sum(one.overwritten for one in earlier):,}",
            show_bytes(sum(one.bytes for one in earlier)),
            f"{sum(one.gone for one in earlier):,}",
        )
    for one in shown:
        gone = f"{one.gone:,}" if one.gone else ""
        table.add_row(
            f"{one.hour:%Y-%m-%d %H:00}", f"{one.hidden:,}", f"{one.overwritten:,}", show_bytes(one.bytes), gone
        )
    return table


def _told(report: UndeleteReport) -> list[RenderableType]:
    shown = draw_findings(report.findings)
    return ["", *shown] if shown else []


def _next(report: UndeleteReport) -> list[RenderableType]:
    if report.dry_run:
        return next_steps(
            ("lifeboat aws undelete", "bring it back; it asks first"),
            ("lifeboat aws undelete --since '2 hours ago'", "only what was deleted since"),
        )
    return next_steps(
        ("lifeboat verify --level structure", "is everything there that is needed?"),
        ("lifeboat snapshots", "what can be restored"),
        ("lifeboat aws check", "who could delete, and how that is prevented"),
    )
