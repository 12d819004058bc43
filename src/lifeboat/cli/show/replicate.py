"""What became of second copies."""

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, FAINT, GOOD, facts, line, next_steps, text
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.words import count
from lifeboat.foundation.finding import any_problem
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.replicas import PromoteReport, ReplicaReport, ReplicateReport


def draw_replicated(report: ReplicateReport) -> list[RenderableType]:
    drawn: list[RenderableType] = []
    for one in report.replicas:
        drawn += ["", *_one(one)] if drawn else _one(one)
    first = report.replicas[0]
    if any(one.dry_run for one in report.replicas):
        return drawn + next_steps((f"lifeboat replicate {first.name}", "do it"))
    broken = [one for one in report.replicas if one.verified is not None and any_problem(one.verified.findings)]
    if broken:
        return drawn + next_steps(
            (f"lifeboat replicate {broken[0].name} --verify --repair", "mend it from the repository")
        )
    if any(one.verified is None for one in report.replicas):
        return drawn + next_steps((f"lifeboat verify --level full --replica {first.name}", "read all of it back"))
    return drawn + next_steps(("lifeboat status", "how far each replica is behind"))


def draw_promoted(report: PromoteReport) -> list[RenderableType]:
    if not report.marks:
        return [text(f"{report.repository} is not marked as a replica: nothing was to be done")]
    return [
        line((f"{report.repository} is the repository now", GOOD)),
        text("backups go there when LIFEBOAT_REPOSITORY, or [repository] in lifeboat.toml, names it", FAINT),
        *next_steps(
            ("lifeboat doctor", "look at everything from there"),
            ("lifeboat replicate", "once another [[replica]] is set: one copy is none"),
        ),
    ]


def _one(one: ReplicaReport) -> list[RenderableType]:
    rows = [("replica", f"{one.name}: {one.location}" if one.name != one.location else one.location)]
    if one.dry_run:
        rows.append(("to copy", f"{count(one.copied_objects, 'object')}, {show_bytes(one.copied_bytes)}"))
        rows.append(("there already", f"{count(one.objects, 'object')}, {show_bytes(one.bytes)}"))
    else:
        rate = f", {show_bytes(one.copied_bytes / one.seconds)}/s" if one.seconds > 0.5 and one.copied_bytes else ""
        copied = f"{count(one.copied_objects, 'object')}, {show_bytes(one.copied_bytes)} in {show_seconds(one.seconds)}{rate}"
        rows.append(("copied", copied if one.copied_objects else "nothing: it was up to date"))
        rows.append(("in it now", f"{count(one.objects, 'object')}, {show_bytes(one.bytes)}"))
    if one.repaired_objects:
        rows.append(("mended", count(one.repaired_objects, "object")))
    if one.removed_objects:
        would = "would follow prune" if one.dry_run else "followed prune"
        rows.append(
            (
                would,
                f"{count(one.removed_objects, 'object')}, {show_bytes(one.removed_bytes)} {'to be ' if one.dry_run else ''}removed",
            )
        )
    if one.kept_on_objects:
        said = (
            f"{count(one.kept_on_objects, 'object')}, {show_bytes(one.kept_on_bytes)} that the repository has no more"
        )
        rows.append(("kept on", said))
    if one.missing_objects:
        rows.append(("missing", f"{count(one.missing_objects, 'object')}, {show_bytes(one.missing_bytes)}: see below"))
    if one.verified is not None:
        what = "opened with the key" if one.verified.chunks else "compared with the hashes in their names"
        rows.append(
            ("read back", f"{count(one.verified.objects, 'object')}, {show_bytes(one.verified.bytes_read)}, {what}")
        )
    findings = [*one.findings, *(one.verified.findings if one.verified else ())]
    drawn: list[RenderableType] = [facts(rows)]
    if shown := draw_findings(findings):
        drawn += ["", *shown]
    drawn.append("")
    if one.dry_run:
        drawn.append(text("nothing was changed", FAINT))
    elif any_problem(findings):
        drawn.append(line(("not whole", BAD), ": see the problems above"))
    elif one.missing_objects:
        drawn.append(
            line(("nearly up to date", DOUBTFUL), f" as of {one.as_of:%Y-%m-%d %H:%M} UTC: see the warnings above")
        )
    else:
        drawn.append(line(("up to date", GOOD), f" as of {one.as_of:%Y-%m-%d %H:%M} UTC, byte for byte"))
    return drawn
