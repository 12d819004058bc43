"""What a golden repository holds, as Lifeboat reads it today; the same for who makes one and for who tests them."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.operations.reports.restores import RestoreRequest

CLOCK = datetime(2027, 2, 1, 12, tzinfo=UTC)
"""The store's clock when it is read, whatever day it is."""
KEY = "5e" * 32


class FixedClock:
    def now(self) -> datetime:
        return CLOCK

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


def lifeboat_of(repository: Path, memory: Path, key: str = KEY) -> Lifeboat:
    """As a machine that never saw it."""
    variables = {"LIFEBOAT_REPOSITORY": str(repository), "LIFEBOAT_STATE": str(memory), "BACKUP_ENCRYPTION_KEY": key}
    return Lifeboat(read_settings(None, variables, memory), clock=FixedClock())


def tree_of(folder: Path) -> dict[str, Any]:
    """What a restored tree is: kind, mode, content, targets, which names are one file."""
    found: dict[str, Any] = {}
    inodes: dict[int, str] = {}
    for path in sorted(folder.rglob("*")):
        name, told = str(path.relative_to(folder)), path.lstat()
        if path.is_symlink():
            found[name] = {"link": os.readlink(path)}
        elif path.is_dir():
            found[name] = {"mode": told.st_mode & 0o7777}
        else:
            first = inodes.setdefault(told.st_ino, name)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = {
                "mode": told.st_mode & 0o7777,
                "sha256": content,
                "same_as": first,
                "mtime": told.st_mtime_ns,
            }
    return found


def dump_of(folder: Path) -> dict[str, str]:
    """Each file of a mongodump folder, by its hash."""
    return {
        str(one.relative_to(folder)): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }


def expected_of(repository: Path, work: Path) -> dict[str, Any]:
    """What Lifeboat reads out of it today."""
    lifeboat = lifeboat_of(repository, work / "memory")
    files, dumps = {}, {}
    for one in lifeboat.snapshots():
        if one.source == "files":
            lifeboat.restore(RestoreRequest(source="files", snapshot=one.snapshot, to=str(work / one.snapshot)))
            files[one.snapshot] = tree_of(work / one.snapshot)
        else:
            lifeboat.export(one.snapshot, "mongodump-dir", str(work / one.snapshot), without_erasures=True)
            dumps[one.snapshot] = dump_of(work / one.snapshot)
    return {"files": files, "dumps": dumps}
