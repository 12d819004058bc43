"""Which class a backup goes into: the month's copy, whole in ``long``, or ``short`` beside the others.

What is remembered locally is a hint; it counts only while the record that it names is in the repository.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import TypeGuard

from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.repository.names import Class, Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.writers import WriterSecret
from lifeboat.retention.due import FIRST_DAY, long_is_due
from lifeboat.retention.periods import generation_of
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import StoredObject


def class_of_backup(repository: Repository, writer: WriterSecret, source: Source, now: datetime, rules: Rules) -> Class:
    """``long`` when this month's copy is due, else ``short``. Safety snapshots never ask: they are always ``short``.

    Args:
        now: By the store's clock.
    """
    if not rules.takes_long:
        return Class.SHORT
    try:
        return _look(repository, writer, source, now)
    except StorageDenied:
        return Class.SHORT  # who may not see what he has stored cannot know what is due


def remember_long(repository: Repository, record: Record) -> None:
    """Note the month's copy, so that the next runs need not look for it among the records."""
    known = {"writer": record.writer, "generation": record.generation, "record": record.object_name}
    with suppress(SettingsError):  # a hint: a full disk here must not fail a backup
        repository.state.write_json(_hint(Source(record.source)), known)


def _look(repository: Repository, writer: WriterSecret, source: Source, now: datetime) -> Class:
    mine, generation = writer.writer.hex(), generation_of(now)
    of_month = repository.listed_records(mine, generation)
    hint = repository.state.read_json(_hint(source)) or {}
    known = hint.get("record") if (hint.get("writer"), hint.get("generation")) == (mine, generation) else None
    if any(stored.name == known for stored in of_month):
        return Class.SHORT
    for record in repository.records_among(mine, of_month):
        if _is_backup_of(record, source) and record.class_ == Class.LONG:
            remember_long(repository, record)
            return Class.SHORT
    # From the oldest on, opened one by one: one of this source that is a day old is enough, and that is nearly always the first.
    everything = sorted(repository.listed_records(mine), key=lambda stored: stored.modified)
    old = (stored for stored in everything if now - stored.modified >= FIRST_DAY)
    taken = (record.finished for record in _opened(repository, mine, old, source))
    return Class.LONG if long_is_due(now, taken, long_this_month=False) else Class.SHORT


def _opened(repository: Repository, writer: str, listed: Iterable[StoredObject], source: Source) -> Iterator[Record]:
    """The backups of one source among them that open, read one by one."""
    for stored in listed:
        record = repository.record_at(writer, stored.name)
        if _is_backup_of(record, source):
            yield record


def _is_backup_of(record: Record | LifeboatError, source: Source) -> TypeGuard[Record]:
    return isinstance(record, Record) and record.source == source and record.is_backup


def _hint(source: Source) -> str:
    return f"long-{source}.json"
