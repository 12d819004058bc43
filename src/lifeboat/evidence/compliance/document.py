"""The report as a document."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lifeboat.evidence.compliance.facts import Declared, Fact
from lifeboat.evidence.compliance.matrix import Row
from lifeboat.evidence.paper.document import Bullets, Document, Facts, Mood, Notice, Paragraph, Table, Writing

TITLE = "Compliance report: backup and recovery"


def report_of(
    rows: Sequence[Row],
    facts: Sequence[Fact],
    declared: Declared,
    records: Sequence[tuple[str, str]],
    *,
    about: str,
    since: datetime,
    until: datetime,
    made_by: str,
    signed_by: str | None = None,
) -> Document:
    """Args: records: The record of processing, as pairs. made_by: software and version. signed_by: fingerprint; None: it is not signed."""
    writing = Writing()
    gaps = len({gap.missing for row in rows for gap in row.gaps})
    if signed_by is None:
        writing.add(
            Notice("This bundle is not signed: no key that opens the copies was at hand when it was made.", "bad")
        )
    writing.add(
        Notice(
            "This report shows what supports each article and what is missing. It is no verdict and no legal advice.",
            "plain",
        ),
        Facts(
            (
                ("About", about),
                ("Period", f"{_day(since)} to {_day(until)}"),
                ("Made", f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC by {made_by}"),
                (
                    "Articles",
                    f"{len(rows)}; {sum(len(row.evidence) for row in rows)} pieces of evidence, {gaps} gaps that can be closed",
                ),
                ("Signed by", signed_by or "nobody"),
                (
                    "Looked at",
                    "the journal of runs for the period; all drills, erasures and acts; everything else as it is now",
                ),
                ("Controller", declared.controller or "not named"),
                ("Data protection officer", declared.data_protection_officer or "not named"),
            )
        ),
    )
    writing.chapter("Overview")
    moods: tuple[Mood, ...] = tuple("doubtful" if row.gaps else "plain" for row in rows)
    writing.add(
        Table(
            ("Article", "Subject", "Evidence", "Gaps", "Not to be seen from here"),
            tuple(
                (
                    row.article.number,
                    row.article.title,
                    str(len(row.evidence)),
                    str(len(row.gaps)),
                    str(len(row.beyond)),
                )
                for row in rows
            ),
            moods,
            right=(2, 3, 4),
        )
    )
    writing.chapter("Gaps")
    writing.add(Paragraph("Gaps that can be closed from here:"))
    closable = dict.fromkeys(gap.missing for row in rows for gap in row.gaps)
    writing.add(Bullets(tuple(closable)) if closable else Paragraph("None of those that can be seen from here."))
    writing.add(Paragraph("What cannot be seen from here, and has to be shown by people:"))
    writing.add(Bullets(tuple(dict.fromkeys(one for row in rows for one in row.beyond))))
    writing.chapter("Article by article")
    for row in rows:
        _article(writing, row)
    writing.chapter("Record of processing: backups")
    writing.add(Paragraph("For PDPL 31 and GDPR 30; as files in the bundle, too."), Facts(tuple(records)))
    writing.chapter("All that was looked at")
    held: dict[bool | None, tuple[str, Mood]] = {
        True: ("yes", "good"),
        False: ("no", "bad"),
        None: ("not known", "doubtful"),
    }
    writing.add(
        Table(
            ("Fact", "Found", "Holds", "When", "Source"),
            tuple((one.name, one.said, held[one.holds][0], _moment(one.at), one.source) for one in facts),
            tuple(held[one.holds][1] for one in facts),
        )
    )
    return Document(
        TITLE,
        f"{about}, {_day(since)} to {_day(until)}",
        tuple(writing.blocks),
        f"{made_by}. {TITLE}, {_moment(until)}",
    )


def _article(writing: Writing, row: Row) -> None:
    writing.section(f"{row.article.number}: {row.article.title}")
    writing.add(Paragraph(f"Asks: {row.article.asks}"))
    writing.table(
        ("This supports it", "When", "Source"),
        [(one.said, _moment(one.at), one.source) for one in row.evidence],
        right=(1,),
        if_empty="nothing that was found supports it",
    )
    gaps = [f"{gap.missing}" + (f" (found: {gap.found})" if gap.found else "") for gap in row.gaps]
    writing.add(Paragraph("Gaps:"), Bullets((*gaps, *row.beyond)))


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
