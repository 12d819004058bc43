"""A look at the structure over many months: nothing is missed in any of them, and memory holds one at a time."""

import errno
import gc
import os
import random
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, reopen, some_bytes
from test_few_requests import asked
from test_review_packs import lying_rows, plant_index

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Silent
from lifeboat.operations.verify import spool
from lifeboat.operations.verify.run import verify
from lifeboat.operations.verify.structure import check_structure, list_content, readers
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index
from lifeboat.repository.names import Class, Source, digest, index_name, pack_name
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES, Row, pack_row
from lifeboat.repository.record import Record
from lifeboat.storage.memory import MemoryStore

MONTHS = 4


class Telling(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def months_of(folder: Path, count: int = MONTHS) -> tuple[Repository, MemoryStore, HandClock, list[Record]]:
    """A snapshot in each of some months, with content of its own."""
    repository, store, clock = make(folder)
    records = []
    for number in range(count):
        year, month = divmod(2026 * 12 + 11 - count + number, 12)
        clock.moment = datetime(year, month + 1, 20, 12, tzinfo=UTC)
        records.append(back_up(repository, clock, {f"of {month}": some_bytes(60_000, number), "tiny": b"%d" % number}))
    return repository, store, clock, records


def again(repository: Repository, store: MemoryStore, folder: Path, label: str = "host") -> Repository:
    return reopen(store, folder, repository.identity, label=label)


def look(repository: Repository, clock: HandClock, progress: Silent | None = None, level: str = "structure"):  # type: ignore[no-untyped-def]
    return verify(repository, level, objectives={}, sample_percent=100, clock=clock, progress=progress or Silent())


def called(findings: tuple[Finding, ...], code: str) -> dict[str, Finding]:
    return {one.subject: one for one in findings if one.code == code}


def name_of(record: Record, pack: bytes) -> str:
    return record.place + pack.hex()


@pytest.fixture(params=["held in memory", "set aside on the disk"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small repositories never come to the disk by themselves."""
    if request.param != "held in memory":
        monkeypatch.setattr(spool, "BLOCK_BYTES", 1)
    return str(request.param)


@pytest.mark.parametrize("month", range(MONTHS))
@pytest.mark.usefixtures("where")
def test_a_pack_that_is_gone_or_cut_is_named_in_every_month_with_what_it_hurts(tmp_path: Path, month: int) -> None:
    repository, store, clock, records = months_of(tmp_path)
    hurt = records[month]
    gone, cut, *_ = hurt.packs
    store.delete(name_of(hurt, gone))
    store.damage(name_of(hurt, cut), store.read(name_of(hurt, cut))[:-1])
    found = look(again(repository, store, tmp_path), clock).findings
    for code, pack in (("pack-missing", gone), ("pack-cut", cut)):
        told = called(found, code)
        assert list(told) == [name_of(hurt, pack)]
        assert [hurt.snapshot[:8] in one for one in told[name_of(hurt, pack)].hurts] == [True]
    assert not [one for one in found if any(other.snapshot[:8] in str(one) for other in records if other is not hurt)]


def test_what_is_lost_in_several_months_is_told_of_each(tmp_path: Path) -> None:
    repository, store, clock, records = months_of(tmp_path)
    for record in (records[2], records[0]):
        for pack in record.packs:
            raw = store.read(name_of(record, pack))
            store.damage(name_of(record, pack), raw[:-5] + bytes(5))
    report = look(again(repository, store, tmp_path), clock, level="full")
    told = called(report.findings, "pack-damaged")
    assert set(told) == {name_of(record, pack) for record in (records[2], records[0]) for pack in record.packs}
    for record in (records[0], records[2]):
        hurts = " ".join(one for pack in record.packs for one in told[name_of(record, pack)].hurts)
        assert record.snapshot[:8] in hurts
    assert set(report.proved) == {records[1].snapshot, records[3].snapshot}


@pytest.mark.usefixtures("where")
def test_indexes_that_contradict_each_other_are_found_in_the_first_month_and_in_the_last(tmp_path: Path) -> None:
    repository, store, clock, records = months_of(tmp_path)
    for record in (records[0], records[-1]):
        table = repository.chunk_table(record.writer, record.generation, record.source, record.class_)
        pack, key, size = table.packs()[0]
        planted = IndexedPack(pack, key, size, lying_rows(table.rows_of(0)))
        plant_index(repository, bytes.fromhex(record.writer), record.generation, planted)
    found = called(look(again(repository, store, tmp_path), clock).findings, "index-contradicted")
    assert sorted(name.split("/")[2] for name in found) == sorted({records[0].generation, records[-1].generation})


@pytest.mark.usefixtures("where")
def test_another_writers_word_about_a_pack_of_an_earlier_month_is_a_lie_and_hurts_nobody(tmp_path: Path) -> None:
    repository, store, clock, records = months_of(tmp_path)
    thief = again(repository, store, tmp_path / "thief", "thief")
    stolen = back_up(thief, clock, CONTENT)
    assert stolen.writer != records[0].writer
    table = repository.chunk_table(*key_of(records[0]))
    pack, key, size = table.packs()[0]
    planted = IndexedPack(pack, key, size + 1, lying_rows(table.rows_of(0)))
    plant_index(thief, bytes.fromhex(stolen.writer), stolen.generation, planted)
    report = look(again(repository, store, tmp_path), clock, level="full")
    told = called(report.findings, "index-contradicted")
    assert ["another writer's" in one.message for one in told.values()] == [True]
    assert f"catalog/{stolen.writer}/" in next(iter(told))
    assert {one.snapshot for one in (*records, stolen)} == set(report.proved)


def test_a_pack_that_its_index_lost_is_named(tmp_path: Path) -> None:
    repository, store, clock, records = months_of(tmp_path)
    lost = next(
        one.name
        for one in store.list_under(f"catalog/{records[0].writer}/{records[0].generation}/index-"[:-6])
        if "/index-" in one.name
    )
    store.delete(lost)
    told = called(look(again(repository, store, tmp_path), clock).findings, "pack-not-indexed")
    assert told and all(name.startswith(records[0].place) for name in told)


@pytest.mark.parametrize("stated", [0, 1 << 62, (1 << 64) - 1])
def test_a_pack_that_is_gone_is_missed_whatever_size_is_stated(tmp_path: Path, stated: int) -> None:
    repository, store, clock, records = months_of(tmp_path)
    key = key_in(store, records[-1])
    planted = IndexedPack(os.urandom(32), key, stated, lying_rows(bytes(ROW_BYTES)))
    plant_index(repository, bytes.fromhex(records[-1].writer), records[-1].generation, planted)
    told = called(look(again(repository, store, tmp_path), clock).findings, "pack-missing")
    assert list(told) == [name_of(records[-1], planted.name)]


def test_a_damaged_index_is_why_lists_cannot_be_read(tmp_path: Path) -> None:
    """And not chunks that nobody knows of."""
    repository, store, _, records = months_of(tmp_path)
    for one in list(store.list_under(f"catalog/{records[0].writer}/{records[0].generation}/")):
        if "/index-" in one.name:
            store.damage(one.name, store.read(one.name)[:-1] + b"?")
    found = check_structure(again(repository, store, tmp_path), Silent())
    told = [one for one in found.findings if one.subject == records[0].object_name]
    assert [one.code for one in told] == ["object-damaged"] and records[0].object_name in found.broken


def test_each_index_is_read_once(tmp_path: Path) -> None:
    repository, store, clock, records = months_of(tmp_path)
    opened = again(repository, store, tmp_path)
    counted = asked(opened)
    look(opened, clock)
    reads = [name for name, _ in counted.reads if "/index-" in name]
    assert len(reads) == len(set(reads)) >= len(records)


@pytest.mark.usefixtures("where")
def test_the_chunk_tables_are_those_that_indexes_say(tmp_path: Path) -> None:
    repository, _, _, records = months_of(tmp_path)
    found = list_content(repository, Silent())
    for record in records:
        ours, theirs = found.chunk_table(record), repository.chunk_table(*key_of(record))
        assert sorted(ours.packs()) == sorted(theirs.packs()) and len(ours) == len(theirs)
        said = {pack[0]: theirs.rows_of(number) for number, pack in enumerate(theirs.packs())}
        assert said == {pack[0]: ours.rows_of(number) for number, pack in enumerate(ours.packs())}
        for rows in said.values():
            for start in range(0, len(rows), ROW_BYTES):
                assert ours.find(rows[start : start + 32]) == theirs.find(rows[start : start + 32])


def test_a_reader_that_is_done_with_keeps_no_month(tmp_path: Path) -> None:
    repository, _, _, records = months_of(tmp_path)
    found = list_content(repository, Silent())
    kept = [reader for _, reader in readers(repository, found, records)]
    assert [len(one.table) for one in kept] == [0] * MONTHS


def no_room(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def half_then_no_room() -> Callable[[int, bytes, int], int]:
    real, calls = os.pwrite, [0]

    def pwrite(descriptor: int, raw: bytes, at: int) -> int:
        calls[0] += 1
        return (
            real(descriptor, raw[: len(raw) // 2], at)
            if calls[0] == 3
            else no_room()
            if calls[0] > 3
            else real(descriptor, raw, at)
        )

    return pwrite


@pytest.mark.parametrize("trouble", ["disk full", "disk full in the middle of a write", "folder closed", "little left"])
def test_where_nothing_can_be_set_aside_the_same_is_found_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    repository, store, clock, records = months_of(tmp_path)
    store.delete(name_of(records[0], records[0].packs[0]))
    expected = look(again(repository, store, tmp_path), clock).findings
    monkeypatch.setattr(spool, "BLOCK_BYTES", 1000)
    if trouble == "folder closed":
        monkeypatch.setattr(spool.tempfile, "mkstemp", no_room)
    elif trouble == "little left":
        monkeypatch.setattr(spool, "LEFT_FREE_BYTES", 1 << 60)
    else:
        monkeypatch.setattr(spool.os, "pwrite", no_room if trouble == "disk full" else half_then_no_room())
    progress = Telling()
    assert look(again(repository, store, tmp_path), clock, progress).findings == expected
    assert [("room" in one or "space" in one) and "stay in memory" in one for one in progress.notes] == [True]


@pytest.mark.parametrize("trouble", ["changed", "cut", "unreadable"])
def test_what_the_disk_does_not_give_back_ends_it_with_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    repository, store, clock, _ = months_of(tmp_path)
    monkeypatch.setattr(spool, "BLOCK_BYTES", 1)
    real = os.pread

    def pread(descriptor: int, count: int, at: int) -> bytes:
        if trouble == "unreadable":
            raise OSError(errno.EIO, "Input/output error")
        raw = real(descriptor, count, at)
        return raw[:-1] + (bytes((raw[-1] ^ 1,)) if trouble == "changed" else b"")

    monkeypatch.setattr(spool.os, "pread", pread)
    with pytest.raises(SettingsError, match=r"set aside in .* cannot be read back"):
        look(again(repository, store, tmp_path), clock)


def test_nothing_that_was_set_aside_is_left_or_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository, _, _, _ = months_of(tmp_path)
    monkeypatch.setattr(spool, "BLOCK_BYTES", 1)
    written: list[bytes] = []
    descriptors: set[int] = set()
    real = os.pwrite

    def pwrite(descriptor: int, raw: memoryview, at: int) -> int:
        descriptors.add(descriptor)
        written.append(bytes(raw))
        return real(descriptor, raw, at)

    monkeypatch.setattr(spool.os, "pwrite", pwrite)
    before = sorted(tmp_path.rglob("*"))
    found = list_content(repository, Silent())
    assert written and sorted(tmp_path.rglob("*")) == before
    rows = b"".join(told.rows for _, told in found.packs.every())
    assert rows and not any(rows[start : start + 32] in b"".join(written) for start in range(0, len(rows), ROW_BYTES))
    assert {os.fstat(one).st_nlink for one in descriptors} == {0}
    del found
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptors.pop())


PACKS_MONTHS, ROWS = 12, 20


def grow(repository: Repository, store: MemoryStore, record: Record, packs: int, chance: random.Random) -> None:
    """Packs that an index names in the month of a snapshot, and that lie there."""
    secret = repository.secrets[record.writer]
    told = []
    for _ in range(packs):
        rows = b"".join(pack_row(Row(chance.randbytes(32), 1, 0, 92, 10, 10)) for _ in range(ROWS))
        told.append(IndexedPack(chance.randbytes(32), key_in(store, record), 5, rows))
    for start in range(0, packs, 64):
        raw = seal_index(
            Index(record.source, record.class_, tuple(told[start : start + 64])),
            writer=secret.writer,
            catalog_key=secret.catalog_key,
            repository=repository.id,
            generation=record.generation,
        )
        store.write(index_name(record.writer, record.generation, digest(raw)), raw)
    for pack in told:
        name = pack_name(Source(record.source), Class(record.class_), record.generation, pack.name.hex())
        store.write(name, b"12345")


def key_in(store: MemoryStore, record: Record) -> bytes:
    return bytes.fromhex(next(one.name for one in store.list_under(f"keys/{record.generation}/")).rsplit("/", 1)[1])


def test_memory_grows_by_a_few_hundred_bytes_a_pack_over_a_year(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 that stay, and a twelfth of what a month takes. The chunk table of a pack of twenty chunks alone has 920."""
    monkeypatch.setattr(spool, "BLOCK_BYTES", 100_000)
    repository, store, _, records = months_of(tmp_path, PACKS_MONTHS)
    chance, peaks, sizes = random.Random(3), [], (100, 300)
    for packs in sizes:
        for record in records:
            grow(repository, store, record, packs, chance)
        opened = again(repository, store, tmp_path)
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            found = check_structure(opened, Silent())
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
        assert [one.code for one in found.findings] == ["rescue-kit-missing"]
        assert sum(1 for _ in found.packs.every()) > packs * PACKS_MONTHS
        del found
    assert (peaks[1] - peaks[0]) / (sizes[1] * PACKS_MONTHS) < 300


def key_of(record: Record) -> tuple[str, str, str, str]:
    return record.writer, record.generation, record.source, record.class_
