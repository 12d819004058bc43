"""What cannot be read at T is read later, and the oplog tells what happened in between: a *window* from T to a later instant.

A collection is followed by its UUID, whatever its name becomes: an oplog entry carries it. So dropping, renaming and replacing need
no replay: names, options, indexes and views are those of the end, which is again one instant (``capture_again``), and what
came to be meanwhile is read there. When nothing is missing in a catalog, its instant is the end of the window, and the recovery point.

Invariant: every read of this module has seen all up to the catalog that named its collection, and ends before the catalog that
ends the window. So the changes copied from T on, put onto what was read, give each collection as it is at the end.
"""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

from bson import Binary, Timestamp
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from lifeboat.foundation.clock import Clock
from lifeboat.sources.mongodb.capture import Capture, capture, read_blocks
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry
from lifeboat.sources.mongodb.catalog_read import is_wanted
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.oplog.copy import OplogCopy
from lifeboat.sources.mongodb.oplog.read import majority_point


class Window:
    """Args:
    first: The capture of T.
    """

    def __init__(self, first: Capture, *, clock: Clock) -> None:
        assert first.time is not None
        self._first = first
        self._client = first.client
        self._clock = clock
        self._newest = first.time
        """The newest instant seen by a read or named by a catalog."""
        self._noting = threading.Lock()
        followed = (entry.uuid for entry in first.collections if entry.uuid)
        self.copy = OplogCopy(
            self._client, first.time, followed, lambda name: is_wanted(name, first.databases), clock=clock
        )

    @property
    def start(self) -> Timestamp:
        assert self._first.time is not None
        return self._first.time

    def blocks(self, entry: CollectionEntry) -> Iterator[bytes]:
        """Every document of a collection, each as it was at some moment since the newest catalog; seldom one twice, never one missed.

        Raises:
            CaptureMoved: It was dropped, renamed or replaced meanwhile; ``now_called`` knows.
        """
        with self._client.start_session(causal_consistency=True) as session:
            session.advance_operation_time(self._newest)
            try:
                yield from read_blocks(self._client, self._first.server, entry, session, ReadConcern("majority"))
            finally:
                self._note(session.operation_time)

    def now_called(self, entry: CollectionEntry) -> CollectionEntry | None:
        """The same collection under its name of now; None when it was dropped."""
        with (
            in_our_words(f"looking for {entry.namespace}"),
            self._client.start_session(causal_consistency=True) as session,
        ):
            database = self._client.get_database(entry.database, read_preference=ReadPreference.PRIMARY)
            found = list(database.list_collections(session, filter={"info.uuid": Binary(entry.uuid, 4)}))
            self._note(session.operation_time)  # a node that is read next must know of it too
        return replace(entry, name=str(found[0]["name"]).removeprefix(BUCKETS)) if found else None

    def capture_again(self) -> Capture:
        """The catalog of a later instant, up to which the changes have been copied, and not beyond."""
        copied = self.copy.hold()
        at = max(copied, self._newest, majority_point(self._client))
        with capture(self._client, self._first.databases, clock=self._clock, at=at) as again:
            pass
        assert again.time is not None
        self.copy.up_to(again.time)
        self._note(again.time)
        return again

    def go_on(self, entries: Iterable[CollectionEntry]) -> None:
        """Not the end yet: copy on, and follow these too."""
        self.copy.go_on(entry.uuid for entry in entries if entry.uuid)

    def _note(self, seen: Timestamp | None) -> None:
        with self._noting:
            self._newest = max(self._newest, seen or self._newest)
