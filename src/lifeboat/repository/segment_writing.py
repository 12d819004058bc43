"""Segments written, one after another: a stream's half of the archive (docs/format.md, section 15).

Order: the wrapped data key, then the parts, then the segment that names them. So whatever dies, what is listed can be read,
and the beginning of a transaction without its end never counts.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.compression.zstd import DEFAULT_LEVEL, compress
from lifeboat.crypto.sealing import Compression, Kind, chunk_id, seal_chunk
from lifeboat.foundation.value import Value
from lifeboat.repository.data_keys import DataKey, make_data_key
from lifeboat.repository.names import digest, key_name, segment_name
from lifeboat.repository.objects import write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import Row, pack_row
from lifeboat.repository.segment_format import Edge, Statement, seal_segment
from lifeboat.repository.segments import StoredSegment, read_segment_name
from lifeboat.repository.writers import WriterSecret
from lifeboat.retention.periods import generation_of


class Draft(Value):
    """A segment before it is stored; fields as in ``Statement``."""

    after: Edge
    through: Edge
    chain: str
    because: str | None
    previous: str | None
    parts: tuple[str, ...]
    events: int
    set_name: str
    software: str

    def part(self) -> "Draft":
        """The beginning of a transaction that ends with this."""
        return replace(self, through=self.after, parts=(), because=None)


class SegmentWriter:
    """One for each process; a data key serves for a day at most, and never for two generations."""

    def __init__(self, repository: Repository, secret: WriterSecret, level: int = DEFAULT_LEVEL) -> None:
        self._repository = repository
        self._secret = secret
        self._level = level
        self._day = ""
        self._key: DataKey | None = None

    def entry_hash(self, entry: bytes) -> bytes:
        """Keyed hash of a raw entry of the oplog, for an ``Edge``: tells nothing to who has not this writer's secret."""
        return chunk_id(self._secret.id_key, Kind.EVENTS, entry)

    def write(self, draft: Draft, summary: bytes, blocks: Sequence[bytes]) -> StoredSegment:
        """Store one segment, durably; returns what its name tells.

        Args:
            summary: See ``operations/segment_summary.py``.
            blocks: Its changes, some whole ones in each, at most 64 MiB.
        """
        now = self._repository.store.time_there()
        generation = generation_of(now)
        key = self._data_key(now, generation)
        cipher = AESGCM(key.raw)
        rows, sealed, offset = bytearray(), [], 0
        for kind, plain in [(Kind.SUMMARY, summary), *((Kind.EVENTS, block) for block in blocks)]:
            row, body = self._seal(cipher, kind, plain, offset)
            rows += pack_row(row)
            sealed.append(body)
            offset += len(body)
        statement = Statement(
            after=draft.after,
            through=draft.through,
            chain=draft.chain,
            because=draft.because,
            previous=draft.previous,
            parts=draft.parts,
            events=draft.events,
            plain_bytes=sum(map(len, blocks)),
            set_name=draft.set_name,
            written=now,
            software=draft.software,
            rows=bytes(rows),
        )
        content = [*seal_segment(statement, self._secret, key.name, self._repository.id, generation), *sealed]
        name = segment_name(
            generation,
            key.name.hex(),
            draft.after.time.hex(),
            draft.through.time.hex(),
            draft.chain,
            self._secret.writer.hex(),
            digest(content),
        )
        write_named(self._repository.store, name, content)
        stored = read_segment_name(name, sum(map(len, content)), now)
        assert stored is not None
        return stored

    def _seal(self, cipher: AESGCM, kind: Kind, plain: bytes, offset: int) -> tuple[Row, bytes]:
        name = chunk_id(self._secret.id_key, kind, plain)
        packed = compress(plain, self._level)
        compression = Compression.NONE if packed is None else Compression.ZSTD
        sealed = seal_chunk(cipher, kind, compression, name, len(plain), plain if packed is None else packed)
        return Row(name, kind, compression, offset, len(sealed), len(plain)), sealed

    def _data_key(self, now: datetime, generation: str) -> DataKey:
        day = f"{generation} {now:%Y-%m-%d}"
        if self._key is None or day != self._day:
            if self._key is not None:
                self._repository.look_again()  # a stream runs for months; who came or went must find its will done from today
            recipients = [named.recipient for named in self._repository.description.recipients]
            key = make_data_key(self._repository.id, self._secret.writer, os.urandom(16), generation, recipients)
            write_named(self._repository.store, key_name(generation, key.name.hex()), key.stored)
            self._key, self._day = key, day
        return self._key


def new_chain() -> str:
    """Name of a new chain."""
    return os.urandom(8).hex()


def in_blocks(events: Iterable[bytes], at_most_bytes: int) -> list[bytes]:
    """Join stored events into blocks of about this size; each event whole."""
    blocks: list[bytes] = []
    held: list[bytes] = []
    size = 0
    for event in events:
        if held and size + len(event) > at_most_bytes:
            blocks.append(b"".join(held))
            held, size = [], 0
        held.append(event)
        size += len(event)
    if held:
        blocks.append(b"".join(held))
    return blocks
