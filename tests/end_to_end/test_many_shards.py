"""Files backed up and restored by more processes than there are processors: one after the other in one, of which some die and are started again.

The result is that of one process: one snapshot, one tree, and no file's content stored by two of them.
"""

import random
import time
from contextlib import suppress
from pathlib import Path

import pytest
from drawn import drawn_seed
from machine import KEY, tree_differences

import lifeboat.app.build as build
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.operations.reports.restores import RestoreReport, RestoreRequest
from lifeboat.operations.reports.snapshots import BackupReport
from lifeboat.operations.shards import Shard, ShardDone, Sharing
from lifeboat.samples.uploads_tree import Shape, grow
from lifeboat.sources.files.read import FRESH_NS
from lifeboat.storage.faults import CrashAtCall, Killed
from lifeboat.storage.object_store import ObjectStore

MANY = pytest.mark.parametrize("of", [16, *(pytest.param(of, marks=pytest.mark.long) for of in (64, 1000))])
DIES = 0.2


class Fleet:
    """Shards that share an uploads folder, a repository and a state folder, and die of their store at a call that is drawn."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.uploads = folder / "uploads"
        said = {"UPLOADS_DIR": str(self.uploads), "BACKUP_ENCRYPTION_KEY": KEY, "HOME": str(folder)}
        said |= {"LIFEBOAT_REPOSITORY": str(folder / "repository"), "LIFEBOAT_STATE": str(folder / "state")}
        self._settings = read_settings(None, said, folder)
        self._chance = random.Random(drawn_seed())
        self._nth: int | None = None
        self.died = 0
        real_open = build.open_store

        def open_mortal(*arguments: object, **named: object) -> ObjectStore:
            store: ObjectStore = real_open(*arguments, **named)  # type: ignore[arg-type]
            return store if self._nth is None else CrashAtCall(store, self._nth)

        monkeypatch.setattr(build, "open_store", open_mortal)

    @property
    def lifeboat(self) -> Lifeboat:
        return Lifeboat(self._settings)

    def backup(self, number: int, of: int) -> BackupReport | ShardDone:
        return self.lifeboat.backup_shared(Sharing(Shard(number, of, "a run"), 0))

    def restore(self, number: int, of: int, to: Path) -> RestoreReport | ShardDone:
        request = RestoreRequest(source="files", snapshot="latest", to=str(to))
        return self.lifeboat.restore_shared(request, Sharing(Shard(number, of, "a run"), 0))

    def order(self, of: int) -> list[int]:
        """All but the last, in whatever order they are started, and it."""
        return [*self._chance.sample(range(of - 1), of - 1), of - 1]

    def may_die(self) -> None:
        self._nth = self._chance.randrange(1, 25) if self._chance.random() < DIES else None

    def lives(self) -> None:
        self._nth = None


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet(tmp_path, monkeypatch)
    made.uploads.mkdir()
    (made.uploads / "first of all").write_text("its backup makes the machine a writer")
    made.lifeboat.initialise(guarded=False, new_key=None)
    return made


@MANY
def test_many_shards_of_which_some_die_make_one_snapshot(fleet: Fleet, tmp_path: Path, of: int) -> None:
    first = fleet.lifeboat.backup("files").snapshots[0]
    grow(fleet.uploads / "tree", Shape(files=400, total_bytes=4_000_000))
    for number in fleet.order(of):
        fleet.may_die()
        try:
            done = fleet.backup(number, of)
        except Killed:
            fleet.died += 1
            fleet.lives()
            done = fleet.backup(number, of)
    fleet.lives()
    assert fleet.died > of * DIES / 4
    assert isinstance(done, BackupReport)
    listed = fleet.lifeboat.snapshots()
    assert {one.snapshot for one in listed} == {first.snapshot, done.snapshots[0].snapshot}
    problems = [one for one in fleet.lifeboat.verify("full").findings if one.level == "problem"]
    assert [one.code for one in problems if one.code not in ("no-snapshot", "same-machine")] == []
    fleet.lifeboat.restore(RestoreRequest(source="files", snapshot="latest", to=str(tmp_path / "back")))
    assert tree_differences(fleet.uploads, tmp_path / "back") == ""


@MANY
def test_no_content_is_stored_by_two_of_many(fleet: Fleet, of: int) -> None:
    """Nobody dies here: what is new is the new files once, and the lines that tell of them."""
    fleet.lifeboat.backup("files")
    for number in range(300):
        (fleet.uploads / f"later {number}").write_bytes(random.randbytes(10_000))
    time.sleep(FRESH_NS / 1e9 + 0.1)  # what is younger is read once more by the last one: it may still be written to
    done = [fleet.backup(number, of) for number in fleet.order(of)][-1]
    assert isinstance(done, BackupReport)
    assert 3_000_000 <= done.snapshots[0].new_bytes < 3_500_000


@MANY
def test_many_shards_of_which_some_die_restore_one_tree(fleet: Fleet, tmp_path: Path, of: int) -> None:
    grow(fleet.uploads / "tree", Shape(files=400, total_bytes=4_000_000))
    fleet.lifeboat.backup("files")
    target = tmp_path / "target"
    for number in fleet.order(of):
        fleet.may_die()
        with suppress(Killed):
            done = fleet.restore(number, of, target)
            continue
        fleet.died += 1
        fleet.lives()
        done = fleet.restore(number, of, target)
    assert fleet.died > of * DIES / 8
    assert isinstance(done, RestoreReport)
    assert tree_differences(fleet.uploads, target) == ""
