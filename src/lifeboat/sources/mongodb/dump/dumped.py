"""What a dump consists of, whichever form it has: collections and views with their metadata, users and roles, an oplog.

Sources: mongo-tools 100.x, common/archive and mongorestore (names, order, types); ``docs/format.md`` says what a snapshot keeps.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote_plus

from lifeboat.foundation.value import Value

NAME_AT_MOST = 238
"""An escaped name longer than this is cut and ends in a hash: with ``.metadata.json.gz`` it must stay below 255 bytes."""
CUT_NAME = 208
ADMIN_METADATA = '{"indexes":[]}'
AUTH_SCHEMA = b"\x2d\x00\x00\x00\x02_id\x00\x0b\x00\x00\x00authSchema\x00\x10currentVersion\x00\x05\x00\x00\x00\x00"
"""The document {_id: "authSchema", currentVersion: 5}, without which mongorestore refuses users and roles."""
OPLOG = ("", "oplog")
"""Database and name under which an oplog travels in an archive."""


class Dumped(Value):
    """One collection or view of a dump.

    Args:
        kind: ``collection``, ``view`` or ``timeseries``.
        metadata: Text of its ``metadata.json``.
        read: Its documents, in blocks of whole BSON documents; none for a view.
    """

    database: str
    name: str
    kind: str
    metadata: str
    read: Callable[[], Iterator[bytes]]

    @property
    def data_name(self) -> str:
        """The collection that holds the documents."""
        return f"system.buckets.{self.name}" if self.kind == "timeseries" else self.name


class Dump(Value):
    """All of it, in the order in which mongorestore wants it: accounts first, the oplog last.

    Args:
        server_version: Of the server it was taken from; mongorestore goes by it.
        oplog: Blocks of whole oplog entries; None when there is none.
    """

    server_version: str
    accounts: tuple[Dumped, ...]
    collections: tuple[Dumped, ...]
    oplog: Callable[[], Iterator[bytes]] | None = None


def accounts(users: Iterable[bytes], roles: Iterable[bytes]) -> tuple[Dumped, ...]:
    """Users and roles as the collections of ``admin`` that mongorestore merges; empty when there are none."""
    found = {"system.users": list(users), "system.roles": list(roles)}
    if not any(found.values()):
        return ()
    found = {"system.version": [AUTH_SCHEMA], **found}
    return tuple(
        Dumped("admin", name, "collection", ADMIN_METADATA, lambda documents=documents: iter(documents))  # type: ignore[misc]
        for name, documents in found.items()
    )


def file_name(collection: str) -> str:
    """A collection's name as a file name, without the ending: Go's ``url.QueryEscape``, cut as mongodump cuts."""
    escaped = quote_plus(collection, safe="")
    if len(escaped) <= NAME_AT_MOST:
        return escaped
    digest = base64.urlsafe_b64encode(hashlib.sha1(collection.encode()).digest()).decode().rstrip("=")
    return f"{escaped[:CUT_NAME]}%24{digest}"
