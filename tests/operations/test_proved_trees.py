"""Snapshots of trees share their lines: that one of them has all that its lines name says nothing of another."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from test_trees import Kit

from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.verify.rolling import NO_LIMITS, Limits
from lifeboat.operations.verify.run import verify
from lifeboat.repository.catalog_format import seal_record
from lifeboat.repository.names import digest, snapshot_name


def check(kit: Kit, level: str, limits: Limits = NO_LIMITS) -> VerifyReport:
    return verify(
        kit.repository,
        level,
        objectives={},
        sample_percent=100,
        clock=kit.clock,
        progress=Silent(),
        limits=limits,
    )


@pytest.mark.parametrize("level", ["sample", "full"])
def test_a_snapshot_that_names_too_few_packs_is_not_proved_by_lines_that_another_one_shares(
    tmp_path: Path, level: str
) -> None:
    kit = Kit(tmp_path)
    for number in range(30):
        kit.write(f"file{number}", os.urandom(20_000))
    whole = kit.back_up().record
    secret = kit.repository.secrets[whole.writer]
    lists = {pack for pack in whole.packs if b"tree/0" in _opened(kit, pack)}
    (content,) = set(whole.packs) - lists
    short = replace(whole, snapshot=os.urandom(16).hex(), packs=tuple(one for one in whole.packs if one != content))
    raw = seal_record(
        short.to_json(),
        writer=secret.writer,
        catalog_key=secret.catalog_key,
        repository=kit.repository.id,
        generation=whole.generation,
    )
    kit.store.write(snapshot_name(whole.writer, whole.generation, digest(raw)), raw)

    report = check(kit, level)

    assert report.proved == (whole.snapshot,) and report.unproved == 1
    assert "chunk-missing" in {one.code for one in report.findings if one.level == "problem"}
    again = check(kit, level, Limits(max_bytes=10**9))
    assert again.proved == () and again.unproved == 1


def _opened(kit: Kit, pack: bytes) -> bytes:
    """The plain bytes of every chunk of a pack, joined."""
    from lifeboat.crypto.sealing import Kind
    from lifeboat.repository.chunk_table import Place
    from lifeboat.repository.pack_format import ROW_BYTES, unpack_row
    from lifeboat.repository.reading import ChunkOpener

    (record,) = kit.repository.snapshots()
    (index,) = [one for _, one in kit.repository.indexes(record.writer, record.generation)]
    (indexed,) = [one for one in index.packs if one.name == pack]  # type: ignore[union-attr]
    opener = ChunkOpener(kit.repository, record)
    raw = kit.store.read(opener.pack_object(pack))
    rows = [unpack_row(indexed.rows, number) for number in range(len(indexed.rows) // ROW_BYTES)]
    return b"".join(
        opener.open(
            Place(row, pack, indexed.data_key_name), raw[row.offset : row.offset + row.sealed_bytes], Kind(row.kind)
        )
        for row in rows
    )
