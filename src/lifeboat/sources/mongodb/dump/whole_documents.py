"""Cut what a dump holds into blocks of whole documents, undecoded, by their lengths alone."""

import struct
from collections.abc import Iterator

from lifeboat.sources.mongodb.documents import SMALLEST_DOCUMENT_BYTES
from lifeboat.sources.mongodb.dump.found import DOCUMENT_AT_MOST_BYTES, TAKE_ANOTHER
from lifeboat.sources.mongodb.dump.packed_input import PackedInput
from lifeboat.sources.mongodb.errors import DumpUnreadable

TERMINATOR = -1
_LENGTH = struct.Struct("<i")


def blocks_of(data: PackedInput, *, terminated: bool) -> Iterator[bytes]:
    """Blocks up to the end of the data; with ``terminated`` up to the next terminator, which is taken too.

    Raises:
        DumpUnreadable: A document is not whole.
    """
    unpack = _LENGTH.unpack_from
    while terminated or data.has(1):
        data.need(4)
        buffer, begin, end = data.buffer, data.position, len(data.buffer)
        at, length = begin, 0
        while at + 4 <= end:
            length = unpack(buffer, at)[0]
            if length == TERMINATOR and terminated:
                break
            check_length(data.name, length)
            if at + length > end:
                break
            if buffer[at + length - 1] != 0:
                raise not_a_document(data.name)
            at += length
        if at > begin:
            yield buffer[begin:at]
        data.position = at
        if at + 4 <= end and length == TERMINATOR:
            data.position += 4
            return
        if at == begin:
            data.need(length)


def document_of(data: PackedInput) -> bytes | None:
    """The next document by itself; None where the terminator stands, which is taken."""
    data.need(4)
    length = _LENGTH.unpack_from(data.buffer, data.position)[0]
    if length == TERMINATOR:
        data.position += 4
        return None
    check_length(data.name, length)
    document = data.take(length)
    if document[-1] != 0:
        raise not_a_document(data.name)
    return document


def check_length(name: str, length: int) -> None:
    """Raises ``DumpUnreadable`` for a length that no document has."""
    if not SMALLEST_DOCUMENT_BYTES <= length <= DOCUMENT_AT_MOST_BYTES:
        raise DumpUnreadable(f"{name} is damaged: it holds a document of {length:,} bytes", TAKE_ANOTHER)


def not_a_document(name: str) -> DumpUnreadable:
    return DumpUnreadable(f"{name} is damaged: where a document should be is none", TAKE_ANOTHER)
