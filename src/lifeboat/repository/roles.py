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
    """Hidden only, where versions are kept: nobody has the right to remove those."""
    copy: tuple[str, ...] = ()
    """What may be made by copying another object of the same kind inside the store, and in no other way."""
    unarchive: tuple[str, ...] = ()
    """What may be brought back from an archive class, which costs money."""
    versions: bool = False
    """Whether it may list and read older versions, under what it may list and read."""
    look_at_bucket: bool = False
    """Whether it may read how the bucket is set up: versions, locks, age rules, policy."""
    publish: bool = False
    """Whether it may send metrics."""


EVERYTHING = ("*",)
PACKS = tuple(f"{source}/pack/*" for source in Source)
OPLOG = "mongodb/oplog/*"
SCRATCH = f"{PROBES}*"
SAID_BY_CUSTODIANS = tuple(f"{CATALOG}*/{said}-*" for said in (*CUSTODIANS_MAY_SAY, "carry"))
LOCKABLE = (f"{CATALOG}*", *PACKS, OPLOG)
"""What Object Lock holds (``locking.py``): keys stay free, since deleting them is what destroys a generation for good."""
NAMED_BY_HASH = (f"{KEYS}*", *LOCKABLE, *(f"{CONFIG}{kind}-*" for kind in ("repository", "writer", "rescue", "README")))
"""All objects but scratch: none of them is ever written a second time with other bytes."""


def rights_of(role: Role, writer: str = "") -> Rights:
    """What the role needs, and no more.

    Args:
        writer: Id (hex) of the writer, for that role.
    """
    if role is Role.SIMPLE:
        every = EVERYTHING
        return Rights(every, every, every, every, unarchive=PACKS, versions=True, look_at_bucket=True, publish=True)
    if role is Role.KEEPER:
        return Rights(
            EVERYTHING,
            EVERYTHING,
            EVERYTHING,
            (SCRATCH,),
            unarchive=PACKS,
            versions=True,
            look_at_bucket=True,
            publish=True,
        )
    if role is Role.CUSTODIAN:
        carried = (*PACKS, f"{KEYS}*")
        return Rights(
            EVERYTHING,
            (f"{CONFIG}*", f"{CATALOG}*", *carried),
            (*SAID_BY_CUSTODIANS, SCRATCH),
            (f"{CATALOG}*", *carried, OPLOG, SCRATCH),
            copy=carried,
            look_at_bucket=True,
            publish=True,
        )
    own = f"{CATALOG}{writer}/*"
    seen = (f"{CONFIG}*", own)
    return Rights(seen, seen, (f"{KEYS}*", own, *PACKS, OPLOG, SCRATCH), (SCRATCH,), publish=True)
