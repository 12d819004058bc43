"""Documents of one collection that changed while a snapshot was read: what they became, where the changes alone can tell.

A snapshot with a stream ``oplog`` holds documents as they were before, and what happened to them afterwards (docs/format.md, section 11).
Whole documents and deletions say by themselves how it ended. What ended with a difference would have to be replayed: such a
document is ``unsure``, is never put back one by one, and that is said.
"""

from dataclasses import dataclass, field

from lifeboat.foundation.sizes import MIB
from lifeboat.operations.database_point import StoredCollection
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.mongodb.by_id import id_of
from lifeboat.sources.mongodb.document_words import elements_of
from lifeboat.sources.mongodb.documents import spans_of

HELD_AT_MOST_BYTES = 64 * MIB
"""Of whole documents; what came on top of that is unsure."""


@dataclass
class WindowOverlay:
    """Args: ended: by the ``_id`` as an element, the document it became, or None where it was deleted."""

    ended: dict[bytes, bytes | None] = field(default_factory=dict)
    unsure: set[bytes] = field(default_factory=set)
    _held_bytes: int = 0

    def hides(self, element: bytes) -> bool:
        """Whether what was read under this ``_id`` is not what the snapshot stands for."""
        return element in self.ended or element in self.unsure

    @property
    def block(self) -> bytes:
        """The documents that are known, as one block."""
        return b"".join(document for document in self.ended.values() if document is not None)

    def take(self, kind: bytes, changed: bytes, which: bytes) -> None:
        """One change: ``i``, ``u`` or ``d``, its ``o`` and its ``o2`` (empty where it has none)."""
        if kind == b"d":
            self._end(id_of(changed), None)
        elif kind == b"i" or (kind == b"u" and changed[5:9] == b"_id\0"):
            self._end(id_of(changed), changed)
        elif kind == b"u":
            self._forget(id_of(which))
            self.unsure.add(id_of(which))

    def _end(self, element: bytes, document: bytes | None) -> None:
        self._forget(element)
        if document is not None and self._held_bytes + len(document) > HELD_AT_MOST_BYTES:
            self.unsure.add(element)
            return
        self.unsure.discard(element)
        self.ended[element] = document
        self._held_bytes += len(document or b"")

    def _forget(self, element: bytes) -> None:
        self._held_bytes -= len(self.ended.pop(element, None) or b"")


def window_overlay(reader: SnapshotReader, stored: StoredCollection) -> WindowOverlay | None:
    """Read the changes of one collection; None where the snapshot has none."""
    stream = reader.streams().get("oplog")
    if stream is None:
        return None
    overlay = WindowOverlay()
    for chunk in reader.stream(stream):
        for begin, end in spans_of(chunk):
            change = {name: value for _, name, value in elements_of(bytes(chunk[begin:end]))}
            if change.get(b"ui", b"")[5:] == stored.entry.uuid:
                overlay.take(change[b"op"][4:-1], change[b"o"], change.get(b"o2", b""))
    return overlay if overlay.ended or overlay.unsure else None
