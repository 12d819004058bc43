"""Files that change, vanish or refuse while they are read cost a finding, never a wrong or endless backup."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lifeboat.foundation.finding import Finding
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.opening import EXTENTS_AT_MOST, find_extents
from lifeboat.sources.files.read import TRIES, FileReader
from lifeboat.sources.files.walk import walk


class Later:
    """A clock by which everything on disk is long settled, unless told otherwise."""

    def __init__(self, ahead: timedelta = timedelta(days=1)) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


class Bench:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[Finding] = []
        self.reader = FileReader(root, on_trouble=self.told.append, clock=Later())

    def entry(self, name: bytes) -> Entry:
        return next(entry for entry in walk(self.root, on_trouble=self.told.append) if entry.path == name)

    def codes(self) -> list[str]:
        return [one.code for one in self.told]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.reader.close()


def whole(blocks: Iterator[bytes]) -> bytes:
    return b"".join(blocks)


def test_a_file_at_rest_is_read_once_in_blocks_and_keeps_its_stamp(bench: Bench) -> None:
    (bench.root / "x").write_bytes(b"0123456789" * 1000)
    entry = bench.entry(b"x")
    read = bench.reader.read(entry, lambda blocks: list(blocks), block_bytes=4096)
    assert read is not None and [len(block) for block in read[1]] == [4096, 4096, 1808]
    assert read[0] == entry and entry.stamp
    assert bench.reader.read_small(entry, 10_000) == (entry, b"0123456789" * 1000)
    assert bench.told == []


def test_a_file_saved_while_read_is_read_again_and_comes_whole(bench: Bench) -> None:
    (bench.root / "x").write_bytes(b"a" * 100_000)
    entry = bench.entry(b"x")
    attempts = []

    def consume(blocks: Iterator[bytes]) -> bytes:
        attempts.append(1)
        got = b""
        for block in blocks:
            got += block
            if len(attempts) == 1 and len(got) == 40_000:
                (bench.root / "x").write_bytes(b"b" * 120_000)
        return got

    read = bench.reader.read(entry, consume, block_bytes=20_000)
    assert read is not None
    assert (read[1], read[0].size, len(attempts)) == (b"b" * 120_000, 120_000, 2)
    assert read[0].mtime_ns == os.stat(bench.root / "x").st_mtime_ns
    assert bench.told == []


@pytest.mark.parametrize("change", ["grow", "cut", "rewrite"])
def test_a_file_that_never_stands_still_is_kept_told_and_read_again_next_time(bench: Bench, change: str) -> None:
    file = bench.root / "x"
    file.write_bytes(b"a" * 100_000)
    entry = bench.entry(b"x")
    attempts = []

    def consume(blocks: Iterator[bytes]) -> bytes:
        attempts.append(1)
        got = b""
        for block in blocks:
            if not got:
                threading.Event().wait(0.01)
                if change == "grow":
                    with open(file, "ab") as log:
                        log.write(b"more" * 1000)
                elif change == "cut":
                    os.truncate(file, os.stat(file).st_size // 2)
                else:
                    file.write_bytes(os.urandom(100_000))
            got += block
        return got

    read = bench.reader.read(entry, consume, block_bytes=10_000)
    assert read is not None
    assert len(attempts) == TRIES
    assert read[0].size == len(read[1]) > 0
    assert read[0].stamp == b""
    assert bench.codes() == ["file-changed"]


def test_a_sparse_file_cut_while_read_keeps_extents_that_fit_what_came(bench: Bench) -> None:
    file = bench.root / "x"

    def make() -> None:
        with open(file, "wb") as made:
            for offset in (0, 1 << 20, 2 << 20):
                os.pwrite(made.fileno(), b"d" * 8192, offset)

    make()
    entry = bench.entry(b"x")

    def consume(blocks: Iterator[bytes]) -> bytes:
        make()
        got = next(blocks)
        os.truncate(file, (1 << 20) + 4096)
        return got + whole(blocks)

    read = bench.reader.read(entry, consume)
    assert read is not None
    settled, content = read
    assert settled.content_bytes == len(content) == 8192 + 4096
    assert settled.extents == ((0, 8192), (1 << 20, 4096)) and settled.size == (1 << 20) + 4096


def test_only_the_data_of_a_sparse_file_is_read(bench: Bench) -> None:
    with open(bench.root / "x", "wb") as file:
        os.pwrite(file.fileno(), b"data", 1 << 30)
        file.truncate(1 << 40)
    small = bench.reader.read(bench.entry(b"x"), whole)
    assert small is not None
    entry, content = small
    assert entry.size == 1 << 40 and entry.extents is not None
    assert len(content) == entry.content_bytes < 1 << 20
    assert content.startswith(b"data") or content.strip(b"\0") == b"data"


def test_a_file_in_countless_pieces_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXTENTS_AT_MOST < 1_000_000
    monkeypatch.setattr("lifeboat.sources.files.opening.EXTENTS_AT_MOST", 3)
    with open(tmp_path / "x", "w+b") as file:
        for number in range(10):
            os.pwrite(file.fileno(), b"d" * 4096, number * 1 << 20)
        extents = find_extents(file.fileno(), (9 << 20) + 4096)
    assert extents is not None and len(extents) == 4
    assert sum(extents[-1]) == (9 << 20) + 4096


def test_what_vanished_became_something_else_or_is_forbidden_is_told_and_passed_over(bench: Bench) -> None:
    for name in ("gone", "now-link", "now-pipe", "now-directory"):
        (bench.root / name).write_bytes(b"x")
    entries = [bench.entry(name) for name in (b"gone", b"now-link", b"now-pipe", b"now-directory")]
    for entry in entries:
        os.unlink(bench.root / os.fsdecode(entry.path))
    (bench.root / "now-link").symlink_to("/etc/passwd")
    os.mkfifo(bench.root / "now-pipe")
    (bench.root / "now-directory").mkdir()
    for entry in entries:
        assert bench.reader.read(entry, whole) is None
        assert bench.reader.read_small(entry, 100) is None
    assert bench.codes() == ["file-vanished"] * 8


def test_a_small_file_that_grew_large_is_not_taken_into_memory(bench: Bench) -> None:
    (bench.root / "x").write_bytes(b"x")
    entry = bench.entry(b"x")
    (bench.root / "x").write_bytes(b"x" * 1000)
    assert bench.reader.read_small(entry, 100) == (entry, None)


def test_an_atomic_save_between_walk_and_read_gives_the_new_file_with_its_own_metadata(bench: Bench) -> None:
    (bench.root / "x").write_bytes(b"old")
    os.link(bench.root / "x", bench.root / "y")
    entry = bench.entry(b"y")
    assert entry.hard_link_to == b"x"
    (bench.root / "new").write_bytes(b"newer")
    os.chmod(bench.root / "new", 0o600)
    os.setxattr(bench.root / "new", "user.a", b"1")
    os.rename(bench.root / "new", bench.root / "y")
    read = bench.reader.read_small(entry, 100)
    assert read is not None and read[1] == b"newer"
    assert (read[0].size, read[0].mode, read[0].xattrs) == (5, 0o600, ((b"user.a", b"1"),))
    assert read[0].hard_link_to == b""
    assert bench.told == []


def test_a_file_changed_a_moment_ago_gets_no_stamp_because_the_next_change_could_look_the_same(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    entry = list(walk(tmp_path, on_trouble=pytest.fail))[1]
    for ahead, stamped in ((timedelta(0), False), (timedelta(seconds=3), True)):
        with FileReader(tmp_path, on_trouble=pytest.fail, clock=Later(ahead)) as reader:
            read = reader.read_small(entry, 100)
            assert read is not None and bool(read[0].stamp) is stamped


def test_reading_does_not_mark_files_as_read(bench: Bench) -> None:
    (bench.root / "x").write_bytes(b"x")
    os.utime(bench.root / "x", ns=(1, 2))
    bench.reader.read(bench.entry(b"x"), whole)
    assert os.stat(bench.root / "x").st_atime_ns == 1


def test_an_error_of_the_taker_is_not_mistaken_for_trouble_with_the_file(bench: Bench) -> None:
    (bench.root / "x").write_bytes(b"x")

    def consume(blocks: Iterator[bytes]) -> None:
        raise OSError("the repository's disk")

    with pytest.raises(OSError, match="repository"):
        bench.reader.read(bench.entry(b"x"), consume)
    assert bench.told == []
    assert len(os.listdir("/proc/self/fd")) < 200
