"""The catalog at any instant after a snapshot: its entries, and what the oplog told since.

Pure. Fed with every event after the snapshot's instant, in order, ``entries`` is what a capture at the last of them would have
read. What a capture leaves out (somebody's half-made ``$out``, our own temporary collections) is left out by the same rules, but
followed: it may be renamed into sight.

Invariant: what cannot be applied exactly is refused, with the entry named. A collection that was out of sight when the
snapshot was taken has no documents in it, so one that comes into sight later is refused too.
"""

from collections.abc import Callable, Iterable
from typing import Any

import bson
from bson import SON, Timestamp
from bson.errors import BSONError

from lifeboat.sources.mongodb.catalog import BUCKETS, EXACT, CollectionEntry, Document
from lifeboat.sources.mongodb.catalog_listed import Listed, is_captured, is_server_s_own, sort_out
from lifeboat.sources.mongodb.errors import BlockUnreadable, OplogNotFollowed
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event
from lifeboat.sources.mongodb.oplog.held import Held, UnknownChange, made_by

VIEWS = "system.views"
MEANS_NOTHING = frozenset({"startIndexBuild", "abortIndexBuild", "setMultikeyMetadata", "dropIdent", "dbCheck"})
UNREADABLE = (BSONError, KeyError, ValueError, TypeError, AttributeError, RecursionError, BlockUnreadable)
"""Whatever a command of an unknown form can be stumbled over by."""
BEGIN_ANEW = "a backup taken after it begins anew: `lifeboat backup db`"


class CatalogFollower:
    """Args:
    entries: Of a snapshot of one instant.
    is_wanted: Which databases are followed; what is told of others is passed over.
    """

    def __init__(self, entries: Iterable[CollectionEntry], is_wanted: Callable[[str], bool] = is_captured) -> None:
        self._is_wanted = is_wanted
        self._held: dict[bytes, Held] = {}
        self._views: dict[tuple[str, str], Document] = {}
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
        if isinstance(event, Change) and name != VIEWS:
            if event.uuid not in self._held and self._is_wanted(database):
                self._refuse_unknown(event, name)
            return False
        if self._is_wanted(database):
            self._apply(event)
        return True

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
        mixed = entry.has_mixed_buckets
        self._held[entry.uuid] = Held(entry.database, entry.stored_as, entry.options, indexes, entry.uuid, mixed)

    def _apply(self, event: Event) -> None:
        try:
            if isinstance(event, Change):
                self._change_view(event)
            elif event.name not in MEANS_NOTHING:
                apply = _COMMANDS.get(event.name)
                if apply is None:
                    raise UnknownChange("what it does is not known")
                apply(self, event, bson.decode(event.o, codec_options=EXACT))
        except UnknownChange as trouble:
            raise _not_followed(event, str(trouble)) from trouble
        except UNREADABLE as trouble:
            raise _not_followed(event, "it has an unknown form") from trouble

    def _create(self, told: Command, o: Document) -> None:
        name = o["create"]
        if told.uuid in self._held or self._named(told.database, name) is not None:
            raise UnknownChange("it is there already")
        self._held[told.uuid] = made_by(told.database, name, told.uuid, o, told.when)

    def _drop(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["drop"])
        if held is not None:
            del self._held[held.uuid]
        if o["drop"] == VIEWS:
            self._forget_views(told.database)

    def _drop_database(self, told: Command, o: Document) -> None:
        self._held = {uuid: one for uuid, one in self._held.items() if one.database != told.database}
        self._forget_views(told.database)

    def _rename(self, told: Command, o: Document) -> None:
        (database, _, name), (into, _, to) = o["renameCollection"].partition("."), o["to"].partition(".")
        if database != into or VIEWS in (name, to):
            raise UnknownChange(f"it makes {o['to']} of it")
        held = self._meant(told, name)
        if o.get("dropTarget"):
            self._drop_target(told, to, o["dropTarget"])
        if self._named(into, to) is not None or (into, to) in self._views:
            raise UnknownChange(f"there is a {o['to']} already")
        if held is None:
            if not (_is_hidden(to) or o.get("stayTemp")):
                raise UnknownChange(f"it makes {o['to']} of a collection whose beginnings were not followed")
            return
        held.name = to
        if not o.get("stayTemp"):
            held.options.pop("temp", None)

    def _drop_target(self, told: Command, to: str, target: Any) -> None:
        there = self._held.get(bytes(target)) if isinstance(target, bytes) else self._named(told.database, to)
        if there is not None:
            del self._held[there.uuid]
        elif isinstance(target, bytes) and not _may_be_unknown(to):
            raise UnknownChange(f"it replaces {told.database}.{to}, which was never followed")

    def _collmod(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["collMod"])
        if held is not None:
            held.change(o)

    def _create_index(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["createIndexes"])
        if held is not None:
            held.put_index(SON(list(o.items())[1:]))

    def _commit_build(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["commitIndexBuild"])
        if held is not None:
            for specification in o["indexes"]:
                held.put_index(specification)

    def _drop_index(self, told: Command, o: Document) -> None:
        held = self._meant(told, o[told.name])
        if held is not None:
            held.drop_indexes(o["index"])

    def _empty(self, told: Command, o: Document) -> None:
        held = self._meant(told, o["emptycapped"])
        if held is not None:
            held.born = told.when

    def _change_view(self, change: Change) -> None:
        database = change.namespace.partition(".")[0]
        document: Document = bson.decode(change.o, codec_options=EXACT)
        told = document if change.kind != "u" or change.is_whole else bson.decode(change.o2 or b"", codec_options=EXACT)
        key = (database, str(told["_id"]).removeprefix(f"{database}."))
        if change.kind == "d":
            self._views.pop(key, None)
            return
        is_series = document.get("viewOn") == BUCKETS + key[1]
        if change.kind == "u" and key not in self._views and not is_ours(key[1]):
            if is_series:
                return  # cut off, or not to be read, when the snapshot was taken: out of sight then and now
            raise UnknownChange(f"there is no view {database}.{key[1]}")
        if change.kind == "u" and not change.is_whole:
            raise UnknownChange("it tells a difference")
        if is_series and not is_ours(key[1]) and self._named(database, BUCKETS + key[1]) is None:
            raise UnknownChange(
                f"it shows the time-series collection {database}.{key[1]}, whose beginnings were not followed"
            )
        self._views[key] = document

    def _meant(self, told: Command, name: str) -> Held | None:
        """Whom a command speaks of; None for one that was out of sight when the snapshot was taken."""
        held = self._held.get(told.uuid) if told.uuid else self._named(told.database, name)
        if held is None:
            self._refuse_unknown(told, name)
        elif (held.database, held.name) != (told.database, name):
            raise UnknownChange(f"it speaks of {told.database}.{name}, which should be {held.namespace}")
        return held

    def _named(self, database: str, name: str) -> Held | None:
        return next((one for one in self._held.values() if (one.database, one.name) == (database, name)), None)

    def _forget_views(self, database: str) -> None:
        self._views = {key: told for key, told in self._views.items() if key[0] != database}

    def _refuse_unknown(self, event: Event, name: str) -> None:
        if not _may_be_unknown(name):
            raise _not_followed(event, "that collection was never followed")


