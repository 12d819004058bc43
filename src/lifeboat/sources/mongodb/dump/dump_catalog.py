"""The collections of a dump, and what its oplog did to them while it was taken: the snapshot's catalog is that of the oplog's end.

mongodump describes the collections near the beginning of its oplog, and not at an instant. So an entry may tell of something that
the description already shows, or of a collection that the description no longer has; each is applied so that it may come twice. A
collection is known by its UUID, where the dump says it; else the first entry that speaks of its name says it.

Invariant: what cannot be applied exactly is refused, with the entry named. A collection that was created within the oplog is
wholly the oplog's: description and documents that were dumped under its name do not count (they may be another's that had it before).
Documents are dumped by name, so the rename of a collection that is not wholly the oplog's is refused.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import SON

from lifeboat.sources.mongodb.catalog import (
    BUCKETS,
    NOT_READ,
    CollectionEntry,
    Document,
    describe,
    describe_dumped,
    describe_series,
)
from lifeboat.sources.mongodb.catalog_listed import is_server_s_own, left_out_because
from lifeboat.sources.mongodb.dump.found import Found, check_name
from lifeboat.sources.mongodb.dump.metadata_text import parse_metadata
from lifeboat.sources.mongodb.errors import DumpNotFollowed, DumpUnreadable
from lifeboat.sources.mongodb.oplog.catalog_rules import VIEWS, CatalogRules, ViewKey, words_for
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command, Event
from lifeboat.sources.mongodb.oplog.held import Held, UnknownChange
from lifeboat.sources.mongodb.series_shape import index_of_series

TAKE_IT_QUIETLY = "dump again while nobody creates, drops or changes collections; or `mongorestore --oplogReplay` it into a server and back that up"
_ID_INDEX = SON([("v", 2), ("key", SON(_id=1)), ("name", "_id_")])


@dataclass(eq=False)
class Member(Held):
    """Args:
    counts: Whether what was dumped under its name are its documents.
    is_as_users_see_it: Of a time-series collection: its indexes are not known as the buckets have them.
    """

    counts: bool = True
    is_as_users_see_it: bool = False

    knows_all_indexes: ClassVar[bool] = False

    @property
    def shown_as(self) -> str:
        return self.name.removeprefix(BUCKETS) if self.listed.is_buckets else self.name

    def put_index(self, specification: Document) -> None:
        if self.is_as_users_see_it:
            specification = index_of_series(specification, self.options["timeseries"])
        super().put_index(specification)

    def entry(self) -> CollectionEntry:
        facts = (self.database, self.shown_as, self.options, self.indexes, self.uuid)
        if not self.listed.is_buckets:
            return describe(*facts)
        return describe_dumped(*facts) if self.is_as_users_see_it else describe_series(*facts, mixed=self.mixed)


class DumpCatalog(CatalogRules):
    """Fed with the dump's own words first, then with every event of its oplog."""

    def __init__(self) -> None:
        super().__init__()
        self._members: list[Member] = []
        self._spoken_of: set[bytes] = set()
        """UUIDs that held documents before whatever comes now."""

    def add(self, found: Found) -> None:
        """Take in what the dump itself says of a collection."""
        namespace = f"{found.database}.{found.name}"
        parsed = parse_metadata(found.metadata, namespace)
        options = SON(parsed.get("options") or {})
        indexes = [one for one in parsed.get("indexes") or [] if not one.get("clustered")]
        for index in indexes:
            if isinstance(index["key"], str):  # of a server before 2.0
                raise DumpUnreadable(f"an index of {namespace} has no key", "was the dump edited?")
        if not found.metadata:
            indexes = [SON(_ID_INDEX)]
        key = (found.database, found.name)
        if "viewOn" in options:
            self._views[key] = SON(_id=namespace, **options)
            return
        name, mixed, uuid = found.name, False, bytes.fromhex(parsed.get("uuid") or "")
        is_series, buckets = "timeseries" in options, parsed.get("buckets")
        if is_series:
            name = BUCKETS + found.name
            self._views[key] = SON([("_id", namespace), ("viewOn", name)])
            if buckets is None:
                uuid = b""  # the tools say that of the view, if any
            else:
                indexes, mixed = list(buckets.get("indexes") or []), buckets.get("mixed") is True
        member = Member(found.database, name, options, indexes, uuid, mixed)
        member.is_as_users_see_it = is_series and buckets is None
        self._members.append(member)

    def holds(self, database: str, stored_as: str) -> bool:
        """Whether something is known whose documents lie under this name."""
        named = self._named(database, stored_as) or self._named(database, BUCKETS + stored_as)
        return named is not None or (database, stored_as) in self._views

    def name_uuids(self) -> None:
        """Give those that nobody named a UUID one of their own, so that no change is taken for theirs."""
        for one in self._members:
            if not one.uuid:
                named = f"{one.database}.{one.shown_as}"
                one.uuid = hashlib.sha256(f"imported without a UUID {named}".encode()).digest()[:16]

    def described(self) -> list[tuple[CollectionEntry, bool]]:
        """The entries, by database and name, and of each whether what was dumped under its name are its documents."""
        found: dict[tuple[str, str], tuple[CollectionEntry, bool]] = {}
        series = {key for key, told in self._views.items() if told["viewOn"] == BUCKETS + key[1]}
        for one in self._members:
            key = (one.database, one.shown_as)
            is_unfinished = not one.counts and left_out_because(one.listed) is not None and not one.listed.is_buckets
            if is_unfinished or (one.listed.is_buckets and key not in series):
                continue  # the oplog's end has half of it
            if key in found:
                raise DumpNotFollowed(f"the dump's oplog leaves two collections {'.'.join(key)}", TAKE_IT_QUIETLY)
            found[key] = (_entry(key, one.entry), one.counts)
        for key in self._views.keys() - series:
            found[key] = (_entry(key, lambda key=key: self._view(key)), True)  # type: ignore[misc]
        return [found[key] for key in sorted(found)]

    def follow(self, event: Event) -> bool:
        """Take in the next event; True when it was one of the catalog, False for a change of a document.

        Raises:
            DumpNotFollowed: It cannot be applied exactly.
        """
        database, _, name = event.namespace.partition(".")
        if isinstance(event, Change) and name != VIEWS:
            self._learn(database, name, event.uuid)
            self._spoken_of.add(event.uuid)
            return False
        try:
            self._apply(event)
        except UnknownChange as trouble:
            raise DumpNotFollowed(
                f"the dump's oplog has an entry that cannot be followed: {words_for(event)}: {trouble}", TAKE_IT_QUIETLY
            ) from trouble
        return True

    def _view(self, key: ViewKey) -> CollectionEntry:
        options = {name: value for name, value in self._views[key].items() if name != "_id"}
        return describe(*key, options, [], b"")

    def _learn(self, database: str, name: str, uuid: bytes) -> None:
        member = self._named(database, name)
        if member is not None and not member.uuid:
            member.uuid = uuid

    def _meant(self, told: Command, name: str) -> Member | None:
        """None for one that is not, or not any more, in the catalog."""
        self._learn(told.database, name, told.uuid)
        return self._of_uuid(told.uuid) if told.uuid else self._named(told.database, name)

    def _of_uuid(self, uuid: bytes) -> Member | None:
        return next((one for one in self._members if uuid and one.uuid == uuid), None)

    def _held_of(self, database: str) -> Iterable[Member]:
        return (one for one in self._members if one.database == database)

    def _named(self, database: str, name: str) -> Member | None:
        return next((one for one in self._members if (one.database, one.name) == (database, name)), None)

    def _target_of(self, told: Command, to: str, target: Any) -> Member | None:
        there = self._named(told.database, to)
        if there is not None and not there.uuid and self._of_uuid(told.uuid) is None:
            raise UnknownChange(f"the dump does not say which {told.database}.{to} it describes")
        if not isinstance(target, bytes):
            return there
        self._learn(told.database, to, bytes(target))
        return self._of_uuid(bytes(target))

    def _add(self, told: Command, held: Held) -> None:
        check_name(held.database, held.name)
        if is_server_s_own(held.name) and not held.name.startswith(BUCKETS):
            return
        if held.uuid in self._spoken_of:
            raise UnknownChange("it was dropped and made again under the same UUID")
        self._members = [
            one
            for one in self._members
            if one.uuid != held.uuid and (one.uuid or (one.database, one.name) != (held.database, held.name))
        ]
        facts = (held.database, held.name, held.options, held.indexes, held.uuid)
        self._members.append(Member(*facts, counts=False))

    def _remove(self, held: Held) -> None:
        self._members = [one for one in self._members if one is not held]
        self._spoken_of.add(held.uuid)

    def _move(self, held: Held | None, into: str, to: str, *, stays_temporary: bool) -> None:
        check_name(into, to)
        if held is None:
            there = self._named(into, to)
            if there is not None and not there.uuid:
                raise UnknownChange(f"the dump does not say which {into}.{to} it describes")
            return  # it is no more when the dump describes what there is
        if not isinstance(held, Member) or held.counts:
            raise UnknownChange("its documents were dumped by name, under one or the other")
        held.name = to

    def _put_view(self, key: ViewKey, whole: Document | None, *, is_new: bool) -> None:
        check_name(*key)
        if whole is not None:
            self._views[key] = SON(whole, viewOn=str(whole["viewOn"]))

    def _drop_database(self, told: Command, o: Document) -> None:
        """Each of its collections was dropped by an entry of its own. What is left was described later, when it was there again."""
        self._members = [one for one in self._members if one.database != told.database]
        self._forget_views(told.database)

    def _refuse_emptied(self, told: Command, o: Document) -> None:
        raise UnknownChange("it empties a collection, and the oplog does not tell of which documents")

    _commands: ClassVar[dict[str, Callable[[Any, Command, Document], None]]] = {
        **CatalogRules._commands,
        "dropDatabase": _drop_database,
        "emptycapped": _refuse_emptied,
    }


def _entry(key: tuple[str, str], make: Callable[[], CollectionEntry]) -> CollectionEntry:
    try:
        return make()
    except NOT_READ as trouble:
        raise DumpUnreadable(
            f"the description of {'.'.join(key)} in the dump cannot be read", "was it edited?"
        ) from trouble
