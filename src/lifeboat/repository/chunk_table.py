"""Where each chunk is: packed arrays, never a dictionary (46 bytes a chunk and 8 to 16 to find it; a dictionary of a million takes 217 MB).

The rows of all loaded indexes lie end to end as they came; an open-addressing table of row numbers finds one by its chunk id,
whose bytes are already uniformly random. Not thread-safe for adding; lookups may run beside each other under the caller's lock.

Limits: 2^32 rows, which would take 200 GB here.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from hashlib import sha256

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.value import Value
from lifeboat.repository.pack_format import ROW_BYTES, Row, unpack_row

_FIRST_SLOTS = 1 << 10
_SLOT = "I"
_HEAD = struct.Struct(f"<Q{ROW_BYTES - 8}x")
"""The first bytes of a row's chunk id, which say where to look for it."""

assert array(_SLOT).itemsize == 4


class Place(Value):
    """A chunk and the pack that holds it."""

    row: Row
    pack: bytes
    data_key_name: bytes


class ChunkTable:
    """All chunks known of one writer, source, class and generation.

    Args:
        expected_rows: About how many there will be, where that is known: room is made once, instead of again and again.
    """

    def __init__(self, expected_rows: int = 0) -> None:
        self.passed_over: list[LifeboatError] = []
        """Why indexes that belong here could not be opened: what a chunk that is not found may stand in."""
        self._rows = bytearray(expected_rows * ROW_BYTES)
        self._first_row_of_pack = array("Q")
        self._packs: list[tuple[bytes, bytes, int]] = []
        self._taken: set[bytes] = set()
        self._slots = _empty_slots(expected_rows)
        self._count = 0

    def __len__(self) -> int:
        """Rows, repeated chunks included."""
        return self._count

    def add_pack(self, pack: bytes, data_key_name: bytes, size_bytes: int, rows: bytes) -> None:
        """Take in a pack's chunk table; one that is known already is passed over.

        Two indexes may say different things of one pack, if somebody planted one: both are kept.
        """
        told = pack + sha256(rows).digest()
        if told in self._taken:
            return
        self._taken.add(told)
        self._packs.append((pack, data_key_name, size_bytes))
        self._first_row_of_pack.append(self._count)
        first, self._count = self._count, self._count + len(rows) // ROW_BYTES
        self._rows[first * ROW_BYTES : self._count * ROW_BYTES] = rows
        if self._count * 2 > len(self._slots):
            self._grow()
        else:
            self._enter(first, self._count)

    def find(self, chunk: bytes) -> Place | None:
        """The first place where this chunk was stored."""
        number = self._find_row(chunk)
        return None if number < 0 else self._place(number)

    def pack_of(self, chunk: bytes) -> bytes | None:
        """The pack that ``find`` finds, and nothing else of the place."""
        number = self._find_row(chunk)
        return None if number < 0 else self._packs[bisect_right(self._first_row_of_pack, number) - 1][0]

    def number_of(self, chunk: bytes) -> int:
        """Which row ``find`` finds, counted from 0; -1: none."""
        return self._find_row(chunk)

    def sealed_bytes(self, marked: bytes | bytearray) -> dict[bytes, int]:
        """Of each pack the sealed bytes of those of its rows that are marked. Args: marked: One byte for each row."""
        found: dict[bytes, int] = {}
        first = marked.find(1)
        while first >= 0:
            place = self._place(first)
            found[place.pack] = found.get(place.pack, 0) + place.row.sealed_bytes
            first = marked.find(1, first + 1)
        return found

    def places(self, chunk: bytes) -> Iterator[Place]:
        """Every place where this chunk is said to lie. Slow (it goes through all rows): for when the first one failed."""
        start = self._rows.find(chunk, 0, self._count * ROW_BYTES)
        while start >= 0:
            if start % ROW_BYTES == 0:
                yield self._place(start // ROW_BYTES)
            start = self._rows.find(chunk, start + 1, self._count * ROW_BYTES)

    def packs(self) -> list[tuple[bytes, bytes, int]]:
        """``(name, name of the data key, size in bytes)`` of every pack."""
        return list(self._packs)

    def rows_of(self, pack_number: int) -> bytes:
        """The chunk table of the pack at this place in ``packs()``."""
        first = self._first_row_of_pack[pack_number]
        after = self._first_row_of_pack[pack_number + 1] if pack_number + 1 < len(self._packs) else self._count
        return bytes(self._rows[first * ROW_BYTES : after * ROW_BYTES])

    def _place(self, number: int) -> Place:
        pack, key, _ = self._packs[bisect_right(self._first_row_of_pack, number) - 1]
        return Place(unpack_row(self._rows, number), pack, key)

    def _find_row(self, chunk: bytes) -> int:
        slots, rows, mask = self._slots, self._rows, len(self._slots) - 1
        slot = int.from_bytes(chunk[:8], "little") & mask
        while number := slots[slot]:
            start = (number - 1) * ROW_BYTES
            if rows[start : start + 32] == chunk:
                return number - 1
            slot = (slot + 1) & mask
        return -1

    def _enter(self, first: int, after: int) -> None:
        slots, rows, mask = self._slots, self._rows, len(self._slots) - 1
        with memoryview(rows)[first * ROW_BYTES : after * ROW_BYTES] as entered:
            for number, (head,) in enumerate(_HEAD.iter_unpack(entered), first + 1):
                slot = head & mask
                if not slots[slot]:
                    slots[slot] = number
                    continue
                chunk = rows[(number - 1) * ROW_BYTES : (number - 1) * ROW_BYTES + 32]
                while taken := slots[slot]:
                    if rows[(taken - 1) * ROW_BYTES : (taken - 1) * ROW_BYTES + 32] == chunk:
                        break
                    slot = (slot + 1) & mask
                else:
                    slots[slot] = number

    def _grow(self) -> None:
        self._slots = _empty_slots(self._count)
        self._enter(0, self._count)


def _empty_slots(rows: int) -> "array[int]":
    """At least two for each row."""
    size = _FIRST_SLOTS
    while rows * 2 > size:
        size *= 2
    return array(_SLOT, [0]) * size
