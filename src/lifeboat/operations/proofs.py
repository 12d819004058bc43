"""Which snapshots are proved: somebody with the key has opened everything they need, after it was written.

What counts is said by statements in the repository (docs/format.md). Besides them, local: proofs made here that could not be stored for want of
the right, and packs that a check of this machine found damaged, which unprove every snapshot that needs them at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.quarantine import quarantined, spoilt_in
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record, read_time, show_time
from lifeboat.repository.replica import read_marks
from lifeboat.repository.statements import Standing, Verb, record_digest, write_statements
from lifeboat.storage.errors import StorageDenied

FILE = "proofs.json"
ACCOUNTS = ("users", "roles")
"""Streams of a database snapshot that a restore beside the live data leaves alone."""
SAID_AT_MOST = 200
"""Characters of the sentence that goes with a proof."""


class Proofs:
    """When each snapshot was last proved.

    Args:
        standings: ``Repository.standings``, where the caller has read them already.
    """

    def __init__(self, repository: Repository, standings: Mapping[str, Standing] | None = None) -> None:
        said = repository.standings() if standings is None else standings
        self._stored = {record: one.proved for record, one in said.items() if one.proved is not None}
        self._local = _read_local(repository)
        self._spoilt = quarantined(repository.state, repository.id)

    def of(self, record: Record) -> datetime | None:
        """When the snapshot was proved; None when it never was, or something it needs was found damaged since."""
        if not spoilt_in(self._spoilt, record.place).isdisjoint(record.packs):
            return None
        return self.said_of(record)

    def said_of(self, record: Record) -> datetime | None:
        """When it was said to be proved, whatever this machine has found since."""
        return self._stored.get(record_digest(record)) or self._local.get(record_digest(record))

    def is_only_known_here(self, record: Record) -> bool:
        """Whether the proof could not be stored when it was made."""
        return record_digest(record) in self._local and record_digest(record) not in self._stored


def prove(repository: Repository, records: Iterable[Record], text: str, now: datetime) -> list[Finding]:
    """Say that these snapshots are proved; where that may not be written it is remembered here alone, and a finding says so."""
    records = list(records)
    return _say(repository, Verb.PROOF, records, text, now) if records else []


def doubt(repository: Repository, records: Iterable[Record], text: str, now: datetime) -> list[Finding]:
    """Take back the proofs of these snapshots: something they need was found damaged."""
    records = list(records)
    return _say(repository, Verb.DOUBT, records, text, now) if records else []


def prove_restored(repository: Repository, records: Sequence[Record]) -> None:
    """Prove snapshots that were just restored whole and compared. Never fails: the restore is done, whatever becomes of this.

    What a restore may not have read is read now: the accounts of a database.
    """
    if not records:
        return
    with suppress(LifeboatError):
        proofs, now = Proofs(repository), repository.store.time_there()
        opened = [record for record in records if proofs.said_of(record) is None]
        for record in opened:
            if record.source != Source.MONGODB:
                continue
            with SnapshotReader(repository, record) as reader:
                for stream in reader.streams().values():
                    if stream.name in ACCOUNTS:
                        for _ in reader.stream(stream):
                            pass
        prove(repository, opened, "it was restored whole, and compared with what came back", now)


def _say(repository: Repository, verb: Verb, records: list[Record], text: str, now: datetime) -> list[Finding]:
    identity = repository.need_identity()
    denied: StorageDenied | None = None
    is_replica = repository.state.load_writer() is None and bool(read_marks(repository.store))
    try:
        if (
            not is_replica
        ):  # what is known of a replica's bytes is no word on the repository's, and would make it differ
            write_statements(
                repository.store, repository.description, identity, verb, records, text[:SAID_AT_MOST], now
            )
    except StorageDenied as error:
        denied = error
    local = _read_local(repository)
    for record in records:
        local.pop(record_digest(record), None)
        if (denied is not None or is_replica) and verb is Verb.PROOF:
            local[record_digest(record)] = now
    with suppress(SettingsError):  # a hint: the next verify says it again
        _write_local(repository, local)
    if denied is None:
        return []
    what = "proved" if verb is Verb.PROOF else "in doubt"
    return [
        Finding(
            Level.WARNING,
            "proof-not-stored",
            f"{len(records)} snapshots" if len(records) != 1 else f"snapshot {records[0].snapshot[:8]}",
            f"{what}, but this machine may not write that into the repository: only it knows",
            "give it the right to put objects under catalog/, so that status and prune elsewhere know too",
        )
    ]


def _read_local(repository: Repository) -> dict[str, datetime]:
    stored = repository.state.read_json(FILE) or {}
    records = stored.get("records")
    if stored.get("repository") != repository.id.hex() or not isinstance(records, Mapping):
        return {}
    try:
        return {str(name): read_time(moment) for name, moment in records.items()}
    except (TypeError, ValueError):
        return {}


def _write_local(repository: Repository, proved: Mapping[str, datetime]) -> None:
    if proved or (repository.state.directory / FILE).exists():
        records = {name: show_time(moment) for name, moment in proved.items()}
        repository.state.write_json(FILE, {"repository": repository.id.hex(), "records": records})
