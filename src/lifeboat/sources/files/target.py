"""The directory a tree is restored into: refused, made ready, marked while unfinished, and what stands in the way.

The mark holds a label, the snapshot's name, so that a restore that was cut off goes on and another one does not
mix its files into it. Invariant: nothing a person had is deleted; what is in the way is renamed and told.
"""

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.files.attributes import AVAILABLE
from lifeboat.sources.files.entry import RESERVED_NAMES, RESTORING_NAME, show
from lifeboat.sources.files.errors import PathRefused, TargetNotEmpty, TargetUnwritable, refuse_target

_HARMLESS = frozenset((b"lost+found",))
"""What a freshly made filesystem has in its root."""
_LABEL_AT_MOST_BYTES = 4096
_NO_PATH = re.compile(rb"\0|(?:\A|/)(?:|\.|\.\.|%s)(?:/|\Z)" % b"|".join(map(re.escape, sorted(RESERVED_NAMES))))
"""One of the names between the slashes is empty, leads back or upwards, or is one of ours."""


def make_ready(target: Path, in_place: bool, label: bytes) -> bool:
    """Make the target and mark it as being restored.

    Returns:
        Whether an unfinished restore of the same label was there.

    Raises:
        TargetNotEmpty: A new place holds something already, or the unfinished restore of something else.
        TargetUnwritable, TargetFull: Nothing can be written there.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(target):
            names = set(os.listdir(os.fsencode(target)))
            resumed = RESTORING_NAME in names
            if not in_place:
                _refuse_other(target, names, label)
            marker = os.fsencode(target) + b"/" + RESTORING_NAME
            file = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, label)
            finally:
                os.close(file)
    except (FileExistsError, NotADirectoryError) as error:
        raise TargetUnwritable(f"{target} is not a directory", "name a directory to restore into") from error
    except OSError as error:
        fatal = refuse_target(os.fsencode(target), error)
        raise fatal or TargetUnwritable(
            f"{target} cannot be written: {(error.strerror or str(error)).lower()}", "run as a user who may write there"
        ) from error
    return resumed


@contextmanager
def _one_at_a_time(target: Path) -> Iterator[None]:
    """Keep out others that make the same target ready: the mark is not to be read while it is half written. Without locks, go on without."""
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_mark(target: Path) -> None:
    """Take the mark away; the directory keeps its time."""
    before = os.stat(target)
    with suppress(FileNotFoundError):
        os.unlink(os.fsencode(target) + b"/" + RESTORING_NAME)
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    descriptor = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_other(target: Path, names: set[bytes] | set[str], label: bytes) -> None:
    raw = {os.fsencode(name) for name in names}
    if RESTORING_NAME in raw:
        with open(os.fsencode(target) + b"/" + RESTORING_NAME, "rb") as marker:
            if marker.read(_LABEL_AT_MOST_BYTES) == label:
                return
        raise TargetNotEmpty(
            f"{target} holds the unfinished restore of another snapshot",
            "finish that one by running it again, or name an empty or new directory",
        )
    if raw - _HARMLESS:
        raise TargetNotEmpty(
            f"{target} is not empty", "name an empty or new directory, or restore in place with --over-live"
        )


def check_path(path: bytes) -> None:
    """Refuse what is no path below the target; a manifest that was not tampered with has none of these."""
    if path and _NO_PATH.search(path):
        raise PathRefused(
            f"the manifest names {show(path)!r}, which leads outside or is no name",
            "restore another snapshot, and run `lifeboat verify` to see how far the damage goes",
        )


def move_aside(directory_fd: int, name: bytes, path: bytes, clock: Clock) -> Finding:
    """Rename what stands in the way of a name of another kind."""
    suffix = clock.now().strftime(".before-restore-%Y%m%dT%H%M%SZ").encode("ascii")
    number = 1
    while True:
        ending = suffix if number == 1 else suffix + b"-%d" % number
        aside = name[: 255 - len(ending)] + ending
        try:
            os.stat(aside, dir_fd=directory_fd, follow_symlinks=False)
        except FileNotFoundError:
            break
        number += 1
    os.rename(name, aside, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
    return Finding(
        Level.WARNING,
        "moved-aside",
        show(path),
        f"something of another kind stood there; it is now called {show(aside)}",
        "look whether it is still needed, then delete it",
    )


def open_for_us(directory_fd: int, name: bytes, found: os.stat_result) -> None:
    """Let ourselves into a directory that is there already; its own entry gives it the right mode in the end."""
    if os.geteuid() == 0 or found.st_mode & 0o700 == 0o700 or found.st_uid != os.geteuid():
        return
    mode = stat.S_IMODE(found.st_mode) | 0o700
    if not AVAILABLE:
        os.chmod(name, mode, dir_fd=directory_fd)
        return
    # By way of a descriptor that follows no symlink: the name may be another's by now.
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory_fd)
    try:
        os.chmod(f"/proc/self/fd/{fd}", mode)
    finally:
        os.close(fd)
