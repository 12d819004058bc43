"""The answer to "am I safe?": the newest recovery point of each source against its objective, measured, not asserted."""

from collections.abc import Mapping

from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.reports import SnapshotRow, SourceStatus, StatusReport
from lifeboat.operations.verify.run import check_ages
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.storage.conformance.hooks import Inspectable, unwrapped


def row_of(record: Record) -> SnapshotRow:
    """A record as people see it."""
    return SnapshotRow(
        snapshot=record.snapshot,
        point=record.point,
        source=record.source,
        instant=record.instant,
        one_instant=record.one_instant,
        complete=record.complete,
        items=record.items,
        bytes=record.total_bytes,
        stored_bytes=record.stored_bytes,
        generation=record.generation,
        label=record.label,
        purpose=record.purpose,
        snapshot_class=record.class_,
        keep=record.keep,
    )


def status(repository: Repository, objectives: Mapping[str, float]) -> StatusReport:
    """Look at the catalog and the size of the store; opens no content."""
    now = repository.store.time_there()
    opened = list(repository.records())
    records = [record for _, record in opened if isinstance(record, Record)]
    sources = []
    for source, objective in objectives.items():
        of_source = [one for one in records if one.source == source and one.purpose != "safety"]
        newest = max(of_source, key=lambda record: record.believed_instant, default=None)
        age = None if newest is None else (now - newest.believed_instant).total_seconds()
        sources.append(
            SourceStatus(
                source=source,
                newest=None if newest is None else row_of(newest),
                age_seconds=age,
                objective_seconds=objective,
                snapshots=len(of_source),
                meets_objective=age is not None and age <= objective,
            )
        )
    findings = [
        *check_ages(records, objectives, now),
        *(
            Finding(Level.PROBLEM, one.code, name, one.message, one.hint)
            for name, one in opened
            if not isinstance(one, Record)
        ),
        *same_machine_warning(repository),
    ]
    restored = repository.state.read_json("last-restore.json") or {}
    return StatusReport(
        repository=repository.store.describe(),
        repository_id=repository.id.hex(),
        profile=repository.description.profile,
        sources=tuple(sources),
        stored_bytes=sum(stored.size_bytes for stored in repository.store.list_under("")),
        head=repository.head(),
        findings=tuple(findings),
        last_restore_seconds=restored.get("seconds"),
    )


def same_machine_warning(repository: Repository) -> list[Finding]:
    """A repository on the machine that it protects draws a warning every time."""
    place = unwrapped(repository.store)
    if isinstance(place, Inspectable) and not place.on_this_machine():
        return []
    where = repository.store.describe()
    return [
        Finding(
            Level.WARNING,
            "same-machine",
            where,
            "the repository lies on this machine: what takes the machine takes the backups too",
            "set LIFEBOAT_REPOSITORY=s3://bucket/prefix, or copy the directory elsewhere every day",
        )
    ]
