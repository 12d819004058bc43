"""Trees of files through the whole way: walked, grouped, stored, recognised, restored."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.progress import Silent
from lifeboat.operations.backup_files import Root, backup_trees, roots_of_config
from lifeboat.operations.restore_files import TreeRestore
from lifeboat.operations.taking import Taken, Taking, new_point
from lifeboat.operations.tree_memory import _read
from lifeboat.operations.unrestore_files import remove_what_restore_added
from lifeboat.repository.create import create_repository
from lifeboat.repository.description import NamedRecipient
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import Source
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.writing import WriteLimits
from lifeboat.sources.files.entry import STAMP, Entry
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.files.read import FileReader
from lifeboat.sources.files.read_ahead import ReadAhead
from lifeboat.storage.memory import MemoryStore


class Kit:
    """A repository in memory and a tree on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "uploads"
        self.tree.mkdir()
        self.clock = SystemClock()
        self.store = MemoryStore(self.clock)
        identity = Identity.generate()
        self.repository: Repository = create_repository(
            self.store,
            identity=identity,
            recipients=[NamedRecipient("key", identity.recipient)],
            profile="simple",
            state=LocalState(folder / "state", self.store.describe()),
            label="host",
            now=datetime.now(UTC),
        )

    def back_up(self, roots: list[Root] | None = None, **choice: tuple[str, ...]) -> Taken:
        taking = Taking(
            self.repository,
            self.repository.writer(self.clock.now()),
            Source.FILES,
            new_point(),
            self.clock,
            WriteLimits(),
        )
        return backup_trees(taking, roots or [Root(self.tree)], progress=Silent(), **choice)

    def restore(self, taken: Taken, target: Path | None, **choice: tuple[str, ...]) -> None:
        with SnapshotReader(self.repository, taken.record) as reader:
            restore = TreeRestore(
                reader,
                target,
                include=choice.get("include", ()),
                exclude=choice.get("exclude", ()),
                clock=self.clock,
                progress=Silent(),
            )
            restore.refuse()
            _, findings = restore.carry_out()
        assert [finding for finding in findings if finding.level != "ok"] == []

    def lines(self, taken: Taken) -> list[bytes]:
        """Of the manifest."""
        with SnapshotReader(self.repository, taken.record) as reader:
            return [line for stream in reader.streams().values() for line in reader.lines(stream)]

    def forget_what_was_seen(self) -> None:
        for path in self.repository.state.directory.glob("tree-*"):
            path.unlink()

    def write(self, name: str, content: bytes) -> Path:
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def settle(self) -> None:
        """Wait until every file is old enough for its stamp to be trusted."""
        self.clock.sleep(2.1)


def differences(one: Path, other: Path) -> str:
    """What rsync, which wrote neither, would change to make them equal."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not installed (Debian: apt-get install rsync)")
    done = subprocess.run(
        ["rsync", "-aHAXn", "--checksum", "--itemize-changes", "--delete", f"{one}/", f"{other}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    yield Kit(tmp_path)


def bytes_read_by_this_process() -> int:
    """What all its read calls returned, from the kernel's own account."""
    found = re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())
    assert found
    return int(found[1])


def some_tree(kit: Kit) -> None:
    for number in range(60):
        kit.write(f"cases/{number % 7}/note {number}.txt", b"case %d " % number * (number * 40))
    kit.write("big.bin", os.urandom(3_000_000))
    kit.write("empty", b"")
    (kit.tree / "empty folder").mkdir()
    (kit.tree / "link").symlink_to("cases/1/missing")
    os.link(kit.tree / "big.bin", kit.tree / "cases" / "big again.bin")
    with open(kit.tree / "sparse", "wb") as file:
        file.truncate(5_000_000)
        file.seek(2_000_000)
        file.write(b"island")
    os.utime(kit.tree / "big.bin", ns=(1, 1_234_567_890_123_456_789))
    os.chmod(kit.tree / "cases", 0o750)


def test_a_tree_comes_back_as_it_was(kit: Kit) -> None:
    some_tree(kit)
    taken = kit.back_up()
    kit.restore(taken, kit.folder / "back")
    assert differences(kit.tree, kit.folder / "back") == ""


