"""How long to wait after wrong passwords: twice as long each time, for the address and for the name.

Limits: a name is never locked for more than a minute, or anybody could keep its owner out; an address for a quarter of an hour.
"""

import threading
from dataclasses import dataclass

FREE = 3
ADDRESS_LONGEST_SECONDS = 15 * 60.0
NAME_LONGEST_SECONDS = 60.0
FORGOTTEN_SECONDS = 3600.0
KEPT_AT_MOST = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: float
    until: float


class Attempts:
    """All times by the steady clock."""

    def __init__(self) -> None:
        self._failures: dict[tuple[str, str], _Failures] = {}
        self._mutex = threading.Lock()

    def wait_seconds(self, address: str, name: str, now: float) -> float:
        """How long nobody may try from there, or as that; 0: now."""
        with self._mutex:
            found = [self._failures.get(key) for key in _keys(address, name)]
            return max([0.0, *(one.until - now for one in found if one is not None)])

    def failed(self, address: str, name: str, now: float) -> None:
        with self._mutex:
            if len(self._failures) >= KEPT_AT_MOST:
                self._forget(now)
            for key in _keys(address, name):
                one = self._failures.get(key)
                if one is None or now - one.last > FORGOTTEN_SECONDS:
                    one = self._failures[key] = _Failures(0, now, now)
                one.count, one.last = one.count + 1, now
                longest = ADDRESS_LONGEST_SECONDS if key[0] == "address" else NAME_LONGEST_SECONDS
                # Not 2 ** count: it would have thousands of digits after a night of tries.
                one.until = now + (min(2.0 ** min(one.count - FREE, 30), longest) if one.count >= FREE else 0.0)

    def succeeded(self, name: str) -> None:
        """The name's are forgotten. Not the address's: whoever has a name of his own could go on guessing others' without a wait."""
        with self._mutex:
            self._failures.pop(("name", name[:64].lower()), None)

    def _forget(self, now: float) -> None:
        oldest_first = sorted(self._failures, key=lambda key: self._failures[key].last)
        for key in oldest_first[: KEPT_AT_MOST // 2]:
            del self._failures[key]


def _keys(address: str, name: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("address", address), ("name", name[:64].lower())
