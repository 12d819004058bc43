"""What a restore of a tree would do to the names that are there, by a look at their kind, size and time. Nothing is opened.

Limits: a file whose content was changed under the same size and time counts as ``same`` here; the restore itself compares the content.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_bytes
from lifeboat.sources.files.directories import Directories
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.walk import KIND_OF


@dataclass
class Amount:
    """Names and the bytes of the files among them."""

    items: int = 0
    bytes: int = 0
    largest_bytes: int = 0

    def add(self, entry: Entry) -> None:
        self.items += 1
        self.bytes += entry.size
        self.largest_bytes = max(self.largest_bytes, entry.size)


@dataclass(frozen=True)
class TreePreview:
    """How the chosen names of one tree stand to what is there."""

    new: Amount
    changed: Amount
    same: Amount

    @property
    def needed_bytes(self) -> int:
        """Room for what is new, and for the largest changed file beside the one it replaces."""
        return self.new.bytes + self.changed.largest_bytes


def preview_tree(where: Path, entries: Iterator[Entry]) -> TreePreview:
    """Look at every name once."""
    preview = TreePreview(Amount(), Amount(), Amount())
    directories = Directories(os.fsencode(where)) if where.is_dir() else None
    try:
        for entry in entries:
            found = None if directories is None else _found(directories, entry.path)
            if found is None:
                preview.new.add(entry)
            elif _looks_the_same(found, entry):
                preview.same.add(entry)
            else:
                preview.changed.add(entry)
    finally:
        if directories is not None:
            directories.close()
    return preview


def room_for(where: Path, needed_bytes: int) -> tuple[Finding, ...]:
    """Say so when the file system has less room than a restore needs."""
    there = next((one for one in (where, *where.parents) if one.exists()), Path("/"))
    free_bytes = shutil.disk_usage(there).free
    return too_small(str(where), needed_bytes, free_bytes)


def too_small(subject: str, needed_bytes: int, free_bytes: int) -> tuple[Finding, ...]:
    """The finding for a target with too little room; none when it has enough."""
    if needed_bytes <= free_bytes:
        return ()
    return (
        Finding(
            Level.WARNING,
            "target-small",
            subject,
            f"up to {show_bytes(needed_bytes)} are needed and {show_bytes(free_bytes)} are free",
            "make room first, or restore in parts: --ns, --include",
        ),
    )


def _found(directories: Directories, path: bytes) -> os.stat_result | None:
    parent, _, name = path.rpartition(b"/")
    try:
        return os.stat(name or b".", dir_fd=directories.open(parent), follow_symlinks=False)
    except OSError:
        return None


def _looks_the_same(found: os.stat_result, entry: Entry) -> bool:
    if KIND_OF.get(stat.S_IFMT(found.st_mode)) != entry.kind or stat.S_IMODE(found.st_mode) != entry.mode:
        return entry.kind == "symlink" and stat.S_ISLNK(found.st_mode) and found.st_mtime_ns == entry.mtime_ns
    if entry.kind == "directory":
        return True
    return found.st_mtime_ns == entry.mtime_ns and (entry.kind != "file" or found.st_size == entry.size)
