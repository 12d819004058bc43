"""The report of a drill as a document: the verdict first, in words for whoever answers for it; then what it rests on.

Source of the fields: test protocols for recovery tests after NIST SP 800-84 (research/operations.md, 4.4).
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html import escape

from lifeboat.crypto.signed import canonical_json
from lifeboat.evidence.paper.document import (
    Block,
    Bullets,
    Document,
    Facts,
    Mood,
    Notice,
    Paragraph,
    Picture,
    Table,
    Writing,
)
from lifeboat.foundation.finding import Level
from lifeboat.foundation.sizes import show_bytes, show_seconds
from lifeboat.operations.drill.content import from_content, to_content
from lifeboat.operations.drill.report import DrillReport, Outcome, Phase
from lifeboat.operations.drill.scenario import RULES, Scenario

_MOODS: dict[Outcome, Mood] = {Outcome.PASSED: "good", Outcome.FAILED: "bad", Outcome.STOPPED: "bad"}
_PHASE_MOODS: dict[str, Mood] = {"done": "good", "failed": "bad", "skipped": "plain"}


def digest_of(report: DrillReport) -> str:
    """SHA-256 (hex) of the report as it is put down: its canonical JSON without what was only known afterwards."""
    content = to_content(from_content(to_content(report)))  # 3600 and 3600.0 are the same seconds
    content.pop("ledger_number", None)
    # The ledger holds the report as it was when it was put down: before that phase had ended.
    content["phases"] = [one for one in content["phases"] if one["name"] != "report"]
    content["findings"] = [one for one in content["findings"] if one["subject"] != "ledger"]
    return hashlib.sha256(canonical_json(content)).hexdigest()


def paper_of(report: DrillReport) -> Document:
    """The whole report; what was only known after it was put down is left out, so that a copy can be held against the ledger."""
    report = replace(report, phases=tuple(one for one in report.phases if one.name != "report"))
    writing = Writing()
    writing.add(Notice(_verdict(report), _MOODS[report.outcome]), *_summary(report))
    _measures(writing, report)
    _phases(writing, report)
    _compared(writing, report)
    _checks(writing, report)
    _after(writing, report)
    _details(writing, report)
    _sign(writing, report)
    return Document(
        f"Recovery drill {report.drill}",
        f"{report.scenario}, {_when(report.began)}, {report.label}",
        tuple(writing.blocks),
        f"Drill {report.drill} · SHA-256 of the report {digest_of(report)} · made by Lifeboat {report.versions.get('lifeboat', '')}",
    )


def _verdict(report: DrillReport) -> str:
    measures = report.measures
    if report.outcome is Outcome.STOPPED:
        return "The drill did not come to its end. Nothing can be said about a recovery until it is made again."
    if report.outcome is Outcome.PASSED:
        assert measures.rto_seconds is not None
        return (
            f"The drill passed. Everything was back after {show_seconds(measures.rto_seconds)}; "
            f"{show_seconds(measures.rto_objective_seconds)} are allowed."
        )
    reasons = list(_reasons(report))
    return f"The drill failed: {'; '.join(reasons)}." if reasons else "The drill failed."


def _reasons(report: DrillReport) -> Iterator[str]:
    differing = [one for one in report.compared if not one.is_equal]
    if differing:
        yield f"{len(differing)} of {len(report.compared)} parts did not come back as they were"
    failed = [one.name for one in report.checked if not one.passed]
    if failed:
        yield f"the application's checks failed: {', '.join(failed)}"
    for finding in report.findings:
        if finding.level is Level.PROBLEM:
            yield finding.message


def _summary(report: DrillReport) -> Iterator[Block]:
    lost = RULES[Scenario(report.scenario)].lost if report.scenario in list(Scenario) else report.scenario
    yield Paragraph(
        f"The drill pretended to have lost {lost}, and brought it back to a place of its own from {report.chosen or 'the copies'}. "
        "Nothing live was touched."
    )
    failed = report.outcome is not Outcome.PASSED
    yield Facts(
        (
            ("Test", f"{report.drill}, {report.scenario}"),
            ("Type", "full restore, automatic" if len(report.snapshots) > 1 else "restore of one source, automatic"),
            ("Began", _when(report.began)),
            ("Ended", _when(report.ended)),
            ("Made by", f"{report.user} on {report.host}"),
            ("Assessment", f"{report.outcome}"),
            ("To be repeated", "within 30 days, after what failed was mended" if failed else "as the calendar says"),
        )
    )


def _measures(writing: Writing, report: DrillReport) -> None:
    measures, clocks = report.measures, report.clocks
    writing.chapter("Measured against the objectives")
    rows: list[tuple[str, str, str, str]] = []
    moods: list[Mood] = []
    rto = measures.rto_seconds
    allowed = show_seconds(measures.rto_objective_seconds)
    rows.append(("Time to recover (RTO)", allowed, _seconds(rto), _met(measures.meets_rto)))
    moods.append("good" if measures.meets_rto else "bad")
    if measures.technical_seconds is not None:
        rows.append(("Of it from the decision on", "", _seconds(measures.technical_seconds), ""))
        moods.append("plain")
    for one in measures.lost:
        name = f"What would be lost (RPO), {one.source}"
        rows.append((name, show_seconds(one.objective_seconds), _seconds(one.seconds), _met(one.meets_objective)))
        moods.append("good" if one.meets_objective else "bad")
    writing.add(Table(("", "Objective", "Measured", "Met"), tuple(rows), tuple(moods), right=(1, 2)))
    writing.section("Clocks")
    moments = (
        ("Incident", clocks.incident),
        ("Detected", clocks.detected),
        ("Declared", clocks.declared),
        ("Restore began", clocks.began),
        ("Data restored", clocks.restored),
        ("Data verified", clocks.verified),
        ("Service back", clocks.service_back),
    )
    told = tuple((name, "not measured" if at is None else _when(at)) for name, at in moments)
    writing.add(Facts(told))
    if not report.checked:
        writing.add(
            Paragraph("No checks of the application are set: the service counts as back when the data was verified.")
        )


def _phases(writing: Writing, report: DrillReport) -> None:
    writing.chapter("What was done, and how long it took")
    timed = [one for one in report.phases if one.began is not None and one.inside is None]
    if timed:
        writing.add(Picture(_timeline(timed), f"The phases of the drill one after the other: {_words_of(timed)}"))
    rows = tuple(
        (
            f"{one.name} (inside {one.inside})" if one.inside else one.name,
            "" if one.outcome == "skipped" else show_seconds(one.seconds),
            one.outcome,
            one.said,
        )
        for one in report.phases
    )
    moods = tuple(_PHASE_MOODS.get(one.outcome, "plain") for one in report.phases)
    writing.add(Table(("Phase", "Time", "Outcome", "What"), rows, moods, right=(1,)))
    if any(one.inside for one in report.phases):
        writing.add(
            Paragraph(
                "Fetching and decrypting go on while what was fetched before is written: their times are of work, of all threads "
                "together, inside the time of the phase named."
            )
        )


def _compared(writing: Writing, report: DrillReport) -> None:
    writing.chapter("What came back, held against the copy")
    if not report.compared:
        writing.add(Notice("Nothing was compared.", "bad"))
        return
    rows = tuple(
        (
            one.what,
            one.kind,
            f"{one.items:,}",
            show_bytes(one.bytes) if one.bytes else "",
            "as it was" if one.is_equal else f"{len(one.differences) + one.more:,} differences",
        )
        for one in report.compared
    )
    moods: tuple[Mood, ...] = tuple("good" if one.is_equal else "bad" for one in report.compared)
    writing.add(Table(("What", "Kind", "Items", "Size", "Result"), rows, moods, right=(2, 3)))
    hows = tuple(dict.fromkeys(f"{one.kind}: {one.how}" for one in report.compared))
    writing.add(Paragraph("How it was compared:"), Bullets(hows))
    told = [(one.code, one.subject, one.detail) for part in report.compared for one in part.differences]
    if told:
        writing.section("Not as it was")
        writing.table(("Kind", "What", "Detail"), told)
    more = sum(part.more for part in report.compared)
    if more:
        writing.add(Notice(f"{more:,} more differ and are not named here.", "bad"))
    erased = sum(part.erased for part in report.compared)
    if erased or report.erased:
        writing.add(
            Paragraph(
                f"{erased:,} items are meant to stay erased and did not come back (erasures {', '.join(report.erased)})."
            )
        )


def _checks(writing: Writing, report: DrillReport) -> None:
    writing.chapter("Checks of the application")
    rows = [(one.name, one.kind, show_seconds(one.seconds), one.expected, one.said) for one in report.checked]
    moods: tuple[Mood, ...] = tuple("good" if one.passed else "bad" for one in report.checked)
    writing.table(
        ("Check", "Kind", "Time", "Expected", "Found"),
        rows,
        moods=moods,
        right=(2,),
        if_empty="none are set: [[drills.check]] in lifeboat.toml says what the application must answer",
    )


def _after(writing: Writing, report: DrillReport) -> None:
    writing.chapter("Afterwards")
    rows = [
        (one.what, f"{one.items:,}", show_bytes(one.bytes) if one.bytes else "", one.evidence) for one in report.wiped
    ]
    moods: tuple[Mood, ...] = tuple("good" if one.is_gone else "bad" for one in report.wiped)
    writing.section("Wiped")
    writing.table(
        ("What", "Items", "Size", "Looked at afterwards"), rows, moods=moods, right=(1, 2), if_empty="nothing was made"
    )
    writing.section("Observations")
    levels: dict[Level, Mood] = {Level.PROBLEM: "bad", Level.WARNING: "doubtful", Level.OK: "good"}
    writing.table(
        ("Severity", "What", "Observation", "What to do"),
        [(str(one.level), one.subject, one.message, one.hint) for one in report.findings],
        moods=tuple(levels[one.level] for one in report.findings),
    )
    writing.section("Corrective actions")
    writing.table(("Action", "Owner", "Until", "Done"), [("", "", "", "")] * 3)
    writing.add(Paragraph(f"They are kept with the drill: `lifeboat drill follow-up add {report.drill}`."))


def _details(writing: Writing, report: DrillReport) -> None:
    writing.chapter("Details")
    pairs = [
        ("Repository", f"{report.repository} ({report.repository_id[:8]})"),
        ("Key", report.key),
        ("Restored to", report.target),
        *(
            (f"Snapshot {one.snapshot[:8]}", f"{one.source} of {one.label}, {_when(one.instant)}")
            for one in report.snapshots
        ),
        *(
            ()
            if report.point is None
            else (("Instant", f"{report.point.cluster_time} ({_when(report.point.instant)})"),)
        ),
        *((f"Version of {name}", version) for name, version in report.versions.items()),
        ("Settings (SHA-256)", report.settings_sha256),
        ("Ledger", "not put down" if report.ledger_number is None else f"entry {report.ledger_number}, signed"),
    ]
    writing.add(Facts(tuple(pairs)))
    writing.add(
        Paragraph(
            f"Whether a copy of this report is what was put down: `lifeboat report drill {report.drill} --check FILE`."
        )
    )


def _sign(writing: Writing, report: DrillReport) -> None:
    writing.chapter("Approvals")
    writing.table(("Name", "Role", "Date", "Signature"), [(" ", " ", " ", " ")] * 3)


def _timeline(phases: list[Phase]) -> str:
    """Bars, one below the other, on one scale; hatched where a phase failed, so that it shows in black and white."""
    start = min(one.began for one in phases if one.began is not None)
    spans = [((one.began - start).total_seconds(), one.seconds) for one in phases if one.began is not None]
    whole = max((begin + length for begin, length in spans), default=1.0) or 1.0
    height, left, width, total = 22, 150, 560, 760
    rows = []
    for number, (one, (begin, length)) in enumerate(zip(phases, spans, strict=True)):
        y = number * height
        x, bar = left + width * begin / whole, max(width * length / whole, 1.5)
        fill = "url(#failed)" if one.outcome == "failed" else "#1f5f8b"
        rows.append(
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(one.name)}</text>'
            f'<rect x="{x:.1f}" y="{y + 4}" width="{bar:.1f}" height="{height - 8}" fill="{fill}" stroke="#1f5f8b"/>'
            f'<text x="{min(x + bar + 6, total - 60):.1f}" y="{y + 15}">{escape(show_seconds(one.seconds))}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {len(phases) * height + 6}" width="{total}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1b2430">'
        '<defs><pattern id="failed" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<rect width="6" height="6" fill="#fff"/><rect width="3" height="6" fill="#a4161a"/></pattern></defs>'
        f"{''.join(rows)}</svg>"
    )


def _words_of(phases: list[Phase]) -> str:
    return ", ".join(f"{one.name} {show_seconds(one.seconds)}" for one in phases)


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _seconds(seconds: float | None) -> str:
    return "not reached" if seconds is None else show_seconds(seconds)


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"
