"""What the recovery plan says of drills: those that were, those that are due, and how long a restore would take today."""

from collections.abc import Sequence
from datetime import datetime

from lifeboat.app.drill_settings import DrillSettings
from lifeboat.evidence.plan.facts import DrillRow, DueRow, Gap
from lifeboat.foundation.value import Value
from lifeboat.operations.drill.book import EXERCISE, DrillBook, DrillSummary
from lifeboat.operations.drill.calendar import Every, due_of
from lifeboat.operations.drill.follow_ups import follow_ups
from lifeboat.operations.drill.predict import predict
from lifeboat.operations.reports.standing import DrillDue, DrillStanding
from lifeboat.repository.ledger import Kind, Ledger
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import read_time


class DrillFacts(Value):
    """Args: rows: newest first; None: nobody could look. due: what has to happen every so often."""

    rows: tuple[DrillRow, ...] | None
    due: tuple[DueRow, ...]
    predicted_seconds: float | None = None
    predicted_from: str = ""


def drill_facts(repository: Repository | None, settings: DrillSettings, now: datetime) -> DrillFacts:
    """Args: repository: one whose ledger opens; None: drills are not known here."""
    if repository is None:
        return DrillFacts(None, calendar(None, settings, now, None))
    known = DrillBook(repository).summaries()
    rows = tuple(DrillRow(one.scenario, one.ended, one.outcome, one.seconds, one.number) for one in known)
    due = calendar(known, settings, now, read_time(repository.description.created))
    predicted = predict(known, today_bytes(repository))
    if predicted is None:
        return DrillFacts(rows, due)
    words = f"{predicted.drills} {'drill' if predicted.drills == 1 else 'drills'}"
    return DrillFacts(rows, due, predicted.seconds, words)


def open_follow_ups(repository: Repository, now: datetime) -> tuple[Gap, ...]:
    """What was to be done after a drill and is not."""
    found = follow_ups(Ledger(repository).read(Kind.FOLLOW_UP))
    return tuple(
        Gap(
            "problem" if one.is_overdue(now) else "warning",
            "follow-up-open",
            f"after drill {one.drill}" if one.drill else "to be done",
            one.text,
            f"{one.owner}{f', by {one.due}' if one.due else ''}; `lifeboat drill follow-up list`",
        )
        for one in found
        if one.closed is None
    )


def calendar(
    known: Sequence[DrillSummary] | None, settings: DrillSettings, now: datetime, since: datetime | None
) -> tuple[DueRow, ...]:
    """Weekly, monthly, quarterly, or as the settings say.

    Args:
        known: None: nobody could look. since: When there first was something to be drilled.
    """
    return tuple(
        DueRow(one.what, one.every_seconds, one.command, one.last, one.due, known is not None and one.is_overdue(now))
        for one in due_of(known or (), every_of(settings), since)
    )


def every_of(settings: DrillSettings) -> Every:
    return Every(settings.restore_every_seconds, settings.full_every_seconds, settings.exercise_every_seconds)


def standing(
    repository: Repository, settings: DrillSettings, rto_objective_seconds: float, now: datetime
) -> DrillStanding:
    """For ``status``: the newest drill, what is due, how long a restore would take today."""
    known = DrillBook(repository).summaries()
    last = next((one for one in known if one.scenario != EXERCISE), None)
    predicted = predict(known, today_bytes(repository))
    due = due_of(known, every_of(settings), read_time(repository.description.created))
    return DrillStanding(
        None if last is None else last.drill,
        None if last is None else last.scenario,
        None if last is None else last.outcome,
        None if last is None else last.ended,
        None if last is None else last.seconds,
        rto_objective_seconds,
        None if predicted is None else predicted.seconds,
        None if predicted is None else predicted.low,
        None if predicted is None else predicted.high,
        0 if predicted is None else predicted.drills,
        tuple(DrillDue(one.what, one.due, one.is_overdue(now)) for one in due),
    )


def today_bytes(repository: Repository) -> int:
    """Plain bytes of the newest backup of each source: what a restore of everything brings back today."""
    newest: dict[str, int] = {}
    for record in repository.snapshots():
        if record.is_backup and record.source in list(Source):
            newest.setdefault(record.source, record.total_bytes)
    return sum(newest.values())
