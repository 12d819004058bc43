"""Age rules for people: in words, what they change, why S3 would refuse them, what they would eat."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType

from lifeboat.cli.show.console import (
    BAD,
    DOUBTFUL,
    FAINT,
    GOOD,
    STRONG,
    USUAL_COLUMNS,
    columns,
    indented,
    line,
    next_steps,
    safe,
    text,
)
from lifeboat.cli.show.findings import draw_findings
from lifeboat.cli.show.words import typed_source
from lifeboat.cloud.lifecycle.rules import WATERFALL
from lifeboat.cloud.steps import Difference
from lifeboat.foundation.finding import Level
from lifeboat.foundation.sizes import show_bytes

if TYPE_CHECKING:
    from lifeboat.app.aws_lifecycle import LifecycleReport, SimulationReport
    from lifeboat.cloud.lifecycle.simulate import Month

NOTHING = "nothing"
ROWS_AT_MOST, PICTURE_ROWS, LOST_AT_MOST = 16, 16, 10
MARKS = {
    "STANDARD": "█",
    "STANDARD_IA": "▓",
    "INTELLIGENT_TIERING": "▓",
    "ONEZONE_IA": "▓",
    "GLACIER_IR": "▒",
    "GLACIER": "░",
    "DEEP_ARCHIVE": "·",
}
SHORT = {
    "STANDARD": "standard",
    "STANDARD_IA": "infrequent",
    "INTELLIGENT_TIERING": "tiering",
    "ONEZONE_IA": "one zone",
    "GLACIER_IR": "instant",
    "GLACIER": "glacier",
    "DEEP_ARCHIVE": "deep",
}


def draw_judged(report: "LifecycleReport") -> list[RenderableType]:
    """Of ``check``: the reasons first, then the rules."""
    drawn: list[RenderableType] = [text(report.subject, STRONG), ""]
    drawn += _refusals(report)
    drawn += draw_findings(report.findings)
    if report.findings or report.refusals:
        drawn.append("")
    drawn += _rules(report)
    drawn.append(_verdict(report))
    return drawn + next_steps(("lifeboat aws lifecycle plan", "the rules to have, with the proof that they are safe"))


def draw_planned(report: "LifecycleReport", differences: Sequence[Difference], options: str) -> list[RenderableType]:
    """Of ``plan``: the rules as they will be, what that changes, the proof. Args: options: as typed, for what to type next."""
    head = f"{report.subject}: the set {report.wanted}" if report.wanted else f'{report.subject}: lifecycle = "off"'
    changes = {one.what: "new" if one.now == NOTHING else "changes" for one in differences if one.wanted != NOTHING}
    drawn: list[RenderableType] = [text(head, STRONG), "", *_rules(report, changes)]
    for one in differences:
        if changes.get(one.what) != "new":
            drawn.append(line((f"{'changes' if one.what in changes else 'goes':10}", DOUBTFUL), (one.what, STRONG)))
            drawn.append(indented(text(f"is {one.now}"), 10))
            drawn += [indented(text(f"wanted {one.wanted}"), 10)] if one.what in changes else []
    if any(changes.get(one.what) != "new" for one in differences):
        drawn.append("")
    shown = [*_refusals(report), *draw_findings(report.findings)]
    drawn += [*shown, ""] if shown else []
    drawn.append(_verdict(report))
    if not differences:
        return [*drawn, text("nothing to change" if report.wanted else "nothing is arranged", GOOD)]
    if not report.is_well:
        return drawn
    return drawn + next_steps(
        (f"lifeboat aws lifecycle apply{options}", "set them; it shows what it changes and asks first"),
        ("lifeboat aws lifecycle simulate", "what becomes of the copies, month by month"),
    )


def draw_simulated(report: "SimulationReport", width: int) -> list[RenderableType]:
    """A picture of bytes by class, a table by quarters, what is lost."""
    head = f"{report.subject}: {report.years} years of it"
    if report.stop_after is not None:
        head += f"; the last backup comes after {_count(report.stop_after, 'day')}"
    sizes = ", ".join(
        f"{typed_source(one.source)} {show_bytes(one.whole_bytes)} whole and {show_bytes(one.daily_bytes)} a day"
        for one in report.habits
    )
    where = "as this repository was in the last month" if report.measured else "made up: nothing is stored yet"
    drawn: list[RenderableType] = [text(head, STRONG), text(f"{sizes}; {where}", FAINT), ""]
    drawn += [*_picture(report, min(width, USUAL_COLUMNS) - 22), ""]
    classes = [one for one in WATERFALL if any(one in month.bytes_in for month in report.months)]
    names = [SHORT.get(one, one) for one in classes]
    table = columns(
        "month",
        *names,
        "objects",
        "at once",
        "archive",
        "lost",
        right=(*names, "objects", "at once", "archive", "lost"),
    )
    for month in _every(report.months, ROWS_AT_MOST):
        sizes_in = [show_bytes(month.bytes_in[one]) if one in month.bytes_in else "" for one in classes]
        lost = text(f"{month.lost}", BAD) if month.lost else ""
        table.add_row(
            f"{month.at:%Y-%m}", *sizes_in, f"{month.objects:,}", f"{month.at_once}", f"{month.from_archive}", lost
        )
    drawn += [table, text("copies of a month: at once, only after an archive was asked, lost", FAINT), ""]
    if not report.lost:
        return [*drawn, text("nothing is lost: every copy stays for as long as the rules keep it", GOOD)]
    for one in report.lost[:LOST_AT_MOST]:
        drawn.append(line(("lost    ", BAD), f"{one.copies}, on {one.at:%Y-%m-%d}"))
    if len(report.lost) > LOST_AT_MOST:
        drawn.append(text(f"... and {len(report.lost) - LOST_AT_MOST:,} more; --json lists them all", FAINT))
    return [
        *drawn,
        text(f"{_count(len(report.lost), 'month')} of copies would be lost while the rules still keep them", BAD),
    ]


def _picture(report: "SimulationReport", width: int) -> list[RenderableType]:
    """One bar a line: how much lies in each class."""
    most = max((sum(one.bytes_in.values()) for one in report.months), default=0)
    if not most:
        return []
    drawn: list[RenderableType] = []
    for month in _every(report.months, PICTURE_ROWS):
        parts: list[str | tuple[str, str]] = [f"{month.at:%Y-%m}  "]
        total = sum(month.bytes_in.values())
        for class_, mark in MARKS.items():
            parts.append(mark * round(month.bytes_in.get(class_, 0) / most * width))
        drawn.append(line(*parts, (f" {show_bytes(total)}", FAINT)))
    there = [one for one in MARKS if any(one in month.bytes_in for month in report.months)]
    drawn.append(text("         " + "   ".join(f"{MARKS[one]} {SHORT.get(one, one)}" for one in there), FAINT))
    return drawn


def _every(months: Sequence["Month"], most: int) -> list["Month"]:
    """So many of them at the most, the last among them."""
    step = -(-len(months) // most)
    return list(reversed(months[::-1][::step]))


def _rules(report: "LifecycleReport", changes: Mapping[str, str] | None = None) -> list[RenderableType]:
    """Args: changes: what becomes of a rule, where one changes."""
    if not report.rules:
        return [text("no age rules: nothing moves, nothing ages out", FAINT), ""]
    table = columns("rule", "", "means", "does", fold=("means", "does", "rule"))
    for one in report.rules:
        mark = (changes or {}).get(one.id, "") if one.ours else "not ours"
        table.add_row(safe(one.id), text(mark, DOUBTFUL if one.ours else FAINT), safe(one.meant), safe(one.does))
    return [table, ""]


def _refusals(report: "LifecycleReport") -> list[RenderableType]:
    drawn: list[RenderableType] = []
    for one in report.refusals:
        subject = (
            f"rule {one.rule}: " if one.rule and not one.rule.startswith("rule ") else one.rule and f"{one.rule}: "
        )
        drawn.append(line(("refused  ", BAD), subject, one.said, (f" [{one.code}]", FAINT)))
        if one.because:
            drawn.append(indented(text(one.because, FAINT), 9))
    return drawn


def _verdict(report: "LifecycleReport") -> RenderableType:
    problems = sum(one.level is Level.PROBLEM for one in report.findings)
    kept = f"{report.kept:,} snapshot{'' if report.kept == 1 else 's'} kept"
    if report.refusals or problems:
        said = [f"S3 would refuse them: {_count(len(report.refusals), 'reason')}"] if report.refusals else []
        said += [f"they would eat what is kept: {_count(problems, 'reason')}"] if problems else []
        return text("; ".join(said), BAD)
    days = report.at_once_days
    age = (
        "every copy can be restored at once"
        if days is None
        else f"copies up to {days} days old can be restored at once, older ones after hours"
    )
    if not report.kept:
        return text(f"safe for what will be stored; nothing is stored yet; {age}", GOOD)
    return text(f"safe: none of {kept} ({_count(report.objects, 'object')}) is touched before its day; {age}", GOOD)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
