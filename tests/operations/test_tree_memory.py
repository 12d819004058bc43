"""What is known of unchanged files is taken over by the hundred: never for a file that changed, and for nearly all of those that did not."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_trees import Kit, differences

from lifeboat.foundation.clock import SystemClock
from lifeboat.operations.tree_memory import Remembered, TreeMemory, _read
from lifeboat.sources.files import siblings
from lifeboat.sources.files.entry import STAMP, Entry
from lifeboat.sources.files.manifest import decode, encode
from lifeboat.sources.files.patterns import NOTHING_SAID
from lifeboat.sources.files.siblings import Siblings
from lifeboat.sources.files.walk import TreeWalk
from lifeboat.sources.files.walk_beside import one_by_one


class Later(SystemClock):
    """Every file is old enough for its stamp to be trusted."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=10)


NAMES = [f"{number:02}" for number in range(40)]
FOLDERS = ["", "a", "b/c", "b/c/d"]
CHANGE = st.tuples(
    st.sampled_from(["add", "remove", "change", "chmod", "rename", "link", "folder", "symlink", "empty"]),
    st.sampled_from(FOLDERS),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
)


@pytest.fixture
def short_sequences(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(siblings, "AVERAGE", 4)
    monkeypatch.setattr(siblings, "AT_MOST", 6)
    yield


def carry_out(tree: Path, change: tuple[str, str, str, str]) -> None:
    what, folder, name, other = change
    place = tree / folder
    path = place / name
    here = os.path.lexists(path)
    is_file = here and path.is_file() and not path.is_symlink()
    if what == "add" and not here:
        path.write_bytes(os.urandom(20))
    elif what == "remove" and is_file:
        path.unlink()
    elif what == "change" and is_file:
        path.write_bytes(os.urandom(20))
    elif what == "chmod" and is_file:
        path.chmod(path.stat().st_mode ^ 0o100)
    elif what == "empty" and is_file:
        path.write_bytes(b"")
    elif what == "rename" and is_file and not (place / other).is_dir():
        path.rename(place / other)
    elif what == "link" and is_file and not os.path.lexists(place / other):
        os.link(path, place / other)
    elif what == "folder" and is_file:
        path.unlink()
        path.mkdir()
        (path / "within").write_bytes(b"within")
    elif what == "symlink" and not here:
        path.symlink_to(other)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(CHANGE, max_size=6), min_size=1, max_size=4), st.integers(0, 2**32))
