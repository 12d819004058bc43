"""Put a file on the disk whole, once, and so that a power cut cannot take it back.

Order: bytes to a temporary file → fsync of the file → a second name by ``link``, which refuses a
taken name → fsync of every directory up to the root. Killed anywhere, the final name is there whole or not at all;
what stays behind is a temporary file, which is never listed and goes after a day.

Limits: file systems without hard links (FAT, some network mounts) get a rename under a lock, which keeps
names single only among processes of one machine.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from lifeboat.foundation.page_cache import let_go
from lifeboat.foundation.sizes import MIB

LARGE_BYTES = MIB
"""Objects from this size on are packs and segments, which nobody reads again soon; catalogs are smaller."""

TEMPORARY_FOLDER = ".~writing"
"""The tilde keeps it out of the alphabet of names: no object can be called so."""

_BUFFERS_PER_CALL = min(1024, os.sysconf("SC_IOV_MAX"))
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
_FOLDER_TRIES = 5
_COPIED_BYTES = 1 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def create_durably(root: Path, name: str, buffers: Sequence[memoryview], modified: datetime) -> None:
    """Store the buffers as ``root/name``; raises ``FileExistsError`` if it is taken, ``OSError`` for the rest."""
    _create(root, name, lambda descriptor: _write_all(descriptor, buffers), modified)


def copy_durably(root: Path, source: int, name: str, modified: datetime) -> str:
    """Store what an open file holds as ``root/name``; returns the SHA-256 (hex) of the bytes. Raises as ``create_durably``."""
    running = sha256()
    _create(root, name, lambda descriptor: _copy_all(source, descriptor, running.update), modified)
    return running.hexdigest()


def _create(root: Path, name: str, fill: Callable[[int], None], modified: datetime) -> None:
    final = root / name
    if final.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(final))
    temporary = root / TEMPORARY_FOLDER / os.urandom(12).hex()
    try:
        _refuse_taken(final)  # only spares the work: the publishing is what decides
        _write_file(temporary, fill, modified)
        _publish(root, temporary, final)
    except FileExistsError:
        # Whoever wrote it may be between link and fsync, and our caller will rely on its being there.
        _sync_folders(final.parent, root)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folders(final.parent, root)


def create_directory(directory: Path) -> None:
    """Make a directory (mode 0700) and those above it that are missing, so that a power cut cannot take them back."""
    missing = []
    while not os.path.lexists(directory):
        missing.append(directory)
        directory = directory.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folders(folder, folder.parent)


def remove_old_temporaries(root: Path, before: datetime) -> None:
    """Remove what writers that were killed before this instant left behind."""
    folder = root / TEMPORARY_FOLDER
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # its writer has just given it its name
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before.timestamp():
                    os.unlink(entry.path)


def remove_durably(path: Path) -> None:
    """Remove a file so that a power cut does not bring it back: what named others must be gone before those are."""
    path.unlink()
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def remove_empty_folders(folder: Path, root: Path) -> None:
    """Remove a folder and those above it, up to the root, for as long as they are empty."""
    while folder != root:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def rename_once(root: Path, temporary: Path, final: Path) -> None:
    """Give the file its final name where ``link`` is not to be had; raises ``FileExistsError`` if it is taken."""
    with _lock_of(root):
        _refuse_taken(final)
        temporary.rename(final)


def modified_at(status: os.stat_result) -> datetime:
    """When the file was stored, as ``create_durably`` was told, to the microsecond."""
    return _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)


def _refuse_taken(final: Path) -> None:
    if os.path.lexists(final):
        raise FileExistsError(errno.EEXIST, "exists", str(final))


def _write_file(path: Path, fill: Callable[[int], None], modified: datetime) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    try:
        fill(descriptor)
        # The listing tells the time by the store's clock, which is the one this store was given.
        stamp_ns = (modified - _EPOCH) // timedelta(microseconds=1) * 1000
        os.utime(descriptor, ns=(stamp_ns, stamp_ns))
        _sync(descriptor)
        if os.fstat(descriptor).st_size >= LARGE_BYTES:
            let_go(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, buffers: Sequence[memoryview]) -> None:
    waiting = list(reversed(buffers))
    while waiting:
        batch = waiting[: -_BUFFERS_PER_CALL - 1 : -1]
        written = os.writev(descriptor, batch)
        # A disk that fills up, or a signal, may end a call in the middle of a buffer.
        while waiting and written >= waiting[-1].nbytes:
            written -= waiting.pop().nbytes
        if written:
            waiting[-1] = waiting[-1][written:]


def _copy_all(source: int, descriptor: int, saw: Callable[[bytes], None]) -> None:
    offset = 0
    while block := os.pread(source, _COPIED_BYTES, offset):
        saw(block)
        _write_all(descriptor, [memoryview(block)])
        offset += len(block)


def _publish(root: Path, temporary: Path, final: Path) -> None:
    for _ in range(_FOLDER_TRIES):
        try:
            _link_or_rename(root, temporary, final)
            return
        except FileNotFoundError:
            # The folder is new, or a delete has just removed it as empty.
            _make_folders(final.parent, root)
    _link_or_rename(root, temporary, final)


def _link_or_rename(root: Path, temporary: Path, final: Path) -> None:
    try:
        os.link(temporary, final)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        rename_once(root, temporary, final)


def _make_folders(folder: Path, root: Path) -> None:
    """Make the folders between root and leaf; never the root: a disk that is not mounted must not be filled in for."""
    path = root
    for part in folder.relative_to(root).parts:
        path = path / part
        path.mkdir(mode=0o700, exist_ok=True)


def _sync_folders(leaf: Path, root: Path) -> None:
    # Every level every time: another process may have made a folder and not yet secured it. A clean one costs nothing.
    folder = leaf
    while True:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync(descriptor)
        finally:
            os.close(descriptor)
        if folder == root:
            return
        folder = folder.parent


def _sync(descriptor: int) -> None:
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS: fsync alone stops at the drive's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


@contextmanager
def _lock_of(root: Path) -> Iterator[None]:
    path = root / TEMPORARY_FOLDER / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
