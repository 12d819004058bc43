"""Parts of trees: one file or folder, in place touching only what differs, told beforehand, undone without harm to others."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_trees import Kit, kit  # noqa: F401

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Progress, Silent
from lifeboat.operations.backup_files import Root
from lifeboat.operations.reports.restores import RestorePlanReport, RestoreRequest
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.operations.tree_preview import too_small
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.files.make_durable import WrittenTo

Kit_ = Kit


class Desk:
    """Two trees of uploads and a repository, without a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uploads, self.scans = folder / "uploads", folder / "scans"
        for tree in (self.uploads, self.scans):
            (tree / "contracts" / "2026").mkdir(parents=True)
            (tree / "contracts" / "a.pdf").write_bytes(b"as backed up")
            (tree / "contracts" / "2026" / "b.pdf").write_bytes(b"as backed up")
            (tree / "عقد [1].txt").write_text("عقد")
            (tree / "large").write_bytes(os.urandom(3_000_000))
        self.environment = {
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "HOME": str(folder),
        }
        (folder / "lifeboat.toml").write_text(f'[files]\npaths = ["{self.uploads}", "{self.scans}"]\n')
        self.lifeboat().initialise(guarded=False, new_key=None)

    def lifeboat(self, progress: Progress | None = None) -> Lifeboat:
        return Lifeboat(read_settings(None, self.environment, self.folder), progress=progress)

    def request(self, *paths: Path | str, **more: Any) -> RestoreRequest:
        said = {"over_live": "to" not in more, **more}
        return RestoreRequest("files", paths=tuple(map(str, paths)), **said)

    def plan(self, *paths: Path | str, **more: Any) -> RestorePlanReport:
        return self.lifeboat().plan_restore(self.request(*paths, **more))

    def restore(self, *paths: Path | str, progress: Progress | None = None, **more: Any) -> None:
        self.lifeboat(progress).restore(self.request(*paths, **more))

    def files(self, tree: Path) -> dict[str, bytes]:
        return {str(one.relative_to(tree)): one.read_bytes() for one in sorted(tree.rglob("*")) if one.is_file()}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    yield Desk(tmp_path)


