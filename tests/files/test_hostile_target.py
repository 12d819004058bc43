"""What a tampered manifest or an odd target cannot make a restore do."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_trees import Keeper

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding
from lifeboat.sources.files.entry import PARTIAL_NAME, Entry
from lifeboat.sources.files.errors import (
    ContentMismatch,
    PathRefused,
    TargetFull,
    TargetNotEmpty,
    TargetUnwritable,
)
from lifeboat.sources.files.write import Mode, TreeWriter

pytestmark = pytest.mark.usefixtures("writers")

ROOT = Entry(b"", "directory", 0o755, 0, 0, 0)


def a_file(path: bytes, content: bytes, **other: object) -> tuple[Entry, list[bytes]]:
    return Entry(path, "file", 0o644, 0, 0, 5, len(content))._replace(**other), [content]  # type: ignore[arg-type]


def a_name(path: bytes, kind: str, **other: object) -> tuple[Entry, list[bytes]]:
    return Entry(path, kind, 0o755, 0, 0, 5)._replace(**other), []  # type: ignore[arg-type]


def write(target: Path, entries: list[tuple[Entry, list[bytes]]], mode: Mode = "new-place") -> list[Finding]:
    told: list[Finding] = []
    with TreeWriter(target, mode=mode, on_trouble=told.append, clock=SystemClock()) as writer:
        for entry, blocks in [(ROOT, []), *entries]:
            writer.put(entry, iter(blocks))
        writer.finish()
    return told


BAD_PATHS = [b"..", b"../x", b"a/../../x", b"/etc/x", b"a//b", b"./x", b"a/.", b"a/", b"x\0y", b".lifeboat-partial"]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, path: bytes) -> None:
    target = tmp_path / "t"
    with pytest.raises(PathRefused) as caught:
        write(target, [a_file(path, b"x")])
    assert caught.value.hint
    with pytest.raises(PathRefused):
        write(target, [a_file(b"ok", b"x"), a_file(b"link", b"x", hard_link_to=path)])
    assert os.listdir(tmp_path) == ["t"]


def test_a_symlink_made_by_the_manifest_is_never_written_through(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"mine")
    entries = [
        a_name(b"way", "symlink", target=b"../outside"),
        a_file(b"way/precious", b"stolen"),
        a_file(b"way/new", b"planted"),
        a_name(b"way/deeper", "directory"),
        a_file(b"way/deeper/x", b"planted"),
        a_file(b"link", b"mine", hard_link_to=b"way/precious"),
    ]
    told = write(tmp_path / "t", entries)
    assert (outside / "precious").read_bytes() == b"mine"
    assert os.listdir(outside) == ["precious"]
    assert os.stat(outside / "precious").st_nlink == 1
    assert "file-not-written" in {one.code for one in told}


def test_a_directory_that_becomes_a_symlink_between_two_entries_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    entries = [
        a_name(b"d", "directory"),
        a_file(b"d/one", b"1"),
        a_name(b"d", "symlink", target=b"../outside"),
        a_file(b"d/two", b"2"),
    ]
    write(tmp_path / "t", entries)
    assert os.listdir(tmp_path / "outside") == []


def test_a_live_symlink_in_the_way_is_moved_aside_not_followed(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    (tmp_path / "big disk").mkdir()
    (tmp_path / "big disk" / "x").write_bytes(b"elsewhere")
    (live / "uploads").symlink_to("../big disk")
    told = write(live, [a_name(b"uploads", "directory"), a_file(b"uploads/x", b"restored")], "in-place")
    assert [one.code for one in told] == ["moved-aside"]
    assert (tmp_path / "big disk" / "x").read_bytes() == b"elsewhere"
    assert (live / "uploads" / "x").read_bytes() == b"restored"
    assert not (live / "uploads").is_symlink()


def test_what_is_of_another_kind_is_moved_aside_and_nothing_is_lost(tmp_path: Path) -> None:
    live = tmp_path / "live"
    (live / "was-directory" / "full").mkdir(parents=True)
    (live / "was-directory" / "full" / "x").write_bytes(b"mine")
    (live / "was-empty").mkdir()
    (live / "was-file").write_bytes(b"also mine")
    entries = [
        a_file(b"was-directory", b"now a file"),
        a_file(b"was-empty", b"now a file"),
        a_name(b"was-file", "directory"),
        a_file(b"was-file/x", b"now below"),
    ]
    told = write(live, entries, "in-place")
    assert [(one.code, one.subject) for one in told] == [("moved-aside", "was-directory"), ("moved-aside", "was-file")]
    aside = {name.split(".before-restore-")[0]: live / name for name in os.listdir(live) if ".before-" in name}
    assert (aside["was-directory"] / "full" / "x").read_bytes() == b"mine"
    assert aside["was-file"].read_bytes() == b"also mine"
    assert (live / "was-directory").read_bytes() == (live / "was-empty").read_bytes() == b"now a file"
    assert (live / "was-file" / "x").read_bytes() == b"now below"


def test_a_new_place_must_be_empty_and_lost_and_found_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(TargetNotEmpty) as caught:
        write(tmp_path / "full", [])
    assert caught.value.code == "target-not-empty"
    assert "--over-live" in caught.value.hint
    assert os.listdir(tmp_path / "full") == ["x"]
    (tmp_path / "fresh disk" / "lost+found").mkdir(parents=True)
    assert write(tmp_path / "fresh disk", [a_file(b"y", b"1")]) == []
    (tmp_path / "file").touch()
    with pytest.raises(TargetUnwritable):
        write(tmp_path / "file", [])


def test_an_unfinished_restore_of_another_snapshot_is_not_mixed_with_this_one(tmp_path: Path, writers: str) -> None:
    def begin(label: bytes) -> TreeWriter:
        return TreeWriter(tmp_path / "t", mode="new-place", label=label, on_trouble=pytest.fail, clock=SystemClock())

    with begin(b"monday") as writer:
        writer.put(*_iterating(a_file(b"x", b"1")))
    with pytest.raises(TargetNotEmpty) as caught:
        begin(b"tuesday")
    assert "another snapshot" in caught.value.message
    with begin(b"monday") as writer:
        # What processes have not written yet when the restore is cut off is written by the next one.
        assert writer.already_there(a_file(b"x", b"1")[0]) or writers == "beside"
        writer.finish()


def _iterating(pair: tuple[Entry, list[bytes]]) -> tuple[Entry, Iterator[bytes]]:
    return pair[0], iter(pair[1])


@pytest.mark.parametrize("blocks", [[], [b"12"], [b"1234", b"56"], [b"12345", b""] * 2])
@pytest.mark.parametrize("extents", [None, ((0, 2), (2, 3))])
def test_content_of_another_length_never_gets_the_name(
    tmp_path: Path, blocks: list[bytes], extents: tuple[tuple[int, int], ...] | None
) -> None:
    entry = a_file(b"x", b"12345", extents=extents)[0]
    with pytest.raises(ContentMismatch):
        write(tmp_path / "t", [(entry, blocks)])
    assert os.listdir(tmp_path / "t") == [".lifeboat-restoring"]


def test_an_error_of_the_repository_in_the_middle_of_a_file_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def breaking() -> Iterator[bytes]:
        yield b"new"
        raise LifeboatError("a chunk is damaged")

    with TreeWriter(tmp_path, mode="in-place", on_trouble=pytest.fail, clock=SystemClock()) as writer:
        with pytest.raises(LifeboatError):
            writer.put(a_file(b"x", b"new and more")[0], breaking())
        assert (tmp_path / "x").read_bytes() == b"old"
        assert os.fsdecode(PARTIAL_NAME) not in os.listdir(tmp_path)


@pytest.fixture
def mounted(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    where = tmp_path / "mounted"
    where.mkdir()
    done = subprocess.run(["mount", *request.param, str(where)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("this machine lets nobody mount a filesystem")
    yield where
    subprocess.run(["umount", str(where)], check=True)


@pytest.mark.parametrize("mounted", [["-t", "tmpfs", "-o", "size=1m", "none"]], indirect=True)
def test_a_full_disk_ends_the_restore_with_a_hint_and_no_half_file(mounted: Path, writers: str) -> None:
    block = b"x" * 65536
    with pytest.raises(TargetFull) as caught:
        write(mounted, [a_file(b"fits", block), (Entry(b"large", "file", 0o644, 0, 0, 5, 100 * 65536), [block] * 100)])
    assert caught.value.code == "target-full" and "free space" in caught.value.hint
    kept = sorted(name for name in os.listdir(mounted) if not name.startswith(".lifeboat-partial."))
    # What a process was about to write when the restore ended is written by the next one.
    assert kept == [".lifeboat-restoring", "fits"] or (writers == "beside" and kept == [".lifeboat-restoring"])
    assert "fits" not in kept or (mounted / "fits").read_bytes() == block


@pytest.mark.parametrize("mounted", [["-t", "ramfs", "none"]], indirect=True)
def test_a_filesystem_without_attributes_is_told_once_not_once_per_file(mounted: Path) -> None:
    entries = [a_file(b"%d" % number, b"x", xattrs=((b"user.a", b"1"),)) for number in range(50)]
    told = write(mounted, entries)
    assert [one.code for one in told] == ["attributes-not-kept"]
    assert len(os.listdir(mounted)) == 50


@pytest.mark.parametrize("mounted", [["-t", "tmpfs", "-o", "ro", "none"]], indirect=True)
def test_a_read_only_target_is_refused_with_a_hint(mounted: Path) -> None:
    with pytest.raises(TargetUnwritable) as caught:
        write(mounted, [a_file(b"x", b"1")])
    assert caught.value.hint


def test_one_name_that_cannot_be_written_does_not_cost_the_others(tmp_path: Path) -> None:
    told = write(tmp_path / "t", [a_file(b"n" * 256, b"too long"), a_file(b"x", b"1")])
    assert [(one.code, one.subject) for one in told] == [("file-not-written", "n" * 256)]
    assert (tmp_path / "t" / "x").read_bytes() == b"1"


def test_an_application_that_reads_meanwhile_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    (live / "x").write_bytes(b"old" * 1000)
    seen = []

    def watched() -> Iterator[bytes]:
        for _ in range(10):
            seen.append((live / "x").read_bytes())
            yield b"new" * 100

    with TreeWriter(live, mode="in-place", on_trouble=pytest.fail, clock=SystemClock()) as writer:
        writer.put(a_file(b"x", b"new" * 1000)[0], watched())
    assert set(seen) == {b"old" * 1000}
    assert (live / "x").read_bytes() == b"new" * 1000


def test_a_tree_deeper_than_any_path_may_be_long_is_restored(tmp_path: Path) -> None:
    path = b"/".join([b"d" * 200] * 100)
    entries = [a_name(b"/".join([b"d" * 200] * depth), "directory") for depth in range(1, 101)]
    assert write(tmp_path / "t", [*entries, a_file(path + b"/leaf", b"x")]) == []
    assert sum(1 for _ in Keeper().back_up(tmp_path / "t")) == 102
