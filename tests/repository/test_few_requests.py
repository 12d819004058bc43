"""A far store is asked little: what lies side by side comes in one read, whatever order it is wanted in, and nothing wrong comes out of it."""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repository_kit import CONTENT, SMALL, HandClock, back_up, make, reopen, some_bytes

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.crypto.sealing import Kind
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.verify.run import verify
from lifeboat.repository import reading
from lifeboat.repository.errors import ChunkMissing
from lifeboat.repository.index_copies import IndexCopies
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import ObjectStore


class Asked:
    """A store that notes what it is asked."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner = inner
        self.reads: list[tuple[str, tuple[int, int] | None]] = []
        self.kinds: Counter[str] = Counter()

    def read(self, name, span=None):  # type: ignore[no-untyped-def]
        self.kinds["read"] += 1
        self.reads.append((name, span))
        return self.inner.read(name, span)

    def list_under(self, prefix):  # type: ignore[no-untyped-def]
        self.kinds["list"] += 1
        return self.inner.list_under(prefix)

    def write(self, name, content):  # type: ignore[no-untyped-def]
        self.kinds["write"] += 1
        self.inner.write(name, content)

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def asked(repository: Repository) -> Asked:
    repository.store = store = Asked(repository.store)
    return store


def chunks_of(reader: SnapshotReader) -> list[bytes]:
    return [chunk for stream in reader.streams().values() for chunk, _ in reader.chunk_list(stream)]


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Repository, MemoryStore, HandClock]:
    return make(tmp_path)


def test_what_lies_side_by_side_comes_in_one_read(scene: tuple[Repository, MemoryStore, HandClock]) -> None:
    repository, _, clock = scene
    record = back_up(repository, clock, CONTENT)
    with SnapshotReader(repository, record) as reader:
        wanted = chunks_of(reader)
        assert len(wanted) > 40
        shuffled = random.Random(4).sample(wanted, len(wanted))
        store = asked(repository)
        plain = dict(zip(shuffled, reader.chunks(shuffled, Kind.CONTENT), strict=True))
        assert b"".join(plain[one] for one in wanted) == b"".join(CONTENT.values())
        packs = {name for name, _ in store.reads}
        assert len(store.reads) == len(packs), (
            "one read of each pack, though no two neighbours are wanted one after the other"
        )


@given(
    bounds=st.tuples(st.integers(1, 30_000), st.integers(1, 20_000), st.integers(0, 9_000), st.integers(1, 40_000)),
    picks=st.lists(st.integers(0, 10_000), max_size=60),
)
def test_any_choice_in_any_order_comes_back(
    tmp_path_factory: pytest.TempPathFactory, bounds: tuple[int, int, int, int], picks: list[int]
) -> None:
    repository, _, clock = make(tmp_path_factory.mktemp("any"))
    content = {"one": some_bytes(60_000)}
    record = back_up(repository, clock, content)
    with pytest.MonkeyPatch.context() as patch, SnapshotReader(repository, record) as reader:
        # Small against the chunks (of 1 to 8 kB), so that windows, gaps and spans end everywhere.
        for name, bound in zip(("WINDOW_BYTES", "SPAN_BYTES", "GAP_BYTES", "AHEAD_BYTES"), bounds, strict=True):
            patch.setattr(reading, name, bound)
        wanted = chunks_of(reader)
        at = {}
        offset = 0
        for chunk in wanted:
            place = reader.table.find(chunk)
            assert place is not None
            at[chunk] = content["one"][offset : offset + place.row.plain_bytes]
            offset += place.row.plain_bytes
        chosen = [wanted[pick % len(wanted)] for pick in picks]
        assert list(reader.chunks(chosen, Kind.CONTENT)) == [at[chunk] for chunk in chosen]


def test_no_read_is_longer_than_a_span_and_what_waits_is_bounded(
    scene: tuple[Repository, MemoryStore, HandClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tiny chunks far apart: the gaps between them must not add up to a pack in memory."""
    repository, _, clock = scene
    record = back_up(repository, clock, {"one": some_bytes(300_000)}, limits=SMALL)
    monkeypatch.setattr(reading, "SPAN_BYTES", 12_000)
    monkeypatch.setattr(reading, "GAP_BYTES", 6_000)
    with SnapshotReader(repository, record) as reader:
        wanted = chunks_of(reader)[::2]
        store = asked(repository)
        assert len(list(reader.chunks(wanted, Kind.CONTENT))) == len(wanted)
        assert all(span is not None and span[1] <= 12_000 for _, span in store.reads)
        assert len(store.reads) < len(wanted)


