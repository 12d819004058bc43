"""A large file on its way into a run: its chunks in order, 36 bytes each once they have ids.

A future for each chunk of a terabyte would be 1.7 GB; the ids of a million chunks are 36 MB.
"""

from collections import deque
from concurrent.futures import Future

from lifeboat.crypto.sealing import Kind
from lifeboat.repository.writing import Run, Stored
from lifeboat.sources.files.entry import Piece

_ROW_BYTES = 36


class LargeFile:
    """The chunks of one file; one thread."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._waiting: deque[Future[Stored]] = deque()
        self._rows = bytearray()

    def store(self, chunk: bytes | memoryview) -> None:
        """Hand the next chunk over; waits while the run has too much in flight."""
        self._waiting.append(self._run.store(Kind.CONTENT, chunk))
        self._note(wait=False)

    def is_ready(self) -> bool:
        """Whether every chunk has its id."""
        self._note(wait=False)
        return not self._waiting

    def pieces(self) -> list[Piece]:
        """What the manifest says of the content; waits for the last ids."""
        self._note(wait=True)
        rows = bytes(self._rows)
        return [
            (rows[start : start + 32], 0, int.from_bytes(rows[start + 32 : start + _ROW_BYTES], "big"))
            for start in range(0, len(rows), _ROW_BYTES)
        ]

    def _note(self, *, wait: bool) -> None:
        while self._waiting and (wait or self._waiting[0].done()):
            stored = self._waiting.popleft().result()
            self._rows += stored.chunk + stored.plain_bytes.to_bytes(4, "big")
