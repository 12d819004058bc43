"""The bytes of an index, a snapshot record and an anchor of the audit log (docs/format.md, sections 8, 9, 16): one envelope."""

import json
import os
import struct
from collections.abc import Sequence
from typing import Any

from lifeboat.compression.zstd import compress_always, decompress_bounded
from lifeboat.crypto.identity import from_base64
from lifeboat.crypto.sealing import FORMAT_VERSION, SALT_BYTES, SUITE, derive, open_once, seal_once
from lifeboat.crypto.signed import canonical_json
from lifeboat.foundation.sizes import GIB
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.names import Class, Source
from lifeboat.repository.pack_format import MOST_ROWS, ROW_BYTES, refuse_newer

INDEX_MAGIC = b"LBIX"
RECORD_MAGIC = b"LBSN"
ANCHOR_MAGIC = b"LBAU"
_LABELS = {
    INDEX_MAGIC: b"lifeboat index 1",
    RECORD_MAGIC: b"lifeboat snapshot 1",
    ANCHOR_MAGIC: b"lifeboat audit 1",
}
_HEADER = struct.Struct(">4sHBB16s32s")
_PACK = struct.Struct(">32s32sQI")
LARGEST_PLAIN_BYTES = 1 * GIB


class IndexedPack(Value):
    """One pack of an index with its whole chunk table."""

    name: bytes
    """SHA-256 of the pack, 32 bytes."""
    data_key_name: bytes
    size_bytes: int
    rows: bytes


class Index(Value):
    """Packs of one source and class, all of one generation of one writer."""

    source: str
    class_: str
    packs: tuple[IndexedPack, ...]


def seal_index(index: Index, *, writer: bytes, catalog_key: bytes, repository: bytes, generation: str) -> bytes:
    plain = bytearray()
    for text in (index.source, index.class_):
        plain += bytes((len(text),)) + text.encode("ascii")
    plain += struct.pack(">I", len(index.packs))
    for pack in index.packs:
        plain += _PACK.pack(pack.name, pack.data_key_name, pack.size_bytes, len(pack.rows) // ROW_BYTES)
    for pack in index.packs:
        plain += pack.rows
    return _seal(INDEX_MAGIC, bytes(plain), writer, catalog_key, repository, generation)


def open_index(
    raw: bytes, *, writer: bytes, catalog_key: bytes, repository: bytes, generation: str, name: str
) -> Index:
    """Open an index; raises ``SealBroken``, ``ObjectDamaged``, ``NewerFormat``."""
    plain = _open(INDEX_MAGIC, raw, writer, catalog_key, repository, generation, name)
    try:
        position, texts = 0, []
        for _ in range(2):
            length = plain[position]
            texts.append(plain[position + 1 : position + 1 + length].decode("ascii"))
            position += 1 + length
        Source(texts[0]), Class(texts[1])
        (count,) = struct.unpack_from(">I", plain, position)
        position += 4
        heads = [_PACK.unpack_from(plain, position + number * _PACK.size) for number in range(count)]
        position += count * _PACK.size
        packs = []
        for pack, key, size, rows in heads:
            if rows > MOST_ROWS or position + rows * ROW_BYTES > len(plain):
                raise ValueError("rows")
            packs.append(IndexedPack(pack, key, size, plain[position : position + rows * ROW_BYTES]))
            position += rows * ROW_BYTES
        if position != len(plain):
            raise ValueError("trailing bytes")
    except (IndexError, ValueError, struct.error) as error:
        raise ObjectDamaged(f"{name} opens, but is not an index", "see `lifeboat verify`") from error
    return Index(texts[0], texts[1], tuple(packs))


def seal_record(
    record: dict[str, Any], *, writer: bytes, catalog_key: bytes, repository: bytes, generation: str
) -> bytes:
    return _seal(RECORD_MAGIC, canonical_json(record), writer, catalog_key, repository, generation)


def open_record(
    raw: bytes, *, writer: bytes, catalog_key: bytes, repository: bytes, generation: str, name: str
) -> dict[str, Any]:
    """Open a snapshot record; raises ``SealBroken``, ``ObjectDamaged``, ``NewerFormat``."""
    plain = _open(RECORD_MAGIC, raw, writer, catalog_key, repository, generation, name)
    try:
        record = json.loads(plain)
        if not isinstance(record, dict):
            raise ValueError("not an object")
    except (ValueError, RecursionError) as error:
        raise ObjectDamaged(f"{name} opens, but is not a snapshot record", "see `lifeboat verify`") from error
    return record


def seal_anchor(signed: bytes, *, writer: bytes, catalog_key: bytes, repository: bytes, generation: str) -> bytes:
    """Seal the signed JSON of an anchor of the audit log."""
    return _seal(ANCHOR_MAGIC, signed, writer, catalog_key, repository, generation)


def open_anchor(
    raw: bytes, *, writer: bytes, catalog_key: bytes, repository: bytes, generation: str, name: str
) -> bytes:
    """Open an anchor, its signature not checked yet; raises ``SealBroken``, ``ObjectDamaged``, ``NewerFormat``."""
    return _open(ANCHOR_MAGIC, raw, writer, catalog_key, repository, generation, name)


def split_names(text: str) -> tuple[bytes, ...]:
    """The 32-byte names joined in base64 in a record's ``packs``; raises ``ValueError``."""
    joined = from_base64(text)
    if len(joined) % 32:
        raise ValueError("not whole names")
    return tuple(joined[start : start + 32] for start in range(0, len(joined), 32))


def _seal(magic: bytes, plain: bytes, writer: bytes, catalog_key: bytes, repository: bytes, generation: str) -> bytes:
    salt = os.urandom(SALT_BYTES)
    header = _HEADER.pack(magic, FORMAT_VERSION, SUITE, 0, writer, salt)
    key = derive(catalog_key, salt, _LABELS[magic] + repository + generation.encode("ascii"))
    return header + seal_once(key, compress_always(plain), header)


def _open(
    magic: bytes, raw: bytes, writer: bytes, catalog_key: bytes, repository: bytes, generation: str, name: str
) -> bytes:
    if len(raw) < _HEADER.size or raw[:4] != magic:
        raise ObjectDamaged(f"{name} is cut or of another kind", "see `lifeboat verify`")
    _, version, suite, _, stated_writer, salt = _HEADER.unpack_from(raw)
    refuse_newer(version, suite, name)
    if stated_writer != writer:
        raise ObjectDamaged(f"{name} belongs to another writer", "see `lifeboat verify`")
    key = derive(catalog_key, salt, _LABELS[magic] + repository + generation.encode("ascii"))
    return decompress_bounded(
        open_once(key, memoryview(raw)[_HEADER.size :], raw[: _HEADER.size], name), LARGEST_PLAIN_BYTES
    )


def joined_names(names: Sequence[bytes]) -> bytes:
    return b"".join(sorted(names))
