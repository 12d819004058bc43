"""The bytes of a segment: a stretch of archived changes (docs/format.md, section 15).

Front in the clear, then the statement (sealed under the writer's catalog key and signed), then the chunks (sealed under the data key):
first the summary, then the changes. So a custodian reads what a segment covers, and only an identity what happened.
"""

import json
import os
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from lifeboat.crypto.identity import from_base64, to_base64
from lifeboat.crypto.sealing import FORMAT_VERSION, SALT_BYTES, SUITE, TAG_BYTES, Kind, derive, open_once, seal_once
from lifeboat.crypto.signed import canonical_json, to_be_signed
from lifeboat.foundation.cluster_time import LARGEST, ClusterTime
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.pack_format import ROW_BYTES, Row, refuse_newer, unpack_row
from lifeboat.repository.record import read_time, show_time
from lifeboat.repository.writers import WriterSecret

MAGIC = b"LBSG"
LABEL = "lifeboat segment 1"
_HEADER = struct.Struct(">4sHBB16s32s32sI")
HEADER_BYTES = _HEADER.size
LARGEST_STATEMENT_BYTES = 16 * MIB
HASH_BYTES = 32


class Edge(Value):
    """Where a stretch begins or ends.

    Args:
        term: Of the entry there.
        entry: Keyed hash of that entry as the server stored it; empty where there is no entry of exactly this time.
    """

    time: ClusterTime
    term: int
    entry: bytes


class Statement(Value):
    """What a segment says of itself.

    Args:
        after, through: It holds every change after the one and up to the other. Equal for a part.
        chain: 16 hex digits. Stretches of one chain that touch or overlap continue each other; those of two never do.
        because: Of the first segment of a chain: why it does not go on from an earlier one. None for others.
        previous: Object name of the segment before it in the chain, as its writer knew it.
        parts: Object names of the parts that come before its own changes: the beginning of a large transaction.
        events: Changes and commands in it, those of its parts among them. plain_bytes: Their size.
        set_name: Of the replica set.
        written: By the store's clock.
        rows: Chunk table as in a pack; offsets count from the end of the statement.
    """

    after: Edge
    through: Edge
    chain: str
    because: str | None
    previous: str | None
    parts: tuple[str, ...]
    events: int
    plain_bytes: int
    set_name: str
    written: datetime
    software: str
    rows: bytes

    def row(self, number: int) -> Row:
        return unpack_row(self.rows, number)

    @property
    def chunks(self) -> int:
        return len(self.rows) // ROW_BYTES


class SegmentFront(Value):
    """The clear front."""

    writer: bytes
    data_key_name: bytes
    salt: bytes
    statement_bytes: int
    raw: bytes


def seal_segment(
    statement: Statement, secret: WriterSecret, data_key_name: bytes, repository: bytes, generation: str
) -> list[bytes]:
    """Front and sealed statement: what comes before the chunks."""
    body = _to_json(statement, repository, secret.writer, generation)
    signature = secret.signing_key().sign(to_be_signed(LABEL, body))
    plain = canonical_json({"body": body, "signature": to_base64(signature)})
    salt = os.urandom(SALT_BYTES)
    front = _HEADER.pack(MAGIC, FORMAT_VERSION, SUITE, 0, secret.writer, data_key_name, salt, len(plain) + TAG_BYTES)
    return [front, seal_once(_key(secret.catalog_key, salt, repository, generation), plain, front)]


def read_front(raw: bytes, name: str) -> SegmentFront:
    """Read the first ``HEADER_BYTES``; raises ``ObjectDamaged`` or ``NewerFormat``."""
    if len(raw) < HEADER_BYTES:
        raise ObjectDamaged(f"{name} is cut: it has {len(raw)} bytes", "see `lifeboat verify`")
    magic, version, suite, _, writer, key, salt, statement_bytes = _HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise ObjectDamaged(f"{name} is not a segment", "see `lifeboat verify`")
    refuse_newer(version, suite, name)
    if not TAG_BYTES <= statement_bytes <= LARGEST_STATEMENT_BYTES:
        raise ObjectDamaged(f"{name} states a statement of {statement_bytes} bytes", "see `lifeboat verify`")
    return SegmentFront(writer, key, salt, statement_bytes, raw[:HEADER_BYTES])


def open_statement(
    front: SegmentFront,
    sealed: bytes,
    catalog_key: bytes,
    signing_key: bytes,
    repository: bytes,
    generation: str,
    name: str,
) -> Statement:
    """Open and check the statement; raises ``SealBroken``, ``ObjectDamaged``."""
    key = _key(catalog_key, front.salt, repository, generation)
    plain = open_once(key, sealed, front.raw, f"the statement of {name}")
    try:
        value = json.loads(plain)
        body = value["body"]
        signed = to_be_signed(LABEL, body)
        Ed25519PublicKey.from_public_bytes(signing_key).verify(from_base64(value["signature"]), signed)
        if body["repository"] != repository.hex() or body["writer"] != front.writer.hex():
            raise ValueError("of another repository or writer")
        if body["generation"] != generation:
            raise ValueError("of another generation")
        return _from_json(body)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, InvalidSignature) as error:
        raise ObjectDamaged(
            f"{name} is not a segment that its writer signed", "somebody may have planted it; see `lifeboat verify`"
        ) from error


def _to_json(one: Statement, repository: bytes, writer: bytes, generation: str) -> dict[str, Any]:
    return {
        "format": 1,
        "repository": repository.hex(),
        "writer": writer.hex(),
        "generation": generation,
        "after": _edge_to_json(one.after),
        "through": _edge_to_json(one.through),
        "chain": one.chain,
        "because": one.because,
        "previous": one.previous,
        "parts": list(one.parts),
        "events": one.events,
        "bytes": one.plain_bytes,
        "set": one.set_name,
        "written": show_time(one.written),
        "software": one.software,
        "chunks": to_base64(one.rows),
    }


def _from_json(body: dict[str, Any]) -> Statement:
    rows = from_base64(body["chunks"])
    if len(rows) % ROW_BYTES or not rows:
        raise ValueError("not a chunk table")
    statement = Statement(
        after=_edge_from_json(body["after"]),
        through=_edge_from_json(body["through"]),
        chain=str(body["chain"]),
        because=None if body["because"] is None else str(body["because"]),
        previous=None if body["previous"] is None else str(body["previous"]),
        parts=tuple(str(one) for one in body["parts"]),
        events=int(body["events"]),
        plain_bytes=int(body["bytes"]),
        set_name=str(body["set"]),
        written=read_time(body["written"]),
        software=str(body["software"]),
        rows=rows,
    )
    if statement.after.time > statement.through.time or min(statement.events, statement.plain_bytes) < 0:
        raise ValueError("ends before it begins")
    if statement.row(0).kind != Kind.SUMMARY:
        raise ValueError("no summary")
    return statement


def _edge_to_json(edge: Edge) -> list[Any]:
    return [*edge.time, edge.term, to_base64(edge.entry)]


def _edge_from_json(value: Sequence[Any]) -> Edge:
    seconds, increment, term, entry = value
    time, hash_ = ClusterTime(int(seconds), int(increment)), from_base64(entry)
    if not 0 <= min(time) <= max(time) <= LARGEST or len(hash_) not in (0, HASH_BYTES):
        raise ValueError("not an edge")
    return Edge(time, int(term), hash_)


def _key(catalog_key: bytes, salt: bytes, repository: bytes, generation: str) -> bytes:
    return derive(catalog_key, salt, LABEL.encode() + repository + generation.encode("ascii"))
