"""The oplog that came with a dump, as the changes that a snapshot stores, and its end.

The entries of a transaction are needed again at its commit: those, and no others, are put aside in a file without a name
(it is gone with this process, whatever happens), so memory is that of one entry.

Invariant: no plain text reaches a disk: what is put aside is sealed under a key that never leaves this process.
"""

import os
import tempfile
from collections.abc import Iterator

from bson import Timestamp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.catalog_listed import is_captured
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.dump.dump_catalog import TAKE_IT_QUIETLY, DumpCatalog
from lifeboat.sources.mongodb.dump.found import TAKE_ANOTHER
from lifeboat.sources.mongodb.errors import BlockUnreadable, DumpNotFollowed, DumpUnreadable, OplogGap, OplogNotFollowed
from lifeboat.sources.mongodb.oplog.change import Change, elements_of
from lifeboat.sources.mongodb.oplog.flatten import Flattener, position_of

HELD_AT_MOST_BYTES = 16 * MIB
PARTS_AT_MOST = 1_000_000
_PART = (b"\x08prepare\0\x01", b"\x08partialTxn\0\x01")


class DumpOplog:
    """Fed with the entries in their order; tells the catalog what is its business."""

    def __init__(self, catalog: DumpCatalog) -> None:
        self._catalog = catalog
        self._flattener = Flattener(is_captured, self._again)
        self._aside = tempfile.SpooledTemporaryFile(max_size=HELD_AT_MOST_BYTES)  # noqa: SIM115
        self._cipher = AESGCM(os.urandom(32))
        self._parts: dict[Timestamp, tuple[int, int]] = {}
        self.first: Timestamp | None = None
        self.last: Timestamp | None = None
        self.changes = 0

    def changes_of(self, block: bytes) -> Iterator[bytes]:
        """The stored changes of some entries.

        Raises:
            DumpNotFollowed: Something in it cannot be applied exactly.
            DumpUnreadable: It is no oplog.
        """
        try:
            for begin, end in spans_of(block):
                yield from self._changes_of(block[begin:end])
        except (OplogGap, OplogNotFollowed) as trouble:
            raise DumpNotFollowed(
                f"the dump's oplog cannot be followed: {trouble.message}", TAKE_IT_QUIETLY
            ) from trouble
        except (BlockUnreadable, KeyError, ValueError, IndexError, ArithmeticError, RecursionError) as trouble:
            raise DumpUnreadable("the dump's oplog holds something that is no entry of one", TAKE_ANOTHER) from trouble

    def close(self) -> None:
        self._aside.close()

    def _changes_of(self, entry: bytes) -> Iterator[bytes]:
        when = position_of(entry).when
        if self.last is not None and when < self.last:
            raise DumpUnreadable("the entries of the dump's oplog are not in their order", TAKE_ANOTHER)
        self.first, self.last = self.first or when, when
        for event in self._flattener.events_of(entry):
            if not self._catalog.follow(event) and isinstance(event, Change):
                _check(event)
                self.changes += 1
                yield event.to_bson()
        if any(mark in entry for mark in _PART):
            self._put_aside(when, entry)

    def _put_aside(self, when: Timestamp, entry: bytes) -> None:
        if len(self._parts) >= PARTS_AT_MOST:
            raise DumpNotFollowed(
                "the dump's oplog holds more parts of transactions than can be followed", TAKE_IT_QUIETLY
            )
        at = self._aside.seek(0, 2)
        # Where it begins is used once only, which is all that a nonce has to be.
        sealed = self._cipher.encrypt(at.to_bytes(12, "big"), entry, None)
        self._aside.write(sealed)
        self._parts[when] = (at, len(sealed))

    def _again(self, when: Timestamp) -> bytes | None:
        if when not in self._parts:
            return None
        at, length = self._parts[when]
        self._aside.seek(at)
        return self._cipher.decrypt(at.to_bytes(12, "big"), self._aside.read(length), None)


def _check(change: Change) -> None:
    """What a replay would stumble over is refused now, not on the bad day."""
    elements_of(change.o)
    if change.document_id is None:
        raise BlockUnreadable("a change names no document", TAKE_ANOTHER)
