"""What went in comes out: judged by rsync and by our own comparison, on trees with everything in them."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_trees import Keeper, build_everything, rsync_differences

from lifeboat.foundation.clock import SystemClock
from lifeboat.sources.files.compare import compare_trees, compare_with, extras
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.files.patterns import Patterns
from lifeboat.sources.files.walk import walk

pytestmark = pytest.mark.usefixtures("writers")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("original") / "tree"
    build_everything(root)
    return root


def our_differences(original: Path, copy: Path) -> list[str]:
    troubles: list[object] = []
    found = [str(one) for one in compare_trees(original, copy, clock=SystemClock(), on_trouble=troubles.append)]
    assert troubles == []
    return found


def blocks_used(root: Path) -> int:
    return sum(os.lstat(os.path.join(top, name)).st_blocks for top, _, files in os.walk(root) for name in files)


def test_a_tree_with_everything_in_it_comes_back_the_same(original: Path, tmp_path: Path) -> None:
    keeper = Keeper()
    lines = keeper.back_up(original)
    assert keeper.restore(lines, tmp_path / "copy") == []
    assert keeper.troubles == []
    assert rsync_differences(original, tmp_path / "copy") == []
    assert our_differences(original, tmp_path / "copy") == []
    assert Keeper().back_up(tmp_path / "copy") == lines
    assert blocks_used(tmp_path / "copy") <= blocks_used(original) + 64
    assert not [name for name in os.listdir(tmp_path / "copy") if name.startswith(".lifeboat")]


def test_a_default_acl_around_the_target_does_not_seep_into_the_restored_tree(original: Path, tmp_path: Path) -> None:
    subprocess.run(["setfacl", "-m", "d:u:777:rwx,d:o::rwx", tmp_path], check=True)
    keeper = Keeper()
    keeper.restore(keeper.back_up(original), tmp_path / "copy")
    assert rsync_differences(original, tmp_path / "copy") == []


def test_restoring_in_place_over_the_same_tree_changes_nothing_at_all(original: Path, tmp_path: Path) -> None:
    keeper = Keeper()
    lines = keeper.back_up(original)
    keeper.restore(lines, tmp_path)
    before = {path: (s.st_ino, s.st_ctime_ns) for path, s in _stats(tmp_path) if path != str(tmp_path)}
    assert keeper.restore(lines, tmp_path, "in-place") == []
    assert {path: (s.st_ino, s.st_ctime_ns) for path, s in _stats(tmp_path) if path != str(tmp_path)} == before
    assert rsync_differences(original, tmp_path) == []


def _stats(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    for top, directories, files in os.walk(root):
        for name in directories + files:
            yield os.path.join(top, name), os.lstat(os.path.join(top, name))


def _damage(root: Path) -> list[str]:
    """One wound of each kind; returns the aspects our comparison must name, with the paths."""
    (root / "size-255").write_bytes(b"wrong")
    content = bytearray((root / "size-1000000").read_bytes())
    times = os.stat(root / "size-1000000")
    content[777_777] ^= 1
    (root / "size-1000000").write_bytes(content)
    os.utime(root / "size-1000000", ns=(0, times.st_mtime_ns))
    os.unlink(root / "size-1")
    os.chmod(root / "meta" / "0644", 0o600)
    os.chown(root / "meta" / "owned", 1, 1)
    os.setxattr(root / "meta" / "attributes", "user.origin", b"changed")
    subprocess.run(["setfacl", "-b", root / "meta" / "acl"], check=True)
    os.utime(root / "order" / "a" / "z", ns=(1, 1))
    os.unlink(root / "links" / "loop")
    (root / "links" / "loop").symlink_to("elsewhere")
    os.unlink(root / "third name")
    (root / "third name").write_bytes((root / "size-4097").read_bytes())
    os.unlink(root / "pipe")
    (root / "pipe").write_bytes(b"a file now")
    with open(root / "sparse" / "only a hole", "r+b") as file:
        file.seek(1_500_000)
        file.write(b"!")
    (root / "new by the application").write_bytes(b"keep me")
    return [
        "links/loop target",
        "meta/0644 mode",
        "meta/acl attributes",
        "meta/attributes attributes",
        "meta/owned owner",
        "new by the application extra",
        "order/a/z time",
        "pipe kind",
        "size-1 missing",
        "size-1000000 content",
        "size-255 size",
        "sparse/only a hole content",
        "third name hard-link",
    ]


def test_the_comparison_names_each_wound_and_a_restore_in_place_heals_them_all(original: Path, tmp_path: Path) -> None:
    keeper = Keeper()
    lines = keeper.back_up(original)
    copy = tmp_path / "copy"
    keeper.restore(lines, copy)
    wounds = _damage(copy)
    found = list(compare_trees(original, copy, clock=SystemClock(), on_trouble=pytest.fail))
    named = {f"{one.path.decode()} {one.aspect}" for one in found}
    assert set(wounds) <= named
    by_rsync = "\n".join(rsync_differences(original, copy))
    assert all(wound.rpartition(" ")[0] in by_rsync for wound in wounds)
    assert all(str(one) for one in found)

    assert keeper.restore(lines, copy, "in-place", compare_content=True) == []
    left = rsync_differences(original, copy)
    assert left == ["*deleting   new by the application"]
    assert (copy / "new by the application").read_bytes() == b"keep me"
    expected = (decode(line)[0].path for line in lines)
    assert list(extras(expected, copy, on_trouble=pytest.fail)) == [b"new by the application"]


def test_a_quick_restore_in_place_trusts_size_and_time_and_a_thorough_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"right" * 1000)
    os.utime(tmp_path / "a" / "x", ns=(5, 5))
    keeper = Keeper()
    lines = keeper.back_up(tmp_path / "a")
    (tmp_path / "a" / "x").write_bytes(b"right" * 999 + b"wrong")
    os.utime(tmp_path / "a" / "x", ns=(5, 5))
    keeper.restore(lines, tmp_path / "a", "in-place")
    assert (tmp_path / "a" / "x").read_bytes().endswith(b"wrong")
    keeper.restore(lines, tmp_path / "a", "in-place", compare_content=True)
    assert (tmp_path / "a" / "x").read_bytes() == b"right" * 1000
    inode = os.stat(tmp_path / "a" / "x").st_ino
    keeper.restore(lines, tmp_path / "a", "in-place", compare_content=True)
    assert os.stat(tmp_path / "a" / "x").st_ino == inode


def test_a_part_of_a_tree_can_be_restored_even_when_it_is_a_later_name_of_a_hard_link(
    original: Path, tmp_path: Path
) -> None:
    keeper = Keeper()
    lines = keeper.back_up(original)
    patterns = Patterns(include=["/third name", "/order/a/"])
    assert keeper.restore(lines, tmp_path / "copy", patterns=patterns) == []
    assert (tmp_path / "copy" / "third name").read_bytes() == (original / "third name").read_bytes()
    assert sorted(os.listdir(tmp_path / "copy")) == ["order", "third name"]
    assert (tmp_path / "copy" / "order" / "a" / "z").read_bytes() == b"a"


def test_a_stale_first_name_does_not_lend_its_content_to_a_later_name(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "first").write_bytes(b"as backed up")
    os.link(tree / "first", tree / "second")
    keeper = Keeper()
    lines = keeper.back_up(tree)
    os.unlink(tree / "second")
    (tree / "first").write_bytes(b"the live one went on")
    keeper.restore(lines, tree, "in-place", patterns=Patterns(include=["second"]))
    assert (tree / "second").read_bytes() == b"as backed up"
    assert (tree / "first").read_bytes() == b"the live one went on"


def test_the_comparison_sees_a_byte_in_what_should_be_a_hole(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with open(tmp_path / name / "x", "wb") as file:
            file.truncate(1 << 20)
            if name == "b":
                os.pwrite(file.fileno(), b"!", 700_000)
        os.utime(tmp_path / name / "x", ns=(0, 0))
        os.utime(tmp_path / name, ns=(0, 0))
    found = list(compare_trees(tmp_path / "a", tmp_path / "b", clock=SystemClock(), on_trouble=pytest.fail))
    assert [str(one) for one in found] == ["x: the content differs from byte 700000 on"]


def test_comparing_with_content_that_is_cut_short_is_a_difference(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    entries = list(walk(tmp_path, on_trouble=pytest.fail))
    pairs: list[tuple[Entry, Iterator[bytes] | None]] = [(entries[0], None), (entries[1], iter([b"123"]))]
    assert [one.aspect for one in compare_with(pairs, tmp_path, on_trouble=pytest.fail)] == ["content"]


AS_NOBODY = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[1:3]
from odd_trees import Keeper, build_everything, rsync_differences
from lifeboat.foundation.clock import SystemClock
from lifeboat.sources.files.compare import compare_trees
import _strptime, encodings.idna  # whatever is loaded late must be loaded before the library is out of reach
os.setgroups([]); os.setgid(65534); os.setuid(65534)
here = Path(sys.argv[3])
build_everything(here / "tree")
keeper = Keeper()
lines = keeper.back_up(here / "tree")
told = keeper.restore(lines, here / "copy")
print("told", sorted(one.code for one in told))
print("troubles", sorted((one.code, one.subject) for one in keeper.troubles))
differences = compare_trees(here / "tree", here / "copy", owner=False, clock=SystemClock(), on_trouble=lambda one: None)
print("different", sorted((one.path.decode(), one.aspect) for one in differences))
os.chmod(here / "copy" / "sealed", 0o700); (here / "copy" / "sealed" / "x").write_bytes(b"other"); os.chmod(here / "copy" / "sealed", 0o555)
keeper.restore(lines, here / "copy", "in-place")
print("healed", (here / "copy" / "sealed" / "x").read_bytes(), oct((here / "copy" / "sealed").stat().st_mode))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_gets_everything_but_what_only_root_may_give() -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        source = Path(__file__).parents[2] / "src"
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(source), str(Path(__file__).parent), directory],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        out = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert out["told"] == "['set-id-left-out']"
    assert out["troubles"] == "[('file-unreadable', 'meta/0000')]"
    assert out["different"] == str(
        [("meta/0000", "missing"), ("meta/2755", "mode"), ("meta/4755", "mode"), ("meta/6711", "mode")]
    )
    assert out["healed"] == "b'in a read-only directory' 0o40555"
