"""In which order objects are copied, so that the replica is a valid repository at every instant. Pure.

It is the order of writing (docs/invariants.md): nothing that names an object comes before that object. Listing goes the other way round:
what names others is listed first, so that whatever a listed object names was stored before and is found by the listings after it, also
while backups go on.
"""

from enum import IntEnum

from lifeboat.repository.names import CATALOG, CONFIG, KEYS, LEDGER, PROBES, SEGMENTS, Source, stated_digest
from lifeboat.repository.replica import MARKS
from lifeboat.repository.statements import Verb


class Phase(IntEnum):
    """What is copied together, in the order of copying."""

    DESCRIPTION = 1
    """Before anything else: without it nothing is a repository."""
    CONFIG = 2
    LEDGER = 3
    """Before all copies: whoever restores from the replica must not bring back somebody who was erased. One after the other, without a gap."""
    KEY = 4
    PACK = 5
    PART = 6
    """Beginnings of large transactions: a segment names them."""
    SEGMENT = 7
    INDEX = 8
    """With whatever else of a catalog this Lifeboat does not know: what it may be named by comes later."""
    RECORD = 9
    CHAIN = 10
    """Links and anchors, one after the other: a chain never has a gap, wherever a run ends."""
    PROTECTION = 11
    """``keep``, ``release`` and ``doubt``: before what they take back."""
    STATEMENT = 12


IN_ORDER = frozenset({Phase.LEDGER, Phase.CHAIN})
"""Written one after the other, by name."""
_PROTECTS = tuple(f"{verb}-" for verb in (Verb.KEEP, Verb.RELEASE, Verb.DOUBT))
_SAYS = tuple(f"{verb}-" for verb in (Verb.FORGET, Verb.PROOF))


def phase_of(name: str) -> Phase | None:
    """When the object is copied; None for what is no part of a repository: no hash in its name, a probe, the mark of a replica."""
    if stated_digest(name) is None or name.startswith((PROBES, MARKS)):
        return None
    if name.startswith(CATALOG):
        return _of_catalog(name.rsplit("/", 1)[-1])
    if name.startswith(SEGMENTS):
        after, _, rest = name.rsplit("/", 1)[-1].partition("-")
        return Phase.PART if after == rest.partition("-")[0] else Phase.SEGMENT
    if name.startswith(LEDGER):
        return Phase.LEDGER
    if name.startswith(KEYS):
        return Phase.KEY
    if name.startswith(PACKS):
        return Phase.PACK
    if name.startswith(CONFIG):
        return Phase.DESCRIPTION if name.startswith(f"{CONFIG}repository-") else Phase.CONFIG
    return None


def _of_catalog(last: str) -> Phase:
    if last.startswith("snapshot-"):
        return Phase.RECORD
    if last.startswith(("link-", "audit-")):
        return Phase.CHAIN
    if last.startswith(_PROTECTS):
        return Phase.PROTECTION
    return Phase.STATEMENT if last.startswith(_SAYS) else Phase.INDEX


PACKS = tuple(f"{source}/pack/" for source in Source)
_COMMITS = frozenset({Phase.RECORD, Phase.CHAIN, Phase.PROTECTION, Phase.STATEMENT})
LISTINGS: tuple[tuple[str, frozenset[Phase]], ...] = (
    (CATALOG, _COMMITS),
    (CATALOG, frozenset({Phase.INDEX})),
    (SEGMENTS, frozenset({Phase.SEGMENT})),
    (SEGMENTS, frozenset({Phase.PART})),
    *((prefix, frozenset({Phase.PACK})) for prefix in PACKS),
    (KEYS, frozenset({Phase.KEY})),
    (LEDGER, frozenset({Phase.LEDGER})),
    (CONFIG, frozenset({Phase.DESCRIPTION, Phase.CONFIG})),
)
"""Prefixes in the order of listing, and what of each is meant. In a catalog's folder ``snapshot-`` sorts behind all that names records."""


def generation_in(name: str) -> str | None:
    """The generation that an object belongs to, by its name."""
    parts = name.split("/")
    if name.startswith(CATALOG) and len(parts) == 4:
        return parts[2]
    if name.startswith(PACKS) and len(parts) == 5:
        return parts[3]
    if name.startswith(KEYS) and len(parts) == 3:
        return parts[1]
    return None
