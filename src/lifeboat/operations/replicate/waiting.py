"""Objects that wait for their turn, on disk: a million of them take no memory. Names and sizes are no secret."""

import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from lifeboat.foundation.sizes import MIB

IN_MEMORY_BYTES = 4 * MIB


class Row(NamedTuple):
    """An object to be copied."""

    name: str
    size_bytes: int


class Waiting:
    """Rows in the order in which they came. Close it, or leave that to the end of the process."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES, prefix="lifeboat-")  # noqa: SIM115
        self.count = 0
        self.bytes = 0

    def add(self, row: Row) -> None:
        self._file.write(f"{row.name}\t{row.size_bytes}\n".encode())
        self.count += 1
        self.bytes += row.size_bytes

    def __iter__(self) -> Iterator[Row]:
        self._file.seek(0)
        for line in self._file:
            name, _, size = line.decode().rstrip("\n").partition("\t")
            yield Row(name, int(size))

    def close(self) -> None:
        self._file.close()
