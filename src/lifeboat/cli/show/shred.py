"""What dies with the keys of a month, where copies of them lie, and what became of those."""

from rich.console import RenderableType

from lifeboat.app.shredding import ShredReport
from lifeboat.cli.show.console import BAD, FAINT, GOOD, columns, line, next_steps, safe, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.words import count, short_id, typed_source

SHOWN_AT_MOST = 30


def draw_shred(report: ShredReport, *, asks: bool = False) -> list[RenderableType]:
    """For people: the plan, or what was done of it. Args: asks: a question follows, and no next steps."""
    if not report.snapshots and not report.segments and not any(one.objects for one in report.places):
        return [line(("nothing is left to shred", GOOD), f" of {report.generation}")]
    drawn: list[RenderableType] = []
    if report.dry_run:
        many = count(len(report.snapshots), "snapshot")
        drawn += [
            line((f"{many} would never open again", BAD), f", {count(report.data_keys, 'data key')} destroyed"),
            "",
        ]
    if report.snapshots and (report.dry_run or asks):
        drawn += [_snapshots(report), ""]
    if report.segments and report.moments_from is not None and report.moments_to is not None:
        span = f"{report.moments_from:%Y-%m-%d %H:%M} to {report.moments_to:%Y-%m-%d %H:%M} UTC"
        drawn += [text(f"moments between snapshots, {span}: {count(report.segments, 'segment')}"), ""]
    if report.carried:
        drawn += [text(f"copies of these keys were carried into {', '.join(report.carried)}: they go, too", FAINT), ""]
    drawn.append(_places(report))
    if report.last_of:
        drawn += ["", text(f"nothing would be left of {' and '.join(map(typed_source, report.last_of))}", BAD)]
    drawn += draw_findings(report.findings)
    if asks:
        return drawn
    if report.dry_run:
        return drawn + next_steps((f"lifeboat shred {report.generation}", "destroy it; asks first"))
    whole = not any(one.left for one in report.places)
    said = "the keys are gone, and were looked for" if whole else "not all of the keys could be destroyed"
    steps = [("lifeboat prune --dry-run", "what was sealed lies there, of no use to anybody, until prune removes it")]
    if len(report.places) > 1:
        steps.append(("lifeboat replicate", "tells the replicas which snapshots were let go"))
    return [*drawn, "", text(said, GOOD if whole else BAD), *next_steps(*steps)]


def _snapshots(report: ShredReport) -> RenderableType:
    table = columns("snapshot", "of", "instant", "writer", "")
    for one in report.snapshots[:SHOWN_AT_MOST]:
        said = ["kept on purpose"] if one.kept else []
        said += [f"lies in {one.generation}"] if one.generation != report.generation else []
        instant = f"{one.instant:%Y-%m-%d %H:%M}"
        table.add_row(short_id(one.snapshot), typed_source(one.source), instant, safe(one.writer), ", ".join(said))
    if len(report.snapshots) > SHOWN_AT_MOST:
        table.add_row("...", f"{len(report.snapshots) - SHOWN_AT_MOST:,} more", "", "", "--json lists all")
    return table


def _places(report: ShredReport) -> RenderableType:
    heads = ("copy", "keys", "" if report.dry_run else "destroyed", "" if report.dry_run else "left")
    table = columns(*heads, right=("keys", "destroyed", "left"))
    for one in report.places:
        what = f"{one.objects:,} versions" if one.keeps_versions else f"{one.objects:,}"
        name = f"{one.place} ({one.replica})" if one.replica else one.place
        destroyed = "" if one.destroyed is None else f"{one.destroyed:,}"
        left = text("") if one.left is None else text(f"{one.left:,}", BAD if one.left else GOOD)
        table.add_row(safe(name), what, destroyed, left)
    return table
