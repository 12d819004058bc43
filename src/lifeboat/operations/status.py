"""The answer to "am I safe?": the newest recovery point of each source against its objective, measured, not asserted."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.operations.archive_status import archives, check_archives, is_fresh, judged_archive, labels_of
from lifeboat.operations.doctor.stream import check_stream
from lifeboat.operations.last_restore import last_restore
from lifeboat.operations.lateness import allowed_seconds
from lifeboat.operations.proofs import Proofs
from lifeboat.operations.replicate.lag import Seen, check_replicas, standing
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.reports.standing import ArchiveStatus, SourceStatus, StatusReport
from lifeboat.operations.same_machine import same_machine_warning
from lifeboat.operations.verify.run import check_ages, last_verify
from lifeboat.repository.names import Source, typed
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record, read_time, show_time
from lifeboat.repository.statements import NOTHING_SAID, record_digest
from lifeboat.storage.errors import StorageDenied


def row_of(record: Record, proved: datetime | None = None) -> SnapshotRow:
    """A record as people see it, and when it was proved."""
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
        proved=proved,
    )


SIZE = "stored-bytes.json"
RETIRED_SECONDS = 35 * 86_400.0
"""Who has stored nothing for so long has no daily snapshot left: it is taken for a machine that is no more."""


def status(
    repository: Repository,
    objectives: Mapping[str, float],
    proved_seconds: float,
    replicas: Sequence[Seen] = (),
    replica_seconds: float = math.inf,
    *,
    size_may_be_seconds: float = 0.0,
) -> StatusReport:
    """Look at the catalog and the size of the store; opens no content.

    Args:
        proved_seconds: The age that the newest proved snapshot of a source may reach before there is a warning.
        replicas: What is known of second copies; replica_seconds: how far one may be behind before there is a warning.
        size_may_be_seconds: How old the size of the store may be: it takes a listing of everything, which is paid for by the thousand.
    """
    now = repository.store.time_there()
    opened = list(repository.records())
    said = repository.standings()
    proofs = Proofs(repository, said)
    records = [
        record
        for _, record in opened
        if isinstance(record, Record) and said.get(record_digest(record), NOTHING_SAID).forgotten is None
    ]
    judged = repository.judged_here(records)
    found = archives(repository, records, now)
    archive = judged_archive(found, labels_of(repository, judged))
    sources = []
    unproved: list[Finding] = []
    for source, objective in objectives.items():
        of_source = [one for one in judged if one.source == source]
        newest = max(of_source, key=lambda record: record.believed_instant, default=None)
        age = None if newest is None else (now - newest.believed_instant).total_seconds()
        good = newest is not None and age is not None and age <= allowed_seconds(newest, objective)
        streamed = archive if source == Source.MONGODB else None
        lag = None if streamed is None else streamed.lag_seconds
        by_archive = lag is not None and age is not None and lag < age
        proved = max(
            (one for one in of_source if proofs.of(one) is not None),
            key=lambda record: record.believed_instant,
            default=None,
        )
        sources.append(
            SourceStatus(
                source=source,
                newest=None if newest is None else row_of(newest, proofs.of(newest)),
                age_seconds=lag if by_archive else age,
                objective_seconds=objective,
                snapshots=len(of_source),
                meets_objective=good or (newest is not None and is_fresh(streamed, objective)),
                newest_proved=None if proved is None else row_of(proved, proofs.of(proved)),
                proved_age_seconds=None if proved is None else (now - proved.believed_instant).total_seconds(),
                proved_objective_seconds=proved_seconds,
                by_archive=by_archive,
            )
        )
        unproved += check_proofs(source, of_source, proved, proved_seconds, now)
    copies = tuple(standing(one, records, now) for one in replicas)
    findings = [
        *check_ages(judged, objectives, now, archive),
        *check_archives(one for one in found if not one.stalled or not _is_retired(one)),
        *_silent_writers(repository, judged, objectives, now, found),
        *(
            Finding(Level.PROBLEM, one.code, name, one.message, one.hint)
            for name, one in opened
            if not isinstance(one, Record)
        ),
        *unproved,
        *(one for one in check_stream(repository.state, now) if one.level is not Level.OK),
        *check_replicas(copies, replica_seconds, now),
        *same_machine_warning(repository),
    ]
    restored = last_restore(repository.state)
    return StatusReport(
        repository=repository.store.describe(),
        repository_id=repository.id.hex(),
        profile=repository.description.profile,
        sources=tuple(sources),
        stored_bytes=_stored_bytes(repository, now, size_may_be_seconds),
        head=repository.head(),
        findings=tuple(findings),
        last_restore_seconds=restored.seconds if restored else None,
        last_verify=last_verify(repository),
        archives=tuple(found),
        replicas=copies,
    )


def _is_retired(archive: ArchiveStatus) -> bool:
    return archive.lag_seconds is not None and archive.lag_seconds > RETIRED_SECONDS


def _silent_writers(
    repository: Repository,
    judged: Sequence[Record],
    objectives: Mapping[str, float],
    now: datetime,
    found: Sequence[ArchiveStatus],
) -> list[Finding]:
    """Of several machines, those that have stood still since others stored: the newest of all would hide them."""
    newest: dict[tuple[str, str], Record] = {}
    for one in judged:
        key = (one.source, repository.label_of(one))
        newest[key] = max(newest.get(key, one), one, key=lambda record: record.believed_instant)
    findings = []
    for (source, label), record in sorted(newest.items(), key=lambda item: item[0]):
        age = (now - record.believed_instant).total_seconds()
        others = any(other == source and name != label for other, name in newest)
        archive = judged_archive(found, [label]) if source == Source.MONGODB else None
        if is_fresh(archive, objectives.get(source, 0.0)):
            continue
        if others and source in objectives and allowed_seconds(record, objectives[source]) < age < RETIRED_SECONDS:
            message = f"its newest snapshot of {source} is {show_seconds(age)} old, while others go on"
            hint = "does that machine still run its backups? One that is retired is named no more after 35 days"
            findings.append(Finding(Level.WARNING, "writer-silent", label, message, hint))
    return findings


def _stored_bytes(repository: Repository, now: datetime, may_be_seconds: float) -> int | None:
    """None where the rights end before everything: a guarded writer's do."""
    known = repository.state.read_json(SIZE) or {} if may_be_seconds else {}
    with suppress(KeyError, TypeError, ValueError, OverflowError):
        if timedelta() <= now - read_time(known["at"]) < timedelta(seconds=may_be_seconds):
            return int(known["bytes"])
    try:
        found = sum(stored.size_bytes for stored in repository.store.list_under(""))
    except StorageDenied:
        return None
    if may_be_seconds:
        with suppress(SettingsError):  # a hint: a full disk here must not hide how everything stands
            repository.state.write_json(SIZE, {"at": show_time(now), "bytes": found})
    return found


def check_proofs(
    source: str, stored: Sequence[Record], proved: Record | None, objective_seconds: float, now: datetime
) -> list[Finding]:
    """Warn when nothing was proved for too long. Never a problem: what was stored an hour ago may well be whole, and a cron job that
    asks whether backups are made must not page somebody on a repository's first day.
    """
    if not stored:
        return []
    name = typed(source)
    since = proved.believed_instant if proved else min(record.finished for record in stored)
    if (now - since).total_seconds() <= objective_seconds:
        return []
    if proved is None:
        message = f"{len(stored)} snapshots of {name} are stored, and none of them was ever proved"
    else:
        age = show_seconds((now - since).total_seconds())
        message = (
            f"the newest proved snapshot of {name} is {age} old; the objective is {show_seconds(objective_seconds)}"
        )
    hint = "`lifeboat verify --level full --max-minutes 20`, every night, where the key is"
    return [Finding(Level.WARNING, "not-proved", name, message, hint)]
