"""One change of one document, as the oplog tells it and as it is stored (docs/format.md, stream ``oplog``).

Invariant: nothing inside a document is decoded. ``o``, ``o2`` and ``_id`` pass as the bytes they are.
"""

import struct
from functools import lru_cache
from typing import NamedTuple

from bson import Timestamp

from lifeboat.sources.mongodb.empty_timestamps import end_of_value, id_element
from lifeboat.sources.mongodb.errors import BlockUnreadable
from lifeboat.sources.mongodb.oplog.same_id import Element as Element
from lifeboat.sources.mongodb.oplog.same_id import same_id

STRING, DOCUMENT, ARRAY, BINARY, BOOL, TIMESTAMP, INT64 = 0x02, 0x03, 0x04, 0x05, 0x08, 0x11, 0x12
KINDS = frozenset("iud")
_UUID_SUBTYPE = 4
_VERSION = b"\x12v\0" + (2).to_bytes(8, "little")
_READ_LENGTH = struct.Struct("<i")
_READ_TIMESTAMP = struct.Struct("<II")


def elements_of(document: bytes) -> dict[bytes, Element]:
    """The fields of a document, undecoded; of fields that share a name, the first."""
    found: dict[bytes, Element] = {}
    at = 4
    try:
        while document[at] != 0:
            kind = document[at]
            name_end = document.index(0, at + 1)
            end = end_of_value(document, kind, name_end + 1)
            if end >= len(document):
                raise IndexError(end)
            found.setdefault(document[at + 1 : name_end], (kind, document[name_end + 1 : end]))
            at = end
        if at != len(document) - 1:
            raise ValueError("something follows its end")
    except (IndexError, ValueError, struct.error) as trouble:
        raise BlockUnreadable("an entry of the oplog is not whole", "is it a stream of an oplog?") from trouble
    return found


def value_of(fields: dict[bytes, Element], name: bytes) -> bytes:
    """The raw value of a field that every entry has; raises ``BlockUnreadable``."""
    if name not in fields:
        raise BlockUnreadable(f"an entry of the oplog has no {name.decode()}", "is it a stream of an oplog?")
    return fields[name][1]


def document_of(elements: bytes) -> bytes:
    """A document around its raw elements."""
    return _READ_LENGTH.pack(len(elements) + 5) + elements + b"\0"


def read_timestamp(value: bytes) -> Timestamp:
    """Raises:
    BlockUnreadable: It is none.
    """
    try:
        increment, seconds = _READ_TIMESTAMP.unpack(value)
    except struct.error as trouble:
        raise BlockUnreadable("an entry of the oplog has no time", "is it a stream of an oplog?") from trouble
    return Timestamp(seconds, increment)


def write_timestamp(when: Timestamp) -> bytes:
    return _READ_TIMESTAMP.pack(when.inc, when.time)


def with_id_first(o: bytes) -> bytes:
    """A whole document as it is stored: ``replaceOne`` and pipelines put it into the oplog with its ``_id`` where the client had it.

    A diff passes as it is. A document may begin with a field ``$v`` too: as the server, we go by the ``_id``.
    """
    if o[5:9] == b"_id\0":
        return o
    at = 4
    try:
        while o[at] != 0:
            name_end = o.index(0, at + 1)
            end = end_of_value(o, o[at], name_end + 1)
            if o[at + 1 : name_end] == b"_id":
                return document_of(o[at:end] + o[4:at] + o[end:-1])
            at = end
    except (IndexError, ValueError, struct.error) as trouble:
        raise BlockUnreadable("an entry of the oplog is not whole", "is it a stream of an oplog?") from trouble
    return o


def text_of(element: Element | None) -> str:
    """A string's text; empty for anything else."""
    return element[1][4:-1].decode("utf-8", "replace") if element and element[0] == STRING else ""


def uuid_of(element: Element | None) -> bytes:
    """The 16 bytes of a UUID; empty for anything else."""
    return element[1][5:] if element and element[0] == BINARY and len(element[1]) == 21 else b""


