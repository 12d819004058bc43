"""Streams being written: chunks handed over in order, remembered as a chunked list (docs/format.md, section 11)."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from lifeboat.crypto.identity import to_base64
from lifeboat.crypto.sealing import Kind
from lifeboat.crypto.signed import canonical_json
from lifeboat.foundation.value import Value
from lifeboat.repository.writing import Run, Stored

LIST_ROWS_AT_MOST = 16_384
_LIST_MASK = 0x03FF
"""A list chunk ends after an id with ten zero bits: about 1,024 rows, so a changed row costs one list chunk of 36 KB."""


class WrittenStream(Value):
    """What the root says of a stream."""

    name: str
    total_bytes: int
    chunks: int
    kind: Kind
    lists: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "bytes": self.total_bytes,
            "chunks": self.chunks,
            "kind": int(self.kind),
            "list": [to_base64(chunk) for chunk in self.lists],
        }


class StreamWriter:
    """Writes one stream of a run; one thread at a time."""

    def __init__(self, run: Run, name: str, kind: Kind) -> None:
        self._run = run
        self._name = name
        self._kind = kind
        self._waiting: deque[Future[Stored]] = deque()
        self._rows = bytearray()
        self._lists: list[Future[Stored]] = []
        self._bytes = 0
        self._chunks = 0

    def append(self, chunk: bytes | memoryview) -> None:
        """Add the next chunk; blocks while the run has too much in flight."""
        self._waiting.append(self._run.store(self._kind, chunk))
        while self._waiting and self._waiting[0].done():
            self._take(self._waiting.popleft().result())

    def extend(self, chunks: Iterable[bytes | memoryview]) -> None:
        for chunk in chunks:
            self.append(chunk)

    def finish(self) -> WrittenStream:
        """Wait for all its chunks; returns what the root will say."""
        while self._waiting:
            self._take(self._waiting.popleft().result())
        self._end_list()
        lists = tuple(stored.result().chunk for stored in self._lists)
        return WrittenStream(self._name, self._bytes, self._chunks, self._kind, lists)

    def _take(self, stored: Stored) -> None:
        self._rows += stored.chunk + stored.plain_bytes.to_bytes(4, "big")
        self._bytes += stored.plain_bytes
        self._chunks += 1
        ends_here = int.from_bytes(stored.chunk[-2:], "big") & _LIST_MASK == 0
        if ends_here or len(self._rows) >= LIST_ROWS_AT_MOST * 36:
            self._end_list()

    def _end_list(self) -> None:
        if self._rows:
            self._lists.append(self._run.store(Kind.LIST, bytes(self._rows)))
            self._rows.clear()


def write_root(
    run: Run, streams: Iterable[WrittenStream], details: dict[str, Any], findings: Iterable[dict[str, str]]
) -> bytes:
    """Store the root; returns its chunk id."""
    plain = canonical_json(
        {"streams": [stream.to_json() for stream in streams], "details": details, "findings": list(findings)}
    )
    return run.store(Kind.ROOT, plain).result().chunk
