"""Write a tree back: every name whole or not at all, with everything that belongs to it, and nowhere but below the target.

How: content goes to one temporary name in its directory and is renamed when it is complete and has its owner, mode, attributes and times.
A directory gets its own mode and times when the walk has left it. Limits: memory is the branch of directories being written.
Invariant: each step is relative to an open directory and follows no symlink, so neither a hostile manifest nor a symlink in
the way leads outside; a real name never holds partial content.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.files.attributes import AVAILABLE, Pairs, way_to
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import PARTIAL_NAME, RESTORING_NAME, Entry, show
from lifeboat.sources.files.errors import (
    ContentMismatch,
    OnTrouble,
    PathRefused,
    TargetNotEmpty,
    TargetUnwritable,
    not_written,
    refuse_target,
)
from lifeboat.sources.files.owners import Owners

Mode = Literal["new-place", "in-place"]
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ACL = b"system.posix_acl_access"


class TreeWriter:
    """Writes entries in walk order. Use as a context manager; ``finish`` makes it last.

    Args:
        target: The directory that becomes the tree's root.
        mode: ``new-place`` refuses a target that holds anything, except an unfinished restore of ours; ``in-place`` writes over what
            differs and deletes nothing.
        owner: Whether to give files their owners; None: only root does.
        on_trouble: Hears of each name that could not be written.

    Raises:
        TargetNotEmpty, TargetUnwritable, TargetFull.
    """

    def __init__(
        self, target: Path, *, mode: Mode, owner: bool | None = None, on_trouble: OnTrouble, clock: Clock
    ) -> None:
        self._target = target
        self._in_place = mode == "in-place"
        self._owner = os.geteuid() == 0 if owner is None else owner
        self._on_trouble = on_trouble
        self._owners = Owners()
        self._without_attributes = not AVAILABLE
        self._branch: list[Entry] = []
        self._resumed = _make_ready(target, self._in_place)
        self._directories = Directories(os.fsencode(target))
        self._sources = Directories(os.fsencode(target))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._directories.close()
        self._sources.close()

    def already_there(self, entry: Entry) -> bool:
        """Whether a file or link is there as it should be, by kind, size, time, mode and owner; a directory never is."""
        if entry.kind == "directory" or not (self._in_place or self._resumed):
            return False
        parent, _, name = entry.path.rpartition(b"/")
        try:
            fd = self._directories.open(parent)
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if entry.kind == "symlink" and stat.S_ISLNK(found.st_mode):
                return os.readlink(name, dir_fd=fd) == entry.target and found.st_mtime_ns == entry.mtime_ns
            if entry.kind != "file" or not stat.S_ISREG(found.st_mode) or entry.xattrs:
                return False
            same = (found.st_size, found.st_mtime_ns, stat.S_IMODE(found.st_mode)) == (
                entry.size,
                entry.mtime_ns,
                entry.mode,
            )
            owned = not self._owner or (found.st_uid, found.st_gid) == self._numbers(entry)
            return same and owned and (not entry.hard_link_to or self._is_linked(entry, found))
        except OSError:
            return False

    def put(self, entry: Entry, blocks: Iterator[bytes]) -> None:
        """Write one entry; trouble with this name alone is told and passed over.

        Args:
            blocks: The content of a file, without holes; may be left unread.

        Raises:
            TargetFull, TargetUnwritable: Nothing more can be written.
            PathRefused: The path leads outside; ContentMismatch: the content is not as long as the entry says.
        """
        _check_path(entry.path)
        self._leave_directories(entry.path)
        try:
            if entry.path == b"":
                self._branch.append(entry)
                return
            parent, _, name = entry.path.rpartition(b"/")
            fd = self._directories.open(parent, make=True)
            if entry.kind == "directory":
                self._put_directory(fd, name, entry)
            else:
                self._put_name(fd, name, entry, blocks)
        except OSError as error:
            fatal = refuse_target(entry.path, error)
            if fatal is not None:
                raise fatal from error
            self._on_trouble(not_written(entry.path, error))

    def finish(self) -> None:
        """Give the last directories their modes and times, and make everything outlast a power cut."""
        self._leave_directories(None)
        root_fd = self._directories.root_fd
        root = os.stat(root_fd)
        try:
            os.unlink(RESTORING_NAME, dir_fd=root_fd)
        except FileNotFoundError:
            pass
        else:
            os.utime(root_fd, ns=(root.st_atime_ns, root.st_mtime_ns))
        os.sync()

    def _put_directory(self, fd: int, name: bytes, entry: Entry) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=fd)
        except FileExistsError:
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                # Only a restore in place meets something here; what was no directory gives way to one.
                os.unlink(name, dir_fd=fd)
                os.mkdir(name, 0o700, dir_fd=fd)
        self._branch.append(entry)

    def _put_name(self, fd: int, name: bytes, entry: Entry, blocks: Iterator[bytes]) -> None:
        if entry.hard_link_to and self._link(fd, name, entry):
            return
        _unlink_if_there(PARTIAL_NAME, fd)
        try:
            if entry.kind == "file":
                self._write_file(fd, entry, blocks)
            else:
                self._make_other(fd, entry)
            _rename(PARTIAL_NAME, name, fd)
        except BaseException:
            _unlink_if_there(PARTIAL_NAME, fd)
            raise

    def _write_file(self, fd: int, entry: Entry, blocks: Iterator[bytes]) -> None:
        file = os.open(PARTIAL_NAME, _CREATE, 0o600, dir_fd=fd)
        try:
            written = _write_whole(file, blocks) if entry.extents is None else _write_extents(file, entry, blocks)
            if written != entry.content_bytes:
                raise ContentMismatch(
                    f"{show(entry.path)} should have {entry.content_bytes} bytes and {written} came",
                    "`lifeboat verify --level full` says more",
                )
            if self._owner:
                os.fchown(file, *self._numbers(entry))
            self._set_attributes(file, entry)
            os.fchmod(file, entry.mode)
            os.utime(file, ns=(entry.mtime_ns, entry.mtime_ns))
        finally:
            os.close(file)

    def _make_other(self, fd: int, entry: Entry) -> None:
        if entry.kind == "symlink":
            os.symlink(entry.target, PARTIAL_NAME, dir_fd=fd)
        elif entry.kind == "fifo":
            os.mkfifo(PARTIAL_NAME, 0o600, dir_fd=fd)
        else:
            kind = stat.S_IFCHR if entry.kind == "character-device" else stat.S_IFBLK
            os.mknod(PARTIAL_NAME, kind | 0o600, os.makedev(*(entry.device or (0, 0))), dir_fd=fd)
        if self._owner:
            os.chown(PARTIAL_NAME, *self._numbers(entry), dir_fd=fd, follow_symlinks=False)
        if entry.kind != "symlink":
            _change_mode(fd, PARTIAL_NAME, entry.mode)
        os.utime(PARTIAL_NAME, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=fd, follow_symlinks=False)

    def _link(self, fd: int, name: bytes, entry: Entry) -> bool:
        """Make a further name of an inode that was written already; False when that is not there."""
        _check_path(entry.hard_link_to)
        parent, _, first = entry.hard_link_to.rpartition(b"/")
        try:
            source = self._sources.open(parent)
            _unlink_if_there(PARTIAL_NAME, fd)
            os.link(first, PARTIAL_NAME, src_dir_fd=source, dst_dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        _rename(PARTIAL_NAME, name, fd)
        _unlink_if_there(PARTIAL_NAME, fd)  # a rename onto a name of the same inode does nothing at all
        return True

    def _is_linked(self, entry: Entry, found: os.stat_result) -> bool:
        parent, _, first = entry.hard_link_to.rpartition(b"/")
        other = os.stat(first, dir_fd=self._sources.open(parent), follow_symlinks=False)
        return (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino)

    def _leave_directories(self, next_path: bytes | None) -> None:
        """Finish each directory that the next path does not lie in, deepest first."""
        while self._branch:
            last = self._branch[-1]
            inside = last.path == b"" or (next_path is not None and next_path.startswith(last.path + b"/"))
            if next_path is not None and inside:
                return
            self._branch.pop()
            try:
                self._finish_directory(last)
            except OSError as error:
                self._on_trouble(not_written(last.path, error))

    def _finish_directory(self, entry: Entry) -> None:
        fd = self._directories.open(entry.path)
        if self._owner:
            os.fchown(fd, *self._numbers(entry))
        self._set_attributes(fd, entry)
        os.fchmod(fd, entry.mode)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def _set_attributes(self, fd: int, entry: Entry) -> None:
        if self._without_attributes or not (entry.xattrs or self._in_place):
            return
        try:
            _write_attributes(fd, entry.xattrs)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                self._without_attributes = True
                self._on_trouble(_no_attributes(entry.path))
            elif error.errno in (errno.EPERM, errno.EACCES):
                self._on_trouble(_attribute_refused(entry.path, error))
            else:
                raise

    def _numbers(self, entry: Entry) -> tuple[int, int]:
        return self._owners.numbers(entry.uid, entry.gid, entry.user, entry.group)


def _make_ready(target: Path, in_place: bool) -> bool:
    """Make the target and mark it as being restored; returns whether an unfinished restore of ours was there."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        names = set(os.listdir(os.fsencode(target)))
        resumed = RESTORING_NAME in names
        if names and not resumed and not in_place:
            raise TargetNotEmpty(
                f"{target} is not empty", "name an empty or new directory, or restore in place with --over-live"
            )
        marker = os.open(os.fsencode(target) + b"/" + RESTORING_NAME, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        os.close(marker)
    except (FileExistsError, NotADirectoryError) as error:
        raise TargetUnwritable(f"{target} is not a directory", "name a directory to restore into") from error
    except OSError as error:
        fatal = refuse_target(os.fsencode(target), error)
        raise fatal or TargetUnwritable(
            f"{target} cannot be written: {(error.strerror or str(error)).lower()}", "run as a user who may write there"
        ) from error
    return resumed


def _check_path(path: bytes) -> None:
    if path and (b"\0" in path or any(part in (b"", b".", b"..", PARTIAL_NAME) for part in path.split(b"/"))):
        raise PathRefused(
            f"the manifest names {show(path)!r}, which leads outside or is no name", "`lifeboat verify` says more"
        )


def _write_whole(file: int, blocks: Iterator[bytes]) -> int:
    written = 0
    for block in blocks:
        _write_all(file, block, None)
        written += len(block)
    return written


def _write_extents(file: int, entry: Entry, blocks: Iterator[bytes]) -> int:
    """Spread the content over the extents and leave holes between them."""
    os.ftruncate(file, entry.size)
    written = 0
    block = memoryview(b"")
    for offset, length in entry.extents or ():
        while length:
            if not block:
                following = next(blocks, None)
                if following is None:
                    return written
                block = memoryview(following)
            part = block[:length]
            _write_all(file, part, offset)
            offset, length, written = offset + len(part), length - len(part), written + len(part)
            block = block[len(part) :]
    return written + len(block) + sum(map(len, blocks))


def _write_all(file: int, content: bytes | memoryview, offset: int | None) -> None:
    view = memoryview(content)
    while view:
        count = os.write(file, view) if offset is None else os.pwrite(file, view, offset)
        view = view[count:]
        offset = None if offset is None else offset + count


def _rename(temporary: bytes, name: bytes, fd: int) -> None:
    """Put the finished name in place; an empty directory in its way is removed, a full one is an error."""
    try:
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
    except IsADirectoryError:
        os.rmdir(name, dir_fd=fd)
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)


