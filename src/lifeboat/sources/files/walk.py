"""Walk a tree and tell every name in it.

Order: a directory before its contents, children by the raw bytes of their names, depth first; the root itself
comes first with path ``b""``. The same tree always gives the same sequence, so two walks can be merged.
Limits: memory is one directory's names per level and the inodes with several names not all seen yet.
Invariant: nothing outside the root is ever looked at: each step is relative to an open directory and
follows no symlink, whatever is renamed meanwhile.
"""

import os
import stat
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.files.attributes import Attributes
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import (
    FARTHEST_NS,
    RESERVED_START,
    RESTORING_NAME,
    Entry,
    Kind,
    is_partial,
    make_stamp,
    show,
)
from lifeboat.sources.files.errors import FilesRootMissing, OnTrouble, not_read
from lifeboat.sources.files.owners import Owners
from lifeboat.sources.files.patterns import NOTHING_SAID, Patterns
from lifeboat.sources.files.siblings import Siblings, is_last, path_in

KIND_OF: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character-device",
    stat.S_IFBLK: "block-device",
}

KIND_BITS = 0o170000
"""``S_IFMT``'s, without calling it for every name. Source: inode(7)."""

Chosen = dict[bytes, "Chosen"]
"""Names to take and nothing beside them; an empty one takes all below."""


def walk(
    root: Path,
    patterns: Patterns = NOTHING_SAID,
    *,
    on_trouble: OnTrouble,
    stay_on_filesystem: bool = False,
) -> Iterator[Entry]:
    """Tell every name below the root that the patterns take.

    Args:
        on_trouble: Hears of each name that vanished, could not be read, or is of a kind that is not backed up.
        stay_on_filesystem: Tell of a directory where another filesystem is mounted, but not of what is in it.

    Raises:
        FilesRootMissing: The root is not there, no directory, or closed to us.
    """
    found = TreeWalk(root, patterns, on_trouble, stay_on_filesystem).entries()
    return patterns.select(found, lambda entry: entry) if patterns.includes_only else found


def walk_only(root: Path, names: Iterable[str], *, on_trouble: OnTrouble) -> Iterator[Entry]:
    """Tell the root and only the named paths below it, with the directories leading there.

    For configuration: ``walk_only(project, [".env", "conf/app.toml"])``. A named directory is taken whole; a
    missing name is told as trouble.
    """
    return TreeWalk(root, NOTHING_SAID, on_trouble, False).entries(_choose(root, names))


def _choose(root: Path, names: Iterable[str]) -> Chosen:
    chosen: Chosen = {}
    for name in names:
        parts = os.fsencode(name).rstrip(b"/").split(b"/")
        if not {b"", b".", b".."}.isdisjoint(parts):
            raise FilesRootMissing(
                f"{name!r} does not name a file below {root}", "write it relative and without '..', as '.env'"
            )
        at = chosen
        for depth, part in enumerate(parts, 1):
            if at.get(part) == {}:
                break
            if depth == len(parts):
                at[part] = {}
            at = at.setdefault(part, {})
    if not chosen:
        raise FilesRootMissing(f"no file is named to take from {root}", "name at least one, such as '.env'")
    return chosen


def open_root(root: Path) -> Directories:
    """Open the tree's root; the path to it may lead through symlinks, because a person named it."""
    try:
        return Directories(os.fsencode(root))
    except NotADirectoryError as error:
        raise FilesRootMissing(f"{root} is not a directory", "name the directory that holds the files") from error
    except PermissionError as error:
        raise FilesRootMissing(f"{root} is closed to this user", "run as a user who may read it") from error
    except OSError as error:
        raise FilesRootMissing(f"{root} is not there", "is the path right, and the disk mounted?") from error


FirstNames = dict[tuple[int, int], tuple[bytes, int]]
"""By device and inode the path told first, and how many names of it were told; of inodes whose names are not all told."""


