"""What indexes say of the packs of every month, held small: 64 bytes a pack in memory, and its chunk table aside (``spool.py``).

So a million packs (24 TB) take 64 MB here and 0.95 GB of disk. What is made of a place for a while (``numbers``, ``keys``: some 130 bytes a pack)
or for its lists (``chunk_table``) is of one place, which is one month, and is let go with it.
"""

import struct
import sys
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain, pairwise
from sys import intern
from typing import NamedTuple

from lifeboat.operations.verify.spool import Spool
from lifeboat.repository.catalog_format import IndexedPack
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.names import At, key_name, month_in
from lifeboat.repository.pack_format import ROW_BYTES

_ENTRY = struct.Struct("=32s8sQQII")
"""Name ‖ fingerprint ‖ size in bytes ‖ where its chunk table lies aside ‖ how many rows ‖ number of its origin."""
ENTRY_BYTES = _ENTRY.size
ENTRY_WORDS = ENTRY_BYTES // 8
_NAME_BYTES = 32
SOUGHT_AT_ONCE = 500_000
"""Packs among which repeated names are sought at once: some 20 MB for it."""

_MOST_PARTS = 1 << 16
"""As many as two bytes tell apart."""

assert ENTRY_BYTES == 64


class Origin(NamedTuple):
    """Who says it. Args: told_in: The index's name. writer: Whose index that is."""

    told_in: str
    writer: str
    data_key_name: bytes


@dataclass(frozen=True, slots=True)
class ToldPack:
    """What one index says of one pack. 160 bytes; the rows are read from where they lie."""

    entry: bytes
    _packs: "ToldPacks" = field(repr=False, compare=False)

    @property
    def name(self) -> bytes:
        return self.entry[:_NAME_BYTES]

    @property
    def fingerprint(self) -> bytes:
        """As ``fingerprint_of`` has it."""
        return self.entry[_NAME_BYTES : _NAME_BYTES + 8]

    @property
    def size_bytes(self) -> int:
        size: int = _ENTRY.unpack(self.entry)[2]
        return size

    @property
    def origin(self) -> Origin:
        number: int = _ENTRY.unpack(self.entry)[5]
        return self._packs.origins[number]

    @property
    def data_key_name(self) -> bytes:
        return self.origin.data_key_name

    @property
    def rows(self) -> bytes:
        """Its whole chunk table; raises ``SettingsError`` where the disk does not give it back."""
        return self._packs.rows_of(self.entry)

    def says_as(self, other: "ToldPack") -> bool:
        """Whether both say the same of the pack, whoever says it and where."""
        return (
            (self.name, self.size_bytes, self.data_key_name) == (other.name, other.size_bytes, other.data_key_name)
            and self.fingerprint == other.fingerprint
            and self.rows == other.rows
        )


