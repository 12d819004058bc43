"""A restore killed at any moment leaves whole files only, and the same restore then finishes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from odd_trees import Keeper, rsync_differences

WRITE = """
import pickle, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from lifeboat.sources.files import write_beside
from odd_trees import Keeper
write_beside.WORTH_IT_FILES = int(sys.argv[6])
keeper = Keeper()
lines, keeper.chunks = pickle.loads(Path(sys.argv[3]).read_bytes())
print("begin", flush=True)
keeper.restore(lines, Path(sys.argv[4]), sys.argv[5])
"""


def _kill_again_and_again(tmp_path: Path, mode: str, allowed: dict[str, set[bytes]]) -> int:
    here = Path(__file__)
    for attempt in range(40):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(here.parents[2] / "src"), str(here.parent), str(tmp_path / "kept"),
             str(tmp_path / "copy"), mode, "1000"],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.02 + 0.06 * attempt)
        child.send_signal(signal.SIGKILL)
        child.stdout.close()
        if child.wait() == 0:
            return attempt
        if mode == "new-place" and _has_ended(tmp_path / "copy"):
            # Killed behind the end: all is there, but for the time of the topmost folder, which is set last.
            was = (tmp_path / "tree").stat()
            os.utime(tmp_path / "copy", ns=(was.st_atime_ns, was.st_mtime_ns))
            return attempt
        for top, _, files in os.walk(tmp_path / "copy"):
            for name in files:
                if not name.startswith(".lifeboat-"):
                    path = Path(top) / name
                    assert path.read_bytes() in allowed[str(path.relative_to(tmp_path / "copy"))], path
    raise AssertionError("the restore never came to its end")


def _has_ended(copy: Path) -> bool:
    """The mark of an unfinished restore is gone, and what it marked is there."""
    names = {path.name for path in copy.iterdir()} if copy.exists() else set()
    return bool(names) and ".lifeboat-restoring" not in names


def _tree(root: Path, salt: str) -> dict[str, bytes]:
    contents = {}
    for number in range(1500):
        path = f"{number // 100:02d}/{number:04d}"
        contents[path] = f"{salt} {number} ".encode() * (1 + number % 7 * 3000)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(contents[path])
    return contents


def _keep(tree: Path, kept: Path) -> None:
    import pickle

    keeper = Keeper()
    kept.write_bytes(pickle.dumps((keeper.back_up(tree), keeper.chunks)))


def test_a_killed_restore_to_a_new_place_holds_whole_files_only_and_goes_on(tmp_path: Path) -> None:
    contents = _tree(tmp_path / "tree", "new")
    _keep(tmp_path / "tree", tmp_path / "kept")
    killed = _kill_again_and_again(tmp_path, "new-place", {path: {content} for path, content in contents.items()})
    assert killed >= 1
    assert rsync_differences(tmp_path / "tree", tmp_path / "copy") == []


def test_a_killed_restore_over_the_live_tree_leaves_each_file_old_or_new(tmp_path: Path) -> None:
    new = _tree(tmp_path / "tree", "new")
    _keep(tmp_path / "tree", tmp_path / "kept")
    old = _tree(tmp_path / "copy", "the old one")
    killed = _kill_again_and_again(tmp_path, "in-place", {path: {new[path], old[path]} for path in new})
    assert killed >= 1
    assert rsync_differences(tmp_path / "tree", tmp_path / "copy") == []


def test_a_restore_killed_with_processes_that_write_beside_it_leaves_none_of_them_and_no_half_file(
    tmp_path: Path,
) -> None:
    contents = _tree(tmp_path / "tree", "new")
    _keep(tmp_path / "tree", tmp_path / "kept")
    here, copy = Path(__file__), tmp_path / "copy"
    cut_off = 0
    for attempt in range(8):
        shutil.rmtree(copy, ignore_errors=True)
        words = [str(here.parents[2] / "src"), str(here.parent), str(tmp_path / "kept"), str(copy), "new-place", "0"]
        child = subprocess.Popen([sys.executable, "-c", WRITE, *words], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.03 + 0.07 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        cut_off += not _has_ended(copy)
        _wait_for_the_helpers_to_end(copy)
        left = _whole_files_of(copy, contents)
        time.sleep(0.05)
        assert _whole_files_of(copy, contents) == left, "somebody still writes"
    assert cut_off >= 2
    if _has_ended(copy):
        shutil.rmtree(copy)
    subprocess.run([sys.executable, "-c", WRITE, *words], check=True, stdout=subprocess.DEVNULL)
    assert rsync_differences(tmp_path / "tree", copy) == []


def _wait_for_the_helpers_to_end(copy: Path) -> None:
    """The system kills them with whoever started them; that takes as long as a process takes to end."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not subprocess.run(["pgrep", "-f", f"write_beside {copy}$"], capture_output=True).stdout:
            return
        time.sleep(0.02)
    raise AssertionError("processes outlive the restore that started them")


def _whole_files_of(copy: Path, contents: dict[str, bytes]) -> set[str]:
    found = set()
    for top, _, files in os.walk(copy):
        for name in files:
            if not name.startswith(".lifeboat-"):
                path = str((Path(top) / name).relative_to(copy))
                assert (copy / path).read_bytes() == contents[path], path
                found.add(path)
    return found
