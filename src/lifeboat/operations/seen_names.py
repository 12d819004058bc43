"""A piece of a walk on its way into a backup: what is known of each name, and which files are to be read before it can be stored."""

from lifeboat.operations.tree_memory import Remembered
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.read_ahead import AT_MOST, AT_MOST_BYTES, QUESTION_BYTES, SMALL_BYTES, question_bytes

Seen = tuple[Entry, Remembered | None] | Remembered
"""A name and what is known of it, or several unchanged ones together."""


class SeenNames:
    """Filled by ``add``. Args: since_ns: when nothing of it can have been read yet."""

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.all: list[Seen] = []
        self.to_read: list[Entry] = []
        self._names = 0
        self._bytes = 0
        self._question_bytes = 0

    def add(self, seen: Seen) -> bool:
        """Whether it is large enough with this."""
        self.all.append(seen)
        if isinstance(seen, Remembered):
            self._names += seen.file_count
            return self._names >= 4 * AT_MOST
        self._names += 1
        entry, known = seen
        if known is None and 0 < entry.size <= SMALL_BYTES:
            self.to_read.append(entry)
            self._bytes += entry.size
            self._question_bytes += question_bytes(entry)
            if len(self.to_read) >= AT_MOST or self._bytes >= AT_MOST_BYTES or self._question_bytes >= QUESTION_BYTES:
                return True
        return self._names >= 4 * AT_MOST
