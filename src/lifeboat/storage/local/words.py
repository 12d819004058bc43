"""What the operating system's refusals mean for somebody whose repository is a directory."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lifeboat.foundation.errors import StorageError
from lifeboat.storage.errors import (
    BucketMissing,
    NameRefused,
    ObjectExists,
    ObjectMissing,
    StorageBusy,
    StorageDenied,
    StorageFull,
)

_SPACE = "free space on this file system, or put the repository on a larger one"
_HANDLES = "raise the limit on open files (ulimit -n) for this process"
_RIGHTS = "does the user who runs lifeboat own this directory?"
_DISK = "the disk or the network mount reports an error: check its log before trusting this repository"

MEANING: dict[int, tuple[type[StorageError], str]] = {
    errno.ENOENT: (ObjectMissing, "was it deleted or never written?"),
    errno.EEXIST: (ObjectExists, ""),
    errno.ENOSPC: (StorageFull, _SPACE),
    errno.EDQUOT: (StorageFull, "raise the quota of the user who runs lifeboat, or free space"),
    errno.EFBIG: (StorageFull, "this file system or a limit of this process (ulimit -f) refuses files of this size"),
    errno.EMFILE: (StorageFull, _HANDLES),
    errno.ENFILE: (StorageFull, "the machine has run out of open files"),
    errno.EROFS: (StorageDenied, "the file system is mounted read-only: remount it, or look for disk errors in dmesg"),
    errno.EACCES: (StorageDenied, _RIGHTS),
    errno.EPERM: (StorageDenied, _RIGHTS),
    errno.ENOTDIR: (NameRefused, "a file lies where a folder is needed: what put it there?"),
    errno.EISDIR: (NameRefused, "a folder lies where the object belongs: what put it there?"),
    errno.ELOOP: (NameRefused, "a symbolic link lies where the object belongs: what put it there?"),
    errno.EIO: (StorageError, _DISK),
    errno.ESTALE: (StorageBusy, "the network file system lost its server: is it mounted?"),
    errno.ETIMEDOUT: (StorageBusy, "the network file system does not answer: is it mounted?"),
}


@contextmanager
def in_our_words(action: str, thing: str, directory: Path) -> Iterator[None]:
    """Turn what the system refuses inside into an error of ours about ``thing`` in ``directory``."""
    try:
        yield
    except OSError as error:
        raise _meaning(error, action, thing, directory) from error


def _meaning(error: OSError, action: str, thing: str, directory: Path) -> StorageError:
    if error.errno == errno.ENOENT and not directory.is_dir():
        return BucketMissing(
            f"the repository directory {directory} does not exist",
            "is its disk mounted? To begin a new repository there, run lifeboat init",
        )
    reason = (error.strerror or str(error)).lower()
    kind, hint = MEANING.get(error.errno or 0, (StorageError, _DISK))
    if kind is ObjectMissing:
        return ObjectMissing(f"{thing} is not in {directory}", hint)
    if kind is ObjectExists:
        return ObjectExists(f"{thing} exists already in {directory}")
    return kind(f"cannot {action} {thing} in {directory}: {reason}", hint)
