"""Writes as the statements of ``update`` and ``delete`` commands, in raw bytes.

Why a pipeline: it is the only way that keeps ``Timestamp(0, 0)``, any field name and the order of fields, and the server's own
stage for diffs (``$_internalApplyOplogUpdate``) needs no right but ``update``.
"""

import struct

from lifeboat.sources.mongodb.oplog.change import DOCUMENT, Element, document_of
from lifeboat.sources.mongodb.oplog.fold import Write


def address(document_id: Element) -> bytes:
    """``{_id: {$eq: <the same bytes>}}``: an _id that is a document with ``$`` inside is then still a value."""
    kind, value = document_id
    return document_of(b"\x03_id\0" + document_of(bytes([kind]) + b"$eq\0" + value))


def delete_statement(document_id: Element) -> bytes:
    return document_of(b"\x03q\0" + address(document_id) + b"\x10limit\0" + struct.pack("<i", 1))


def update_statement(document_id: Element, write: Write) -> bytes:
    """One update; it makes the document when the whole of it is known, and never half of one."""
    return _update(document_id, write.whole, write.diffs)


def statements_apart(document_id: Element, write: Write) -> list[bytes]:
    """The diffs of a write one by one, for one that is too large as a whole."""
    return [_update(document_id, None, [diff]) for diff in write.diffs]


def _update(document_id: Element, whole: bytes | None, diffs: list[bytes]) -> bytes:
    stages = []
    if whole is not None:
        literal = document_of(b"\x03$literal\0" + whole)
        stages.append(document_of(b"\x03$replaceWith\0" + literal))
    for diff in diffs:
        oplog_update = document_of(b"\x03oplogUpdate\0" + diff)
        stages.append(document_of(b"\x03$_internalApplyOplogUpdate\0" + oplog_update))
    pipeline = document_of(b"".join(_item(number, stage) for number, stage in enumerate(stages)))
    upsert = b"\x08upsert\0" + bytes([whole is not None])
    return document_of(b"\x03q\0" + address(document_id) + b"\x04u\0" + pipeline + upsert)


def _item(number: int, document: bytes) -> bytes:
    return bytes([DOCUMENT]) + str(number).encode() + b"\0" + document
