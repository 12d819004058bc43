"""An instant as MongoDB counts them: a second, and a number within it. Ordered; no two writes of a replica set share one."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

_WORDS = re.compile(r"(\d{1,10})\.(\d{1,10})")
_HEX = re.compile(r"[0-9a-f]{16}")
LARGEST = 2**32 - 1


class ClusterTime(NamedTuple):
    """Args: seconds: Since 1970, by the primary's clock. increment: From 1 on, within that second."""

    seconds: int
    increment: int

    @property
    def instant(self) -> datetime:
        """The second in which it lies."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def words(self) -> str:
        """As people copy it from one command into another: ``1764123456.3``."""
        return f"{self.seconds}.{self.increment}"

    def hex(self) -> str:
        """16 digits that sort as the instants do."""
        return f"{self.seconds:08x}{self.increment:08x}"

    def before(self) -> "ClusterTime":
        """The last instant before this one."""
        if self.increment:
            return ClusterTime(self.seconds, self.increment - 1)
        return ClusterTime(self.seconds - 1, LARGEST) if self.seconds else self


def read_words(text: str) -> ClusterTime | None:
    """The inverse of ``words``; None for anything else."""
    found = _WORDS.fullmatch(text.strip())
    if found is None:
        return None
    time = ClusterTime(int(found[1]), int(found[2]))
    return time if max(time) <= LARGEST else None


def read_hex(text: str) -> ClusterTime:
    """The inverse of ``hex``; raises ``ValueError``."""
    if _HEX.fullmatch(text) is None:
        raise ValueError("not a cluster time")
    return ClusterTime(int(text[:8], 16), int(text[8:], 16))
