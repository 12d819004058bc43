"""Can the folders and files be read: not only the roots, but what is in them?

Limits: names and modes are looked at, nothing is opened; after ``LOOK_AT_MOST`` names the rest is taken on trust, and said so.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from lifeboat.foundation.finding import Finding, Level

LOOK_AT_MOST = 200_000
NAMED_AT_MOST = 5


def check_trees(paths: Sequence[Path]) -> list[Finding]:
    """One finding for each root, and one that names what in it is closed to this user."""
    findings = []
    for path in paths:
        if not path.exists():
            hint = "is the path right, and the disk mounted?"
            findings.append(Finding(Level.PROBLEM, "path-missing", str(path), "is not there", hint))
        elif not _open_to_us(path):
            hint = _remedy(path)
            findings.append(Finding(Level.PROBLEM, "path-unreadable", str(path), "is closed to this user", hint))
        else:
            findings.extend(_check_below(path))
    return findings


def _check_below(root: Path) -> list[Finding]:
    if root.is_file():
        return [Finding(Level.OK, "path", str(root), "can be read")]
    looked, closed = 0, []
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            looked += 1
            if not path.is_symlink() and (path.is_file() or path.is_dir()) and not _open_to_us(path):
                closed.append(path)
        if looked >= LOOK_AT_MOST:
            break
    if closed:
        named = ", ".join(str(one.relative_to(root)) for one in sorted(closed)[:NAMED_AT_MOST])
        more = f" and {len(closed) - NAMED_AT_MOST:,} more" if len(closed) > NAMED_AT_MOST else ""
        message = f"closed to this user, so not in the backup: {named}{more}"
        return [Finding(Level.PROBLEM, "files-unreadable", str(root), message, _remedy(root))]
    rest = "" if looked < LOOK_AT_MOST else "; the rest was not looked at"
    return [Finding(Level.OK, "path", str(root), f"can be read: {looked:,} names{rest}")]


def _remedy(path: Path) -> str:
    return f"run Lifeboat as a user who may read it, or: `sudo setfacl -R -m u:$USER:rX {path}`"


def _open_to_us(path: Path) -> bool:
    return os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0))
