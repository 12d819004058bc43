"""Small files that processes of their own read: what they answer is what the walk saw, and nothing else; without them nothing is lost but time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lifeboat.foundation.finding import Finding
from lifeboat.sources.files import read_ahead
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.read_ahead import (
    AT_MOST,
    AT_MOST_BYTES,
    QUESTION_BYTES,
    SMALL_BYTES,
    ReadAhead,
    question_bytes,
)
from lifeboat.sources.files.walk_beside import one_by_one, walk_beside


@pytest.fixture(autouse=True)
def from_the_first_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "WORTH_IT_FILES", 0)


def walked(root: Path) -> list[Entry]:
    told: list[Finding] = []
    return [entry for entry in one_by_one(walk_beside(root, on_trouble=told.append)) if entry.kind == "file"]


def contents(answers: list[read_ahead.Read | None]) -> list[bytes | None]:
    return [None if one is None else one[0] for one in answers]


def test_contents_come_in_the_order_in_which_they_were_asked_for(tmp_path: Path) -> None:
    for number in range(60):
        folder = tmp_path / f"{number // 10}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:02}").write_bytes(b"%d." % number * number)
    entries = walked(tmp_path)
    with ReadAhead(tmp_path, 3) as ahead:
        for start in range(0, 60, 10):
            ahead.ask(entries[start : start + 10])
        found = [one for _ in range(6) for one in contents(ahead.answer())]
    assert found == [b"%d." % number * number for number in range(60)]


def _rewrite(path: Path) -> None:
    path.write_bytes(b"other")


def _same_size_and_times(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"b" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _become_a_symlink(path: Path) -> None:
    secret = path.parent.parent / "outside"
    secret.write_bytes(b"a" * 100)
    path.unlink()
    path.symlink_to(secret)


def _become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder_becomes_a_symlink(path: Path) -> None:
    moved = path.parent.parent / "elsewhere"
    path.parent.rename(moved)
    path.parent.symlink_to(moved)


CHANGES: list[Callable[[Path], None]] = [
    Path.unlink,
    _rewrite,
    _same_size_and_times,
    _become_a_symlink,
    _become_a_pipe,
    _folder_becomes_a_symlink,
    lambda path: path.chmod(0o600),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_a_file_that_is_not_what_the_walk_saw_is_left_to_the_reader_that_tells(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    folder = tmp_path / "root" / "folder"
    folder.mkdir(parents=True)
    (folder / "x").write_bytes(b"a" * 100)
    (tmp_path / "root" / "y").write_bytes(b"stays")
    entries = walked(tmp_path / "root")
    change(folder / "x")
    with ReadAhead(tmp_path / "root", 1) as ahead:
        ahead.ask(entries)
        assert contents(ahead.answer()) == [None, b"stays"]


def test_holes_are_left_to_the_reader_that_finds_them(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.seek(100_000)
        file.write(b"end")
    entries = walked(tmp_path)
    with ReadAhead(tmp_path, 1) as ahead:
        ahead.ask(entries)
        assert ahead.answer() == [None]


def test_extended_attributes_come_with_the_content(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    try:
        os.setxattr(tmp_path / "x", "user.case", b"\x00\xff")
    except OSError:
        pytest.skip("the file system of the temporary folder keeps no user attributes (tmpfs before Linux 6.6)")
    with ReadAhead(tmp_path, 1) as ahead:
        ahead.ask(walked(tmp_path))
        assert ahead.answer() == [(b"content", ((b"user.case", b"\x00\xff"),))]


def test_neither_side_waits_for_the_other_however_long_the_names_and_large_the_files(tmp_path: Path) -> None:
    folder_fd = _make_deep(tmp_path, ["d" * 250] * 12)
    for number in range(40):
        fd = os.open(f"{number:03}" + "n" * 240, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=folder_fd)
        os.write(fd, b"x" * SMALL_BYTES)
        os.close(fd)
    os.close(folder_fd)
    entries = walked(tmp_path)
    asked: list[list[Entry]] = [[]]
    for entry in entries:
        asked[-1].append(entry)
        if sum(map(question_bytes, asked[-1])) >= QUESTION_BYTES or sum(one.size for one in asked[-1]) >= AT_MOST_BYTES:
            asked.append([])
    with ReadAhead(tmp_path, 2) as ahead:
        for question in asked:
            ahead.ask(question)
            while ahead.under_way > ahead.keeps_busy:
                assert None not in ahead.answer()
        while ahead.under_way:
            assert None not in ahead.answer()


def _make_deep(root: Path, names: list[str]) -> int:
    """Deeper than a path may be long; the descriptor of the deepest."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for name in names:
        os.mkdir(name, dir_fd=fd)
        deeper = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        os.close(fd)
        fd = deeper
    return fd


def test_processes_that_are_killed_cost_time_and_nothing_else(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}").write_bytes(b"%d" % number)
    entries = walked(tmp_path)
    with ReadAhead(tmp_path, 2) as ahead:
        ahead.ask(entries[:50])
        first = contents(ahead.answer())
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        for start in range(50, 200, 25):
            ahead.ask(entries[start : start + 25])
        left = [one for _ in range(6) for one in ahead.answer()]
    assert first == [b"%d" % number for number in range(50)]
    assert len(left) == 150 and all(one is None for one in left)


@pytest.mark.parametrize("program", ["/bin/false", "/nonexistent", ""])
def test_where_no_process_can_be_started_everything_is_left_to_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    monkeypatch.setattr(sys, "executable", program)
    with ReadAhead(tmp_path, 2) as ahead:
        ahead.ask(walked(tmp_path))
        assert ahead.answer() == [None]


def test_few_files_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "WORTH_IT_FILES", AT_MOST)
    (tmp_path / "x").write_bytes(b"x")
    entry = walked(tmp_path)[0]
    with ReadAhead(tmp_path, 1) as ahead:
        ahead.ask([entry] * AT_MOST)
        assert ahead.answer() == [None] * AT_MOST and _children() == []
        ahead.ask([entry])
        assert contents(ahead.answer()) == [b"x"]


def test_they_know_no_secret_and_end_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"x")
    monkeypatch.setenv("BACKUP_ENCRYPTION_KEY", "5e" * 32)
    with ReadAhead(tmp_path, 2) as ahead:
        ahead.ask(walked(tmp_path))
        ahead.answer()
        children = _children()
        for pid in children:
            said = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
            assert b"5e5e" not in said and b"BACKUP_ENCRYPTION_KEY" not in said
    assert len(children) == 2 and _children() == []


ABANDONED = """
import sys, time
from pathlib import Path
from lifeboat.sources.files import read_ahead
from lifeboat.sources.files.walk import walk
read_ahead.WORTH_IT_FILES = 0
root = Path(sys.argv[1])
ahead = read_ahead.ReadAhead(root, 3)
for _ in range(6):
    ahead.ask([entry for entry in walk(root, on_trouble=print) if entry.kind == "file"])
ahead.answer()
print("ready", flush=True)
time.sleep(60)
"""


def test_they_end_when_we_are_killed(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}").write_bytes(b"x" * 100_000)
    parent = subprocess.Popen([sys.executable, "-c", ABANDONED, tmp_path], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"ready\n"
    children = _children(parent.pid)
    assert len(children) == 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def _children(parent: int | None = None) -> list[int]:
    """Processes that this one, or another, has started and that read."""
    wanted, found = parent or os.getpid(), []
    for place in Path("/proc").iterdir():
        try:
            is_child = place.name.isdigit() and int((place / "stat").read_text().rsplit(")", 1)[1].split()[1]) == wanted
            if is_child and b"read_ahead" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found
