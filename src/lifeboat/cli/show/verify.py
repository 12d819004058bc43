"""What a verification found."""

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, DOUBTFUL, GOOD, facts, line, next_steps
from lifeboat.cli.show.findings import count_findings, draw_findings
from lifeboat.cli.show.moments import show_age
from lifeboat.cli.show.words import count
from lifeboat.foundation.finding import Level
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.reports.checks import Rotation, VerifyReport

ABOUT_AGE = {"no-snapshot", "snapshot-too-old"}
"""Problems that a new backup solves; all others are damage."""

HEALED_BY_BACKUP = ABOUT_AGE | {
    "pack-damaged",
    "pack-missing",
    "pack-cut",
    "data-key-missing",
    "seal-broken",  # of a snapshot whose lists lie in such a pack
    "chunk-missing",
}
"""What the next backup of the machine that wrote the packs puts right."""

OF_THE_ARCHIVE = {
    "segment-missing",
    "segment-damaged",
    "segment-contradicts",
    "archive-without-base",
    "archive-contradicts-snapshot",
    "oplog-not-followed",
}
"""Moments are out of reach; no snapshot is hurt."""

_DEEPER = {
    "age": ("structure", "is every object there that something names?"),
    "structure": ("sample", "read some chunks back and open them"),
    "sample": ("full", "read and open every chunk"),
}


def say_rotation(rotation: Rotation, since_seconds: float = 0.0) -> str:
    """``"12 of 340 checked; the oldest check is 9 days old; at this rate all of it every 14 days"``.

    Args:
        since_seconds: How long ago that was.
    """
    said = [f"{rotation.checked_packs:,} of {rotation.packs:,} checked"]
    if rotation.damaged_packs:
        said.append(f"{rotation.damaged_packs:,} damaged")
    if rotation.never_checked_packs:
        said.append(f"{rotation.never_checked_packs:,} never yet")
    elif rotation.oldest_check_seconds is not None and rotation.checked_packs < rotation.packs:
        said.append(f"the oldest check is {_age(rotation.oldest_check_seconds + since_seconds)} old")
    if rotation.days_for_all is not None:
        days = max(1, round(rotation.days_for_all))
        said.append(f"at this rate all of it every {'day' if days == 1 else f'{days:,} days'}")
    return "; ".join(said)


def _say_looked_at(report: VerifyReport) -> str:
    said = f"{report.snapshots:,} snapshots"
    said += f", {report.segments:,} segments of the archive" if report.segments else ""
    return said + (f", {report.objects:,} objects" if report.objects else "")


def _say_proved(report: VerifyReport) -> str:
    if not report.proved and not report.unproved:
        return "all snapshots, already before this run"
    left = f"{report.unproved:,} not yet" if report.unproved else "with that, all are"
    return f"{count(len(report.proved), 'snapshot')} now; {left}"


def _age(seconds: float) -> str:
    return show_age(max(60.0, seconds)).removesuffix(" ago")


def draw_verified(report: VerifyReport) -> list[RenderableType]:
    rows = [
        ("level", report.level),
        ("looked at", _say_looked_at(report)),
    ]
    if report.chunks or report.bytes_read:
        rows.append(("opened", f"{report.chunks:,} chunks, {show_bytes(report.bytes_read)} read"))
    if report.rotation is not None:
        rows.append(("packs", say_rotation(report.rotation)))
    if report.archived:
        are = f"{count(report.archived, 'object')}, {show_bytes(report.archived_bytes)}, in archive classes"
        rows.append(("not read", f"{are}: there by name and size; `lifeboat retrieve` brings them back"))
    if report.resting:
        are = f"{count(report.resting, 'pack')}, {show_bytes(report.resting_bytes)}"
        rows.append(("left alone", f"{are}: whole not long ago, and S3 bills each reading of them"))
    if report.stopped_by:
        limit = {"bytes": "--max-bytes", "minutes": "--max-minutes"}.get(report.stopped_by, report.stopped_by)
        rows.append(("stopped by", f"{limit}; the next run goes on from here"))
    if report.proved or (report.rotation and report.chunks):
        rows.append(("proved", _say_proved(report)))
    rows.append(("took", show_seconds(report.seconds)))
    drawn: list[RenderableType] = [facts(rows)]
    if shown := draw_findings(report.findings):
        drawn += ["", *shown]
    problems = {one.code for one in report.findings if one.level is Level.PROBLEM}
    if problems and problems <= ABOUT_AGE:
        drawn += ["", line(("too old or not there: ", BAD), count_findings(report.findings).plain)]
        return drawn + next_steps(("lifeboat backup all", "close the gap now"))
    if problems:
        drawn += ["", line(("not whole: ", BAD), count_findings(report.findings).plain)]
        if problems <= OF_THE_ARCHIVE:
            heal = ("lifeboat backup db", "moments after this snapshot are within reach again")
            return drawn + next_steps(heal, ("lifeboat timeline", "which moments are, and which are not?"))
        heal = ("lifeboat backup all --new-generation", "store everything anew, sharing nothing with what is damaged")
        if report.quarantined and problems <= HEALED_BY_BACKUP:
            heal = ("lifeboat backup all", "store again what the damaged packs held: what is live is then whole")
        return drawn + next_steps(heal, ("lifeboat snapshots", "which snapshots are not named above?"))
    if report.level in ("sample", "full") and report.bytes_read and not report.chunks:
        # The hash in each name is right, which needs no key; nobody has looked inside.
        drawn += ["", line(("unopened", DOUBTFUL), ": every object read is the one its name says, but none was opened")]
        return drawn + next_steps((f"lifeboat verify --level {report.level}", "again where the key is"))
    looked = "this run looked" if report.stopped_by else f"level {report.level} looks"
    drawn += ["", line(("whole", GOOD), f", as far as {looked}")]
    if report.stopped_by:
        drawn += next_steps(
            (f"lifeboat verify --level {report.level} --max-minutes 20", "every night: goes on from here")
        )
    elif report.level in _DEEPER:
        deeper, why = _DEEPER[report.level]
        drawn += next_steps((f"lifeboat verify --level {deeper}", why))
    return drawn