def test_an_unchanged_tree_stores_nothing_and_is_not_read(kit: Kit) -> None:
    some_tree(kit)
    kit.settle()
    kit.back_up()
    packs = {one.name for one in kit.store.list_under("files/")}
    before = bytes_read_by_this_process()
    second = kit.back_up()
    assert bytes_read_by_this_process() - before < 500_000, "the tree holds 3 MB of data and more"
    assert second.report.new_bytes == 0
    assert {one.name for one in kit.store.list_under("files/")} == packs


def test_a_file_changed_with_its_size_and_time_put_back_is_noticed(kit: Kit) -> None:
    path = kit.write("contract.txt", b"pay 100")
    kit.settle()
    stamp = path.stat()
    kit.back_up()
    path.write_bytes(b"pay 900")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    taken = kit.back_up()
    kit.restore(taken, kit.folder / "back")
    assert (kit.folder / "back" / "contract.txt").read_bytes() == b"pay 900"


def test_losing_the_local_memory_costs_reading_and_no_uploading(kit: Kit) -> None:
    some_tree(kit)
    kit.back_up()
    kit.forget_what_was_seen()
    again = kit.back_up()
    assert again.report.new_bytes == 0
    kit.restore(again, kit.folder / "back")
    assert differences(kit.tree, kit.folder / "back") == ""


def test_a_damaged_local_memory_is_a_lost_one(kit: Kit) -> None:
    some_tree(kit)
    kit.settle()
    kit.back_up()
    for path in kit.repository.state.directory.glob("tree-*"):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 0x10
        path.write_bytes(raw[: len(raw) - 5])
    kit.write("new", b"new")
    kit.restore(kit.back_up(), kit.folder / "back")
    assert differences(kit.tree, kit.folder / "back") == ""


def test_a_memory_that_names_chunks_nobody_stored_is_not_believed(kit: Kit) -> None:
    some_tree(kit)
    kit.settle()
    kit.back_up()
    for one in list(kit.store.list_under("")):
        if one.name.startswith(("files/", "catalog/", "keys/")):
            kit.store.delete(one.name)
    taken = kit.back_up()
    kit.restore(taken, kit.folder / "back")
    assert differences(kit.tree, kit.folder / "back") == ""


def test_many_small_files_become_few_chunks_and_one_change_stores_little(kit: Kit) -> None:
    for number in range(1500):
        kit.write(f"{number:05d}", b"%05d" % number + os.urandom(1000))
    kit.settle()
    first = kit.back_up()
    with SnapshotReader(kit.repository, first.record) as reader:
        assert len(reader.table) < 20
    kit.write("00700", b"changed")
    second = kit.back_up()
    assert second.report.new_bytes < 700_000
    kit.restore(second, kit.folder / "back")
    assert differences(kit.tree, kit.folder / "back") == ""


def test_a_restore_in_place_touches_only_what_differs(kit: Kit) -> None:
    some_tree(kit)
    taken = kit.back_up()
    kept = (kit.tree / "cases" / "3" / "note 3.txt").stat()
    (kit.tree / "cases" / "4" / "note 4.txt").write_bytes(b"damaged")
    shutil.rmtree(kit.tree / "cases" / "5")
    kit.write("mine.txt", b"came later")
    kit.restore(taken, None)
    again = (kit.tree / "cases" / "3" / "note 3.txt").stat()
    assert (again.st_ino, again.st_ctime_ns) == (kept.st_ino, kept.st_ctime_ns)
    assert (kit.tree / "mine.txt").read_bytes() == b"came later"
    (kit.tree / "mine.txt").unlink()
    kit.restore(taken, kit.folder / "back")
    os.utime(kit.tree, ns=(1, (kit.folder / "back").stat().st_mtime_ns))
    assert differences(kit.tree, kit.folder / "back") == ""


def test_undoing_removes_what_the_restore_had_added_and_nothing_else(kit: Kit) -> None:
    some_tree(kit)
    rich = kit.back_up()
    shutil.rmtree(kit.tree / "cases")
    kit.write("mine.txt", b"came later")
    poor = kit.back_up()
    kit.restore(rich, None)
    with SnapshotReader(kit.repository, rich.record) as restored, SnapshotReader(kit.repository, poor.record) as before:
        remove_what_restore_added(restored, before)
    assert not (kit.tree / "cases").exists()
    assert (kit.tree / "mine.txt").read_bytes() == b"came later"
    assert (kit.tree / "big.bin").exists()


