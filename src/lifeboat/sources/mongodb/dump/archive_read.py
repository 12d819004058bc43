"""Read a mongodump archive: one file or pipe, collections in each other's midst.

Invariant: the end of a collection is given only when the CRC-64 of its documents is the one the archive states, and reading
ends without an error only when every collection that the archive announced has ended (source: mongo-tools, common/archive).
Memory: one block, and the headers.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from fastcrc import crc64

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.catalog import BUCKETS
from lifeboat.sources.mongodb.dump.archive_write import MAGIC, VERSION
from lifeboat.sources.mongodb.dump.dumped import OPLOG
from lifeboat.sources.mongodb.dump.found import TAKE_ANOTHER, Found, Passed, Piece, check_name
from lifeboat.sources.mongodb.dump.packed_input import PackedInput
from lifeboat.sources.mongodb.dump.whole_documents import blocks_of, document_of
from lifeboat.sources.mongodb.errors import BlockUnreadable, DumpUnreadable
from lifeboat.sources.mongodb.oplog.change import BOOL, INT64, STRING, Element, elements_of

OPEN_AT_MOST = 32
"""Collections that may be open at once; mongodump opens 4 (``--numParallelCollections``). Each costs a few MiB here."""
HEADERS_AT_MOST_BYTES = 128 * MIB
"""All descriptions together; 10,000 collections with 20 indexes each have a third of that."""

Namespace = tuple[str, str]


class ArchiveReader:
    """Args: name: of the file, for people."""

    form = "archive"

    def __init__(self, raw: BinaryIO, name: str, passed: Passed) -> None:
        self._data = PackedInput(raw, name, passed)
        if not self._data.has(len(MAGIC)) or self._data.take(len(MAGIC)) != MAGIC:
            raise DumpUnreadable(
                f"{name} is no mongodump archive",
                "one is made by `mongodump --archive=FILE`, with --gzip or not; a directory by mongodump is taken too",
            )
        header = self._fields(document_of(self._data))
        if _text(header, b"version") != VERSION:
            raise DumpUnreadable(
                f"{name} is an archive of version {_text(header, b'version')[:20]!r}, and only {VERSION} is known",
                "was it written by a newer mongodump? `mongorestore` it into a server and back that up",
            )
        self.server_version = _text(header, b"server_version")
        self._announced: dict[Namespace, Found] = {}
        self._read_announcements()

    @property
    def found(self) -> Sequence[Found]:
        return [one for namespace, one in self._announced.items() if namespace != OPLOG]

    def pieces(self) -> Iterator[Piece]:
        checks: dict[Namespace, int] = {}
        ended: set[Namespace] = set()
        while self._data.has(1):
            header = self._fields(document_of(self._data))
            namespace = _text(header, b"db"), _text(header, b"collection")
            self._check_announced(namespace, ended)
            if header.get(b"EOF", (BOOL, b"\0")) == (BOOL, b"\x01"):
                self._check_end(namespace, header, checks.pop(namespace, crc64.xz(b"")))
                ended.add(namespace)
                yield Piece(*namespace, b"", ended=True)
                continue
            if namespace not in checks and len(checks) >= OPEN_AT_MOST:
                raise DumpUnreadable(
                    f"{self._data.name} has more than {OPEN_AT_MOST} collections open at once",
                    "dump again with --numParallelCollections=4, or `mongorestore` it into a server and back that up",
                )
            checks.setdefault(namespace, crc64.xz(b""))
            for block in blocks_of(self._data, terminated=True):
                checks[namespace] = crc64.xz(block, checks[namespace])
                yield Piece(*namespace, block)
        self._check_complete(ended)

    def _read_announcements(self) -> None:
        size = 0
        while (document := document_of(self._data)) is not None:
            size += len(document)
            if size > HEADERS_AT_MOST_BYTES:
                raise DumpUnreadable(
                    f"{self._data.name} describes its collections in more than {HEADERS_AT_MOST_BYTES // MIB} MiB",
                    "dump the databases one by one",
                )
            fields = self._fields(document)
            one = Found(_text(fields, b"db"), _text(fields, b"collection"), _text(fields, b"metadata"))
            check_name(one.database, one.name)
            if (one.database, one.name) in self._announced:
                raise self._damaged(f"it announces {one.database}.{one.name} twice")
            self._announced[one.database, one.name] = one

    def _check_announced(self, namespace: Namespace, ended: set[Namespace]) -> None:
        shown = (namespace[0], namespace[1].removeprefix(BUCKETS))
        if namespace not in self._announced and shown not in self._announced and namespace != OPLOG:
            check_name(*namespace)
            raise self._damaged(f"documents of {'.'.join(namespace)} come, which it does not announce")
        if namespace in ended:
            raise self._damaged(f"{'.'.join(namespace)} goes on after its end")

    def _check_end(self, namespace: Namespace, header: dict[bytes, Element], check: int) -> None:
        kind, raw = header.get(b"CRC", (INT64, bytes(8)))
        if kind != INT64 or struct.unpack("<Q", raw)[0] != check:
            raise self._damaged(f"the documents of {'.'.join(namespace)} are not those that were dumped (CRC)")
        if document_of(self._data) is not None:
            raise self._damaged(f"documents follow the end of {'.'.join(namespace)}")

    def _check_complete(self, ended: set[Namespace]) -> None:
        for database, name in self._announced:
            if (database, name) not in ended and (database, BUCKETS + name) not in ended:
                raise DumpUnreadable(
                    f"{self._data.name} is cut off: it ends before the end of {database}.{name}", TAKE_ANOTHER
                )

    def _fields(self, document: bytes | None) -> dict[bytes, Element]:
        if document is None:
            raise self._damaged("a header is missing")
        try:
            return elements_of(document)
        except BlockUnreadable as trouble:
            raise self._damaged("a header cannot be read") from trouble

    def _damaged(self, what: str) -> DumpUnreadable:
        return DumpUnreadable(f"{self._data.name} is damaged: {what}", TAKE_ANOTHER)


def _text(fields: dict[bytes, Element], name: bytes) -> str:
    """A text; empty when it is missing. What is no UTF-8 comes as lone surrogates, which no name may have."""
    kind, raw = fields.get(name, (0, b""))
    return raw[4:-1].decode("utf-8", "surrogateescape") if kind == STRING else ""
