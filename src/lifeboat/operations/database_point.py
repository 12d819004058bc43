"""A database as of one instant: what a snapshot stored, and what happened since as the archive has it.

Restore, export, single documents and comparisons all read it, so a snapshot and any moment after it come back the same way. Where
there is no archive behind it, the instant is the snapshot's own.

Invariant: a collection is known by its UUID. Its documents are those stored under it and every change since, unless it came to be
(again) after the snapshot: then its changes from that moment on alone.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property

from bson import Timestamp

from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.value import Value
from lifeboat.operations.archived import Archived
from lifeboat.repository.errors import ObjectDamaged
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.documents import spans_of

OPLOG = "oplog"
"""Name of the stream that a snapshot over a stretch of time has."""


class StoredCollection(Value):
    """A collection or view.

    Args:
        documents, bytes: Of what the snapshot stored of it.
        stream: Name of the stream that holds them; None where nothing was stored.
    """

    entry: CollectionEntry
    documents: int
    bytes: int
    stream: str | None
    later: bool = False
    """It was read while it changed; the changes are in the stream ``oplog``."""


class DatabasePoint:
    """Args:
    since: None for the instant of the snapshot itself.
    """

    def __init__(self, reader: SnapshotReader, since: Archived | None = None) -> None:
        self.reader = reader
        self.since = since
        self._in_snapshot = stored_collections(reader, with_temporary=True)
        self.births: Mapping[bytes, Timestamp] = {}
        """By UUID: changes before this are of another collection."""
        in_sight = [one for one in self._in_snapshot if not one.entry.is_temporary]
        self.collections: list[StoredCollection] = in_sight if since is None else self._followed(since)
        """In order of name."""

    @property
    def record(self) -> Record:
        """Of the snapshot."""
        return self.reader.record

    @property
    def goal(self) -> ClusterTime | None:
        """The instant; None for that of the snapshot."""
        return None if self.since is None else self.since.goal

    @property
    def databases(self) -> list[str]:
        return sorted({one.entry.database for one in self.collections})

    @property
    def key(self) -> str:
        """Tells this point from others."""
        return self.record.snapshot if self.goal is None else f"{self.record.snapshot}@{self.goal.words()}"

    @cached_property
    def by_namespace(self) -> dict[str, StoredCollection]:
        return {one.entry.namespace: one for one in self.collections}

    @property
    def later(self) -> frozenset[str]:
        """Namespaces whose documents were read while they changed."""
        return frozenset(name for name, one in self.by_namespace.items() if one.later)

    @property
    def has_changes(self) -> bool:
        """Whether documents are to be followed by changes."""
        return self.since is not None or OPLOG in self.reader.streams()

    @property
    def change_bytes(self) -> int:
        stream = self.reader.streams().get(OPLOG)
        own = 0 if stream is None else stream.total_bytes
        return own + (0 if self.since is None else self.since.total_bytes)

    def read_chunks(self, entry: CollectionEntry) -> Iterator[bytes]:
        """The stored documents of a collection, whole ones in each chunk."""
        stream = self.by_namespace[entry.namespace].stream
        return iter(()) if stream is None else self.reader.stream(self.reader.streams()[stream])

    def changes(self) -> Iterator[bytes]:
        """Stored changes of all collections in order, whole ones in each block."""
        stream = self.reader.streams().get(OPLOG)
        if stream is not None:
            yield from self.reader.stream(stream)
        if self.since is not None:
            yield from self.since.changes()

    def accounts(self, kind: str) -> list[bytes]:
        """``users`` or ``roles``, as the snapshot has them: the archive does not follow accounts."""
        raw = b"".join(self.reader.stream(self.reader.streams()[kind]))
        return [raw[begin:end] for begin, end in spans_of(raw)]

    def _followed(self, since: Archived) -> list[StoredCollection]:
        entries, self.births = since.follow(one.entry for one in self._in_snapshot)
        stored = {one.entry.uuid: one for one in self._in_snapshot if one.entry.uuid}
        found = []
        for entry in entries:
            before = None if entry.uuid in self.births else stored.get(entry.uuid)
            if before is None:
                found.append(StoredCollection(entry, 0, 0, None))
            else:
                found.append(StoredCollection(entry, before.documents, before.bytes, before.stream, before.later))
        return sorted(found, key=lambda one: (one.entry.database, one.entry.name))


def stored_collections(reader: SnapshotReader, *, with_temporary: bool = False) -> list[StoredCollection]:
    """What the snapshot's catalog names, in order of name.

    Args:
        with_temporary: Also what the server had made for a while: the archive may bring it into sight.
    """
    streams = reader.streams()
    found = []
    for line in reader.lines(streams["catalog"]):
        try:
            value = json.loads(line)
            entry = CollectionEntry(value["database"], value["collection"], value["kind"], value["metadata"])
            # Half a surrogate pair is text to JSON and to no server: it raises.
            "".join((entry.database, entry.name, entry.kind, entry.metadata)).encode()
            stream = value["stream"]
            size = 0 if stream is None else streams[stream].total_bytes
            later = value.get("later") is True
            if with_temporary or not entry.is_temporary:
                found.append(StoredCollection(entry, int(value["documents"]), size, stream, later))
        except (KeyError, TypeError, ValueError) as error:
            raise ObjectDamaged(f"the catalog of snapshot {reader.record.snapshot[:8]} is not readable") from error
    return found
