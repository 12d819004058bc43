"""Local state, clocks and the chain: full disks, rolled-back stores, runs beside each other, clocks that ran ahead."""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from repository_kit import CONTENT, HandClock, back_up, make, read_back, reopen

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Silent
from lifeboat.operations.reports.checks import VerifyReport
from lifeboat.operations.status import status
from lifeboat.operations.verify.run import verify
from lifeboat.repository.chain import Link, faults_in_chain
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.storage.faults import Call, Passing
from lifeboat.storage.object_store import ObjectStore, StoredObject


def codes(repository: Repository, clock: HandClock) -> list[str]:
    report: VerifyReport = verify(
        repository, "structure", objectives={}, sample_percent=1, clock=clock, progress=Silent()
    )
    return [finding.code for finding in report.findings if finding.level == "problem"]


@contextmanager
def disk_with_room_for(count: int) -> Iterator[None]:
    """Files of this process end at so many bytes: a write comes back short, the next one fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_never_costs_the_writer_secret(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    secret = repository.writer(clock.now())
    with disk_with_room_for(100), pytest.raises(LifeboatError, match="state"):
        repository.state.save_writer(secret)
    assert LocalState(tmp_path, repository.store.describe()).load_writer() == secret


def test_a_full_state_folder_does_not_make_a_committed_snapshot_a_failure(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)
    with disk_with_room_for(100):
        record = back_up(repository, clock, CONTENT)
    assert read_back(repository, record) == CONTENT


def test_a_store_that_was_rolled_back_stays_told_after_the_next_backup(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    older = store.copy()
    back_up(repository, clock, {"a": b"lost by the rollback"})
    after = reopen(older, tmp_path, repository.identity)
    assert "catalog-rolled-back" in codes(after, clock)
    back_up(after, clock, CONTENT)
    assert "catalog-rolled-back" in codes(reopen(older, tmp_path, repository.identity), clock)


def test_a_new_writer_is_not_taken_for_a_rollback(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    back_up(repository, clock, CONTENT)
    repository.new_writer(clock.now())
    assert codes(reopen(store, tmp_path, repository.identity), clock) == []


class SlowLinks(Passing):
    """Between looking for the newest link and writing the next, another run of this machine has its turn."""

    def __init__(self, inner: ObjectStore, meet: threading.Barrier) -> None:
        super().__init__(inner)
        self.meet = meet

    def _around(self, call: Call, effect):  # type: ignore[no-untyped-def]
        if call.kind == "write" and "/link-" in call.name:
            with suppress(threading.BrokenBarrierError):
                self.meet.wait(timeout=1)
        return effect()


def test_two_runs_of_one_machine_at_once_leave_one_chain(tmp_path: Path) -> None:
    repository, store, clock = make(tmp_path)
    meet = threading.Barrier(2)
    failures: list[BaseException] = []

    def run(content: bytes) -> None:
        try:
            back_up(reopen(SlowLinks(store, meet), tmp_path, repository.identity), clock, {"x": content})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(text,)) for text in (b"hourly", b"daily")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    writer = repository.writer(clock.now()).writer.hex()
    links = [link for _, link in repository.links(writer) if isinstance(link, Link)]
    assert faults_in_chain(links) == []
    linked = [record for link in links for record in link.records]
    assert len(linked) == len(set(linked)) == 2


def test_a_clock_that_ran_ahead_once_does_not_make_its_snapshot_the_latest_for_ever(tmp_path: Path) -> None:
    repository, _, clock = make(tmp_path)

    def taken(content: dict[str, bytes], ahead: timedelta) -> Record:
        class Ahead(HandClock):
            def now(self):  # type: ignore[no-untyped-def]
                return clock.moment + ahead

        return back_up(repository, Ahead(), content)

    wrong = taken({"a": b"stale"}, timedelta(days=400))
    clock.moment += timedelta(hours=1)
    right = taken({"a": b"fresh"}, timedelta(0))
    assert wrong.instant > right.instant
    assert repository.find_snapshot("latest").snapshot == right.snapshot
    clock.moment += timedelta(days=2)
    (row,) = status(repository, {"files": 3600.0}, 86400.0).sources
    assert not row.meets_objective, "two days old is two days old"
    report = verify(repository, "age", objectives={"files": 3600.0}, sample_percent=1, clock=clock, progress=Silent())
    assert "snapshot-too-old" in [one.code for one in report.findings]


class _WithoutNewestLink(Passing):
    """A listing that lacks what was written last."""

    def list_under(self, prefix: str) -> Iterator[StoredObject]:
        rows = list(super().list_under(prefix))
        links = sorted(one.name for one in rows if "/link-" in one.name)
        yield from (one for one in rows if not links or one.name != links[-1])


@pytest.mark.parametrize("harm", ["left out of a listing", "spoilt"])
def test_a_newest_link_that_does_not_show_is_gone_on_from_all_the_same(tmp_path: Path, harm: str) -> None:
    """Else a second one would get its number, and the writer would look like a clone of itself for ever."""
    holder = Identity.generate()
    repository, store, clock = make(tmp_path, identities=[holder])
    back_up(repository, clock, CONTENT)
    back_up(repository, clock, {"more": b"x" * 3000})
    newest = sorted(one.name for one in store.list_under("catalog/") if "/link-" in one.name)[-1]
    raw = store.read(newest)
    if harm == "spoilt":
        store.damage(newest, raw[:-5] + b"ABCDE")
        back_up(reopen(store, tmp_path, holder), clock, {"yet more": b"y" * 3000})
        store.damage(newest, raw)
    else:
        back_up(reopen(_WithoutNewestLink(store), tmp_path, holder), clock, {"yet more": b"y" * 3000})
    links = [link for _, link in reopen(store, tmp_path, holder).links(repository.snapshots()[0].writer)]
    assert [one.sequence for one in links if isinstance(one, Link)] == [1, 2, 3]
    assert faults_in_chain([one for one in links if isinstance(one, Link)]) == []
