"""The sample tree is the same each time, and the reading that judges restores overlooks nothing."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lifeboat.foundation.errors import TargetRefused
from lifeboat.samples.damage import lose_files
from lifeboat.samples.fingerprint_tree import differences_tree, fingerprint_tree
from lifeboat.samples.uploads_tree import Shape, grow

SMALL = Shape(files=60, total_bytes=2_000_000)


def _first_file(root: Path) -> Path:
    return sorted(root.glob("**/*.txt"))[0]


def _rename_link_target(root: Path) -> None:
    link = root / "odd" / "link to a file"
    times = link.lstat().st_mtime_ns
    link.unlink()
    link.symlink_to("program.sh")
    os.utime(link, ns=(times, times), follow_symlinks=False)


def _flip_a_bit_quietly(root: Path) -> None:
    """Same size, same times: only the content tells."""
    path = _first_file(root)
    times = path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times, times))


def _break_the_hard_link(root: Path) -> None:
    path = root / "odd" / "second name"
    content, facts = path.read_bytes(), path.stat()
    parent = path.parent.stat()
    path.unlink()
    path.write_bytes(content)
    path.chmod(facts.st_mode)
    os.utime(path, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    os.utime(path.parent, ns=(parent.st_mtime_ns, parent.st_mtime_ns))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a missing file": (lambda root: _first_file(root).unlink(), "is missing"),
    "a new file": (lambda root: (root / "new").touch(), "is new"),
    "a missing empty folder": (lambda root: (root / "odd" / "empty folder" / "inner").rmdir(), "inner' is missing"),
    "a changed bit": (_flip_a_bit_quietly, "differs in content"),
    "another mode": (lambda root: (root / "odd" / "program.sh").chmod(0o700), "differs in mode"),
    "a nanosecond": (
        lambda root: os.utime(_first_file(root), ns=(5, _first_file(root).stat().st_mtime_ns + 1)),
        "modified",
    ),
    "another link target": (_rename_link_target, "differs in content"),
    "a link followed": (lambda root: (root / "odd" / "link to nothing").unlink(), "link to nothing' is missing"),
    "a copied hard link": (_break_the_hard_link, "same_file_as"),
}


def test_the_same_seed_grows_the_same_tree(tmp_path: Path) -> None:
    first, second, other = tmp_path / "first", tmp_path / "second", tmp_path / "other"
    assert grow(first, SMALL, seed=7).odd_things == grow(second, SMALL, seed=7).odd_things
    grow(other, SMALL, seed=8)
    assert differences_tree(fingerprint_tree(first), fingerprint_tree(second)) == ()
    assert differences_tree(fingerprint_tree(first), fingerprint_tree(other)) != ()


@pytest.mark.parametrize("name", DAMAGE)
def test_the_reading_of_a_tree_notices(name: str, tmp_path: Path) -> None:
    act, phrase = DAMAGE[name]
    grow(tmp_path / "tree", SMALL)
    before = fingerprint_tree(tmp_path / "tree")
    act(tmp_path / "tree")
    found = differences_tree(before, fingerprint_tree(tmp_path / "tree"))
    assert any(phrase in difference for difference in found), found


def test_a_lost_extended_attribute_is_noticed(tmp_path: Path) -> None:
    summary = grow(tmp_path / "tree", SMALL)
    if "extended attributes" not in summary.odd_things:
        pytest.skip("this file system keeps no extended attributes")
    before = fingerprint_tree(tmp_path / "tree")
    os.removexattr(tmp_path / "tree" / "odd" / "scanned by.pdf", "user.empty")
    assert differences_tree(before, fingerprint_tree(tmp_path / "tree")) == (
        "'odd/scanned by.pdf' differs in attributes",
    )


def test_the_bytes_are_those_that_were_ordered_and_half_of_them_compress(tmp_path: Path) -> None:
    grow(tmp_path / "tree", Shape(files=300, total_bytes=4_000_000, text_share=0.5, odd=False))
    sizes = [path.stat().st_size for path in (tmp_path / "tree").glob("**/*.*") if path.is_file()]
    texts = sum(
        p.stat().st_size for ext in ("txt", "csv", "json", "html") for p in (tmp_path / "tree").glob(f"**/*.{ext}")
    )
    assert (len(sizes), sum(sizes)) == (300, 4_000_000)
    assert 1_600_000 < texts < 2_400_000
    assert max(sizes) > 50 * sorted(sizes)[150]


def test_a_grown_tree_can_be_lost_whole_and_nothing_outside_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("stays")
    grow(tmp_path / "tree", SMALL)
    (tmp_path / "tree" / "link out").symlink_to(tmp_path)
    assert lose_files(tmp_path / "tree") > 90
    assert list((tmp_path / "tree").iterdir()) == []
    assert outside.read_text() == "stays"


def test_a_tree_is_not_grown_over_somebodys_files(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(TargetRefused, match="not empty"):
        grow(tmp_path, SMALL)


def test_rsync_agrees_that_two_trees_of_one_seed_are_equal(tmp_path: Path) -> None:
    """The reading itself is judged by a stranger."""
    for name in ("first", "second"):
        grow(tmp_path / name, SMALL)
    command = [
        "rsync",
        "-aHXn",
        "--checksum",
        "--itemize-changes",
        "--delete",
        f"{tmp_path}/first/",
        f"{tmp_path}/second/",
    ]
    try:
        told = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    except FileNotFoundError:
        pytest.skip("rsync is not installed")
    assert [line for line in told.splitlines() if not line.endswith(b" ./")] == []
