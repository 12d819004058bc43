"""What can go wrong with files, in our words, and the table of the kernel's words behind them.

Two ways out: an error ends the work, a finding tells about one name and the work goes on.
"""

import errno
from collections.abc import Callable

from lifeboat.foundation.errors import RepositoryDamaged, SettingsError, SourceError, TargetRefused
from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.files.entry import show

OnTrouble = Callable[[Finding], None]


class FilesRootMissing(SourceError):
    """The directory to back up is not there, not a directory, or closed to us."""

    code = "files-root-missing"


class PatternInvalid(SettingsError):
    """An include or exclude pattern says nothing that can be matched."""

    code = "pattern-invalid"


class ManifestDamaged(RepositoryDamaged):
    """A manifest line is not what ``manifest.encode`` writes."""

    code = "manifest-damaged"


class PathRefused(RepositoryDamaged):
    """A stored path would lead out of the tree, or is no path at all."""

    code = "path-refused"


class ContentMismatch(RepositoryDamaged):
    """The content handed over for a file is longer or shorter than its entry says."""

    code = "content-mismatch"


class TargetNotEmpty(TargetRefused):
    """A restore to a new place found something there already."""

    code = "target-not-empty"


class TargetFull(TargetRefused):
    """The filesystem or quota has no room left."""

    code = "target-full"


class TargetUnwritable(TargetRefused):
    """Nothing can be written there at all."""

    code = "target-unwritable"


VANISHED = frozenset((errno.ENOENT, errno.ESTALE, errno.ENOTDIR, errno.ELOOP, errno.ENXIO))
"""What a name answers that went away, or became something else, between the listing and the opening."""

FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
UNWRITABLE = frozenset((errno.EROFS, errno.EIO))


def not_read(path: bytes, error: OSError) -> Finding:
    """Tell that one name could not be read, and go on."""
    if error.errno in VANISHED:
        return Finding(
            Level.WARNING,
            "file-vanished",
            show(path),
            "vanished or was replaced between being listed and being read",
            "nothing to do if the application deletes such files; the next backup takes what is there then",
        )
    return Finding(
        Level.WARNING,
        "file-unreadable",
        show(path),
        f"could not be read: {_reason(error)}",
        "run the backup as a user who may read it, or exclude it",
    )


def not_written(path: bytes, error: OSError) -> Finding:
    """Tell that one name could not be restored, and go on."""
    return Finding(
        Level.PROBLEM,
        "file-not-written",
        show(path),
        f"could not be restored: {_reason(error)}",
        "see to the cause and run the same restore again; what is in place already is not written twice",
    )


def refuse_target(path: bytes, error: OSError) -> TargetRefused | None:
    """The error that ends a restore when no further name could fare better; None for trouble with one name."""
    if error.errno in FULL:
        return TargetFull(
            f"no room left while writing {show(path)}",
            "free space (or raise the quota) and run the same restore again: it goes on where it stopped",
        )
    if error.errno in UNWRITABLE:
        return TargetUnwritable(
            f"the target cannot be written: {_reason(error)} at {show(path)}",
            "is the disk healthy and mounted for writing? otherwise restore to another directory",
        )
    return None


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
