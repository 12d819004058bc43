"""Small files that processes of their own write: without the processes, or with ones that die, the same tree comes back."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from odd_trees import Keeper, build_everything, rsync_differences

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Finding
from lifeboat.sources.files import write_beside
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.files.write import TreeWriter
from lifeboat.sources.files.write_beside import AT_MOST, WriteBeside


@pytest.fixture(autouse=True)
def from_the_first_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_beside, "WORTH_IT_FILES", 0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    build_everything(root)
    for number in range(3 * AT_MOST):
        folder = root / "many" / f"{number // 40:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:04}").write_bytes(b"%d " % number * (number % 300))
        os.chmod(folder / f"{number:04}", 0o600 + number % 64)
    for folder in (root / "many").iterdir():
        os.chmod(folder, 0o550)
        os.utime(folder, ns=(7, 1_000_000_000_000_000_007))
    return root


def restore(tree: Path, copy: Path, at: int, do: Callable[[TreeWriter], None]) -> list[Finding]:
    """Restore; before the entry of this number something happens to the writer."""
    keeper = Keeper()
    told: list[Finding] = []
    with TreeWriter(copy, mode="new-place", on_trouble=told.append, clock=SystemClock()) as writer:
        for number, (entry, pieces) in enumerate(map(decode, keeper.back_up(tree))):
            if number == at:
                do(writer)
            writer.put(entry, keeper.content(pieces))
        writer.finish()
    return told


def _nothing(writer: TreeWriter) -> None:
    assert writer._beside is not None and writer._beside._helpers, "nobody writes beside, and this test proves nothing"


def _kill_all(writer: TreeWriter) -> None:
    _nothing(writer)
    assert writer._beside is not None
    for helper in writer._beside._helpers or ():
        os.kill(helper.pid, 9)


def _kill_one(writer: TreeWriter) -> None:
    _nothing(writer)
    assert writer._beside is not None
    os.kill((writer._beside._helpers or [])[0].pid, 9)


@pytest.mark.parametrize("do", [_nothing, _kill_all, _kill_one])
@pytest.mark.parametrize("at", [300, 850])
def test_the_tree_comes_back_whoever_dies(
    tree: Path, tmp_path: Path, do: Callable[[TreeWriter], None], at: int
) -> None:
    assert restore(tree, tmp_path / "copy", at, do) == []
    assert rsync_differences(tree, tmp_path / "copy") == []
    left = [name for _, _, names in os.walk(tmp_path / "copy") for name in names if name.startswith(".lifeboat")]
    assert left == []
    assert subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "write_beside"], capture_output=True).stdout == b""


@pytest.mark.parametrize("program", ["/bin/false", "/nonexistent", ""])
def test_the_tree_comes_back_where_no_process_can_be_started(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    assert restore(tree, tmp_path / "copy", 0, lambda writer: None) == []
    assert rsync_differences(tree, tmp_path / "copy") == []


@pytest.mark.parametrize("do", [_nothing, _kill_all])
def test_a_restore_that_was_cut_off_goes_on_with_processes(
    tree: Path, tmp_path: Path, do: Callable[[TreeWriter], None]
) -> None:
    """In the order of the walk a part of the names is there, one of them half written, one changed, one replaced by somebody's folder."""
    keeper, copy = Keeper(), tmp_path / "copy"
    lines = [decode(line) for line in keeper.back_up(tree)]
    with TreeWriter(copy, mode="new-place", on_trouble=pytest.fail, clock=SystemClock()) as writer:
        for entry, pieces in lines[:500]:
            writer.put(entry, keeper.content(pieces))
        writer.leave()
    (copy / "many/00/.lifeboat-partial.77").write_bytes(b"hal")
    os.chmod(copy / "many/00/0003", 0o777)
    (copy / "many/00/0004").write_bytes(b"other")
    (copy / "many/00/0005").unlink()
    (copy / "many/00/0005").mkdir()
    told = restore(tree, copy, 850, do)
    assert [one.code for one in told] == []
    assert rsync_differences(tree, copy) == []
    assert [name for _, _, names in os.walk(copy) for name in names if name.startswith(".lifeboat")] == []


def test_what_a_process_cannot_do_is_done_and_told_by_the_writer(tmp_path: Path) -> None:
    """A directory in the way, which only the writer may move aside."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(600):
        (tree / f"{number:03}").write_bytes(b"%d" % number)

    def stand_in_the_way(writer: TreeWriter) -> None:
        (tmp_path / "copy" / "400").mkdir()
        (tmp_path / "copy" / "400" / "somebody's").write_bytes(b"work")

    told = restore(tree, tmp_path / "copy", 350, stand_in_the_way)
    (aside,) = [path for path in (tmp_path / "copy").iterdir() if path.name.startswith("400.before-restore-")]
    assert (aside / "somebody's").read_bytes() == b"work" and (tmp_path / "copy" / "400").read_bytes() == b"400"
    assert len(told) == 1 and "400" in told[0].subject


def test_a_hard_link_finds_its_first_name_though_that_was_under_way(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(50):
        (tree / f"{number:03}").write_bytes(b"%d" % number)
        os.link(tree / f"{number:03}", tree / f"{number:03} again")
    restore(tree, tmp_path / "copy", 0, lambda writer: None)
    assert rsync_differences(tree, tmp_path / "copy") == []
    assert all((tmp_path / "copy" / f"{number:03}").stat().st_nlink == 2 for number in range(50))


def test_no_more_waits_than_keeps_the_processes_busy(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(40 * AT_MOST):
        folder = tree / f"{number // 1000}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}").write_bytes(b"x")
    most = 0
    keeper = Keeper()
    lines = keeper.back_up(tree)
    with TreeWriter(tmp_path / "copy", mode="new-place", on_trouble=lambda told: None, clock=SystemClock()) as writer:
        beside = writer._beside
        assert isinstance(beside, WriteBeside)
        for entry, pieces in map(decode, lines):
            writer.put(entry, keeper.content(pieces))
            most = max(most, len(beside._asked))
        writer.finish()
        assert 1 < most <= 2 * len(beside._helpers or ()) + 1
    assert rsync_differences(tree, tmp_path / "copy") == []
