"""What a walk tells, in which order, and what it never does."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.files.entry import walk_order
from lifeboat.sources.files.errors import FilesRootMissing
from lifeboat.sources.files.patterns import Patterns
from lifeboat.sources.files.walk import walk, walk_only


def names_in(root: Path, patterns: Patterns | None = None) -> list[bytes]:
    troubles: list[Finding] = []
    found = [entry.path for entry in walk(root, patterns or Patterns(), on_trouble=troubles.append)]
    assert troubles == []
    return found


def test_the_order_is_the_same_wherever_the_tree_lies_and_two_walks_can_be_merged(tmp_path: Path) -> None:
    for name in ["b", "a-b", "a", "ä", "Z", "a.b"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    (tmp_path / os.fsdecode(b"\xff\xfe")).touch()
    found = names_in(tmp_path)
    assert found[:5] == [b"", b"Z", b"Z/x", b"a", b"a/x"]
    assert found == sorted(found, key=walk_order)
    assert found[-1] == b"\xff\xfe"


def test_every_kind_of_name_is_told_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    os.chmod(tmp_path / "file", 0o4751)
    os.utime(tmp_path / "file", ns=(5, -1_500_000_001))
    (tmp_path / "link").symlink_to("/nowhere/at all")
    os.mkfifo(tmp_path / "pipe")
    found = {entry.path: entry for entry in walk(tmp_path, on_trouble=pytest.fail)}
    file = found[b"file"]
    assert (file.kind, file.mode, file.size, file.mtime_ns) == ("file", 0o4751, 5, -1_500_000_001)
    assert (file.uid, file.gid) == (os.getuid(), os.getgid())
    assert (found[b"link"].kind, found[b"link"].target, found[b"link"].size) == ("symlink", b"/nowhere/at all", 0)
    assert found[b"pipe"].kind == "fifo"
    assert found[b""].kind == "directory"


def test_later_names_of_an_inode_point_to_the_first_one_taken(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two").write_bytes(b"same")
    os.link(tmp_path / "b" / "two", tmp_path / "a-one")
    os.link(tmp_path / "b" / "two", tmp_path / "c-three")
    found = {entry.path: entry.hard_link_to for entry in walk(tmp_path, on_trouble=pytest.fail)}
    assert (found[b"a-one"], found[b"b/two"], found[b"c-three"]) == (b"", b"a-one", b"a-one")
    thinned = {entry.path: entry for entry in walk(tmp_path, Patterns(["a-one"]), on_trouble=pytest.fail)}
    assert (thinned[b"b/two"].hard_link_to, thinned[b"c-three"].hard_link_to) == (b"", b"b/two")


def test_a_symlink_to_a_directory_is_told_and_not_entered(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").touch()
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "way-out").symlink_to("../outside")
    (tmp_path / "tree" / "loop").symlink_to(".")
    assert names_in(tmp_path / "tree") == [b"", b"loop", b"way-out"]


def test_a_socket_is_told_about_and_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s")
        troubles: list[Finding] = []
        assert [entry.path for entry in walk(tmp_path, on_trouble=troubles.append)] == [b""]
    assert [(trouble.code, trouble.level, trouble.subject) for trouble in troubles] == [
        ("socket-skipped", Level.OK, "s")
    ]


def test_a_directory_that_vanishes_during_the_walk_costs_only_itself(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    troubles: list[Finding] = []
    found = []
    for entry in walk(tmp_path, on_trouble=troubles.append):
        found.append(entry.path)
        if entry.path == b"a":
            os.rename(tmp_path / "b", tmp_path.parent / "b-elsewhere")
    assert found == [b"", b"a", b"a/x", b"c", b"c/x"]
    assert [(trouble.code, trouble.subject) for trouble in troubles] == [("file-vanished", "b")]


def test_a_directory_swapped_for_a_symlink_during_the_walk_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").touch()
    tree = tmp_path / "tree"
    (tree / "a" / "deep").mkdir(parents=True)
    troubles: list[Finding] = []
    found = []
    for entry in walk(tree, on_trouble=troubles.append):
        found.append(entry.path)
        if entry.path == b"a":
            os.rename(tree / "a", tree / "moved")
            (tree / "a").symlink_to("../outside")
    assert b"a/secret" not in found
    assert [trouble.code for trouble in troubles] == ["file-vanished"]


def test_a_tree_deeper_than_any_path_may_be_long_is_walked_with_few_descriptors(tmp_path: Path) -> None:
    depth, name = 300, "d" * 100
    fd = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=fd)
        os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        deeper = os.open(name, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    os.close(fd)
    most_open = 0
    found = []
    for entry in walk(tmp_path, on_trouble=pytest.fail):
        found.append(entry.path)
        most_open = max(most_open, len(os.listdir("/proc/self/fd")))
    assert len(found) == 1 + 2 * depth
    assert max(map(len, found)) > 4096 * 7
    assert most_open < 100


def test_the_marks_of_an_unfinished_restore_are_not_backed_up_and_are_told(tmp_path: Path) -> None:
    (tmp_path / ".lifeboat-restoring").touch()
    (tmp_path / ".lifeboat-partial").touch()
    (tmp_path / ".lifeboat-partial.3").touch()
    troubles: list[Finding] = []
    assert [entry.path for entry in walk(tmp_path, on_trouble=troubles.append)] == [b""]
    assert [trouble.code for trouble in troubles] == ["unfinished-restore"]


def test_a_root_that_is_missing_or_a_file_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(FilesRootMissing) as caught:
            list(walk(root, on_trouble=pytest.fail))
        assert str(root) in caught.value.message
        assert caught.value.hint


def test_a_root_given_through_a_symlink_is_walked(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").touch()
    (tmp_path / "named").symlink_to("real")
    assert names_in(tmp_path / "named") == [b"", b"x"]


def test_only_the_named_files_are_taken_and_a_missing_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf" / "sites").mkdir(parents=True)
    for name in (".env", "lifeboat.toml", "code.py", "conf/app.toml", "conf/other", "conf/sites/a"):
        (tmp_path / name).touch()
    troubles: list[Finding] = []
    names = ["lifeboat.toml", ".env", "missing.env", "conf/app.toml", "conf/sites"]
    found = [entry.path for entry in walk_only(tmp_path, names, on_trouble=troubles.append)]
    assert found == [b"", b".env", b"conf", b"conf/app.toml", b"conf/sites", b"conf/sites/a", b"lifeboat.toml"]
    assert [(trouble.code, trouble.subject) for trouble in troubles] == [("file-missing", "missing.env")]
    whole = [entry.path for entry in walk_only(tmp_path, ["conf", "conf/app.toml"], on_trouble=pytest.fail)]
    assert b"conf/other" in whole
    for bad in (["../x"], ["/etc/passwd"], [""], []):
        with pytest.raises(FilesRootMissing):
            walk_only(tmp_path, bad, on_trouble=pytest.fail)


def test_stamps_differ_when_only_the_content_differs_and_the_old_time_was_put_back(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"one")
    before = os.stat(file)
    first = list(walk(tmp_path, on_trouble=pytest.fail))[1].stamp
    assert first == list(walk(tmp_path, on_trouble=pytest.fail))[1].stamp
    threading.Event().wait(0.02)
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert list(walk(tmp_path, on_trouble=pytest.fail))[1].stamp != first


def test_a_mounted_filesystem_is_not_entered_when_asked_to_stay(tmp_path: Path) -> None:
    here = os.stat("/").st_dev
    if os.stat("/dev").st_dev == here or not stat.S_ISDIR(os.stat("/dev").st_mode):
        pytest.skip("no second filesystem mounted at /dev")
    names = ["dev"]
    inside = 0
    for entry in walk_only(Path("/"), names, on_trouble=lambda trouble: None):
        inside += entry.path.startswith(b"dev/")
        if inside:
            break
    assert inside
    patterns = Patterns(include=["/dev/"], exclude=[f"/{name}/" for name in os.listdir("/") if name != "dev"])
    staying = walk(Path("/"), patterns, on_trouble=lambda trouble: None, stay_on_filesystem=True)
    assert [entry.path for entry in staying if entry.path.startswith(b"dev")] == [b"dev"]
