"""The mark of a replica: a small object in ``config/`` of a second copy that says what it is a copy of (docs/format.md, section 18).

It keeps people from backing up into a replica by accident: two copies that both take writes would never be one again. It protects
against nobody who means harm, and nobody needs it to restore: readers ignore it, and it is never copied itself.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import IsAReplica
from lifeboat.repository.names import CONFIG, digest
from lifeboat.repository.objects import SMALL_OBJECT_BYTES, read_verified, write_named
from lifeboat.repository.record import show_time
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import ObjectStore

MARKS = CONFIG + "replica-"
FORMAT = 1
SHOWN_AT_MOST = 300
"""Whoever can write to the store could put anything there."""


class Mark(Value):
    """Args: name: of the object; repository: id in hex; of: where the repository lay when this was made; made: RFC 3339."""

    name: str
    repository: str
    of: str
    made: str


def write_mark(store: ObjectStore, repository: bytes, of: str, now: datetime) -> str:
    """Mark the store as a replica; returns the object's name."""
    body = {"format": FORMAT, "repository": repository.hex(), "replica_of": of, "made": show_time(now)}
    raw = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    name = f"{MARKS}{digest(raw)}.json"
    write_named(store, name, raw)
    return name


def read_marks(store: ObjectStore) -> list[Mark]:
    """The marks that lie there, oldest first; what is none is passed over."""
    return sorted(_read(store), key=lambda one: one.made)


def refuse_replica(store: ObjectStore, what: str) -> None:
    """Stop what would write something of its own into a replica; raises ``IsAReplica``.

    Args:
        what: The act, as the subject of a sentence: ``"a backup"``.
    """
    try:
        marks = read_marks(store)
    except StorageDenied:
        return  # who may not look there is no machine that anything here could be meant for
    if marks:
        raise IsAReplica(
            f"{store.describe()} is a replica of {marks[-1].of}, and {what} would make it differ",
            f"is LIFEBOAT_REPOSITORY meant to be {marks[-1].of}? If that is lost, `lifeboat replicate --promote` makes this the repository",
        )


def _read(store: ObjectStore) -> Iterator[Mark]:
    for stored in store.list_under(CONFIG):
        if not stored.name.startswith(MARKS) or stored.size_bytes > SMALL_OBJECT_BYTES:
            continue
        try:
            body = json.loads(read_verified(store, stored.name))
            of = "".join(one if one.isprintable() else "?" for one in str(body["replica_of"]))[:SHOWN_AT_MOST]
            yield Mark(stored.name, str(body["repository"]), of, str(body["made"]))
        except LifeboatError as error:
            if error.worth_retrying:
                raise
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
