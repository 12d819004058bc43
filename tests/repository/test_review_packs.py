"""Packs that are gone, damaged, or named by an index that lies: what later snapshots and restores make of them."""

import os
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.sizes import MIB
from lifeboat.repository.catalog_format import Index, IndexedPack, seal_index
from lifeboat.repository.names import digest, index_name
from lifeboat.repository.objects import write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES
from lifeboat.storage.errors import StorageBusy, StorageDenied
from lifeboat.storage.faults import Call, Passing
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import Content, StoredObject
from lifeboat.storage.retrying import RetryingStore


def packs(store: MemoryStore) -> list[StoredObject]:
    return list(store.list_under("files/pack/"))


def test_a_new_snapshot_never_counts_on_a_pack_that_is_gone(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    for pack in packs(store):
        broken = store.copy()
        broken.delete(pack.name)
        again = reopen(broken, tmp_path, repository.identity)
        assert read_back(again, back_up(again, clock, CONTENT)) == CONTENT


def test_a_new_snapshot_never_counts_on_a_pack_that_was_cut(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    for pack in packs(store):
        store.damage(pack.name, store.read(pack.name)[:-9])
    again = reopen(store, tmp_path, repository.identity)
    assert read_back(again, back_up(again, clock, CONTENT)) == CONTENT


class PacksClosed(Passing):
    """As a guarded writer sees the bucket: packs can be put, neither listed nor read."""

    def _around(self, call: Call, effect):  # type: ignore[no-untyped-def]
        if call.kind in ("list", "read") and "/pack/" in call.name:
            raise StorageDenied(f"no right to {call.kind} {call.name}")
        return effect()


def test_a_writer_that_may_not_list_packs_still_backs_up(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    blind = reopen(PacksClosed(store), tmp_path, repository.identity)
    second = back_up(blind, clock, CONTENT)
    assert second.new_bytes == 0
    assert read_back(repository, second) == CONTENT


def test_a_chunk_that_is_stored_twice_is_read_from_the_pack_that_is_whole(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    first = back_up(repository, clock, CONTENT)
    parked = {one.name: store.read(one.name) for one in store.list_under("files/")}
    for name in parked:
        store.delete(name)
    second = back_up(reopen(store, tmp_path, repository.identity), clock, CONTENT)
    assert not set(first.packs) & set(second.packs)
    # The old packs are back, but spoiled: both snapshots have a whole copy of each chunk in the new ones.
    for name, raw in parked.items():
        store.write(name, raw[:200] + bytes(len(raw) - 200))
    for record in (first, second):
        assert read_back(reopen(store, tmp_path, repository.identity), record) == CONTENT


def plant_index(repository: Repository, writer: bytes, generation: str, pack: IndexedPack) -> None:
    """Store an index as whoever holds the writer's secret could, with a name that sorts before all others."""
    secret = repository.secrets[writer.hex()]
    while True:
        raw = seal_index(
            Index("files", "short", (pack,)),
            writer=writer,
            catalog_key=secret.catalog_key,
            repository=repository.id,
            generation=generation,
        )
        name = index_name(writer.hex(), generation, digest(raw))
        present = [one.name for one in repository.store.list_under(name.rsplit("-", 1)[0].rsplit("/", 1)[0] + "/")]
        if name < min(one for one in present if "index-" in one):
            write_named(repository.store, name, raw)
            return


def lying_rows(rows: bytes) -> bytes:
    """The same chunks, all of them said to lie at byte 92."""
    told = bytearray(rows)
    for start in range(0, len(rows), ROW_BYTES):
        told[start + 34 : start + 38] = (92).to_bytes(4, "big")
    return bytes(told)


@pytest.mark.parametrize("which", ["a pack of its own", "the very pack"])
def test_a_stolen_writer_cannot_bury_old_snapshots_under_a_lying_index(tmp_path: Path, which: str) -> None:
    repository, store, clock = make(tmp_path)
    record = back_up(repository, clock, CONTENT)
    table = repository.chunk_table(record.writer, record.generation, record.source, record.class_)
    for number, (pack, key, size) in enumerate(table.packs()):
        named = pack if which == "the very pack" else os.urandom(32)
        planted = IndexedPack(named, key, size, lying_rows(table.rows_of(number)))
        plant_index(repository, bytes.fromhex(record.writer), record.generation, planted)
    again = reopen(store, tmp_path, repository.identity)
    assert read_back(again, again.find_snapshot(record.snapshot)) == CONTENT


class CutsWrites(Passing):
    """A store that is no atomic one: the first write of a pack lands cut, and the reply is lost."""

    hit = False

    def write(self, name: str, content: Content) -> None:
        if "/pack/" in name and not self.hit:
            self.hit = True
            whole = content if isinstance(content, bytes) else b"".join(content)
            self.inner.write(name, whole[: len(whole) // 2])
            raise StorageBusy("the connection broke")
        super().write(name, content)


def test_a_pack_that_landed_cut_is_never_part_of_a_snapshot(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    cutting = CutsWrites(store)
    careful = reopen(RetryingStore(cutting, clock), tmp_path, repository.identity)
    try:
        record = back_up(careful, clock, CONTENT)
    except LifeboatError as error:
        assert "already" in error.message or "other bytes" in error.message, error
        assert repository.snapshots() == []
    else:
        assert read_back(repository, record) == CONTENT
    assert cutting.hit


class RepliesLostAndClosed(PacksClosed):
    """A guarded writer's store that loses the reply of the first write of a pack."""

    hit = False

    def write(self, name: str, content: Content) -> None:
        super().write(name, content)
        if "/pack/" in name and not self.hit:
            self.hit = True
            raise StorageBusy("the reply was lost")


def test_a_writer_that_may_not_read_packs_takes_a_taken_name_for_its_own_lost_reply(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    losing = RepliesLostAndClosed(store)
    record = back_up(reopen(RetryingStore(losing, clock), tmp_path, repository.identity), clock, CONTENT)
    assert losing.hit
    assert read_back(repository, record) == CONTENT


def test_an_object_written_again_is_no_error(tmp_path: Path) -> None:
    store = MemoryStore(HandClock())
    raw = os.urandom(MIB)
    name = f"config/rescue-{digest(raw)}.py"
    write_named(store, name, raw)
    write_named(store, name, raw)
    store.damage(name, raw[:-1])
    with pytest.raises(LifeboatError, match="other bytes"):
        write_named(store, name, raw)
