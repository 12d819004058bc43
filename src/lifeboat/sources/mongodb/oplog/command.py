"""One command that changed the catalog, as the oplog tells it and as it is stored (docs/format.md, segments)."""

import struct

from bson import Timestamp

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.errors import BlockUnreadable
from lifeboat.sources.mongodb.oplog.change import (
    Change,
    document_of,
    elements_of,
    read_change,
    read_timestamp,
    text_of,
    uuid_of,
    write_timestamp,
)

_LENGTH = struct.Struct("<i")
_VERSION = b"\x12v\0" + (2).to_bytes(8, "little")


class Command(Value):
    """``create``, ``drop``, ``renameCollection``, ``collMod``, index builds and the like.

    Args:
        when, term: Of the entry that made it count: of a transaction, the commit's.
        namespace: ``<database>.$cmd``.
        uuid: Of the collection it is about; empty where there is none (``dropDatabase``).
        o: The command; its first field names it. o2: What the server adds (old options of a ``collMod``); None mostly.
    """

    when: Timestamp
    term: bytes
    namespace: str
    uuid: bytes
    o: bytes
    o2: bytes | None

    @property
    def name(self) -> str:
        """``drop``, ``renameCollection`` ..."""
        return next(iter(elements_of(self.o)), b"").decode("utf-8", "replace")

    @property
    def database(self) -> str:
        return self.namespace.partition(".")[0]

    def to_bson(self) -> bytes:
        """As it is stored, and as ``mongorestore --oplogReplay`` takes it."""
        namespace = self.namespace.encode() + b"\0"
        parts = [
            b"\x11ts\0" + write_timestamp(self.when),
            b"\x12t\0" + self.term,
            _VERSION,
            b"\x02op\0\x02\0\0\0c\0",
            b"\x02ns\0" + _LENGTH.pack(len(namespace)) + namespace,
        ]
        if self.uuid:
            parts.append(b"\x05ui\0" + _LENGTH.pack(16) + b"\x04" + self.uuid)
        parts.append(b"\x03o\0" + self.o)
        if self.o2 is not None:
            parts.append(b"\x03o2\0" + self.o2)
        return document_of(b"".join(parts))


Event = Change | Command
"""What an entry of the oplog comes to."""


def read_event(stored: bytes) -> Event:
    """Read what ``to_bson`` of either wrote.

    Raises:
        BlockUnreadable: It is something else.
    """
    fields = elements_of(stored)
    if text_of(fields.get(b"op")) != "c":
        return read_change(stored)
    try:
        o2 = fields.get(b"o2")
        return Command(
            when=read_timestamp(fields[b"ts"][1]),
            term=fields[b"t"][1],
            namespace=text_of(fields[b"ns"]),
            uuid=uuid_of(fields.get(b"ui")),
            o=fields[b"o"][1],
            o2=o2[1] if o2 else None,
        )
    except (KeyError, struct.error) as trouble:
        raise BlockUnreadable("a stored command is not whole", "does `lifeboat verify` find more?") from trouble
