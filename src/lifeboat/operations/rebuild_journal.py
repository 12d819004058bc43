"""Fill the journal with what the repository tells: a run and a size for each snapshot, a check for each proof.

Of other machines too: a keeper has seen none of their runs. May be done at any time, any number of times.
"""

from collections.abc import Iterator
from datetime import datetime

from lifeboat.journal.journal import Journal
from lifeboat.journal.rows import RunRow, SizeRow
from lifeboat.repository.names import typed
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.statements import Statement, Verb

STORED_WHOLE, LACKS_SOMETHING = 0, 4
"""Exit statuses (``cli/exit_status.py``)."""


def rebuild_from_repository(repository: Repository, journal: Journal, now: datetime) -> int:
    """Add what the journal has not seen; returns how many runs were new."""
    records = [one for _, one in repository.records() if isinstance(one, Record)]
    runs = [*_backups(repository, records), *_checks(repository)]
    return journal.fill_in(runs, [size_of(one, repository.label_of(one)) for one in records], now)


def size_of(record: Record, label: str) -> SizeRow:
    return SizeRow(
        record.snapshot,
        record.finished,
        typed(record.source),
        label,
        record.total_bytes,
        record.items,
        record.stored_bytes,
        record.complete,
    )


def _backups(repository: Repository, records: list[Record]) -> Iterator[tuple[str, RunRow]]:
    for one in records:
        if not one.is_backup:
            continue
        status = STORED_WHOLE if one.complete else LACKS_SOMETHING
        job = f"backup {typed(one.source)}"
        yield one.snapshot, _told(job, repository.label_of(one), one.started, one.finished, status)


def _checks(repository: Repository) -> Iterator[tuple[str, RunRow]]:
    for name, one in repository.statements():
        if isinstance(one, Statement) and one.verb is Verb.PROOF:
            yield name, _told("verify", "", one.time, one.time, 0)


def _told(job: str, label: str, began: datetime, ended: datetime, status: int) -> RunRow:
    return RunRow(0, job, label, None, began, ended, status, None, None, "", "repository")
