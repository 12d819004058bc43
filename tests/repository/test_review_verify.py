"""Verify itself under strain: it must end, with findings, whatever is gone."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.verify.damage import Consequences, Damage
from lifeboat.operations.verify.run import verify
from lifeboat.repository.catalog_format import seal_record
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.description import Description, NamedRecipient, write_description
from lifeboat.repository.names import digest, snapshot_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.writers import register_writer


def check(repository: Repository, clock: HandClock, level: str = "full") -> VerifyReport:
    return verify(repository, level, objectives={}, sample_percent=100, clock=clock, progress=Silent())


def codes(report: VerifyReport) -> set[str]:
    return {finding.code for finding in report.findings if finding.level == "problem"}


@pytest.mark.parametrize("level", ["structure", "sample", "full"])
def test_verify_tells_of_a_lost_data_key_beside_a_lost_pack_and_goes_on(tmp_path: Path, level: str) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    back_up(repository, clock, {**CONTENT, "more": b"later " * 9000})
    store.delete(next(one.name for one in store.list_under("keys/")))
    store.delete(next(one.name for one in store.list_under("files/pack/")))
    found = codes(check(reopen(store, tmp_path, repository.identity), clock, level))
    assert {"data-key-missing", "pack-missing"} <= found


def test_a_second_recipient_without_some_data_keys_gets_findings_not_an_end(tmp_path: Path) -> None:
    first, second = Identity.generate(), Identity.generate()
    repository, store, clock = make(tmp_path / "one", identities=[first])
    back_up(repository, clock, CONTENT)
    # As after a change of recipients: the writer is registered for the newcomer too, the old data keys are not.
    both = tuple(NamedRecipient("x", one.recipient) for one in (first, second))
    changed = Description(repository.id, 2, "2026-11-23T12:00:00Z", "simple", both)
    write_description(store, changed, [first])
    secret = next(iter(repository.secrets.values()))
    register_writer(store, changed, secret, "host", "2026-11-23T12:00:01Z", first)
    theirs = reopen(store, tmp_path / "two", second)
    assert codes(check(theirs, clock))


def test_what_the_loss_of_all_packs_hurts_is_told_soon(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    one = back_up(repository, clock, CONTENT)
    packs = tuple(os.urandom(32) for _ in range(8000))
    records = [replace(one, packs=packs, snapshot=os.urandom(16).hex()) for _ in range(40)]
    repository.identity = None
    damage = Damage()
    for pack in packs:
        damage.add((one.place, pack), [pack])
    began = time.process_time()
    consequences = Consequences(repository, records, damage, lambda _: ChunkTable())
    assert all(len(consequences.of_pack((one.place, pack))) == 40 for pack in packs)
    assert time.process_time() - began < 3, "packs times snapshots times packs: days, for a terabyte"


@pytest.mark.parametrize("number", range(3))
def test_a_record_that_names_too_few_packs_is_told(tmp_path: Path, number: int) -> None:
    repository, store, clock = make(tmp_path)
    record = back_up(repository, clock, CONTENT)
    secret = repository.secrets[record.writer]
    short = replace(record, packs=tuple(pack for pack in record.packs if pack != record.packs[number]))
    raw = seal_record(
        short.to_json(),
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=repository.id,
        generation=record.generation,
    )
    store.delete(record.object_name)
    store.write(snapshot_name(record.writer, record.generation, digest(raw)), raw)
    found = check(reopen(store, tmp_path, repository.identity), clock, "structure")
    assert "chunk-missing" in codes(found)
