"""Two machines, one repository, and everything that can go wrong between them, against a dictionary.

Whatever the order of backups, changes, losses of local state, states brought back from an image and processes killed at a call of the store:
every committed snapshot always restores to exactly the tree it was taken of, and verify agrees.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import RepositoryDamaged
from lifeboat.foundation.progress import Silent
from lifeboat.operations.backup_files import Root, backup_trees
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.operations.taking import Taking, new_point
from lifeboat.operations.verify.run import verify
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository, open_repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.writing import RunAborted, WriteLimits
from lifeboat.storage.errors import StorageFull
from lifeboat.storage.faults import CrashAtCall, Killed, Passing, When
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.object_store import Content, ObjectStore

Tree = dict[str, bytes]
LIMITS = WriteLimits(pack_bytes=3_000, in_flight_bytes=50_000, sealers=2, uploads=2, index_every_packs=2)
NAMES = st.sampled_from(["a", "b", "c", "d/a", "d/b", "d/e/a", "f.txt"])
CONTENT = st.one_of(
    st.binary(max_size=40),
    # Large enough for a chunk of its own, from few seeds, so that the two machines and later runs have it too.
    st.tuples(st.integers(0, 5), st.sampled_from([3_000, 300_000])).map(
        lambda made: (b"%d " % made[0]) * (made[1] // 2)
    ),
)
CLIENTS = st.sampled_from([0, 1])
PICKS = st.integers(0, 99)
"""Which of what there is; drawn as a number, because ids are random."""


@dataclass
class Client:
    """One machine: a tree and a state folder."""

    number: int
    tree: Path
    state: Path


class LaterClock(SystemClock):
    """Some seconds ahead, so that stamps of files written just now are believed, as those of an hour ago are."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=10)


class FailsOnce(Passing):
    """Refuses its nth write and takes all others: only a run that remembers the failure commits nothing."""

    def __init__(self, inner: ObjectStore, nth: int) -> None:
        super().__init__(inner)
        self.left = nth

    def write(self, name: str, content: Content) -> None:
        self.left -= 1
        if self.left == 0:
            raise StorageFull(f"full for a moment, at {name}")
        super().write(name, content)


