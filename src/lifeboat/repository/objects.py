"""Whole objects, named by the hash of their bytes: written once, read checked."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import Source, digest, stated_digest
from lifeboat.repository.pack_format import LARGEST_PACK_BYTES
from lifeboat.storage.errors import ObjectArchived, ObjectExists, ObjectMissing, StorageDenied
from lifeboat.storage.object_store import Content, ObjectStore, StoredObject

SMALL_OBJECT_BYTES = 4 * MIB
"""Descriptions, registrations, links and wrapped keys are smaller (docs/format.md); what is larger is not read at all."""
RECORD_BYTES = 64 * MIB
"""A stored record or anchor: a record of 64 MiB names the packs of 48 TB."""
INDEX_BYTES = 256 * MIB
"""A stored index: 32 times the largest that a run writes."""
AT_ONCE = 8
"""Small reads are bound by the way there and back; eight hide most of it and bother no store."""


def write_named(store: ObjectStore, name: str, content: Content) -> None:
    """Store an object whose name carries its hash: a taken name means that these bytes lie there already.

    Raises:
        ObjectDamaged: Other bytes lie there: a write that landed cut on a store that is no atomic one, or a damaged object.
    """
    try:
        store.write(name, content)
    except ObjectExists as error:
        if not _lies_there(store, name):
            raise ObjectDamaged(
                f"other bytes lie under the name {name} already, and stored objects are never replaced",
                "remove that object, then run this again; what else did the store lose?",
            ) from error


def read_verified(store: ObjectStore, name: str) -> bytes:
    """The object's bytes; raises ``ObjectDamaged`` when they are not those its name promises, ``ObjectMissing``."""
    raw = store.read(name)
    if digest(raw) != stated_digest(name):
        raw = store.read(name)  # was it the way here that spoilt it?
    if digest(raw) != stated_digest(name):
        raise ObjectDamaged(
            f"{name} is damaged: its bytes do not have the hash in its name",
            "`lifeboat verify --level full` says what it hurts",
        )
    return raw


def largest_bytes(name: str) -> int:
    """The most that a sound object of this name has; whoever can write to the store could plant one that fills a reader's memory."""
    parts = name.split("/")
    last = parts[-1]
    if last.startswith("index-"):
        return INDEX_BYTES
    if last.startswith(("snapshot-", "audit-")):
        return RECORD_BYTES
    return LARGEST_PACK_BYTES if parts[0] in set(Source) and parts[1] in ("pack", "oplog") else SMALL_OBJECT_BYTES


def too_large(stored: StoredObject) -> ObjectDamaged | None:
    """The complaint about an object that is listed with more than any sound one has."""
    if stored.size_bytes <= largest_bytes(stored.name):
        return None
    return ObjectDamaged(
        f"{stored.name} has {stored.size_bytes:,} bytes, more than any such object, and was not read",
        "somebody planted it, or put it in the place of ours: is there an older version or a replica of it?",
    )


def list_small(store: ObjectStore, prefix: str) -> tuple[list[str], list[ObjectDamaged]]:
    """The names of small objects under a prefix, and complaints about those that claim to be such and are not small."""
    names, refused = [], []
    for stored in store.list_under(prefix):
        if stored.size_bytes <= SMALL_OBJECT_BYTES:
            names.append(stored.name)
        else:
            refused.append(ObjectDamaged(f"{stored.name} has {stored.size_bytes} bytes, more than any such object"))
    return names, refused


class SmallObjects(Value):
    """Small objects that were read beside each other."""

    read: tuple[tuple[str, bytes | Exception], ...]
    """By name: the bytes, or what went wrong."""
    refused: tuple[ObjectDamaged, ...]
    """Complaints about those that are not small."""

    def of_kind(self, begins: str) -> Iterator[tuple[str, bytes | LifeboatError]]:
        """Those whose name begins so; what may pass by itself (a store that is away) is raised."""
        for name, raw in self.read:
            if name.startswith(begins):
                if isinstance(raw, Exception) and not (isinstance(raw, LifeboatError) and not raw.worth_retrying):
                    raise raw
                yield name, raw


def read_small(store: ObjectStore, prefix: str, kinds: tuple[str, ...]) -> SmallObjects:
    """The small objects under a prefix whose last part begins with one of ``kinds``: one listing, and all of them at once."""
    names, refused = list_small(store, prefix)
    begins = tuple(prefix + kind for kind in kinds)
    return SmallObjects(tuple(read_many(store, [name for name in names if name.startswith(begins)])), tuple(refused))


def _lies_there(store: ObjectStore, name: str) -> bool:
    """Whether the bytes under a taken name are those it promises; who may not read them has to believe it (a guarded writer)."""
    try:
        return digest(store.read(name)) == stated_digest(name)
    except (StorageDenied, ObjectArchived):
        return True
    except ObjectMissing:
        return False


def read_listed(store: ObjectStore, listed: Iterable[StoredObject]) -> Iterator[tuple[str, bytes | Exception]]:
    """As ``read_many``, without what is too large; and what is large for a small object is read alone, so that memory holds one of them."""
    small: list[str] = []
    for stored in listed:
        refused = too_large(stored)
        if refused is None and stored.size_bytes <= SMALL_OBJECT_BYTES:
            small.append(stored.name)
            continue
        yield from read_many(store, small)
        small = []
        yield from [(stored.name, refused)] if refused is not None else read_many(store, [stored.name])
    yield from read_many(store, small)


def read_many(store: ObjectStore, names: Iterable[str]) -> Iterator[tuple[str, bytes | Exception]]:
    """Read objects beside each other, in the order of the names; what went wrong comes out in place of the bytes."""

    def one(name: str) -> tuple[str, bytes | Exception]:
        try:
            return name, read_verified(store, name)
        except Exception as error:
            return name, error

    waiting = list(names)
    if len(waiting) <= 1:
        yield from map(one, waiting)
        return
    with ThreadPoolExecutor(min(AT_ONCE, len(waiting)), thread_name_prefix="read") as pool:
        for start in range(0, len(waiting), 64):
            yield from pool.map(one, waiting[start : start + 64])