def test_whatever_changed_the_manifest_is_that_of_a_tree_read_anew(
    tmp_path_factory: pytest.TempPathFactory,
    short_sequences: None,
    runs: list[list[tuple[str, str, str, str]]],
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("kit")
    kit = Kit(folder)
    kit.clock = Later()
    for number, place in enumerate(FOLDERS):
        for name in NAMES[number::2]:
            kit.write(f"{place}/{name}", b"%d" % (seed % 7) * (len(name) + number))
    kit.back_up()
    for changes in runs:
        for change in changes:
            carry_out(kit.tree, change)
        taken = kit.back_up()
        kit.forget_what_was_seen()
        assert without_places(kit.lines(taken)) == without_places(kit.lines(kit.back_up()))
    kit.restore(taken, folder / "back")
    assert differences(kit.tree, folder / "back") == ""
    shutil.rmtree(folder)


def without_places(lines: list[bytes]) -> list[Entry]:
    """Small files that are read together share chunks: where their content lies depends on what else was read."""
    return [decode(line)[0] for line in lines]


def found_in(tree: Path) -> list[Siblings]:
    walk = TreeWalk(tree, NOTHING_SAID, print, False)
    return [one for one in walk.entries_and_siblings() if isinstance(one, Siblings)]


def remember(memory: TreeMemory, found: list[Siblings]) -> None:
    for entry in one_by_one(iter(found)):
        memory.remember_one(entry, b"c" * 32, encode(entry, [(b"c" * 32, 0, entry.size)]))
    memory.keep()
    memory.close()


def recalled(memory: TreeMemory, found: list[Siblings]) -> tuple[int, int]:
    """How many names are known together, and how many each alone."""
    together = alone = 0
    for one in found:
        if (known := memory.recall(one)) is not None:
            assert known.lines.count(b"\n") == known.file_count == len(one.names)
            assert known.content_bytes == known.file_count
            together += known.file_count
            continue
        alone += sum(memory.recall_one(entry.path, entry.stamp) is not None for entry in one_by_one(iter([one])))
    memory.close()
    return together, alone


def test_one_name_that_comes_costs_a_look_at_its_neighbours_and_at_no_others(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(5_000):
        (tree / f"{number:05}").write_bytes(b"x")
    remember(TreeMemory(tmp_path / "memory"), found_in(tree))
    assert recalled(TreeMemory(tmp_path / "memory"), found_in(tree)) == (5_000, 0)
    (tree / "02500a").write_bytes(b"y")
    (tree / "00017").unlink()
    (tree / "04999").write_bytes(b"z")
    together, alone = recalled(TreeMemory(tmp_path / "memory"), found_in(tree))
    assert together + alone == 4_998, "all but those that are new or changed"
    assert alone <= 3 * siblings.AT_MOST and together > 1_500


def test_sequences_end_at_the_same_names_whatever_comes_before_them(tmp_path: Path) -> None:
    for number in range(3_000):
        (tmp_path / f"{number:05}").write_bytes(b"")
    before = {one.names[-1] for one in found_in(tmp_path)}
    for number in range(0, 3_000, 60):
        (tmp_path / f"{number:05}").unlink()
        after = {one.names[-1] for one in found_in(tmp_path)}
        assert len(before ^ after) <= 3
        before = after
    assert all(0 < len(one.names) <= siblings.AT_MOST for one in found_in(tmp_path))


def test_a_memory_in_which_a_bit_fell_over_tells_what_stands_before_it(tmp_path: Path) -> None:
    rows = [
        Remembered(b"d%d" % number, b"a/b", bytes([number]) * 2 * STAMP.size, b"c" * 32, b'{"path":"x"}\n' * 2, number)
        for number in range(3)
    ]
    path = tmp_path / "memory"
    memory = TreeMemory(path)
    for row in rows:
        memory.remember(row)
    memory.keep()
    memory.close()
    assert list(_read(path)) == rows
    plain = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    for at in range(len(plain)):
        damaged = bytearray(plain)
        damaged[at] ^= 0x04
        path.write_bytes(zstandard.ZstdCompressor().compress(bytes(damaged)))
        found = list(_read(path))
        assert len(found) < 3 and found == rows[: len(found)]


def test_the_memory_of_an_older_lifeboat_is_a_lost_one(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    path.write_bytes(zstandard.ZstdCompressor().compress(b"lifeboat tree memory 1\n" + bytes(500)))
    memory = TreeMemory(path)
    assert memory.recall(Siblings(b"", [b"a"], bytes(STAMP.size))) is None
    memory.close()


def test_the_same_stamps_under_other_names_or_elsewhere_are_not_recalled(tmp_path: Path) -> None:
    """There are file systems on which a rename leaves no trace in the inode."""
    path, stamps = tmp_path / "memory", b"s" * 2 * STAMP.size
    memory = TreeMemory(path)
    memory.remember(Remembered(b"d", b"a/b", stamps, b"c" * 32, b'{"path":"x"}\n' * 2, 2))
    memory.keep()
    memory.close()
    for directory, names, known in ((b"d", [b"a", b"b"], True), (b"d", [b"a", b"bb"], False), (b"d/a", [b"b"], False)):
        memory = TreeMemory(path)
        assert (memory.recall(Siblings(directory, names, stamps)) is not None) is known
        memory.close()


def test_what_a_backup_remembers_together_the_next_walk_tells_together(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.clock = Later()
    for number in range(900):
        kit.write(f"{number:03}", b"x" * number)
        kit.write(f"{number // 90:03}-folder/{number:03}", b"%d" % number)
    for number in range(0, 900, 100):
        (kit.tree / f"{number + 50:03}-link").symlink_to("000")
        os.link(kit.tree / f"{number:03}", kit.tree / f"{number:03}-again")
    kit.back_up()
    kit.write("500", b"changed")
    for _ in range(2):
        kit.back_up()
        (path,) = kit.repository.state.directory.glob("tree-*")
        kept = [(one.directory, one.names.split(b"/"), one.stamps) for one in _read(path)]
        links = [one for one in kept if STAMP.unpack(one[2][: STAMP.size])[3] > 1]
        assert [one for one in kept if one not in links] == [tuple(one) for one in found_in(kit.tree)]
        assert len(links) == 18


def test_sequences_are_bounded_by_their_content_too(tmp_path: Path) -> None:
    """What is remembered of a file names each mebibyte of it."""
    for number in range(200):
        with open(tmp_path / f"{number:03}", "wb") as file:
            file.truncate(siblings.AT_MOST_BYTES // 2)
    assert max(len(one.names) for one in found_in(tmp_path)) == 2


def test_a_name_that_is_replaced_while_somebody_is_busy_with_those_before_it_is_told_as_it_is(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "c").symlink_to("a")
    told: list[object] = []
    walking = TreeWalk(tmp_path, NOTHING_SAID, told.append, False).entries_and_siblings()
    assert isinstance(next(walking), Entry)
    assert isinstance(next(walking), Siblings)
    (tmp_path / "c").unlink()
    (tmp_path / "c").write_bytes(b"a file by now")
    (found,) = list(walking)
    assert isinstance(found, Siblings) and found.names == [b"c"] and told == []
