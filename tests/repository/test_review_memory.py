"""What the catalog of years costs in memory."""

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

from repository_kit import CONTENT, back_up, make, reopen

from lifeboat.repository.catalog_format import seal_record
from lifeboat.repository.names import digest, snapshot_name
from lifeboat.storage.memory import MemoryStore


def test_the_records_of_a_terabyte_share_the_names_of_their_packs(tmp_path: Path) -> None:
    """A terabyte has 32,768 packs or more, and a month 720 hourly snapshots: at 73 bytes a name they took 1.7 GB."""
    repository, store, clock = make(tmp_path)
    record = back_up(repository, clock, CONTENT)
    secret = repository.secrets[record.writer]
    packs = tuple(sorted(os.urandom(32) for _ in range(4000)))
    for _ in range(100):
        raw = seal_record(
            replace(record, snapshot=os.urandom(16).hex(), packs=packs).to_json(),
            writer=secret.writer,
            catalog_key=secret.catalog_key,
            repository=repository.id,
            generation=record.generation,
        )
        store.write(snapshot_name(record.writer, record.generation, digest(raw)), raw)
    assert isinstance(store, MemoryStore)
    again = reopen(store, tmp_path, repository.identity)
    tracemalloc.start()
    try:
        records = again.snapshots()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(records) == 101
    assert held / (100 * len(packs)) < 12, "bytes for each pack of each snapshot"
