"""Write a tree back: every name whole or not at all, with everything that belongs to it, and nowhere but below the target.

How: content goes to one temporary name in its directory and is renamed when it is complete and has its metadata.
A directory gets its own when the walk has left it. Limits: memory is the branch of directories being written;
entries come in walk order, one thread at a time. Nothing is forced to the disk before ``finish``, which forces the
file systems that were written to: a power cut before that can cost any file of the target, and the same restore run again writes those anew.
Invariant: each step is relative to an open directory and follows no symlink, so neither a hostile manifest nor a
symlink in the way leads outside; a real name never holds partial content; what the manifest does not name stays.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.page_cache import WriteBehind
from lifeboat.sources.files.content import what_differs, write_content
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import PARTIAL_NAME, RESTORING_NAME, Entry, is_partial, show
from lifeboat.sources.files.errors import ContentMismatch, OnTrouble, TargetUnwritable, not_written, refuse_target
from lifeboat.sources.files.make_durable import WrittenTo
from lifeboat.sources.files.metadata import Metadata, drop_default_acl
from lifeboat.sources.files.target import check_path, make_ready, move_aside, open_for_us
from lifeboat.sources.files.walk import KIND_OF
from lifeboat.sources.files.write_beside import CREATE, WriteBeside

Mode = Literal["new-place", "in-place"]
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class TreeWriter:
    """Writes entries in walk order. Use as a context manager; ``finish`` makes it last.

    Args:
        target: The directory that becomes the tree's root.
        mode: ``new-place`` refuses a target that holds anything, except the unfinished restore of the same label;
            ``in-place`` writes over what differs and deletes nothing.
        owner: Whether to give files their owners; None: only root does.
        label: What is restored, such as the snapshot's name: only the same may go on in an unfinished target.
        goes_on: The target is known to be an unfinished restore of the same label, though it may not be marked as one.
        beside: Tells this writer from others that write to the same target now, each its own files.
        compare_content: Do not trust size and time of a file that is there: compare every byte.
        on_trouble: Hears of each name that could not be written, and of what stood in the way.

    Raises:
        TargetNotEmpty, TargetUnwritable, TargetFull.
    """

    def __init__(
        self,
        target: Path,
        *,
        mode: Mode,
        owner: bool | None = None,
        label: bytes = b"",
        compare_content: bool = False,
        goes_on: bool = False,
        beside: str = "",
        on_trouble: OnTrouble,
        clock: Clock,
    ) -> None:
        self._partial = PARTIAL_NAME + (f".{beside}".encode() if beside else b"")
        in_place = mode == "in-place"
        self._clock = clock
        self._on_trouble = on_trouble
        self._compare_content = compare_content
        self._metadata = Metadata(
            owner=os.geteuid() == 0 if owner is None else owner, inherits=in_place, on_trouble=on_trouble
        )
        self._branch: list[Entry] = []
        resumed = make_ready(target, in_place or goes_on, label)
        self.something_there = in_place or resumed or goes_on
        """Whether names may be there already; False for a target that was empty."""
        self._tidies = self.something_there and not in_place
        self._beside = None if beside or in_place else WriteBeside(target)
        self._directories = Directories(os.fsencode(target))
        self._sources = Directories(os.fsencode(target))
        self._written_to = WrittenTo()
        self._behind = WriteBehind()
        self._written_to.note(self._directories.root_fd)
        self._noted = b""
        if not in_place:
            drop_default_acl(self._directories.root_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._beside is not None:
            self._beside.close()
        self._behind.close()
        self._directories.close()
        self._sources.close()
        self._written_to.close()

    def already_there(self, entry: Entry) -> bool:
        """Whether a name is there as it should be, so that its content need not be fetched; a directory never is.

        Goes by kind, size, times, mode, owner and attributes; says no to every file when content is to be compared.
        """
        if entry.kind == "directory" or not self.something_there:
            return False
        if entry.kind == "file" and self._compare_content:
            return False
        parent, _, name = entry.path.rpartition(b"/")
        try:
            fd = self._directories.open(parent)
            return self._is_there(fd, name, entry)
        except OSError:
            return False

    def put(self, entry: Entry, blocks: Iterator[bytes]) -> None:
        """Write one entry; trouble with this name alone is told and passed over.

        Args:
            blocks: The content of a file, without holes; may be left unread. For a hard link it is needed only when
                the first name is not there, as when a part of a tree is restored.

        Raises:
            TargetFull, TargetUnwritable: Nothing more can be written.
            PathRefused: The path leads outside; ContentMismatch: the content is not as long as the entry says.
        """
        check_path(entry.path)
        self._leave_directories(entry.path)
        try:
            if entry.path == b"":
                self._branch.append(entry)
                return
            parent, _, name = entry.path.rpartition(b"/")
            fd = self._directories.open(parent, make=True)
            if parent != self._noted:
                self._written_to.note(fd)
                self._noted = parent
            if entry.kind == "directory":
                self._put_directory(fd, name, entry)
            elif self._beside is None or (self.something_there and _inode(name, fd) is not None):
                self._put_name(fd, name, entry, blocks)
            elif not self._put_beside(self._beside, entry, blocks):
                fd = self._directories.open(parent)  # others may have been opened meanwhile
                self._put_name(fd, name, entry, blocks)
        except OSError as error:
            self._not_written(entry.path, error)

    def _not_written(self, path: bytes, error: OSError) -> None:
        fatal = refuse_target(path, error)
        if fatal is not None:
            raise fatal from error
        self._on_trouble(not_written(path, error))

    def _put_beside(self, beside: WriteBeside, entry: Entry, blocks: Iterator[bytes]) -> bool:
        """Let a process write a file that has nothing odd about it; False if it is ours."""
        if entry.hard_link_to and beside.is_under_way(entry.hard_link_to):
            self._settle()
        if not beside.takes(entry) or (plain := self._metadata.plain(entry)) is None:
            return False
        content = b"".join(blocks)
        if len(content) != entry.content_bytes:
            self._put_ours(entry, content)
        elif beside.put(entry, content, plain):
            self._settle(everything=False)
        return True

    def _settle(self, *, everything: bool = True) -> None:
        """Do what others have left to us, in the order in which it came. Args: everything: Wait until nothing is under way."""
        if self._beside is None:
            return
        for entry, content in self._beside.owed(everything=everything):
            self._tidies = self._tidies or self._beside.gave_up
            if content is None:
                self._finish_directory(entry)
            else:
                try:
                    self._put_ours(entry, content)
                except OSError as error:
                    self._not_written(entry.path, error)

    def _put_ours(self, entry: Entry, content: bytes) -> None:
        parent, _, name = entry.path.rpartition(b"/")
        self._put_name(self._directories.open(parent, make=True), name, entry, iter((content,)))

    def leave(self) -> None:
        """Make what was written outlast a power cut; the target stays marked as unfinished, for a writer that finishes it."""
        self._settle()
        try:
            self._behind.finish()
            self._written_to.force()
        except OSError as error:
            raise _not_taken(error) from error

    def finish(self) -> None:
        """Give the last directories their modes and times, and make everything outlast a power cut."""
        self._leave_directories(b"")
        self._settle()
        if not self._branch or self._branch[0].mode & stat.S_IWUSR:
            # Now, so that nothing but the root's own time is missing if we die once the mark is gone; a folder closed to us would keep the mark.
            self._leave_directories(None)
        # All is on the disk before the mark that says otherwise goes away.
        root_fd = self._directories.root_fd
        self.leave()
        before = os.stat(root_fd)
        try:
            os.unlink(RESTORING_NAME, dir_fd=root_fd)
        except FileNotFoundError:
            pass
        else:
            os.utime(root_fd, ns=(before.st_atime_ns, before.st_mtime_ns))
        self._leave_directories(None)
        os.fsync(root_fd)

    def _put_directory(self, fd: int, name: bytes, entry: Entry) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=fd)
        except FileExistsError:
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                open_for_us(fd, name, found)
            else:
                self._on_trouble(move_aside(fd, name, entry.path, self._clock))
                os.mkdir(name, 0o700, dir_fd=fd)
        self._branch.append(entry)

    def _put_name(self, fd: int, name: bytes, entry: Entry, blocks: Iterator[bytes]) -> None:
        if entry.hard_link_to:
            if self._link(fd, name, entry):
                return
            first_block = next(blocks, None)
            if first_block is None and entry.content_bytes:
                self._on_trouble(_first_name_missing(entry))
                return
            blocks = chain((first_block,), blocks) if first_block is not None else blocks
        elif self.something_there:
            self._put_over(fd, name, entry, blocks)
            return
        self._replace(fd, name, entry, blocks)

    def _put_over(self, fd: int, name: bytes, entry: Entry, blocks: Iterator[bytes]) -> None:
        """Leave what is there if it has the right content, repairing its metadata; else replace it."""
        if entry.kind != "file":
            try:
                if self._is_there(fd, name, entry):
                    return
            except FileNotFoundError:
                pass
            self._replace(fd, name, entry, blocks)
            return
        file = self._open_candidate(fd, name, entry)
        if file is None:
            self._replace(fd, name, entry, blocks)
            return
        try:
            different = what_differs(file, blocks, entry.size) if self._compare_content else None
            if different is None:
                self._metadata.repair(file, entry)
            else:
                self._replace(fd, name, entry, different)
        finally:
            os.close(file)

    def _replace(self, fd: int, name: bytes, entry: Entry, blocks: Iterator[bytes]) -> None:
        try:
            if entry.kind == "file":
                self._write_file(fd, entry, blocks)
            else:
                self._make_other(fd, entry)
                self._metadata.apply_to_name(fd, self._partial, entry)
            self._rename(fd, name, entry.path)
        except BaseException:
            _unlink_if_there(self._partial, fd)
            raise

    def _write_file(self, fd: int, entry: Entry, blocks: Iterator[bytes]) -> None:
        try:
            file = os.open(self._partial, CREATE, 0o600, dir_fd=fd)
        except FileExistsError:
            # Left by a run that was killed; a partial file is nobody's.
            os.unlink(self._partial, dir_fd=fd)
            file = os.open(self._partial, CREATE, 0o600, dir_fd=fd)
        try:
            came = write_content(file, entry, blocks, self._wrote)
            if came != entry.content_bytes:
                raise ContentMismatch(
                    f"{show(entry.path)} should have {entry.content_bytes} bytes and {came} came",
                    "restore another snapshot, and run `lifeboat verify --level full` to see how far the damage goes",
                )
            self._metadata.apply(file, entry)
        except BaseException:
            self._behind.settle()
            os.close(file)
            raise
        try:
            self._behind.close_file(file, entry.content_bytes)
        except OSError as error:
            raise _not_taken(error) from error

    def _wrote(self, file: int, offset: int, length: int) -> None:
        try:
            self._behind.wrote(file, offset, length)
        except OSError as error:
            raise _not_taken(error) from error

    def _make_other(self, fd: int, entry: Entry) -> None:
        _unlink_if_there(self._partial, fd)
        if entry.kind == "symlink":
            os.symlink(entry.target, self._partial, dir_fd=fd)
        elif entry.kind == "fifo":
            os.mkfifo(self._partial, 0o600, dir_fd=fd)
        else:
            kind = stat.S_IFCHR if entry.kind == "character-device" else stat.S_IFBLK
            os.mknod(self._partial, kind | 0o600, os.makedev(*(entry.device or (0, 0))), dir_fd=fd)

    def _rename(self, fd: int, name: bytes, path: bytes) -> None:
        """Give the finished file its name; an empty directory in the way is removed, a full one moved aside."""
        try:
            os.rename(self._partial, name, src_dir_fd=fd, dst_dir_fd=fd)
            return
        except IsADirectoryError:
            self._directories.forget(path)
            self._sources.forget(path)
        fd = self._directories.open(path.rpartition(b"/")[0])
        try:
            os.rmdir(name, dir_fd=fd)
        except OSError:
            self._on_trouble(move_aside(fd, name, path, self._clock))
        os.rename(self._partial, name, src_dir_fd=fd, dst_dir_fd=fd)

    def _link(self, fd: int, name: bytes, entry: Entry) -> bool:
        """Make a further name of an inode that was written already; False when that is not there as it should be."""
        check_path(entry.hard_link_to)
        parent, _, first = entry.hard_link_to.rpartition(b"/")
        try:
            source_fd = self._sources.open(parent)
            found = os.stat(first, dir_fd=source_fd, follow_symlinks=False)
            if not _same_content_likely(found, entry):
                return False
            if self.something_there and _inode(name, fd) == (found.st_dev, found.st_ino):
                return True
            _unlink_if_there(self._partial, fd)
            os.link(first, self._partial, src_dir_fd=source_fd, dst_dir_fd=fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        self._rename(fd, name, entry.path)
        return True

    def _is_there(self, fd: int, name: bytes, entry: Entry) -> bool:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if not _same_content_likely(found, entry) or not self._metadata.agrees(found, fd, name, entry):
            return False
        if entry.kind == "symlink" and os.readlink(name, dir_fd=fd) != entry.target:
            return False
        if entry.device is not None and (os.major(found.st_rdev), os.minor(found.st_rdev)) != entry.device:
            return False
        if not entry.hard_link_to:
            return True
        parent, _, first = entry.hard_link_to.rpartition(b"/")
        return _inode(first, self._sources.open(parent)) == (found.st_dev, found.st_ino)

    def _open_candidate(self, fd: int, name: bytes, entry: Entry) -> int | None:
        """Open the file that is there if it may have the right content; else None."""
        try:
            found = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if self._compare_content:
                if not stat.S_ISREG(found.st_mode) or found.st_size != entry.size or entry.extents is not None:
                    return None
            elif not _same_content_likely(found, entry):
                return None
            if found.st_nlink > 1 and not self._metadata.agrees(found, fd, name, entry):
                # A repair would change the inode's other names with it.
                return None
            return os.open(name, _LOOK, dir_fd=fd)
        except OSError:
            return None

    def _leave_directories(self, next_path: bytes | None) -> None:
        """Finish each directory that the next path does not lie in, deepest first; None leaves the root too."""
        while self._branch:
            last = self._branch[-1].path
            if next_path is not None and (not last or next_path.startswith(last + b"/")):
                return
            entry = self._branch.pop()
            if next_path is None or self._beside is None or not self._beside.leave(entry):
                self._finish_directory(entry)

    def _finish_directory(self, entry: Entry) -> None:
        try:
            fd = self._directories.open(entry.path)
            if self._tidies:
                _remove_partial(fd)
            self._metadata.repair(fd, entry)
        except OSError as error:
            self._on_trouble(not_written(entry.path, error))


def _remove_partial(fd: int) -> None:
    """Remove what killed processes had half written here: who goes on may have another number, and so another temporary name."""
    for name in map(os.fsencode, os.listdir(fd)):
        if is_partial(name):
            _unlink_if_there(name, fd)


def _not_taken(error: OSError) -> LifeboatError:
    """What the disk did not take may be of any file that was written before."""
    return refuse_target(b"", error) or TargetUnwritable(
        f"the disk did not take all of it: {(error.strerror or str(error)).lower()}",
        "look at the kernel's log, then run the same restore again",
    )


def _same_content_likely(found: os.stat_result, entry: Entry) -> bool:
    """Kind, size and time agree: what this writer leaves only behind a file that is complete."""
    return (
        KIND_OF[stat.S_IFMT(found.st_mode)] == entry.kind
        and found.st_mtime_ns == entry.mtime_ns
        and (entry.kind != "file" or found.st_size == entry.size)
    )


def _inode(name: bytes, fd: int) -> tuple[int, int] | None:
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _unlink_if_there(name: bytes, fd: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=fd)


def _first_name_missing(entry: Entry) -> Finding:
    return Finding(
        Level.PROBLEM,
        "hard-link-missing",
        show(entry.path),
        f"is a further name of {show(entry.hard_link_to)}, which is not there as it was, and no content came with it",
        "restore both names together",
    )
