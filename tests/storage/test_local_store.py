"""A directory as a repository: what survives kills, full disks and other people's mistakes."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Level
from lifeboat.storage.conformance.suite import check_conformance, find_abilities
from lifeboat.storage.errors import (
    BucketMissing,
    NameRefused,
    ObjectExists,
    ObjectTooShort,
)
from lifeboat.storage.local import LocalStore, durable
from lifeboat.storage.local.mounts import lies_on_network


@pytest.fixture
def store(tmp_path, clock):
    return LocalStore(tmp_path, clock)


def run_python(script, *arguments, **options):
    """Run a script in a process of its own, with the package importable."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **options)


def temporaries(root):
    return [path for path in (root / durable.TEMPORARY_FOLDER).glob("*") if path.name != "lock"]


def test_a_directory_keeps_every_promise(tmp_path):
    findings = check_conformance(
        LocalStore(tmp_path, SystemClock()), "config/probe/", clock=SystemClock(), thorough=True
    )
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert list(tmp_path.rglob("*")) == [tmp_path / durable.TEMPORARY_FOLDER]


def test_a_file_system_without_hard_links_keeps_every_promise(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    findings = check_conformance(
        LocalStore(tmp_path, SystemClock()), "config/probe/", clock=SystemClock(), thorough=False
    )
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert temporaries(tmp_path) == []


def test_abilities_of_a_directory_are_stated_honestly(tmp_path):
    abilities = find_abilities(LocalStore(tmp_path, SystemClock()), "config/probe/", clock=SystemClock())
    assert abilities.create_once and abilities.same_machine
    assert not abilities.checks_hash and not abilities.keeps_versions


def test_a_writer_killed_at_any_moment_leaves_only_whole_objects(tmp_path, clock):
    script = """
        import hashlib, os, sys
        from pathlib import Path
        from lifeboat.foundation.clock import SystemClock
        from lifeboat.storage.local import LocalStore
        store = LocalStore(Path(sys.argv[1]), SystemClock())
        print("ready", flush=True)
        while True:
            content = os.urandom(3_000_000)
            store.write("pack/" + hashlib.sha256(content).hexdigest(), [content[:1_000_000], content[1_000_000:]])
    """
    store = LocalStore(tmp_path, clock)
    # The last waits for something whole, however slow the machine is.
    for milliseconds in (5, 17, 40, 80, None):
        writer = run_python(script, tmp_path)
        writer.stdout.readline()
        if milliseconds is None:
            while not list(store.list_under("pack/")):
                time.sleep(0.01)
        else:
            time.sleep(milliseconds / 1000)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    names = [row.name for row in store.list_under("")]
    assert names
    for name in names:
        assert hashlib.sha256(store.read(name)).hexdigest() == name.removeprefix("pack/")


def test_what_killed_writers_left_goes_after_a_day_and_is_never_listed(tmp_path, clock):
    store = LocalStore(tmp_path, clock)
    store.write("a", b"kept")
    left = tmp_path / durable.TEMPORARY_FOLDER / "0123"
    left.write_bytes(b"half a pack")
    os.utime(left, (clock.now().timestamp(),) * 2)
    LocalStore(tmp_path, clock)
    assert left.exists() and [row.name for row in store.list_under("")] == ["a"]
    clock.time += timedelta(days=1, minutes=1)
    LocalStore(tmp_path, clock)
    assert not left.exists() and store.read("a") == b"kept"


def test_a_store_is_opened_while_others_write_to_it(tmp_path):
    """What lies there for a moment may be gone when it is looked at."""
    folder = tmp_path / durable.TEMPORARY_FOLDER
    folder.mkdir()
    writer = run_python(
        """
        import os, sys
        print("begun", flush=True)
        while os.getppid() == int(sys.argv[2]):
            for number in range(100):
                os.close(os.open(f"{sys.argv[1]}/{number}", os.O_CREAT | os.O_WRONLY))
            for number in range(100):
                os.unlink(f"{sys.argv[1]}/{number}")
        """,
        folder,
        os.getpid(),
    )
    try:
        writer.stdout.readline()
        for _ in range(1500):
            LocalStore(tmp_path, SystemClock())
    finally:
        writer.kill()
        writer.communicate()


def test_bytes_are_on_the_disk_before_their_name_and_every_folder_before_the_write_returns(
    tmp_path, clock, monkeypatch
):
    synced = []
    real_fsync = os.fsync

    def note_and_sync(descriptor):
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append((path.relative_to(tmp_path).parts, (tmp_path / "a/b/c").exists()))
        real_fsync(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("only Linux tells which file a descriptor is")
    monkeypatch.setattr(os, "fsync", note_and_sync)
    LocalStore(tmp_path, clock).write("a/b/c", b"content")
    (first, named_then), *rest = synced
    assert first[0] == durable.TEMPORARY_FOLDER and not named_then
    assert rest == [(("a", "b"), True), (("a",), True), ((), True)]


def test_a_full_disk_is_reported_and_leaves_nothing_behind(tmp_path, clock):
    script = """
        import resource, signal, sys
        from pathlib import Path
        from lifeboat.foundation.clock import SystemClock
        from lifeboat.storage.errors import StorageFull
        from lifeboat.storage.local import LocalStore
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        store = LocalStore(Path(sys.argv[1]), SystemClock())
        store.write("small", b"x" * 1000)
        try:
            store.write("large", [b"x" * 60_000] * 3)
        except StorageFull as error:
            print(error.message, "|", error.hint)
    """
    said = run_python(script, tmp_path).communicate()[0]
    assert said.startswith(f"cannot write large in {tmp_path}: ") and "|" in said
    assert [row.name for row in LocalStore(tmp_path, clock).list_under("")] == ["small"]
    assert temporaries(tmp_path) == []


def test_running_out_of_file_handles_is_named_as_such(tmp_path):
    script = """
        import os, resource, sys
        from pathlib import Path
        from lifeboat.foundation.clock import SystemClock
        from lifeboat.storage.errors import StorageFull
        from lifeboat.storage.local import LocalStore
        store = LocalStore(Path(sys.argv[1]), SystemClock())
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        try:
            while True:
                os.open("/dev/null", os.O_RDONLY)
        except OSError:
            pass
        try:
            store.write("a", b"")
        except StorageFull as error:
            print(error.hint)
    """
    assert "ulimit -n" in run_python(script, tmp_path).communicate()[0]


def test_a_directory_of_somebody_else_is_reported_as_denied():
    script = """
        import os, sys
        from pathlib import Path
        from lifeboat.foundation.clock import SystemClock
        from lifeboat.storage.errors import StorageDenied
        from lifeboat.storage.local import LocalStore
        import lifeboat.storage.local.words
        store = LocalStore(Path(sys.argv[1]), SystemClock())
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            store.write("a", b"")
        except StorageDenied as error:
            print(error.message)
    """
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        said = run_python(script, folder).communicate()[0]
        os.chmod(folder, 0o755)
    assert "permission denied" in said


def test_a_directory_that_is_not_mounted_is_never_filled_in_for(tmp_path, clock):
    with pytest.raises(BucketMissing):
        LocalStore(tmp_path / "absent", clock)
    root = tmp_path / "there"
    root.mkdir()
    store = LocalStore(root, clock)
    store.write("x", b"1")
    root.rename(tmp_path / "unmounted")
    for act in (lambda: store.write("a/b", b""), lambda: store.read("x"), lambda: list(store.list_under(""))):
        with pytest.raises(BucketMissing):
            act()
    with pytest.raises(BucketMissing):
        store.delete("x")
    assert not root.exists()


def test_nobody_else_on_the_machine_can_read_the_repository(store, tmp_path):
    store.write("a/b/c", b"x")
    modes = {path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {durable.TEMPORARY_FOLDER: 0o700, "a": 0o700, "a/b": 0o700, "a/b/c": 0o600}


def test_a_link_or_folder_in_the_place_of_an_object_is_never_followed(store, tmp_path):
    secret = tmp_path.parent / "outside"
    secret.write_bytes(b"not ours")
    (tmp_path / "link").symlink_to(secret)
    with pytest.raises(NameRefused):
        store.read("link")
    with pytest.raises(ObjectExists):
        store.write("link", b"ours")
    assert secret.read_bytes() == b"not ours" and list(store.list_under("")) == []
    store.write("a/b", b"")
    for act in (lambda: store.write("a", b""), lambda: store.read("a"), lambda: store.write("a/b/c", b"")):
        with pytest.raises(NameRefused):
            act()


def test_a_file_cut_behind_our_back_is_noticed_by_reading_its_end(store, tmp_path):
    store.write("pack", b"x" * 1000)
    os.truncate(tmp_path / "pack", 999)
    with pytest.raises(ObjectTooShort):
        store.read("pack", (900, 100))


def test_objects_are_stamped_by_the_clock_given_to_the_microsecond(store, clock):
    clock.time += timedelta(days=400, microseconds=123_457)
    store.write("a", b"")
    assert next(store.list_under("")).modified == clock.now() == store.time_there()


def test_a_listing_of_many_folders_does_not_grow_with_the_tree(store, tmp_path):
    for folder in range(40):
        (tmp_path / f"{folder:03d}").mkdir()
        for number in range(250):
            (tmp_path / f"{folder:03d}" / f"{number:064d}").touch()
    tracemalloc.start()
    count = sum(1 for _ in store.list_under(""))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 10_000 and peak_bytes < 250_000


def test_thousands_of_buffers_and_odd_sizes_come_back_in_order(store):
    buffers = [bytes([number % 256]) * (number % 5) for number in range(5000)]
    store.write("many", buffers)
    assert store.read("many") == b"".join(buffers)


def test_making_a_repository_directory_makes_those_above_it(tmp_path, clock):
    store = LocalStore.create(tmp_path / "a" / "b", clock)
    store.write("x", b"1")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert LocalStore.create(tmp_path / "a" / "b", clock).read("x") == b"1"
    (tmp_path / "file").touch()
    with pytest.raises(NameRefused):
        LocalStore.create(tmp_path / "file" / "b", clock)


def test_a_share_of_another_machine_is_told_from_a_disk_of_ours(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 254:1 / / rw - ext4 /dev/vda rw\n"
        "40 22 0:40 / /mnt/far\\040away rw - nfs4 server:/x rw\n"
        "41 40 254:2 / /mnt/far\\040away/disk rw - xfs /dev/vdb rw\n"
    )
    assert lies_on_network(Path("/mnt/far away/backup"), table)
    assert not lies_on_network(Path("/mnt/far away/disk/backup"), table)
    assert not lies_on_network(Path("/srv/backup"), table)
    assert not lies_on_network(Path("/srv"), tmp_path / "no-such-table")
