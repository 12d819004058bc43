"""Ask for documents by their ``_id``, as the very bytes that were stored: no value is decoded on the way.

``{_id: {$eq: ...}}``, never ``{_id: ...}``: an ``_id`` that is a document with ``$`` inside is then still a value.
"""

import bson
from bson.raw_bson import RawBSONDocument

from lifeboat.sources.mongodb.empty_timestamps import id_element

DOCUMENT = 0x03


def id_of(document: bytes) -> bytes:
    """The ``_id`` as one BSON element: type, name, value. Different bytes can still be equal for the server (1 and 1.0)."""
    kind, value = id_element(document)
    return bytes([kind]) + b"_id\0" + value


def id_only(document: bytes) -> bytes:
    """A document that holds the ``_id`` of this one and nothing else."""
    return _document(id_of(document))


def with_id(document: bytes) -> RawBSONDocument:
    """The filter for the document with this one's ``_id``."""
    return RawBSONDocument(_document(b"\x03_id\0" + _document(_equal(document))))


def with_id_and_content(document: bytes, content: bytes) -> RawBSONDocument:
    """The filter for the document with this one's ``_id``, while its content is still this, field by field."""
    same = bson.encode({"$eq": ["$$ROOT", {"$literal": RawBSONDocument(content)}]})
    return RawBSONDocument(_document(b"\x03_id\0" + _document(_equal(document)) + b"\x03$expr\0" + same))


def with_id_and_absent(document: bytes) -> RawBSONDocument:
    """A filter that nothing fits and that gives an upsert the ``_id``: it inserts, or says that the ``_id`` is taken."""
    return RawBSONDocument(_document(b"\x03_id\0" + _document(_equal(document) + b"\x08$exists\0\0")))


def with_one_of(documents: list[bytes]) -> RawBSONDocument:
    """The filter for the documents with these ``_id``; none may be a document, which ``$in`` may take for an operator."""
    elements = bytearray()
    for number, document in enumerate(documents):
        kind, value = id_element(document)
        elements += bytes([kind]) + str(number).encode() + b"\0" + value
    return RawBSONDocument(_document(b"\x03_id\0" + _document(b"\x04$in\0" + _document(bytes(elements)))))


def _equal(document: bytes) -> bytes:
    kind, value = id_element(document)
    return bytes([kind]) + b"$eq\0" + value


def _document(elements: bytes) -> bytes:
    return (len(elements) + 5).to_bytes(4, "little") + elements + b"\0"
