"""Who may do what in the bucket, by role: in terms of the names of docs/format.md, section 1, for whatever store enforces it.

``policies`` makes AWS policies of it, ``operations/rights.py`` compares it with what the present credentials can really do, and
the tests hold every operation to exactly this.
"""

from dataclasses import dataclass
from enum import StrEnum

from lifeboat.repository.names import CATALOG, CONFIG, KEYS, PROBES, Source
from lifeboat.repository.statements import CUSTODIANS_MAY_SAY


class Role(StrEnum):
    """What a machine is for (docs/operations.md, "The guarded profile")."""

    SIMPLE = "simple"
    WRITER = "writer"
    KEEPER = "keeper"
    CUSTODIAN = "custodian"


@dataclass(frozen=True, slots=True)
class Rights:
    """Patterns of names, as in policies: ``*`` stands for any characters, slashes too."""

    list_under: tuple[str, ...]
    read: tuple[str, ...]
    write: tuple[str, ...]
    delete: tuple[str, ...]


EVERYTHING = ("*",)
PACKS = tuple(f"{source}/pack/*" for source in Source)
OPLOG = "mongodb/oplog/*"
SCRATCH = f"{PROBES}*"
SAID_BY_CUSTODIANS = tuple(f"{CATALOG}*/{verb}-*" for verb in CUSTODIANS_MAY_SAY)


def rights_of(role: Role, writer: str = "") -> Rights:
    """What the role needs, and no more.

    Args:
        writer: Id (hex) of the writer, for that role.
    """
    if role is Role.SIMPLE:
        return Rights(EVERYTHING, EVERYTHING, EVERYTHING, EVERYTHING)
    if role is Role.KEEPER:
        return Rights(EVERYTHING, EVERYTHING, EVERYTHING, (SCRATCH,))
    if role is Role.CUSTODIAN:
        rest = (f"{CATALOG}*", f"{KEYS}*", *PACKS, OPLOG, SCRATCH)
        return Rights(EVERYTHING, (f"{CONFIG}*", f"{CATALOG}*"), (*SAID_BY_CUSTODIANS, SCRATCH), rest)
    own = f"{CATALOG}{writer}/*"
    seen = (f"{CONFIG}*", own)
    return Rights(seen, seen, (f"{KEYS}*", own, *PACKS, OPLOG, SCRATCH), (SCRATCH,))
