"""Names under which collections land beside the live data.

Limits: a namespace has 255 bytes at most, and a live name can already use them all; so a short prefix and a hash,
never a suffix. Invariant: only a name of exactly this shape is ever taken for ours.
"""

import hashlib
import re

PREFIX = "lifeboat.tmp."
ASIDE = "lifeboat.old."
NOTE = "lifeboat.note."
NAMESPACE_AT_MOST_BYTES = 255
_OURS = re.compile(r"(system\.buckets\.)?lifeboat\.(tmp|old|note)\.[0-9a-f]{16}")


def landing_name(name: str) -> str:
    """Where the collection that will be called ``name`` lands; the same on every run, so that leftovers are found."""
    return PREFIX + _short_hash(name)


def aside_name(name: str) -> str:
    """Where a live collection waits while a view takes its name."""
    return ASIDE + _short_hash(name)


def note_name(name: str) -> str:
    """Where it is noted whose the buckets under ``name`` are. No landing name: writes to that go to the buckets landed there."""
    return NOTE + _short_hash(name)


def is_ours(name: str) -> bool:
    return _OURS.fullmatch(name) is not None


def _short_hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
