"""How long reading from the store takes, and how long opening what was read: summed over all threads of a restore.

Both go on at the same time as the writing of what comes back, in several threads: so these are seconds of work, not of the clock.
"""

import threading
from dataclasses import dataclass, field

from lifeboat.foundation.clock import Clock


@dataclass
class Meter:
    """Given to a ``Repository``, it hears of every stretch of a pack that its readers fetch and open."""

    clock: Clock
    fetch_seconds: float = 0.0
    fetched_bytes: int = 0
    """Sealed, as they came."""
    open_seconds: float = 0.0
    opened_bytes: int = 0
    """Plain: authenticated, decrypted, unpacked."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, fetch_seconds: float, fetched_bytes: int, open_seconds: float, opened_bytes: int) -> None:
        with self._lock:
            self.fetch_seconds += fetch_seconds
            self.fetched_bytes += fetched_bytes
            self.open_seconds += open_seconds
            self.opened_bytes += opened_bytes