def _unlink_if_there(name: bytes, fd: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=fd)


def _change_mode(fd: int, name: bytes, mode: int) -> None:
    """Of a fifo or device that was just made; opening one to use its descriptor could wait for ever."""
    if AVAILABLE:
        os.chmod(way_to(fd, name), mode)
    else:
        os.chmod(name, mode, dir_fd=fd)


def _write_attributes(fd: int, wanted: Pairs) -> None:
    """Set what is wanted, and take away an ACL that came from the directory around."""
    if os.name != "posix" or not AVAILABLE:
        return
    names = {name for name, _ in wanted}
    if _ACL not in names and _ACL in map(os.fsencode, os.listxattr(fd)):
        os.removexattr(fd, _ACL)
    for name, value in wanted:
        os.setxattr(fd, name, value)


def _no_attributes(path: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "attributes-not-kept",
        show(path),
        "this filesystem keeps no extended attributes or ACLs; none are restored",
        "restore to ext4, XFS or another filesystem that does, if they matter",
    )


def _attribute_refused(path: bytes, error: OSError) -> Finding:
    return Finding(
        Level.WARNING,
        "attribute-refused",
        show(path),
        f"an extended attribute was refused: {(error.strerror or str(error)).lower()}",
        "restore as root if it matters",
    )
