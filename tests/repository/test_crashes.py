"""Killed at any storage call, earlier snapshots still restore and the next run goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from repository_kit import back_up, make, read_back, reopen, some_bytes

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.progress import Silent
from lifeboat.operations.verify.structure import check_structure
from lifeboat.repository.chain import Link, faults_in_chain
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.writing import Run, RunAborted
from lifeboat.storage.faults import CrashAtCall, Killed, RecordingStore, When
from lifeboat.storage.memory import MemoryStore

FIRST = {"a": some_bytes(60_000)}
SECOND = {"a": some_bytes(60_000) + b"more", "b": some_bytes(90_000, 5)}


def each_crash_point(folder: Path, when: When) -> Iterator[tuple[int | None, MemoryStore, Identity, Path]]:
    """A backup killed at call 1, 2, 3 ... until it survives; None for the one that did."""
    nth = 0
    while True:
        nth += 1
        holder = Identity.generate()
        state = folder / f"{when}{nth}"
        repository, store, clock = make(state, identities=[holder])
        back_up(repository, clock, FIRST)
        killing = CrashAtCall(store, nth, when)
        try:
            back_up(reopen(killing, state, holder), clock, SECOND)
        except (Killed, RunAborted):
            yield nth, store, holder, state
        else:
            yield None, store, holder, state
            return


def problems(repository: Repository) -> list[str]:
    found = check_structure(repository, Silent())
    return [finding.code for finding in found.findings if finding.level == "problem"]


@pytest.mark.parametrize("when", list(When))
def test_a_backup_killed_at_any_call_leaves_no_hole_and_the_next_one_finishes(tmp_path: Path, when: When) -> None:
    points = []
    for nth, store, holder, state in each_crash_point(tmp_path, when):
        points.append(nth)
        repository = reopen(store, state, holder)
        assert problems(repository) == [], nth
        kept = repository.snapshots()
        assert any(read_back(repository, record) == FIRST for record in kept), nth
        for record in kept:
            assert read_back(repository, record) in (FIRST, SECOND), nth
        clock_store = reopen(store, state, holder)
        from repository_kit import HandClock

        again = back_up(clock_store, HandClock(), SECOND)
        assert read_back(clock_store, again) == SECOND, nth
        assert problems(clock_store) == [], nth
        links = [link for _, link in clock_store.links(again.writer) if isinstance(link, Link)]
        assert faults_in_chain(links) == [], nth
        linked = [record for link in links for record in link.records]
        assert len(linked) == len(set(linked)) == len(clock_store.snapshots()), nth
    assert len(points) > 12, "the sweep really swept"
    assert points == [*range(1, len(points)), None]


def test_the_crash_sweep_would_notice_a_record_published_before_its_packs(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, FIRST)
    pack = next(one.name for one in store.list_under("files/pack/"))
    store.delete(pack)
    assert "pack-missing" in problems(repository)


def test_an_interrupted_first_backup_resumes_from_what_was_indexed(tmp_path: Path) -> None:
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    killing = CrashAtCall(store, 11, When.AFTER)
    with pytest.raises((Killed, RunAborted)):
        back_up(reopen(killing, tmp_path, holder), clock, SECOND)
    assert any("index-" in one.name for one in store.list_under("catalog/")), "an index was flushed on the way"
    resumed = back_up(repository, clock, SECOND)
    assert 0 < resumed.new_bytes < resumed.total_bytes


def test_objects_are_stored_in_the_order_that_the_promise_needs(tmp_path: Path) -> None:
    holder = Identity.generate()
    _, store, clock = make(tmp_path, identities=[holder])
    recording = RecordingStore(store)
    back_up(reopen(recording, tmp_path, holder), clock, FIRST)
    kinds = [
        "key" if name.startswith("keys/") else "pack" if "/pack/" in name else name.rsplit("/", 1)[-1].split("-")[0]
        for name in recording.names("write")
    ]
    assert kinds[0] == "key"
    assert kinds[-2:] == ["snapshot", "link"]
    assert kinds.index("snapshot") > max(n for n, kind in enumerate(kinds) if kind in ("pack", "index"))
    last_pack = max(n for n, kind in enumerate(kinds) if kind == "pack")
    assert "index" in kinds[last_pack:]


def test_a_full_store_ends_the_run_with_its_own_error_and_commits_nothing(tmp_path: Path) -> None:
    from lifeboat.storage.errors import StorageFull
    from lifeboat.storage.object_store import Content

    holder = Identity.generate()
    _, store, clock = make(tmp_path, identities=[holder])

    class Full(RecordingStore):
        def write(self, name: str, content: Content) -> None:
            if "/pack/" in name:
                raise StorageFull("no space left", "make room")
            super().write(name, content)

    repository = reopen(Full(store), tmp_path, holder)
    with pytest.raises(StorageFull):
        back_up(repository, clock, SECOND)
    assert repository.snapshots() == []


def test_leaving_a_run_without_commit_stores_no_snapshot(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    writer = repository.writer(clock.now())
    with Run(repository, writer, Source.FILES, now=clock.now(), clock=clock):
        pass
    assert repository.snapshots() == []