def test_only_what_the_patterns_choose_is_restored(kit: Kit) -> None:
    some_tree(kit)
    taken = kit.back_up()
    kit.restore(taken, kit.folder / "back", include=("cases/3/**",))
    found = [path for path in (kit.folder / "back").rglob("*") if path.is_file()]
    assert found
    assert {path.parent.name for path in found} == {"3"}


def test_excluded_files_are_not_stored(kit: Kit) -> None:
    some_tree(kit)
    taken = kit.back_up(exclude=("*.bin",))
    kit.restore(taken, kit.folder / "back")
    assert not list((kit.folder / "back").rglob("*.bin"))
    assert (kit.folder / "back" / "sparse").exists()


def test_single_configuration_files_come_back_to_their_folders(kit: Kit) -> None:
    kit.write("app/.env", b"A=1")
    kit.write("app/other", b"not asked for")
    kit.write("etc/lifeboat.toml", b"x=1")
    roots = roots_of_config([kit.tree / "app/.env", kit.tree / "etc/lifeboat.toml"])
    taken = kit.back_up(roots)
    kit.restore(taken, kit.folder / "back")
    found = sorted(
        str(path.relative_to(kit.folder / "back")) for path in (kit.folder / "back").rglob("*") if path.is_file()
    )
    inside = str(kit.tree).lstrip("/")
    assert found == [f"{inside}/app/.env", f"{inside}/etc/lifeboat.toml"]


def test_a_file_that_vanishes_while_the_backup_runs_is_told_and_the_rest_is_stored(kit: Kit) -> None:
    some_tree(kit)
    victim = kit.write("zz-last", b"here for now")

    class Deleting(Silent):
        def advance(self, done_bytes: int = 0, done_items: int = 0) -> None:
            victim.unlink(missing_ok=True)

    taking = Taking(
        kit.repository,
        kit.repository.writer(kit.clock.now()),
        Source.FILES,
        new_point(),
        kit.clock,
        WriteLimits(),
    )
    taken = backup_trees(taking, [Root(kit.tree)], progress=Deleting())
    kit.restore(taken, kit.folder / "back")
    assert not (kit.folder / "back" / "zz-last").exists()
    assert (kit.folder / "back" / "sparse").exists()


@pytest.fixture
def reads_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first file on, instead of the thousandth."""
    monkeypatch.setattr("lifeboat.sources.files.read_ahead.WORTH_IT_FILES", 0)


def test_what_processes_read_ahead_is_stored_as_one_process_reads_it(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_tree(kit)
    kit.write("holes", b"")
    os.truncate(kit.tree / "holes", 50_000)
    os.link(kit.tree / "holes", kit.tree / "holes too")
    os.setxattr(kit.write("small with an attribute", b"x"), "user.case", b"9")
    os.setxattr(kit.write("empty with an attribute", b""), "user.case", b"9")
    kit.write("not small", os.urandom(300_000))
    for number in range(700):
        kit.write(f"many/{number % 7}/{number:04}.txt", b"%d\n" % number * (number % 90))
    kit.settle()
    alone = kit.back_up()
    kit.forget_what_was_seen()
    monkeypatch.setattr("lifeboat.sources.files.read_ahead.WORTH_IT_FILES", 0)
    ahead = kit.back_up()
    assert kit.lines(ahead) == kit.lines(alone) != []
    assert ahead.report.new_bytes == 0
    kit.restore(ahead, tmp_path / "restored")
    assert differences(kit.tree, tmp_path / "restored") == ""


def test_files_change_under_the_processes_and_the_snapshot_has_what_is_there_when_it_ends(
    kit: Kit, tmp_path: Path, reads_ahead: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(600):
        kit.write(f"{number:04}", b"old %d" % number)
    kit.settle()
    real = ReadAhead.ask
    asked = 0

    def changed_before_it_is_read(self: ReadAhead, entries: Sequence[Entry]) -> None:
        nonlocal asked
        for entry in entries:
            asked += 1
            path = kit.tree / os.fsdecode(entry.path)
            if asked % 5 == 0:
                path.write_bytes(b"new and longer %d" % asked)
            elif asked % 7 == 0:
                path.unlink()
        real(self, entries)

    monkeypatch.setattr(ReadAhead, "ask", changed_before_it_is_read)
    taken = kit.back_up()
    monkeypatch.setattr(ReadAhead, "ask", real)
    kit.restore(taken, tmp_path / "restored")
    assert differences(kit.tree, tmp_path / "restored") in ("", ".d..t...... ./\n")  # the folder lost names meanwhile
    vanished = [finding for finding in taken.report.findings if finding.code == "file-vanished"]
    assert asked == 600 and len(vanished) == 600 // 7 - 600 // 35


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_backup_whose_readers_are_killed_is_whole(
    kit: Kit, tmp_path: Path, reads_ahead: None, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    for number in range(2_000):
        kit.write(f"{number % 3}/{number:04}", b"%d" % number * 9)
    kit.settle()
    real = ReadAhead.ask
    asked = killed = 0

    def killed_on_the_way(self: ReadAhead, entries: Sequence[Entry]) -> None:
        nonlocal asked, killed
        real(self, entries)
        if asked == after:
            for process in self._processes or ():
                process._process.kill()
                killed += 1
        asked += 1

    monkeypatch.setattr(ReadAhead, "ask", killed_on_the_way)
    taken = kit.back_up()
    assert killed > 0 and taken.record.complete and taken.report.findings == ()
    kit.restore(taken, tmp_path / "restored")
    assert differences(kit.tree, tmp_path / "restored") == ""


def test_a_file_that_processes_read_right_after_it_was_written_is_read_again(kit: Kit, reads_ahead: None) -> None:
    """Two writes within one tick of a coarse clock leave the same times: a young file's stamp is not to be trusted."""
    path = kit.write("fresh", b"pay 100")
    stamp = path.stat()
    kit.back_up()
    path.write_bytes(b"pay 900")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    kept = next(iter(_read(next(kit.repository.state.directory.glob("tree-*")))))
    assert (kept.names, kept.stamps) == (b"fresh", bytes(STAMP.size))