class TwoClients(RuleBasedStateMachine):
    """The model: what each committed snapshot must give back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lifeboat-model-"))
        self.clock = LaterClock()
        self.store = MemoryStore(self.clock)
        self.identity = Identity.generate()
        self.clients = [Client(n, self.folder / f"tree{n}", self.folder / f"state{n}") for n in (0, 1)]
        self.live: list[Tree] = [{}, {}]
        self.committed: dict[str, Tree] = {}
        self.hurt: set[str] = set()
        """Snapshots that lost a pack: their restore ends with an error or is exact."""
        self.count = 0

    def teardown(self) -> None:
        try:
            for record in self.repository(0).snapshots():
                self.restores_exactly(record)
            self.verifies(1, "full")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @initialize()
    def make(self) -> None:
        for client in self.clients:
            client.tree.mkdir()
        create_repository(
            self.store,
            identity=self.identity,
            recipients=[NamedRecipient("key", self.identity.recipient)],
            profile="simple",
            state=LocalState(self.clients[0].state, self.store.describe()),
            label="machine 0",
            now=self.clock.now(),
        )

    @rule(number=CLIENTS, name=NAMES, content=CONTENT)
    def write(self, number: int, name: str, content: bytes) -> None:
        path = self.clients[number].tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.count += 1
        os.utime(path, ns=(0, 1_000_000_000 * self.count))
        self.live[number][name] = content

    @rule(number=CLIENTS, name=NAMES)
    def remove(self, number: int, name: str) -> None:
        (self.clients[number].tree / name).unlink(missing_ok=True)
        self.live[number].pop(name, None)

    @rule(number=CLIENTS)
    def back_up(self, number: int) -> None:
        self.take(number, self.store)

    @rule(
        number=CLIENTS,
        nth=st.integers(1, 25),
        when=st.sampled_from(list(When)),
        kinds=st.sampled_from([frozenset({"write"}), frozenset({"write", "read", "list"})]),
    )
    def back_up_and_die(self, number: int, nth: int, when: When, kinds: frozenset[str]) -> None:
        before = {record.snapshot for record in self.repository(number).snapshots()}
        try:
            self.take(number, CrashAtCall(self.store, nth, when, kinds))
        except (Killed, RunAborted):
            self.count_in_what_was_committed(number, before)

    @rule(number=CLIENTS, nth=st.integers(1, 8))
    def back_up_to_a_store_that_fails_once(self, number: int, nth: int) -> None:
        before = {record.snapshot for record in self.repository(number).snapshots()}
        try:
            self.take(number, FailsOnce(self.store, nth))
        except StorageFull:
            self.count_in_what_was_committed(number, before)

    @rule(pick=PICKS)
    def lose_a_pack(self, pick: int) -> None:
        packs = sorted(self.store.list_under("files/pack/"), key=lambda one: one.modified)
        if packs:
            lost = packs[pick % len(packs)].name
            self.store.delete(lost)
            for record in self.repository(0).snapshots():
                if bytes.fromhex(lost[-64:]) in record.packs:
                    self.hurt.add(record.snapshot)

    @rule(number=CLIENTS)
    def lose_state(self, number: int) -> None:
        shutil.rmtree(self.clients[number].state, ignore_errors=True)

    @rule(number=CLIENTS)
    def state_is_an_old_copy(self, number: int) -> None:
        """Local memory goes back to how it was, as after a machine was restored from an image."""
        kept = self.folder / f"image{number}"
        state = self.clients[number].state
        if kept.exists():
            shutil.rmtree(state, ignore_errors=True)
            kept.rename(state)
        elif state.exists():
            shutil.copytree(state, kept)

    @rule(pick=PICKS, number=CLIENTS)
    def restore(self, pick: int, number: int) -> None:
        if self.committed:
            snapshot = list(self.committed)[pick % len(self.committed)]
            self.restores_exactly(self.repository(number).find_snapshot(snapshot))

    @rule(pick=PICKS, number=CLIENTS)
    def restore_in_place(self, pick: int, number: int) -> None:
        """Over one's own live tree: every name of the snapshot is as it was, and what came later stays."""
        mine = [one for one in self.repository(number).snapshots() if one.label == f"machine {number}"]
        mine = [one for one in mine if one.snapshot not in self.hurt]
        if not mine:
            return
        record = mine[pick % len(mine)]
        wanted = {**self.live[number], **self.committed[record.snapshot]}
        self.write_tree(record, None)
        assert read_tree(self.clients[number].tree) == wanted, record
        self.live[number] = wanted

    @rule(number=CLIENTS, level=st.sampled_from(["structure", "full"]))
    def verifies(self, number: int, level: str) -> None:
        report = verify(
            self.repository(number), level, objectives={}, sample_percent=100, clock=self.clock, progress=Silent()
        )
        told = " ".join(f"{one.subject} {one.hurts}" for one in report.findings if one.level == "problem")
        if not self.hurt:
            assert told == ""
        assert all(f"snapshot {snapshot[:8]}" in told for snapshot in self.unrestorable(self.hurt)), told

    @invariant()
    def every_committed_snapshot_is_listed(self) -> None:
        if self.committed:
            assert {one.snapshot for one in self.repository(0).snapshots()} == set(self.committed)

    def repository(self, number: int, store: ObjectStore | None = None) -> Repository:
        state = LocalState(self.clients[number].state, self.store.describe())
        return open_repository(store or self.store, identity=self.identity, state=state, label=f"machine {number}")

    def take(self, number: int, store: ObjectStore) -> None:
        repository = self.repository(number, store)
        writer = repository.writer(self.clock.now())
        taking = Taking(repository, writer, Source.FILES, new_point(), self.clock, LIMITS)
        taken = backup_trees(taking, [Root(self.clients[number].tree)], progress=Silent())
        assert taken.record.complete
        self.committed[taken.record.snapshot] = dict(self.live[number])

    def count_in_what_was_committed(self, number: int, before: set[str]) -> None:
        """Stopped behind the commit: then it counts."""
        new = [one for one in self.repository(number).snapshots() if one.snapshot not in before]
        assert len(new) <= 1
        for record in new:
            self.committed[record.snapshot] = dict(self.live[number])

    def restores_exactly(self, record: Record) -> None:
        self.count += 1
        target = self.folder / f"back{self.count}"
        try:
            self.write_tree(record, target)
        except RepositoryDamaged:
            assert record.snapshot in self.hurt
        else:
            assert read_tree(target) == self.committed[record.snapshot]
        shutil.rmtree(target, ignore_errors=True)

    def unrestorable(self, snapshots: set[str]) -> list[str]:
        """Those of which a stream or a file cannot be read."""
        found = []
        for snapshot in snapshots:
            self.count += 1
            try:
                self.write_tree(self.repository(0).find_snapshot(snapshot), self.folder / f"tried{self.count}")
            except RepositoryDamaged:
                found.append(snapshot)
        return found

    def write_tree(self, record: Record, target: Path | None) -> None:
        with SnapshotReader(self.repository(0), record) as reader:
            restore = TreeRestore(reader, target, include=(), exclude=(), clock=self.clock, progress=Silent())
            restore.refuse()
            _, findings = restore.carry_out()
        assert [one for one in findings if one.level == "problem"] == []


def read_tree(folder: Path) -> Tree:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


TwoClients.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestWhateverHappens = TwoClients.TestCase
