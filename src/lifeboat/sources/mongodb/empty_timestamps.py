"""Find the documents that an insert would change: those with ``Timestamp(0, 0)`` at their top level.

The server takes it for "now" wherever it stands at the top level, ``_id`` in first place excepted. Such documents are
rare, so whole blocks are ruled out by a search for their bytes before any document is looked at.
"""

import re
import struct

from lifeboat.sources.mongodb.errors import BlockUnreadable

_NAME_END_AND_ZEROS = bytes(9)
_TIMESTAMP = 0x11
_PATTERN = re.compile(rb"\x11[^\x00]*\x00{9}", re.DOTALL)
_FIXED_BYTES = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16}
_FIXED_BYTES |= {0x7F: 0, 0xFF: 0}
_BEYOND_LENGTH = {0x02: 4, 0x05: 5, 0x0C: 16, 0x0D: 4, 0x0E: 4, 0x03: 0, 0x04: 0, 0x0F: 0}
"""Types that begin with an int32 length, which does not count these bytes: string, binary, DBPointer, code, symbol; documents."""
_read_int32 = struct.Struct("<i").unpack_from


def may_hold_empty_timestamps(block: bytes) -> bool:
    """False is certain; True means that its documents must be looked at."""
    return _NAME_END_AND_ZEROS in block and _PATTERN.search(block) is not None


def has_empty_timestamp(document: bytes) -> bool:
    """Whether an insert would put the clock's time into this document."""
    if _PATTERN.search(document) is None:
        return False
    at = 4
    while document[at] != 0:
        kind = document[at]
        name_end = document.index(0, at + 1)
        value = name_end + 1
        is_id = at == 4 and document[at + 1 : name_end] == b"_id"
        if kind == _TIMESTAMP and not is_id and document[value : value + 8] == bytes(8):
            return True
        at = end_of_value(document, kind, value)
    return False


def id_element(document: bytes) -> tuple[int, bytes]:
    """BSON type and raw value of ``_id``, which stored documents have in first place."""
    if document[5:9] != b"_id\0":
        raise BlockUnreadable("a document does not begin with its _id", "is it a stream of a collection?")
    return document[4], document[9 : end_of_value(document, document[4], 9)]


def end_of_value(document: bytes, kind: int, value: int) -> int:
    """Where a value of this BSON type that begins at ``value`` ends."""
    # Walked over for each field of each document: every look-up counts here.
    fixed = _FIXED_BYTES.get(kind)
    if fixed is not None:
        return value + fixed
    beyond = _BEYOND_LENGTH.get(kind)
    if beyond is not None:
        length: int = _read_int32(document, value)[0]
        if length < 0:  # else whoever walks over it would go back, and round for ever
            raise BlockUnreadable("a document holds a field of negative length", "is the stream or the dump damaged?")
        return value + beyond + length
    if kind == 0x0B:  # regex: two strings that end in NUL
        return document.index(0, document.index(0, value) + 1) + 1
    raise BlockUnreadable(f"a document holds a field of the unknown type {kind}", "is the server newer than 8?")