class Change(NamedTuple):
    """One document inserted (``i``), updated (``u``) or deleted (``d``).

    Args:
        when, term: Of the entry that made it count: of a transaction, the commit's.
        namespace: The collection's name at that moment; the collection itself is ``uuid``.
        o: The document, the diff or what was deleted. o2: ``{_id}``; None where there is none.
    """

    when: Timestamp
    term: bytes
    kind: str
    namespace: str
    uuid: bytes
    o: bytes
    o2: bytes | None

    @property
    def document_id(self) -> Element:
        """Of the document it changes, in the one spelling of all that are equal to the server."""
        holder = self.o2 if self.kind == "u" and self.o2 is not None else self.o
        if holder[5:9] == b"_id\0":
            return same_id(id_element(holder))
        found = elements_of(holder).get(b"_id")
        if found is None:
            raise BlockUnreadable(f"a change of {self.namespace} names no document", "is it a stream of an oplog?")
        return same_id(found)

    @property
    def is_whole(self) -> bool:
        """Whether ``o`` is the whole document afterwards: it then has an ``_id``, and a diff has none."""
        return self.kind == "i" or (self.kind == "u" and self.o[5:9] == b"_id\0")

    def to_bson(self) -> bytes:
        """As it is stored, and as ``mongorestore --oplogReplay`` takes it."""
        name = self.namespace.encode() + b"\0"
        parts = [
            b"\x11ts\0" + write_timestamp(self.when),
            b"\x12t\0" + self.term,
            _VERSION,
            b"\x02op\0\x02\0\0\0" + self.kind.encode() + b"\0",
            b"\x02ns\0" + _READ_LENGTH.pack(len(name)) + name,
            b"\x05ui\0" + _READ_LENGTH.pack(16) + bytes([_UUID_SUBTYPE]) + self.uuid,
            b"\x03o\0" + self.o,
        ]
        if self.o2 is not None:
            parts.append(b"\x03o2\0" + self.o2)
        return document_of(b"".join(parts))


_WHEN_AT, KIND_AT = 8, 46
"""Where a stored event has them: its first fields are of fixed size."""
_FRONT = struct.Struct("<4x4sII3s8s11x8sB5si")
_UUID_FRONT = b"\x05ui\0\x10\0\0\0\x04"


def when_of(block: bytes, begin: int) -> Timestamp:
    """When the stored event that begins there happened."""
    increment, seconds = _READ_TIMESTAMP.unpack_from(block, begin + _WHEN_AT)
    return Timestamp(seconds, increment)


def is_change(block: bytes, begin: int) -> bool:
    """Whether the stored event that begins there is of a document, and no command."""
    return block[begin + KIND_AT] != ord("c")


def front_of(kind: str, namespace: str) -> bytes:
    """What every stored change of this kind in this collection has from ``KIND_AT`` on."""
    name = namespace.encode() + b"\0"
    return kind.encode() + b"\0\x02ns\0" + _READ_LENGTH.pack(len(name)) + name


def read_change(stored: bytes) -> Change:
    """Read what ``to_bson`` wrote.

    Raises:
        BlockUnreadable: It is something else.
    """
    change = _read_by_offsets(stored) or _read_by_names(stored)
    if change.kind not in KINDS or not change.uuid:
        raise BlockUnreadable("a stored change is of an unknown kind", "was it written by a newer Lifeboat?")
    return change


def _read_by_offsets(stored: bytes) -> Change | None:
    """The layout of ``to_bson``, four times as fast; None for any other."""
    length_at = _READ_LENGTH.unpack_from
    try:
        ts, increment, seconds, t, term, op, kind, ns, name_bytes = _FRONT.unpack_from(stored)
        at = _FRONT.size + name_bytes
        o_end = at + 28 + length_at(stored, at + 28)[0]
        is_ours = ts == b"\x11ts\0" and t == b"\x12t\0" and op == b"\x02op\0\x02\0\0\0" and ns == b"\0\x02ns\0"
        if not is_ours or stored[at : at + 9] != _UUID_FRONT or stored[at + 25 : at + 28] != b"\x03o\0":
            return None
        end, o2 = o_end, None
        if stored[o_end : o_end + 4] == b"\x03o2\0":
            end = o_end + 4 + length_at(stored, o_end + 4)[0]
            o2 = stored[o_end + 4 : end]
    except struct.error:
        return None
    if end != len(stored) - 1 or not at < o_end <= end:
        return None
    name = _text(stored[_FRONT.size : at - 1])
    o = with_id_first(stored[at + 28 : o_end])
    return Change(Timestamp(seconds, increment), term, chr(kind), name, stored[at + 9 : at + 25], o, o2)


@lru_cache(maxsize=4096)
def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _read_by_names(stored: bytes) -> Change:
    fields = elements_of(stored)
    try:
        o2 = fields.get(b"o2")
        return Change(
            when=read_timestamp(fields[b"ts"][1]),
            term=fields[b"t"][1],
            kind=text_of(fields[b"op"]),
            namespace=text_of(fields[b"ns"]),
            uuid=uuid_of(fields[b"ui"]),
            o=with_id_first(fields[b"o"][1]),
            o2=o2[1] if o2 else None,
        )
    except (KeyError, struct.error) as trouble:
        raise BlockUnreadable("a stored change is not whole", "does `lifeboat verify` find more?") from trouble
