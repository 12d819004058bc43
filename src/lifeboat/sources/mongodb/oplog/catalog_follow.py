"""The catalog at any instant after a snapshot: its entries, and what the oplog told since.

Pure. Fed with every event after the snapshot's instant, in order, ``entries`` is what a capture at the last of them would have
read. What a capture leaves out (somebody's half-made ``$out``, our own temporary collections) is left out by the same rules, but
followed: it may be renamed into sight.

Invariant: what cannot be applied exactly is refused, with the entry named. A collection that was out of sight when the
snapshot was taken has no documents in it, so one that comes into sight later is refused too.
"""

from collections.abc import Callable, Iterable
from typing import Any

from bson import SON, Timestamp

from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry, Document
from lifeboat.sources.mongodb.catalog_listed import Listed, is_captured, is_server_s_own, sort_out
from lifeboat.sources.mongodb.errors import OplogNotFollowed
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.oplog.catalog_rules import VIEWS, CatalogRules, ViewKey, words_for
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event
from lifeboat.sources.mongodb.oplog.held import Held, UnknownChange

BEGIN_ANEW = "a backup taken after it begins anew: `lifeboat backup db`"


class CatalogFollower(CatalogRules):
    """Args:
    entries: Of a snapshot of one instant.
    is_wanted: Which databases are followed; what is told of others is passed over.
    """

    def __init__(self, entries: Iterable[CollectionEntry], is_wanted: Callable[[str], bool] = is_captured) -> None:
        super().__init__()
        self._is_wanted = is_wanted
        self._held: dict[bytes, Held] = {}
        self._uuids: dict[tuple[str, str], bytes] = {}
        for entry in entries:
            self._begin_with(entry)

    @property
    def births(self) -> dict[bytes, Timestamp]:
        """By UUID, when a collection that is there now was made or emptied: neither earlier changes nor the snapshot's
        documents are its own."""
        return {one.uuid: one.born for one in self._held.values() if one.born is not None}

    def entries(self) -> list[CollectionEntry]:
        """The catalog now, by database and name."""
        listed = [one.listed for one in self._held.values()]
        listed += [_listed_view(database, name, told) for (database, name), told in self._views.items()]
        return sort_out(listed)[0]

    def follow(self, event: Event) -> bool:
        """Take in the next event; True when it was one of the catalog, False for a change of a document.

        Raises:
            OplogNotFollowed: It cannot be applied exactly.
        """
        database, _, name = event.namespace.partition(".")
        is_document = isinstance(event, Change) and name != VIEWS
        if self._is_wanted(database):
            try:
                if not is_document:
                    self._apply(event)
                elif event.uuid not in self._held:
                    _refuse_unknown(name)
            except UnknownChange as trouble:
                raise OplogNotFollowed(
                    "the oplog has an entry that cannot be followed: "
                    f"{words_for(event)} at {event.when.time}.{event.when.inc}: {trouble}",
                    BEGIN_ANEW,
                ) from trouble
        return not is_document

    def _begin_with(self, entry: CollectionEntry) -> None:
        key = (entry.database, entry.name)
        if entry.kind == "view":
            self._views[key] = SON([("_id", entry.namespace), *entry.options.items()])
            return
        if entry.is_series:
            if entry.indexes_to_translate:
                raise OplogNotFollowed(
                    f"the indexes of {entry.namespace} are not known as the server keeps them", BEGIN_ANEW
                )
            self._views[key] = SON([("_id", entry.namespace), ("viewOn", entry.stored_as)])
        indexes = [SON(one) for one in (entry.bucket_indexes if entry.is_series else entry.indexes)]
        held = Held(entry.database, entry.stored_as, entry.options, indexes, entry.uuid, entry.has_mixed_buckets)
        self._held[held.uuid] = held
        self._uuids[held.database, held.name] = held.uuid

    def _meant(self, told: Command, name: str) -> Held | None:
        """None for one that was out of sight when the snapshot was taken."""
        held = self._held.get(told.uuid) if told.uuid else self._named(told.database, name)
        if held is None:
            _refuse_unknown(name)
        elif (held.database, held.name) != (told.database, name):
            raise UnknownChange(f"it should be {held.namespace}")
        return held

    def _held_of(self, database: str) -> Iterable[Held]:
        return (one for one in self._held.values() if one.database == database)

    def _named(self, database: str, name: str) -> Held | None:
        uuid = self._uuids.get((database, name))
        return None if uuid is None else self._held[uuid]

    def _target_of(self, told: Command, to: str, target: Any) -> Held | None:
        there = self._named(told.database, to)
        if isinstance(target, bytes):
            if there is not None and there.uuid != bytes(target):
                raise UnknownChange(f"it replaces a {there.namespace} that should be another")
            if there is None:
                _refuse_unknown(to)
        return there

    def _add(self, told: Command, held: Held) -> None:
        if not held.uuid or held.uuid in self._held or self._named(held.database, held.name) is not None:
            raise UnknownChange("it is there already")
        self._held[held.uuid] = held
        self._uuids[held.database, held.name] = held.uuid

    def _remove(self, held: Held) -> None:
        del self._held[held.uuid], self._uuids[held.database, held.name]

    def _move(self, held: Held | None, into: str, to: str, *, stays_temporary: bool) -> None:
        if self._named(into, to) is not None or (into, to) in self._views:
            raise UnknownChange(f"there is a {into}.{to} already")
        if held is not None:
            del self._uuids[held.database, held.name]
            held.name = to
            self._uuids[into, to] = held.uuid
        elif not (stays_temporary or _is_hidden(to)):
            raise UnknownChange(f"it makes {into}.{to} of a collection that was not followed from its beginning")

    def _put_view(self, key: ViewKey, whole: Document | None, *, is_new: bool) -> None:
        database, name = key
        namespace = f"{database}.{name}"
        if is_ours(name):
            return
        is_series = whole is not None and whole["viewOn"] == BUCKETS + name
        if not is_new and key not in self._views:
            if is_series:
                return  # cut off, or not to be read, when the snapshot was taken: out of sight then and now
            raise UnknownChange(f"there is no view {namespace}")
        assert whole is not None
        if is_series and self._named(database, BUCKETS + name) is None:
            raise UnknownChange(
                f"it shows a time-series collection {namespace} that was not followed from its beginning"
            )
        if not is_series and "pipeline" not in whole:
            raise UnknownChange(f"it makes a view of the time-series collection {namespace}")
        self._views[key] = whole


def _refuse_unknown(name: str) -> None:
    """A collection that is spoken of and not known was out of sight, and has a name that explains it; or something is amiss."""
    may_have_been_hidden = is_ours(name) or is_server_s_own(name) or name.startswith("tmp")  # the server's own choice
    if not may_have_been_hidden:
        raise UnknownChange("that collection was not followed from its beginning")


def _is_hidden(name: str) -> bool:
    """Whether a capture leaves it out for its name alone. Buckets come into sight with their view, by another entry."""
    return is_ours(name) or (is_server_s_own(name) and not name.startswith(BUCKETS))


def _listed_view(database: str, name: str, told: Document) -> Listed:
    options = SON((key, told[key]) for key in ("viewOn", "pipeline", "collation") if key in told)
    if told["viewOn"] == BUCKETS + name:
        options["timeseries"] = SON()
    return Listed(database, name, options, (), b"")
