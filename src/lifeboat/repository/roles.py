"""Who may do what in the bucket, by role: in terms of the names of docs/format.md, section 1, for whatever store enforces it.

``policies`` makes AWS policies of it, ``operations/rights.py`` compares it with what the present credentials can really do, and
the tests hold every operation to exactly this.
"""

from enum import StrEnum

from lifeboat.foundation.value import Value
from lifeboat.repository.names import CATALOG, CONFIG, KEYS, LEDGER, PROBES, Source
from lifeboat.repository.statements import CUSTODIANS_MAY_SAY


class Role(StrEnum):
    """What a machine is for (docs/operations.md, "The guarded profile")."""

    SIMPLE = "simple"
    WRITER = "writer"
    KEEPER = "keeper"
    CUSTODIAN = "custodian"


class Rights(Value):
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
    lock: tuple[str, ...] = ()
    """Whose lock it may set or prolong, where there is Object Lock; nobody may end one."""
    look_at_bucket: bool = False
    """Whether it may read how the bucket is set up: versions, locks, age rules, policy."""
    publish: bool = False
    """Whether it may send metrics."""


EVERYTHING = ("*",)
PACKS = tuple(f"{source}/pack/*" for source in Source)
OPLOG = "mongodb/oplog/*"
SCRATCH = f"{PROBES}*"
SAID_BY_CUSTODIANS = tuple(f"{CATALOG}*/{said}-*" for said in (*CUSTODIANS_MAY_SAY, "carry"))
DESCRIBING = tuple(f"{CONFIG}{kind}-*" for kind in ("repository", "writer", "rescue", "README"))
ENTRIES = f"{LEDGER}*"
"""Of the ledger: for who may restore alone. A custodian sees by their names that none is missing, and may neither read nor remove one."""
NAMED_BY_HASH = (f"{KEYS}*", f"{CATALOG}*", *PACKS, OPLOG, ENTRIES, *DESCRIBING)
"""All objects but scratch: none of them is ever written a second time with other bytes, and all are locked where there is Object Lock."""


def rights_of(role: Role, writer: str = "") -> Rights:
    """What the role needs, and no more.

    Args:
        writer: Id (hex) of the writer, for that role.
    """
    if role in (Role.SIMPLE, Role.KEEPER):
        return Rights(
            EVERYTHING,
            EVERYTHING,
            EVERYTHING,
            EVERYTHING if role is Role.SIMPLE else (SCRATCH,),
            unarchive=PACKS,
            versions=True,
            lock=(*NAMED_BY_HASH, SCRATCH),
            look_at_bucket=True,
            publish=True,
        )
    if role is Role.CUSTODIAN:
        carried = (*PACKS, f"{KEYS}*")
        return Rights(
            EVERYTHING,
            (*DESCRIBING, SCRATCH, f"{CATALOG}*", *carried),
            (*SAID_BY_CUSTODIANS, SCRATCH),
            (f"{CATALOG}*", *carried, OPLOG, SCRATCH),
            copy=carried,
            lock=(*SAID_BY_CUSTODIANS, *carried, SCRATCH),
            look_at_bucket=True,
            publish=True,
        )
    own = f"{CATALOG}{writer}/*"
    stored = (f"{KEYS}*", own, *PACKS, OPLOG)
    # To list all below config/ is to see the names of packs of configuration there; to read it would be to have them.
    return Rights(
        (f"{CONFIG}*", own),
        (*DESCRIBING, SCRATCH, own),
        (*stored, SCRATCH),
        (SCRATCH,),
        lock=(*stored, *DESCRIBING, SCRATCH),
        publish=True,
    )
