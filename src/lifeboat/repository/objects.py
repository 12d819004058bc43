"""Whole objects, named by the hash of their bytes: written once, read checked."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import digest, stated_digest
from lifeboat.storage.errors import ObjectExists
from lifeboat.storage.object_store import Content, ObjectStore

AT_ONCE = 8
"""Small reads are bound by the way there and back; eight hide most of it and bother no store."""


def write_named(store: ObjectStore, name: str, content: Content) -> None:
    """Store an object whose name carries its hash: a taken name means that these bytes lie there already."""
    with suppress(ObjectExists):
        store.write(name, content)


def read_verified(store: ObjectStore, name: str) -> bytes:
    """The object's bytes; raises ``ObjectDamaged`` when they are not those its name promises, ``ObjectMissing``."""
    raw = store.read(name)
    if digest(raw) != stated_digest(name):
        raise ObjectDamaged(
            f"{name} is damaged: its bytes do not have the hash in its name",
            "`lifeboat verify --level full` says what it hurts",
        )
    return raw


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