def test_a_damaged_neighbour_does_not_take_the_others_with_it(scene: tuple[Repository, MemoryStore, HandClock]) -> None:
    repository, store, clock = scene
    record = back_up(repository, clock, {"one": some_bytes(60_000)})
    with SnapshotReader(repository, record) as reader:
        wanted = chunks_of(reader)
        place = reader.table.find(wanted[3])
        assert place is not None
        name = next(one.name for one in store.list_under("files/") if place.pack.hex() in one.name)
        raw = bytearray(store.read(name))
        raw[place.row.offset + 20] ^= 1
        store.damage(name, bytes(raw))
        got = []
        with pytest.raises(Exception, match=wanted[3].hex()[:16] + "|seal|tag|authentic|damaged"):
            for plain in reader.chunks(wanted, Kind.CONTENT):
                got.append(plain)
        assert b"".join(got) == some_bytes(60_000)[: sum(map(len, got))], "what came before is right"
        without = [chunk for chunk in wanted if chunk != wanted[3]]
        assert len(list(reader.chunks(without, Kind.CONTENT))) == len(without)


def test_a_root_whose_bytes_were_spoilt_on_the_way_is_read_again(
    scene: tuple[Repository, MemoryStore, HandClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, store, clock = scene
    record = back_up(repository, clock, CONTENT)
    read, spoilt = store.read, []

    def spoil_once(name: str, span: tuple[int, int] | None = None) -> bytes:
        raw = read(name, span)
        if "/pack/" in name and not spoilt:
            spoilt.append(name)
            return raw[:-1] + bytes([raw[-1] ^ 1])
        return raw

    monkeypatch.setattr(store, "read", spoil_once)
    with SnapshotReader(repository, record) as reader:
        for name, stream in reader.streams().items():
            assert b"".join(reader.stream(stream)) == CONTENT[name]
    assert spoilt


def test_a_look_ends_before_others_are_missed(scene: tuple[Repository, MemoryStore, HandClock], tmp_path: Path) -> None:
    repository, store, clock = scene
    first = back_up(repository, clock, CONTENT)
    other = reopen(store, tmp_path / "other", repository.identity, label="other")
    counting = asked(repository)
    with repository.one_look():
        assert [one.snapshot for one in repository.snapshots()] == [first.snapshot]
        lists = counting.kinds["list"]
        clock.sleep(60)
        second = back_up(other, clock, {"two": some_bytes(9_000, 3)})
        repository.take_registrations()
        lists = counting.kinds["list"]
        assert [one.snapshot for one in repository.snapshots() if one.writer == first.writer] == [first.snapshot]
        assert counting.kinds["list"] == lists + 1, "the new writer's catalog alone is asked for"
    assert {one.snapshot for one in repository.snapshots()} == {first.snapshot, second.snapshot}


def test_bytes_are_remembered_only_where_it_was_asked_for(scene: tuple[Repository, MemoryStore, HandClock]) -> None:
    """Whoever judges by a reading whether an object is there (keep, verify, prune) must see that it is gone."""
    repository, store, clock = scene
    record = back_up(repository, clock, CONTENT)
    assert not isinstance(repository.record_at(record.writer, record.object_name), Exception)
    gone = store.read(record.object_name)
    store.delete(record.object_name)
    assert isinstance(repository.record_at(record.writer, record.object_name), Exception)
    store.write(record.object_name, gone)
    repository.remember_what_is_read()
    assert not isinstance(repository.record_at(record.writer, record.object_name), Exception)
    with pytest.raises(StopIteration):
        next(iter(repository.unlinked_records(record.writer, {record.object_name.rsplit("-", 1)[-1]})))


def test_a_chunk_that_no_index_knows_is_said_before_anything_is_read(
    scene: tuple[Repository, MemoryStore, HandClock],
) -> None:
    repository, _, clock = scene
    record = back_up(repository, clock, CONTENT)
    with SnapshotReader(repository, record) as reader, pytest.raises(ChunkMissing, match="no index knows"):
        list(reader.chunks([b"\0" * 32], Kind.CONTENT))


def test_a_backup_and_a_restore_ask_a_store_a_dozen_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a way of 50 ms each question costs more than sealing a megabyte. A bound is what was counted when it was set, and one."""
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    for number in range(40):
        (uploads / f"{number}.txt").write_bytes(some_bytes(2_000, number))
    variables = {
        "HOME": str(tmp_path),
        "LIFEBOAT_STATE": str(tmp_path / "state"),
        "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        "UPLOADS_DIR": str(uploads),
        "BACKUP_ENCRYPTION_KEY": "5e" * 32,
    }
    kinds: Counter[str] = Counter()
    from lifeboat.storage.local.store import LocalStore

    for kind in ("read", "list_under", "write"):
        inner = getattr(LocalStore, kind)

        def count(self, *words, _inner=inner, _kind=kind):  # type: ignore[no-untyped-def]
            kinds[_kind] += 1
            return _inner(self, *words)

        monkeypatch.setattr(LocalStore, kind, count)
    lifeboat = Lifeboat(read_settings(None, variables, tmp_path))
    lifeboat.initialise(guarded=False, new_key=None)

    def questions(act) -> int:  # type: ignore[no-untyped-def]
        kinds.clear()
        act()
        return sum(kinds.values())

    def restore() -> None:
        request = RestoreRequest("files", "latest", str(tmp_path / "restored"), over_live=False)
        lifeboat.plan_restore(request)
        lifeboat.restore(request)

    found = {
        "first backup": questions(lambda: lifeboat.backup("files")),
        "unchanged": questions(lambda: lifeboat.backup("files")),
        "restore": questions(restore),
    }
    assert found["first backup"] <= 16 and found["unchanged"] <= 13 and found["restore"] <= 27, found


def index_reads(store: Asked) -> int:
    return sum("/index-" in name for name, _ in store.reads)


def a_backup_later(store: MemoryStore, folder: Path, repository: Repository, clock: HandClock, number: int) -> Asked:
    """By a process of its own, on the same machine."""
    again = reopen(store, folder, repository.identity)
    again.remember_what_is_read()
    counting = asked(again)
    record = back_up(again, clock, {**CONTENT, "new": some_bytes(3_000, 50 + number)})
    assert record.new_bytes < 8_000, "the rest is known"
    return counting


def test_indexes_are_fetched_once_by_a_machine(
    scene: tuple[Repository, MemoryStore, HandClock], tmp_path: Path
) -> None:
    repository, store, clock = scene
    back_up(repository, clock, CONTENT)
    counts = [index_reads(a_backup_later(store, tmp_path, repository, clock, number)) for number in range(8)]
    assert counts[0] > 0 and counts[1:] == [0] * 7
    copies = sorted((repository.state.directory / "indexes" / "2026-11").iterdir())
    stored = {one.name.rsplit("/", 1)[-1] for one in store.list_under("catalog/") if "/index-" in one.name}
    assert {one.name for one in copies} == stored
    assert all(one.stat().st_mode & 0o077 == 0 for one in [*copies, copies[0].parent, copies[0].parent.parent])


def test_a_spoilt_copy_is_fetched_again_and_one_without_an_original_means_nothing(
    scene: tuple[Repository, MemoryStore, HandClock], tmp_path: Path
) -> None:
    repository, store, clock = scene
    back_up(repository, clock, CONTENT)
    a_backup_later(store, tmp_path, repository, clock, 0)
    folder = repository.state.directory / "indexes" / "2026-11"
    for copy in folder.iterdir():
        copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    assert index_reads(a_backup_later(store, tmp_path, repository, clock, 1)) == len(list(folder.iterdir())) - 1
    # The store lost all indexes: what only copies tell of is not counted on.
    for one in list(store.list_under("catalog/")):
        if "/index-" in one.name:
            store.delete(one.name)
    again = reopen(store, tmp_path, repository.identity)
    again.remember_what_is_read()
    record = back_up(again, clock, CONTENT)
    assert record.new_bytes > 150_000, "all of it was stored again"


def test_a_damaged_index_is_stored_again_within_a_day_and_right_after_a_verification(
    scene: tuple[Repository, MemoryStore, HandClock], tmp_path: Path
) -> None:
    repository, store, clock = scene
    for number in range(2):
        a_backup_later(store, tmp_path, repository, clock, number) if number else back_up(repository, clock, CONTENT)
    folder = repository.state.directory / "indexes"
    for why in ("age", "verify"):
        damaged = [one.name for one in store.list_under("catalog/") if "/index-" in one.name]
        for name in damaged:
            store.damage(name, store.read(name)[:-1] + b"?")
        if why == "age":
            for copy in (folder / "2026-11").iterdir():
                os.utime(copy, (1.0, 1.0))
        else:
            verify(repository, "structure", objectives={}, sample_percent=5, clock=clock, progress=Silent())
            assert not folder.exists()
        again = reopen(store, tmp_path, repository.identity)
        again.remember_what_is_read()
        assert back_up(again, clock, CONTENT).new_bytes > 150_000, why
        for name in damaged:
            store.delete(name)


def test_copies_of_months_long_gone_are_let_go_and_a_full_disk_stops_nothing(
    scene: tuple[Repository, MemoryStore, HandClock], tmp_path: Path
) -> None:
    repository, store, clock = scene
    folder = repository.state.directory / "indexes"
    for days in (0, 31, 31):
        clock.sleep(days * 86_400)
        back_up(repository, clock, CONTENT)
        again = reopen(store, tmp_path, repository.identity)
        again.remember_what_is_read()
        back_up(again, clock, {**CONTENT, "new": some_bytes(3_000, days + 7)})
    assert [one.name for one in sorted(folder.iterdir())] == ["2026-12", "2027-01"]
    IndexCopies(folder).keep(f"catalog/{'a' * 32}/2026-11/index-{'b' * 64}", b"of a month long gone")
    assert [one.name for one in sorted(folder.iterdir())] == ["2026-12", "2027-01"]
    shutil.rmtree(folder)
    folder.write_text("not a folder")
    assert index_reads(a_backup_later(store, tmp_path, repository, clock, 9)) > 0
