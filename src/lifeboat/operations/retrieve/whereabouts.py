"""Which snapshots can be read now, and which have to be brought back first: one listing for each month of packs."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from lifeboat.cloud.prices.prices import Prices
from lifeboat.foundation.clock import Clock
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.retrieve.needs import ArchivedObjects
from lifeboat.repository.open_repository import Repository
from lifeboat.storage.archive import Tier


def with_whereabouts(
    repository: Repository, rows: Iterable[SnapshotRow], clock: Clock, prices: Callable[[], Prices]
) -> list[SnapshotRow]:
    """The same rows, each with ``where`` and ``away_seconds``."""
    archived = ArchivedObjects(repository.store, clock)
    records = {one.snapshot: one for one in repository.snapshots()}
    now = repository.store.time_there()
    found = []
    for row in rows:
        record = records.get(row.snapshot)
        packs = archived.packs_of(record).values() if record is not None else ()
        unread = [one for one in packs if one.readable_until is None or one.readable_until <= now]
        away = {one.storage_class for one in unread if not one.coming}
        where = "archived" if away else "coming" if unread else "at-hand"
        speeds = [prices().of(one).restore.get(Tier.STANDARD) for one in away]
        minutes = max((one.minutes[1] for one in speeds if one is not None), default=None)
        found.append(replace(row, where=where, away_seconds=None if minutes is None else minutes * 60))
    return found
