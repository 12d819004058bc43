"""Bytes in flight, bounded."""

import threading


class ByteBudget:
    """Bytes that may be in flight; whoever wants more waits. One piece larger than all of it passes alone."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._used = 0
        self._changed = threading.Condition()

    def take(self, count: int) -> None:
        with self._changed:
            while self._used and self._used + count > self._total:
                self._changed.wait()
            self._used += count

    def has_room(self, count: int) -> bool:
        """Whether ``take`` would not wait."""
        with self._changed:
            return not self._used or self._used + count <= self._total

    def give_back(self, count: int) -> None:
        with self._changed:
            self._used -= count
            self._changed.notify_all()
