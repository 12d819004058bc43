"""Write a mongodump archive: one file, or a pipe into ``mongorestore --archive``.

The namespaces follow one another, so that a reader never needs more than one at a time.

Invariant: every namespace of the prelude, views and empty collections too, is ended by a block that says EOF with the CRC-64 of its
documents; mongorestore refuses an archive without (source: mongo-tools, common/archive).
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import bson
from bson import SON, Int64
from fastcrc import crc64

from lifeboat.sources.mongodb.dump.dumped import OPLOG, Dump

MAGIC = struct.pack("<I", 0x8199E26D)
TERMINATOR = b"\xff\xff\xff\xff"
VERSION = "0.1"
TOOL_VERSION = "100.12.0"
"""Of the mongodump whose archives these are like."""
Write = Callable[[bytes], object]


def write_archive(write: Write, dump: Dump) -> None:
    """Write all of a dump, piece by piece, in memory bounded by its blocks."""
    parts = (*dump.accounts, *dump.collections)
    write(MAGIC)
    write(
        _encode(
            concurrent_collections=1, version=VERSION, server_version=dump.server_version, tool_version=TOOL_VERSION
        )
    )
    for part in parts:
        write(_encode(db=part.database, collection=part.name, metadata=part.metadata, size=0, type=part.kind))
    if dump.oplog is not None:
        # Named here, or mongorestore does not know what to do with it.
        database, name = OPLOG
        write(_encode(db=database, collection=name, metadata="", size=0, type=""))
    write(TERMINATOR)
    for part in parts:
        _write_namespace(write, part.database, part.data_name, part.read)
    if dump.oplog is not None:
        _write_namespace(write, *OPLOG, dump.oplog)


def _write_namespace(write: Write, database: str, name: str, read: Callable[[], Iterator[bytes]]) -> None:
    check = crc64.xz(b"")
    for block in read():
        if not block:
            continue
        check = crc64.xz(block, check)
        write(_encode(db=database, collection=name, EOF=False, CRC=Int64(0)))
        write(block)
        write(TERMINATOR)
    write(_encode(db=database, collection=name, EOF=True, CRC=_signed(check)))
    write(TERMINATOR)


def _signed(check: int) -> Int64:
    return Int64(check - (1 << 64) if check >> 63 else check)


def _encode(**fields: Any) -> bytes:
    return bson.encode(SON(fields))
