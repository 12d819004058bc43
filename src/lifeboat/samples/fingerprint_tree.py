"""Read a tree of files independently of what backs it up, and say what differs between two readings.

Limits: reads every byte once; one entry a name is held. The root itself is not part of the reading.

Invariant: two readings are equal only if names, kinds, contents, modes, owners, modification times, link targets,
extended attributes (ACLs are some of them) and shared hard links are.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value

_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe"}


class EntryPrint(Value):
    """One name in the tree.

    Args:
        content: SHA-256 of a file's bytes, the target of a link, else empty.
        same_file_as: The first name, in byte order, of a file with several names; else empty.
    """

    kind: str
    mode: int
    owner: tuple[int, int]
    modified_ns: int
    size: int
    content: bytes
    same_file_as: bytes
    attributes: tuple[tuple[str, bytes], ...]


TreePrint = Mapping[bytes, EntryPrint]


def fingerprint_tree(root: Path) -> TreePrint:
    """Read everything beneath ``root``, by path relative to it."""
    entries: dict[bytes, EntryPrint] = {}
    first_names: dict[tuple[int, int], bytes] = {}
    for relative, path in sorted(_names(os.fsencode(root), b"")):
        facts = os.lstat(path)
        is_shared = stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1
        first = first_names.setdefault((facts.st_dev, facts.st_ino), relative) if is_shared else b""
        entries[relative] = EntryPrint(
            _KINDS.get(stat.S_IFMT(facts.st_mode), "device or socket"),
            stat.S_IMODE(facts.st_mode),
            (facts.st_uid, facts.st_gid),
            facts.st_mtime_ns,
            facts.st_size if stat.S_ISREG(facts.st_mode) else 0,
            _content(path, facts.st_mode),
            first,
            _attributes(path),
        )
    return entries


def differences_tree(before: TreePrint, after: TreePrint) -> tuple[str, ...]:
    """Say each difference in a phrase that names the path; empty when the two are equal."""
    return tuple(_differences(before, after))


def _differences(before: TreePrint, after: TreePrint) -> Iterator[str]:
    for path in sorted(before.keys() | after.keys()):
        shown = repr(os.fsdecode(path))
        if path not in after:
            yield f"{shown} is missing"
        elif path not in before:
            yield f"{shown} is new"
        elif before[path] != after[path]:
            changed = [
                f.name for f in fields(EntryPrint) if getattr(before[path], f.name) != getattr(after[path], f.name)
            ]
            yield f"{shown} differs in {', '.join(changed)}"


def _names(folder: bytes, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    with os.scandir(folder) as found:
        for entry in found:
            yield prefix + entry.name, entry.path
            if entry.is_dir(follow_symlinks=False):
                yield from _names(entry.path, prefix + entry.name + b"/")


def _content(path: bytes, mode: int) -> bytes:
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if not stat.S_ISREG(mode):
        return b""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.digest()


def _attributes(path: bytes) -> tuple[tuple[str, bytes], ...]:
    if not hasattr(os, "listxattr"):
        return ()
    names = os.listxattr(path, follow_symlinks=False)
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names))
