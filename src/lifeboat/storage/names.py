"""Which names an object may have, so that one name means the same object in every kind of store.

Limits: a name is compared byte by byte. On a file system that ignores case, names that differ only in
case are one object; ours are lower-case. No name may be a folder of another (``a`` beside ``a/b``):
a directory cannot hold both.

Invariant: a name that passes ``check_name`` never leaves the folder it is put under, on any platform.
"""

import re

from lifeboat.storage.errors import NameRefused

NAME_LONGEST_CHARACTERS = 700
"""S3 allows 1024 bytes for prefix and name together; this leaves 324 for the customer's prefix."""
SEGMENT_LONGEST_CHARACTERS = 200
"""File systems allow 255 bytes; some that encrypt names allow 143, which our longest (64 + suffix) keeps to."""
PREFIX_LONGEST_CHARACTERS = 1024 - NAME_LONGEST_CHARACTERS - 1

_SEGMENT = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


def check_name(name: str) -> None:
    """Refuse a name that some store could take for something else; raises ``NameRefused``."""
    trouble = _trouble_with(name)
    if trouble:
        raise NameRefused(
            f"the name {_shown(name)} {trouble}",
            "a damaged or forged record names this object: run lifeboat verify",
        )


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that is neither empty nor a name followed by ``/``; raises ``NameRefused``."""
    if prefix == "":
        return
    if not prefix.endswith("/"):
        raise NameRefused(f"the prefix {_shown(prefix)} does not end in a slash", "add a slash at its end")
    check_name(prefix[:-1])


def is_name(name: str) -> bool:
    """Whether ``check_name`` lets it pass."""
    return not _trouble_with(name)


def _trouble_with(name: str) -> str:
    if not name:
        return "is empty"
    if len(name) > NAME_LONGEST_CHARACTERS:
        return f"is longer than {NAME_LONGEST_CHARACTERS} characters"
    for segment in name.split("/"):
        if segment in ("", ".", ".."):
            return "has a segment that is empty, '.' or '..'"
        if len(segment) > SEGMENT_LONGEST_CHARACTERS:
            return f"has a segment longer than {SEGMENT_LONGEST_CHARACTERS} characters"
        if not _SEGMENT.fullmatch(segment):
            return "has characters other than letters, digits, '.', '_' and '-'"
    return ""


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else name[:77] + "...")