def test_a_name_whose_first_one_was_replaced_meanwhile_is_a_file_of_its_own(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk had told it as a further name of what now is another file."""
    first = kit.write("a", b"a contract of a hundred pages")
    os.link(first, kit.tree / "b")
    kit.settle()
    real = FileReader.read_small

    def replaced_before_it_is_read(
        self: FileReader, entry: Entry, at_most_bytes: int
    ) -> tuple[Entry, bytes | None] | None:
        if entry.path == b"b" and first.read_bytes() != b"other":
            (kit.tree / "new").write_bytes(b"other")
            (kit.tree / "new").rename(first)
            kit.settle()
        return real(self, entry, at_most_bytes)

    monkeypatch.setattr(FileReader, "read_small", replaced_before_it_is_read)
    for _ in range(2):
        taken = kit.back_up()
        (line,) = [line for line in kit.lines(taken) if decode(line)[0].path == b"b"]
        assert decode(line)[0].hard_link_to == b""
    kit.restore(taken, tmp_path / "back")
    assert differences(kit.tree, tmp_path / "back") == ""
    assert (tmp_path / "back/b").read_bytes() == b"a contract of a hundred pages"


def test_times_that_no_stamp_can_hold_come_back_and_hide_no_change(kit: Kit, tmp_path: Path) -> None:
    ns = int(datetime(2300, 1, 1, tzinfo=UTC).timestamp()) * 10**9
    for number in range(20):
        kit.write(f"{number:02}", b"%d" % number)
    far = kit.write("10", b"pay 100")
    os.utime(far, ns=(ns, ns))
    if far.stat().st_mtime_ns != ns:
        pytest.skip(
            "no such time fits into an inode here: XFS without bigtime ends in 2038; CI has ext4, which keeps it"
        )
    kit.settle()
    kit.back_up()
    kit.restore(kit.back_up(), tmp_path / "back")
    assert (tmp_path / "back/10").stat().st_mtime_ns == ns
    assert differences(kit.tree, tmp_path / "back") == ""
    far.write_bytes(b"pay 900")
    os.utime(far, ns=(ns, ns))
    kit.restore(kit.back_up(), tmp_path / "again")
    assert (tmp_path / "again/10").read_bytes() == b"pay 900"


def test_a_file_named_beside_its_whole_folder_takes_nothing_from_the_folder(kit: Kit) -> None:
    for name in ("app.toml", "x.env", "more/deep"):
        kit.write(f"etc/{name}", b"setting")
    for paths in ((kit.tree / "etc", kit.tree / "etc/x.env"), (kit.tree / "etc/x.env", kit.tree / "etc")):
        taken = kit.back_up(roots_of_config(paths))
        assert {decode(line)[0].path for line in kit.lines(taken)} >= {b"app.toml", b"x.env", b"more/deep"}
