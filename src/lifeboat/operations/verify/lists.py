"""Whether every chunk that a snapshot's lists name is in a pack that the snapshot names.

Hourly snapshots share most of their lists: what a list was found to need is remembered, and it is read again only for a snapshot that
names fewer packs. So a month of them costs little more than one.
"""

from typing import NamedTuple

from lifeboat.crypto.sealing import Kind
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.reading import LIST_ROW_BYTES, SnapshotReader, StreamEntry


class _Listed(NamedTuple):
    """What one chunk of a list says."""

    packs: frozenset[bytes]
    """Where the chunks that it names were found."""
    chunks: int
    bytes: int


class ListCheck:
    """Looks at the lists of one snapshot after another, of one writer, generation, source and class."""

    def __init__(self) -> None:
        self._known: dict[bytes, _Listed] = {}

    def first_missing(self, reader: SnapshotReader) -> tuple[str, bytes] | None:
        """The first stream and chunk that are in no pack the snapshot names; raises what keeps the lists from being read."""
        for stream in reader.streams().values():
            for chunk in (reader.record.root, *stream.lists):
                if reader.place_of(chunk) is None:
                    return stream.name, chunk
            missing = self._look_at(reader, stream)
            if missing is not None:
                return stream.name, missing
            listed = [self._known[chunk] for chunk in stream.lists]
            reader.refuse_other_totals(stream, sum(one.chunks for one in listed), sum(one.bytes for one in listed))
        return None

    def _look_at(self, reader: SnapshotReader, stream: StreamEntry) -> bytes | None:
        """Read the lists of a stream that are not known; returns the first chunk that is missing."""
        named = frozenset(reader.record.packs)
        fresh = [chunk for chunk in stream.lists if chunk not in self._known or not self._known[chunk].packs <= named]
        for chunk, rows in zip(fresh, reader.chunks(fresh, Kind.LIST), strict=True):
            if len(rows) % LIST_ROW_BYTES:
                raise ObjectDamaged(f"a chunk list of {stream.name} is not whole rows")
            packs, plain_bytes = set(), 0
            for start in range(0, len(rows), LIST_ROW_BYTES):
                place = reader.place_of(rows[start : start + 32])
                if place is None:
                    return rows[start : start + 32]
                packs.add(place.pack)
                plain_bytes += int.from_bytes(rows[start + 32 : start + LIST_ROW_BYTES], "big")
            self._known[chunk] = _Listed(frozenset(packs), len(rows) // LIST_ROW_BYTES, plain_bytes)
        return None
