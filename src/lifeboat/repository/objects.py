"""Whole objects, named by the hash of their bytes: written once, read checked."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from lifeboat.foundation.sizes import MIB
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import digest, stated_digest
from lifeboat.storage.errors import ObjectArchived, ObjectExists, ObjectMissing, StorageDenied
from lifeboat.storage.object_store import Content, ObjectStore

SMALL_OBJECT_BYTES = 4 * MIB
"""Descriptions, registrations, links and wrapped keys are smaller (docs/format.md); what is larger is not read at all."""
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
        raise ObjectDamaged(
            f"{name} is damaged: its bytes do not have the hash in its name",
            "`lifeboat verify --level full` says what it hurts",
        )
    return raw


def list_small(store: ObjectStore, prefix: str) -> tuple[list[str], list[ObjectDamaged]]:
    """The names of small objects under a prefix, and complaints about those that claim to be such and are not small."""
    names, refused = [], []
    for stored in store.list_under(prefix):
        if stored.size_bytes <= SMALL_OBJECT_BYTES:
            names.append(stored.name)
        else:
            refused.append(ObjectDamaged(f"{stored.name} has {stored.size_bytes} bytes, more than any such object"))
    return names, refused


def _lies_there(store: ObjectStore, name: str) -> bool:
    """Whether the bytes under a taken name are those it promises; who may not read them has to believe it (a guarded writer)."""
    try:
        return digest(store.read(name)) == stated_digest(name)
    except (StorageDenied, ObjectArchived):
        return True
    except ObjectMissing:
        return False


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