class ToldPacks:
    """All of them, by the place where they lie; of each pack and place what is believed of it, once ``sort_out`` was told that."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._places: dict[str, bytearray] = {}
        self._others: dict[str, bytearray] = {}
        self.origins: list[Origin] = []
        self._origin_numbers: dict[Origin, int] = {}

    def add(self, place: str, told_in: str, writer: str, packs: Iterable[IndexedPack]) -> None:
        """Take in what one index says."""
        entries = self._places.setdefault(intern(place), bytearray())
        key, number = b"", -1
        for pack in packs:
            if pack.data_key_name != key:
                key = pack.data_key_name
                number = self._number_of(Origin(told_in, writer, key))
            at, count = self._spool.add(pack.rows), len(pack.rows) // ROW_BYTES
            entries += _ENTRY.pack(pack.name, fingerprint_of(key, pack.rows), pack.size_bytes, at, count, number)

    def repeated(self) -> Iterator[list[tuple[str, int]]]:
        """Once all is told: of each pack that is told of more than once the places and numbers there, as they were told."""
        for place in self._places:
            self._places[place] = bytearray().join(sorted(self._split(place)))
        parts = min(sum(map(len, self._places.values())) // ENTRY_BYTES // SOUGHT_AT_ONCE + 1, _MOST_PARTS)
        # Names are hashes: of all beginnings an equal share is that of about as many names.
        edges = [(part * _MOST_PARTS // parts).to_bytes(2, "big") for part in range(parts)]
        bounds = {
            place: [*(self._first_from(place, edge) for edge in edges), len(entries) // ENTRY_BYTES]
            for place, entries in self._places.items()
        }
        for part in range(parts):
            yield from self._repeated_within({place: (of[part], of[part + 1]) for place, of in bounds.items()})

    def _repeated_within(self, spans: Mapping[str, tuple[int, int]]) -> Iterator[list[tuple[str, int]]]:
        """Among these numbers of each place. Args: spans: The first, and the one after the last."""
        heads = sorted(chain.from_iterable(self._heads(place, *span) for place, span in spans.items()))
        twice = {head for head, after in pairwise(heads) if head == after}
        told: dict[bytes, list[tuple[str, int]]] = {}
        for place, span in spans.items() if twice else ():
            for number, head in enumerate(self._heads(place, *span), span[0]):
                if head in twice:
                    told.setdefault(self.at(place, number).name, []).append((place, number))
        yield from (sorted(again, key=lambda one: self._told_as(*one)) for again in told.values() if len(again) > 1)

    def _heads(self, place: str, first: int, after: int) -> list[int]:
        """The first word of each name."""
        view = memoryview(self._places[place]).cast("Q")
        return view[first * ENTRY_WORDS : after * ENTRY_WORDS : ENTRY_WORDS].tolist()

    def _told_as(self, place: str, number: int) -> int:
        """What was told later lies later."""
        at: int = _ENTRY.unpack(self._entry(place, number))[3]
        return at

    def sort_out(self, repeats: Iterable[tuple[str, int]], unbelieved: Iterable[tuple[str, int]]) -> None:
        """Say which are said again, to be let go, and which are not believed: their writers' own snapshots may still go by them."""
        gone: dict[str, set[int]] = {}
        for place, number in repeats:
            gone.setdefault(place, set()).add(number)
        for place, number in unbelieved:
            gone.setdefault(place, set()).add(number)
            others = self._others.setdefault(place, bytearray())
            others += self._entry(place, number)
        for place, numbers in gone.items():
            self._keep(place, numbers)

    def drop(self, place: str, names: Collection[bytes]) -> None:
        """Forget these packs."""
        if names:
            numbers = self.numbers(place)
            self._keep(place, {numbers[name] for name in names})

    def places(self) -> list[str]:
        return list(self._places)

    def at(self, place: str, number: int) -> ToldPack:
        """The pack of this number in its place: from 0, sorted by name."""
        return ToldPack(self._entry(place, number), self)

    def get(self, place: str, name: bytes) -> ToldPack | None:
        """A few microseconds: for one, not for all."""
        number = self._first_from(place, name)
        found = self._entry(place, number) if place in self._places else b""
        return ToldPack(found, self) if found[:_NAME_BYTES] == name else None

    def numbers(self, place: str) -> dict[bytes, int]:
        """The number of each pack in a place, by its name."""
        return {name: number for number, name in enumerate(self.names(place))}

    def names(self, place: str) -> Iterator[bytes]:
        return (name for name, _, _, _, _, _ in self._unpacked(place))

    def sizes(self, place: str) -> "array[int]":
        """By number, as the indexes state them."""
        return array("Q", (size for _, _, size, _, _, _ in self._unpacked(place)))

    def keys(self, place: str) -> dict[bytes, bytes]:
        """The name of each pack's data key, by the pack's name."""
        origins = self.origins
        return {name: origins[number].data_key_name for name, _, _, _, _, number in self._unpacked(place)}

    def under_keys(self, keys: Collection[str]) -> Iterator[At]:
        """The packs that are sealed under one of these data keys. Args: keys: Names of the wrapped keys' objects."""
        for place in self._places if keys else ():
            month = month_in(place)
            bad = {
                number for number, one in enumerate(self.origins) if key_name(month, one.data_key_name.hex()) in keys
            }
            yield from ((place, name) for name, _, _, _, _, number in self._unpacked(place) if number in bad)

    def writers(self, place: str) -> dict[bytes, str]:
        """Whose index is believed, by the pack's name."""
        origins = self.origins
        return {name: origins[number].writer for name, _, _, _, _, number in self._unpacked(place)}

    def every(self) -> Iterator[tuple[At, ToldPack]]:
        """All packs, place by place."""
        for place, entries in list(self._places.items()):
            for start in range(0, len(entries), ENTRY_BYTES):
                told = ToldPack(bytes(entries[start : start + ENTRY_BYTES]), self)
                yield (place, told.name), told

    def chunk_table(self, place: str, writer: str) -> ChunkTable:
        """Where every chunk lies that indexes of this writer tell of in a place: 46 bytes a chunk and 8 to 16 to find it."""
        entries = self._of(place, {number for number, origin in enumerate(self.origins) if origin.writer == writer})
        aside = array("Q", (at for _, _, _, at, _, _ in _ENTRY.iter_unpack(entries)))
        table = ChunkTable(sum(count for _, _, _, _, count, _ in _ENTRY.iter_unpack(entries)))
        for number in sorted(range(len(aside)), key=aside.__getitem__):  # as they lie aside
            name, _, size, at, count, origin = _ENTRY.unpack_from(entries, number * ENTRY_BYTES)
            table.add_pack(name, self.origins[origin].data_key_name, size, self._spool.read(at, count * ROW_BYTES))
        return table

    def rows_of(self, entry: bytes) -> bytes:
        _, _, _, at, count, _ = _ENTRY.unpack(entry)
        return self._spool.read(at, count * ROW_BYTES)

    def _of(self, place: str, origins: Collection[int]) -> bytearray:
        """What these say of a place, believed or not."""
        return bytearray().join(
            entries[start : start + ENTRY_BYTES]
            for entries in (self._places.get(place, b""), self._others.get(place, b""))
            for start in range(0, len(entries), ENTRY_BYTES)
            if int.from_bytes(entries[start + ENTRY_BYTES - 4 : start + ENTRY_BYTES], sys.byteorder) in origins
        )

    def _unpacked(self, place: str) -> Iterator[tuple[bytes, bytes, int, int, int, int]]:
        return _ENTRY.iter_unpack(self._places.get(place, b""))

    def _entry(self, place: str, number: int) -> bytes:
        return bytes(self._places[place][number * ENTRY_BYTES : (number + 1) * ENTRY_BYTES])

    def _keep(self, place: str, gone: Collection[int]) -> None:
        """A place without some of it."""
        left = bytearray().join(entry for number, entry in enumerate(self._split(place)) if number not in gone)
        if left:
            self._places[place] = left
        else:
            del self._places[place]

    def _split(self, place: str) -> Iterator[bytes]:
        entries = bytes(self._places[place])  # comparing bytes takes a fifth of what comparing byte arrays does
        return (entries[start : start + ENTRY_BYTES] for start in range(0, len(entries), ENTRY_BYTES))

    def _first_from(self, place: str, begin: bytes) -> int:
        """The number of the first pack whose name does not come before ``begin``."""
        entries = self._places.get(place, b"")
        numbers = range(len(entries) // ENTRY_BYTES)
        return bisect_left(
            numbers, begin, key=lambda number: bytes(entries[number * ENTRY_BYTES : number * ENTRY_BYTES + len(begin)])
        )

    def _number_of(self, origin: Origin) -> int:
        number = self._origin_numbers.setdefault(origin, len(self.origins))
        if number == len(self.origins):
            self.origins.append(origin)
        return number


def fingerprint_of(data_key_name: bytes, rows: bytes) -> bytes:
    """What an index says of a pack, in 8 bytes: an index that says something else later finds the pack unopened."""
    return sha256(data_key_name + rows).digest()[:8]