def marks(tree: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, modification and change time of everything: the last moves with any touch."""
    found = [tree, *tree.rglob("*")]
    return {str(one): (one.lstat().st_ino, one.lstat().st_mtime_ns, one.lstat().st_ctime_ns) for one in found}


def test_in_place_only_what_differs_is_touched(desk: Desk) -> None:
    desk.lifeboat().backup("files")
    large = desk.uploads / "large"
    stored = large.read_bytes()
    with open(large, "r+b") as file:
        file.seek(1_500_000)
        file.write(b"one wrong word")
    (desk.uploads / "contracts" / "a.pdf").unlink()
    (desk.uploads / "made since").write_text("stays")
    before = {**marks(desk.uploads), **marks(desk.scans)}
    with open(large, "rb") as reading:
        desk.restore()
        assert b"one wrong word" in reading.read(), "the wrong file was replaced, not written into"
    after = {**marks(desk.uploads), **marks(desk.scans)}
    touched = {name for name in after if before.get(name) != after[name]}
    # Names were renamed into the one, and the roots carried the mark of an unfinished restore for a while.
    directories = {str(desk.uploads / "contracts"), str(desk.uploads), str(desk.scans)}
    assert touched - directories == {str(large), str(desk.uploads / "contracts" / "a.pdf")}
    assert large.read_bytes() == stored and large.stat().st_ino != before[str(large)][0]
    assert (desk.uploads / "made since").read_text() == "stays"


def test_the_plan_tells_new_changed_and_same_and_writes_nothing(desk: Desk) -> None:
    desk.lifeboat().backup("files")
    (desk.uploads / "contracts" / "a.pdf").unlink()
    (desk.uploads / "large").write_bytes(b"short")
    before = {**marks(desk.uploads), **marks(desk.scans)}
    plan = desk.plan()
    assert {**marks(desk.uploads), **marks(desk.scans)} == before
    told = {(step.where, step.action): (step.items, step.bytes) for step in plan.steps}
    assert told[str(desk.uploads), "write"] == (1, 12)
    assert told[str(desk.uploads), "replace"] == (1, 3_000_000)
    assert told[str(desk.scans), "leave"][0] == 7
    assert plan.total_bytes == 3_000_012


def test_a_restore_that_was_measured_tells_how_long_the_next_will_take(desk: Desk) -> None:
    desk.lifeboat().backup("files")
    assert desk.plan(to=str(desk.folder / "one")).estimated_seconds is None
    desk.restore(to=str(desk.folder / "one"))
    estimated = desk.plan(to=str(desk.folder / "two")).estimated_seconds
    assert estimated is not None and estimated > 0


def test_too_little_room_is_said() -> None:
    assert too_small("/srv", 10, 10) == ()
    (finding,) = too_small("/srv", 2048, 1024)
    assert finding.code == "target-small" and "2 KiB" in finding.message and "1 KiB" in finding.message


@pytest.mark.parametrize("typed", ["contracts/a.pdf", "contracts", "عقد [1].txt"])
def test_a_path_is_a_file_or_a_folder_and_no_pattern(desk: Desk, typed: str) -> None:
    desk.lifeboat().backup("files")
    stored = desk.files(desk.uploads)
    for one in stored:
        (desk.uploads / one).unlink()
    desk.restore(desk.uploads / typed)
    assert desk.files(desk.uploads) == {
        one: content for one, content in stored.items() if one == typed or one.startswith(typed + "/")
    }


def test_a_whole_path_means_its_own_tree_and_a_relative_one_every_tree(desk: Desk) -> None:
    desk.lifeboat().backup("files")
    for tree in (desk.uploads, desk.scans):
        (tree / "contracts" / "a.pdf").unlink()
    desk.restore(desk.scans / "contracts/a.pdf")
    assert [(tree / "contracts/a.pdf").exists() for tree in (desk.uploads, desk.scans)] == [False, True]
    desk.restore("contracts/a.pdf")
    assert (desk.uploads / "contracts/a.pdf").exists()
    with pytest.raises(LifeboatError) as refused:
        desk.restore("/etc/passwd")
    assert refused.value.code == "path-unknown"
    with pytest.raises(LifeboatError) as refused:
        desk.restore("contracts/nowhere.pdf")
    assert refused.value.code == "nothing-chosen"


def test_undoing_one_file_leaves_the_work_of_all_others(desk: Desk) -> None:
    taken = desk.lifeboat().backup("files").snapshots[0].snapshot
    one, other = desk.uploads / "contracts" / "a.pdf", desk.uploads / "contracts" / "2026" / "b.pdf"
    one.write_bytes(b"changed since")
    other.unlink()
    desk.restore("contracts/a.pdf", snapshot=taken)
    assert one.read_bytes() == b"as backed up"
    other.write_bytes(b"written anew by somebody else")
    (desk.uploads / "large").write_bytes(b"worked on since")
    desk.lifeboat().undo_restore()
    assert one.read_bytes() == b"changed since"
    assert other.read_bytes() == b"written anew by somebody else"
    assert (desk.uploads / "large").read_bytes() == b"worked on since"


def test_undoing_a_file_that_was_not_there_removes_it_and_keeps_a_copy(desk: Desk) -> None:
    taken = desk.lifeboat().backup("files").snapshots[0].snapshot
    one = desk.uploads / "contracts" / "a.pdf"
    one.unlink()
    desk.restore(one, snapshot=taken)
    one.write_bytes(b"signed since")
    rows = len(desk.lifeboat().snapshots())
    desk.lifeboat().undo_restore()
    assert not one.exists()
    kept = desk.lifeboat().snapshots()
    assert len(kept) == rows + 1
    newest = max((row for row in kept if row.purpose == "safety"), key=lambda row: row.instant)
    desk.restore(one, snapshot=newest.snapshot)
    assert one.read_bytes() == b"signed since"


@pytest.mark.parametrize("after", [0, 3, 6, 9])
def test_a_stopped_restore_of_several_trees_and_a_stopped_undo_lead_back(desk: Desk, after: int) -> None:
    taken = desk.lifeboat().backup("files").snapshots[0].snapshot
    stored = {tree: desk.files(tree) for tree in (desk.uploads, desk.scans)}
    for tree in (desk.uploads, desk.scans):
        (tree / "contracts" / "a.pdf").write_bytes(b"changed since")
        (tree / "large").unlink()
        (tree / "made since").write_bytes(b"new")
    before = {tree: desk.files(tree) for tree in (desk.uploads, desk.scans)}
    with pytest.raises(KeyboardInterrupt):
        desk.restore(snapshot=taken, progress=StopsWhileRestoring(after))
    desk.restore(snapshot=taken)
    for tree, files in stored.items():
        assert desk.files(tree) == {**files, "made since": b"new"}
    with pytest.raises(KeyboardInterrupt):
        desk.lifeboat(StopsWhileRestoring(after)).undo_restore()
    desk.lifeboat().undo_restore()
    assert {tree: desk.files(tree) for tree in before} == before


class StopsWhileRestoring(Silent):
    """Ctrl-C after so many steps of the restore itself, not of the safety snapshot before it."""

    def __init__(self, after: int) -> None:
        self.left, self.counts = after, False

    def begin(self, task: str, total_bytes: int | None = None, total_items: int | None = None) -> None:
        self.counts = task == "restoring files"

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        if self.counts:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


class StopsInTheSecondTree(Silent):
    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", [1, 5, 8, 11, 14])
def test_several_trees_stopped_on_the_way_are_gone_on_with(kit: Kit_, after: int) -> None:  # noqa: F811
    second = kit.folder / "second"
    second.mkdir()
    for number in range(6):
        kit.write(f"file {number}", os.urandom(1000))
        (second / f"file {number}").write_bytes(os.urandom(1000))
    taken = kit.back_up([Root(kit.tree), Root(second)])
    target = kit.folder / "back"

    def restore(progress: Progress) -> None:
        with SnapshotReader(kit.repository, taken.record) as reader:
            TreeRestore(reader, target, clock=kit.clock, progress=progress).carry_out()

    with pytest.raises(KeyboardInterrupt):
        restore(StopsInTheSecondTree(after))
    restore(Silent())
    for tree in (kit.tree, second):
        back = target / str(tree).lstrip("/")
        assert {one.name: one.read_bytes() for one in back.iterdir()} == {
            one.name: one.read_bytes() for one in tree.iterdir()
        }
    assert not list(target.rglob(".lifeboat*")) and not (target / ".lifeboat-restoring").exists()
    with pytest.raises(LifeboatError) as refused:
        restore(Silent())
    assert refused.value.code == "target-not-empty"


def test_only_the_file_systems_that_were_written_to_are_forced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sync", lambda: pytest.fail("the whole machine was synced"))
    written = WrittenTo()
    for place in (tmp_path, tmp_path, Path("/dev/shm")):
        fd = os.open(place, os.O_RDONLY)
        written.note(fd)
        os.close(fd)
    written.force()
    written.close()
