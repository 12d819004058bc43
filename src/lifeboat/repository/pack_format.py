"""The bytes of a pack (docs/format.md, section 7).

Header and chunk table come first: the pack lies in memory as a list of buffers when it is finished, so nothing has to be joined,
and a reader finds every chunk with one small read from the front.
"""

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

from lifeboat.crypto.sealing import FORMAT_VERSION, SALT_BYTES, SUITE, TAG_BYTES, derive, open_once, seal_once
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import NewerFormat, ObjectDamaged

MAGIC = b"LBPK"
_HEADER = struct.Struct(">4sHBB16s32s32sI")
HEADER_BYTES = _HEADER.size
_ROW = struct.Struct(">32sBBIII")
ROW_BYTES = _ROW.size
LARGEST_PACK_BYTES = 1 << 30
MOST_ROWS = 1 << 24

assert HEADER_BYTES == 92 and ROW_BYTES == 46


class Row(NamedTuple):
    """Where one chunk lies in its pack, and what is needed to open it."""

    chunk: bytes
    kind: int
    compression: int
    offset: int
    sealed_bytes: int
    plain_bytes: int


class PackHeader(Value):
    """The clear front of a pack."""

    writer: bytes
    data_key_name: bytes
    salt: bytes
    table_bytes: int
    raw: bytes


def pack_row(row: Row) -> bytes:
    return _ROW.pack(*row)


def unpack_row(rows: bytes | bytearray | memoryview, number: int) -> Row:
    """Row ``number`` of a chunk table."""
    return Row._make(_ROW.unpack_from(rows, number * ROW_BYTES))


def finish_pack(
    writer: bytes,
    data_key_name: bytes,
    catalog_key: bytes,
    repository: bytes,
    chunks: Sequence[tuple[bytes, int, int, int]],
    sealed: Sequence[bytes],
) -> tuple[list[bytes], bytes]:
    """Put the front before sealed chunks.

    Args:
        chunks: ``(chunk id, kind, compression, plain bytes)`` of each sealed chunk, in order.

    Returns:
        The buffers of the pack, and its plain chunk table for the index.
    """
    offset = HEADER_BYTES + len(chunks) * ROW_BYTES + TAG_BYTES
    rows = bytearray()
    for (chunk, kind, compression, plain_bytes), body in zip(chunks, sealed, strict=True):
        rows += _ROW.pack(chunk, kind, compression, offset, len(body), plain_bytes)
        offset += len(body)
    salt = os.urandom(SALT_BYTES)
    header = _HEADER.pack(
        MAGIC, FORMAT_VERSION, SUITE, 0, writer, data_key_name, salt, len(chunks) * ROW_BYTES + TAG_BYTES
    )
    table = seal_once(_table_key(catalog_key, salt, repository), bytes(rows), header)
    return [header, table, *sealed], bytes(rows)


def read_header(front: bytes, name: str) -> PackHeader:
    """Read the first ``HEADER_BYTES`` of a pack; raises ``ObjectDamaged`` or ``NewerFormat``."""
    if len(front) < HEADER_BYTES:
        raise ObjectDamaged(f"{name} is cut: it has {len(front)} bytes", "see `lifeboat verify`")
    magic, version, suite, _, writer, key, salt, table_bytes = _HEADER.unpack_from(front)
    if magic != MAGIC:
        raise ObjectDamaged(f"{name} is not a pack", "see `lifeboat verify`")
    refuse_newer(version, suite, name)
    if not TAG_BYTES <= table_bytes <= MOST_ROWS * ROW_BYTES:
        raise ObjectDamaged(f"{name} states a chunk table of {table_bytes} bytes", "see `lifeboat verify`")
    return PackHeader(writer, key, salt, table_bytes, front[:HEADER_BYTES])


def open_table(header: PackHeader, sealed: bytes, catalog_key: bytes, repository: bytes, name: str) -> bytes:
    """Open the sealed chunk table; raises ``SealBroken``."""
    return open_once(_table_key(catalog_key, header.salt, repository), sealed, header.raw, f"the chunk table of {name}")


def refuse_newer(version: int, suite: int, name: str) -> None:
    """Raise ``NewerFormat`` for what only a later Lifeboat can read."""
    if version > FORMAT_VERSION or suite > SUITE:
        raise NewerFormat(
            f"{name} has format {version}, suite {suite}; this Lifeboat reads up to {FORMAT_VERSION}, {SUITE}",
            "install the newest Lifeboat on this machine",
        )
    if version != FORMAT_VERSION or suite != SUITE:
        raise ObjectDamaged(f"{name} states format {version}, suite {suite}", "see `lifeboat verify`")


def _table_key(catalog_key: bytes, salt: bytes, repository: bytes) -> bytes:
    return derive(catalog_key, salt, b"lifeboat pack table 1" + repository)