def _is_hidden(name: str) -> bool:
    """Whether a capture leaves it out for its name alone. Buckets come into sight with their view, by another entry."""
    return is_ours(name) or (is_server_s_own(name) and not name.startswith(BUCKETS))


def _may_be_unknown(name: str) -> bool:
    """Whether a collection of that name can have been out of sight: the server makes temporary ones under ``tmp...``."""
    return is_ours(name) or is_server_s_own(name) or name.startswith("tmp")


def _listed_view(database: str, name: str, told: Document) -> Listed:
    options = SON((key, told[key]) for key in ("viewOn", "pipeline", "collation") if key in told)
    if told["viewOn"] == BUCKETS + name:
        options["timeseries"] = SON()
    return Listed(database, name, options, (), b"")


def _not_followed(event: Event, why: str) -> OplogNotFollowed:
    what = (
        event.name
        if isinstance(event, Command)
        else "change of a view"
        if event.namespace.endswith(VIEWS)
        else "change"
    )
    return OplogNotFollowed(
        f"the oplog has an entry that cannot be followed: {what} {_whom(event)} at {event.when.time}.{event.when.inc}: {why}",
        BEGIN_ANEW,
    )


def _whom(event: Event) -> str:
    """As far as it can be read."""
    if isinstance(event, Change):
        return f"in {event.namespace}"
    try:
        first = next(iter(bson.decode(event.o, codec_options=EXACT).values()))
    except UNREADABLE:
        first = None
    if event.name == "renameCollection":
        return f"of {first}"
    return f"of {event.database}.{first}" if isinstance(first, str) else f"of {event.database}"


_COMMANDS: dict[str, Callable[[CatalogFollower, Command, Document], None]] = {
    "create": CatalogFollower._create,
    "drop": CatalogFollower._drop,
    "dropDatabase": CatalogFollower._drop_database,
    "renameCollection": CatalogFollower._rename,
    "collMod": CatalogFollower._collmod,
    "createIndexes": CatalogFollower._create_index,
    "commitIndexBuild": CatalogFollower._commit_build,
    "dropIndexes": CatalogFollower._drop_index,
    "deleteIndexes": CatalogFollower._drop_index,
    "deleteIndex": CatalogFollower._drop_index,
    "dropIndex": CatalogFollower._drop_index,
    "emptycapped": CatalogFollower._empty,
}
