"""Keep a snapshot on purpose, or leave it to the rules again."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from lifeboat.crypto.identity import Identity
from lifeboat.operations.proofs import Proofs
from lifeboat.operations.reason import check_text
from lifeboat.operations.reports.snapshots import SnapshotRow
from lifeboat.operations.status import row_of
from lifeboat.repository.errors import KeyMissing, SnapshotUnknown
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.statements import NOTHING_SAID, Standing, Verb, record_digest, write_statements
from lifeboat.retention.periods import GRACE


def list_snapshots(repository: Repository, *, forgotten: bool) -> list[SnapshotRow]:
    """The snapshots as people see them, newest recovery point first; or those that were forgotten and are not removed yet."""
    records = [one for one, _ in repository.forgotten_snapshots()] if forgotten else repository.snapshots()
    standings = repository.standings()
    proofs = Proofs(repository, standings)
    return [
        row_with_standing(record, standings.get(record_digest(record), NOTHING_SAID), proofs.of(record))
        for record in records
    ]


def annotate(repository: Repository, snapshot: str, keep: str | None) -> SnapshotRow:
    """Keep a snapshot for the reason given, or with None release it: from being kept, or from being forgotten.

    Args:
        snapshot: An id or its beginning; also of a forgotten one.

    Raises:
        SnapshotUnknown: There is none, or a prune removed it meanwhile.
    """
    record = _any_snapshot(repository, snapshot)
    signer = need_signer(repository, "keeping or releasing a snapshot")
    verb, text = (Verb.RELEASE, "") if keep is None else (Verb.KEEP, check_text(keep))
    before = repository.standings().get(record_digest(record), NOTHING_SAID)
    now = after_the_last_word(repository.store.time_there(), [before])
    write_statements(repository.store, repository.description, signer, verb, [record], text, now)
    if not isinstance(repository.record_at(record.writer, record.object_name), Record):
        raise SnapshotUnknown(
            f"snapshot {record.snapshot[:8]} was removed by a prune that ran meanwhile: this came too late",
            "see `lifeboat snapshots` for those beside it",
        )
    standing = repository.standings().get(record_digest(record), NOTHING_SAID)
    return row_with_standing(record, standing, Proofs(repository).of(record))


def row_with_standing(record: Record, standing: Standing, proved: datetime | None) -> SnapshotRow:
    """The row of a snapshot with what was said of it."""
    forgotten = standing.forgotten
    until = None if forgotten is None else forgotten + GRACE
    return replace(row_of(record, proved), keep=standing.keep_of(record), forgotten=forgotten, released_until=until)


def after_the_last_word(now: datetime, standings: Iterable[Standing]) -> datetime:
    """The time to say something at that takes back what was said before: later than that, even if the store's clock ran ahead then."""
    said = (standing.spoken + timedelta(seconds=1) for standing in standings if standing.spoken is not None)
    return max([now, *said])


def need_signer(repository: Repository, what: str, *, in_replica: bool = False) -> Identity:
    """The key that may make statements; raises ``KeyMissing``, and ``IsAReplica`` unless that is meant."""
    if repository.signer is None:
        raise KeyMissing(
            f"{what} needs a recipient's or a custodian's key, and none is set",
            "set BACKUP_ENCRYPTION_KEY or LIFEBOAT_KEY_FILE; a guarded writer may not decide what is kept",
        )
    if not in_replica:
        repository.refuse_replica(what)
    return repository.signer


def _any_snapshot(repository: Repository, text: str) -> Record:
    forgotten = [record for record, _ in repository.forgotten_snapshots() if record.snapshot.startswith(text.lower())]
    try:
        return repository.find_snapshot(text)
    except SnapshotUnknown:
        if len(forgotten) == 1:
            return forgotten[0]
        raise
