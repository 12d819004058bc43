"""Repeatable chance: the only place of the package that draws from a seed.

Never for keys, nonces or jitter: who knows the seed knows everything that follows.
"""

import datetime as dt
import random  # noqa: TID251 - repeatable sample data, no secrets
from collections.abc import Sequence

from bson import ObjectId


class Chance(random.Random):
    """A seeded source of sample values; the same seed and calls give the same values."""

    def fork(self, name: str) -> "Chance":
        """A source of its own for one part, so that a change to one part leaves the others as they were."""
        return Chance(f"{self.getrandbits(64)}/{name}")

    def object_id(self, born: dt.datetime) -> ObjectId:
        """An ObjectId as if a driver had made it at that time."""
        return ObjectId(int(born.timestamp()).to_bytes(4, "big") + self.randbytes(8))

    def instant(self, earliest: dt.datetime, latest: dt.datetime) -> dt.datetime:
        """An instant in between, in whole milliseconds, as BSON keeps them."""
        span_ms = int((latest - earliest).total_seconds() * 1000)
        return earliest + dt.timedelta(milliseconds=self.randrange(max(1, span_ms)))

    def some(self, pool: Sequence[str], least: int, most: int) -> list[str]:
        """Between ``least`` and ``most`` of the pool, repeats allowed."""
        return self.choices(pool, k=self.randint(least, most))