class TreeWalk:
    """One walk, from its beginning or behind a path; of the patterns it asks only what is excluded. Args as ``walk``."""

    def __init__(
        self,
        root: Path,
        patterns: Patterns,
        on_trouble: OnTrouble,
        stay_on_filesystem: bool,
        first_names: FirstNames | None = None,
    ) -> None:
        self._root = root
        self._patterns = patterns
        self._on_trouble = on_trouble
        self._stay = stay_on_filesystem
        self._owners = Owners()
        self._attributes = Attributes()
        self.first_names: FirstNames = {} if first_names is None else first_names

    def entries(self, chosen: Chosen | None = None) -> Iterator[Entry]:
        """Tell all names, each with its extended attributes."""
        for one in self._found(chosen or {}, b"", together=False):
            assert isinstance(one, Entry)
            yield one

    def entries_and_siblings(self, after: bytes = b"") -> Generator[Entry | Siblings, None, None]:
        """Tell files together where they stand together: for whoever reads them and learns their extended attributes there, or knows that
        nothing has changed. Args: after: Only what comes behind this path, which is no directory's."""
        return self._found({}, after, together=True)

    def _found(self, chosen: Chosen, after: bytes, together: bool) -> Generator[Entry | Siblings, None, None]:
        directories = open_root(self._root)
        try:
            found = os.fstat(directories.root_fd)
            device = found.st_dev
            excludes_some = self._patterns.excludes_some
            if after:
                levels = self._levels_behind(after, directories)
            else:
                yield self._entry(b"", found, self._attributes.of_descriptor(directories.root_fd, device))
                levels = [(b"", self._names(b"", directories.root_fd, chosen), chosen)]
            plain = _Plain()
            while levels:
                directory, names, chosen = levels[-1]
                if not names:
                    if plain.names:
                        yield plain.take(directory)
                    levels.pop()
                    continue
                name = names.pop()
                try:
                    fd = directories.open(directory)
                    found = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    kind = found.st_mode & KIND_BITS
                    is_directory = kind == stat.S_IFDIR
                    if excludes_some and self._patterns.excludes(path_in(directory, name), is_directory):
                        continue
                    if (
                        together
                        and kind == stat.S_IFREG
                        and found.st_nlink == 1
                        and -FARTHEST_NS <= found.st_mtime_ns <= FARTHEST_NS
                    ):
                        if plain.add(name, found):
                            yield plain.take(directory)
                        continue
                    path = path_in(directory, name)
                    if not plain.names:
                        entry = self._look_closer(path, name, fd, found)
                except OSError as error:
                    path = path_in(directory, name)
                    trouble: OSError | None = error
                else:
                    trouble = None
                if plain.names:
                    # First of all. What follows is looked at again when somebody comes for it: that may be long after, or another process.
                    names.append(name)
                    yield plain.take(directory)
                    continue
                if trouble is not None:
                    missing = chosen and isinstance(trouble, FileNotFoundError)
                    self._on_trouble(_named_but_missing(path) if missing else not_read(path, trouble))
                    continue
                if entry is None:
                    continue
                yield entry
                if is_directory and not (self._stay and found.st_dev != device):
                    levels.append(self._descend(path, directories, chosen.get(name, {})))
        finally:
            directories.close()

    def _levels_behind(self, after: bytes, directories: Directories) -> list[tuple[bytes, list[bytes], Chosen]]:
        levels: list[tuple[bytes, list[bytes], Chosen]] = []
        directory = b""
        for part in after.split(b"/"):
            _, names, chosen = self._descend(directory, directories, {})
            levels.append((directory, [name for name in names if name > part], chosen))
            directory = directory + b"/" + part if directory else part
        return levels

    def _descend(self, path: bytes, directories: Directories, chosen: Chosen) -> tuple[bytes, list[bytes], Chosen]:
        try:
            return path, self._names(path, directories.open(path), chosen), chosen
        except OSError as error:
            self._on_trouble(not_read(path, error))
            return path, [], chosen

    def _names(self, path: bytes, fd: int, chosen: Chosen) -> list[bytes]:
        """The names in a directory, last one first."""
        names = list(chosen) if chosen else _listed(fd)
        if any(name.startswith(RESERVED_START) for name in names):
            if RESTORING_NAME in names:
                self._on_trouble(_unfinished_restore(path))
            names = [name for name in names if name != RESTORING_NAME and not is_partial(name)]
        names.sort(reverse=True)
        return names

    def _look_closer(self, path: bytes, name: bytes, fd: int, found: os.stat_result) -> Entry | None:
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFSOCK:
            self._on_trouble(_socket(path))
            return None
        xattrs = self._attributes.of_name(fd, name, found.st_dev)
        if kind == stat.S_IFLNK:
            return self._entry(path, found, xattrs, target=os.readlink(name, dir_fd=fd))
        return self._entry(path, found, xattrs)

    def _entry(
        self, path: bytes, found: os.stat_result, xattrs: tuple[tuple[bytes, bytes], ...], target: bytes = b""
    ) -> Entry:
        mode = found.st_mode
        kind = KIND_OF[stat.S_IFMT(mode)]
        user, group = self._owners.names(found.st_uid, found.st_gid)
        device: tuple[int, int] | None = None
        if kind in ("character-device", "block-device"):
            device = (os.major(found.st_rdev), os.minor(found.st_rdev))
        links = found.st_nlink
        first = b""
        if links > 1 and kind != "directory":
            first = self._first_name(path, found)
        return Entry(
            path,
            kind,
            mode & 0o7777,
            found.st_uid,
            found.st_gid,
            found.st_mtime_ns,
            found.st_size if kind == "file" else 0,
            user,
            group,
            xattrs,
            target,
            device,
            first,
            None,
            make_stamp(found) if kind == "file" else b"",
            1 if kind == "directory" else links,
        )

    def _first_name(self, path: bytes, found: os.stat_result) -> bytes:
        """The name under which this inode was told first; empty when this is it."""
        key = (found.st_dev, found.st_ino)
        first, seen = self.first_names.get(key, (b"", 0))
        if seen + 1 >= found.st_nlink:
            # All its names are told: memory for this inode ends here.
            self.first_names.pop(key, None)
        else:
            self.first_names[key] = (first or path, seen + 1)
        return first


class _Plain:
    """Plain files with one name each that were found one behind the other."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self._stamps: list[bytes] = []
        self._bytes = 0

    def add(self, name: bytes, found: os.stat_result) -> bool:
        """Whether a sequence ends with this one."""
        self.names.append(name)
        self._stamps.append(make_stamp(found))
        self._bytes += found.st_size
        return is_last(name, len(self.names), self._bytes)

    def take(self, directory: bytes) -> Siblings:
        """They, and begin anew."""
        taken = Siblings(directory, self.names, b"".join(self._stamps))
        self.names, self._stamps, self._bytes = [], [], 0
        return taken


def _listed(fd: int) -> list[bytes]:
    names = os.listdir(fd)
    return os.fsencode("\0".join(names)).split(b"\0") if names else []  # at once: a call for each was a tenth of a walk


def _named_but_missing(path: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "file-missing",
        show(path),
        "is named in the settings and is not there",
        "is the name right? otherwise take it out of the settings",
    )


def _socket(path: bytes) -> Finding:
    return Finding(Level.OK, "socket-skipped", show(path), "is a socket, which its program makes anew; not backed up")


def _unfinished_restore(path: bytes) -> Finding:
    return Finding(
        Level.WARNING,
        "unfinished-restore",
        show(path),
        "holds a restore that has not finished, so this backup has only a part of its files",
        "finish the restore by running it again, then back up again",
    )
