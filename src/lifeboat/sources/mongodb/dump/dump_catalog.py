"""The collections of a dump, and what its oplog did to them while it was taken: the snapshot's catalog is that of the oplog's end.

mongodump describes the collections near the beginning of its oplog, and not at an instant. So an entry may tell of something that
the description already shows; each is applied so that it may come twice. A collection is known by its UUID, where the dump says it;
else the first entry that speaks of its name says it.

Invariant: what cannot be applied exactly is refused, with the entry named. A collection that was created within the oplog has all of
its documents in the oplog, so what was dumped under its name does not count (it may be another's that had the name before).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson import SON
from bson.errors import BSONError

from lifeboat.sources.mongodb.catalog import BUCKETS, EXACT, CollectionEntry, Document, describe_dumped
from lifeboat.sources.mongodb.dump.found import Found, check_name
from lifeboat.sources.mongodb.dump.metadata_text import NOT_READ, parse_metadata
from lifeboat.sources.mongodb.errors import DumpNotFollowed, DumpUnreadable
from lifeboat.sources.mongodb.oplog.change import Change
from lifeboat.sources.mongodb.oplog.command import Command

VIEWS = "system.views"
TAKE_IT_QUIETLY = "dump again while nobody creates, drops or changes collections; or `mongorestore --oplogReplay` it into a server and back that up"
_OPTIONS_BY_COLLMOD = frozenset({"validator", "validationLevel", "validationAction", "changeStreamPreAndPostImages"})
_INDEX_BY_COLLMOD = frozenset({"expireAfterSeconds", "hidden", "prepareUnique"})
_MEANS_NOTHING = frozenset({"startIndexBuild", "abortIndexBuild", "setMultikeyMetadata", "dropIdent", "dbCheck"})


@dataclass
class Member:
    """One collection, view or time-series collection.

    Args:
        uuid: Of the collection that holds the documents; empty while nobody has said it.
        counts: Whether what was dumped under its name are its documents.
    """

    database: str
    name: str
    options: Document
    indexes: list[Document]
    uuid: bytes = b""
    buckets: Document | None = None
    counts: bool = True
    is_described: bool = True

    @property
    def is_series(self) -> bool:
        return "timeseries" in self.options

    @property
    def is_view(self) -> bool:
        return "viewOn" in self.options

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    def index(self, change: Document) -> Document | None:
        """The one that a ``collMod`` means."""
        for one in self.indexes:
            if one["name"] == change.get("name") or one["key"] == change.get("keyPattern"):
                return one
        return None

    def entry(self) -> CollectionEntry:
        try:
            return describe_dumped(self.database, self.name, self.options, self.indexes, self.uuid, self.buckets)
        except NOT_READ as trouble:
            raise DumpUnreadable(
                f"the description of {self.namespace} in the dump cannot be read", "was it edited?"
            ) from trouble


@dataclass
class DumpCatalog:
    """Args: members: by database and name, as users see it."""

    members: dict[tuple[str, str], Member] = field(default_factory=dict)

    def add(self, found: Found) -> None:
        """Take in what the dump itself says of a collection."""
        parsed = parse_metadata(found.metadata, f"{found.database}.{found.name}")
        options = SON(parsed.get("options") or {})
        indexes = [one for one in parsed.get("indexes") or [] if not one.get("clustered")]
        if not found.metadata:
            indexes = [SON([("v", 2), ("key", SON(_id=1)), ("name", "_id_")])]
        buckets = parsed.get("buckets") if "timeseries" in options else None
        # Of a time-series the tools say the UUID of the view, if any; ours say that of the buckets.
        uuid = b"" if "timeseries" in options and buckets is None else bytes.fromhex(parsed.get("uuid") or "")
        for index in indexes:
            if isinstance(index["key"], str):  # of a server before 2.0
                raise DumpUnreadable(f"an index of {found.database}.{found.name} has no key", "was the dump edited?")
        self.members[found.database, found.name] = Member(
            found.database, found.name, options, indexes, uuid, buckets, is_described=bool(found.metadata)
        )

    def holder_of(self, database: str, stored_as: str) -> Member | None:
        """Whose documents lie under this name."""
        shown = self.members.get((database, stored_as.removeprefix(BUCKETS)))
        if stored_as.startswith(BUCKETS) and shown is not None and shown.is_series:
            return shown
        return self.members.get((database, stored_as))

    def name_uuids(self) -> None:
        """Give those that nobody named a UUID one of their own, so that no change is taken for theirs."""
        for one in self.members.values():
            if not one.uuid and not one.is_view:
                one.uuid = hashlib.sha256(f"imported without a UUID {one.namespace}".encode()).digest()[:16]

    def follow(self, change: Change) -> bool:
        """Look at a change of a document; True when it is one of the catalog, and has been applied."""
        database, _, name = change.namespace.partition(".")
        if name == VIEWS:
            self._change_view(database, change)
            return True
        self._learn(database, name, change.uuid)
        return False

    def command(self, told: Command) -> None:
        """Apply a command of the oplog.

        Raises:
            DumpNotFollowed: It cannot be applied exactly.
        """
        command, database, uuid = told.name, told.database, told.uuid
        if command in _MEANS_NOTHING:
            return
        try:
            o: Document = bson.decode(told.o, codec_options=EXACT)
        except (KeyError, RecursionError, BSONError) as trouble:
            raise DumpUnreadable(
                f"an entry of the dump's oplog ({command} in {database}) cannot be read", TAKE_IT_QUIETLY
            ) from trouble
        name = o[command] if isinstance(o.get(command), str) else ""
        apply = _COMMANDS.get(command)
        if apply is None:
            raise _not_followed(command, f"{database}.{name}", "it cannot be applied to what was dumped")
        try:
            apply(self, database, name, uuid, o)
        except NOT_READ as trouble:
            raise _not_followed(command, f"{database}.{name}", "it has an unknown form") from trouble

    def _learn(self, database: str, name: str, uuid: bytes) -> None:
        member = self.holder_of(database, name)
        if member is not None and not member.uuid and not member.is_view:
            member.uuid = uuid

    def _meant(self, database: str, name: str, uuid: bytes) -> Member | None:
        """Whom an entry speaks of; None for one that is not, or not any more, in the catalog."""
        self._learn(database, name, uuid)
        if not uuid:
            return self.holder_of(database, name)
        return next((one for one in self.members.values() if one.uuid == uuid), None)

    def _create(self, database: str, name: str, uuid: bytes, o: Document) -> None:
        if name == VIEWS or o.get("temp"):
            return
        if any(one.uuid == uuid for one in self.members.values()):
            return
        if name.startswith(BUCKETS):
            raise _not_followed("create", f"{database}.{name}", "a time-series collection was made while the dump ran")
        check_name(database, name)
        options: Document = SON((key, value) for key, value in o.items() if key not in ("create", "idIndex"))
        indexes = [o["idIndex"]] if "idIndex" in o else []
        for index in indexes:
            index.pop("ns", None)
        self.members[database, name] = Member(database, name, options, indexes, uuid, counts=False)

    def _drop(self, database: str, name: str, uuid: bytes, o: Document) -> None:
        member = self._meant(database, name, uuid)
        if member is not None:
            del self.members[member.database, member.name]

    def _drop_database(self, database: str, name: str, uuid: bytes, o: Document) -> None:
        for key in [key for key in self.members if key[0] == database]:
            del self.members[key]

    def _collmod(self, database: str, name: str, uuid: bytes, o: Document) -> None:
        member = self._of_ordinary("collMod", database, name, uuid)
        if member is None:
            return
        for key, value in o.items():
            if key == "collMod":
                continue
            if key == "index":
                self._collmod_index(member, value)
            elif key == "expireAfterSeconds" and value == "off":
                member.options.pop(key, None)
            elif key in _OPTIONS_BY_COLLMOD or key == "expireAfterSeconds":
                member.options[key] = value
            elif key in ("cappedSize", "cappedMax"):
                member.options["size" if key == "cappedSize" else "max"] = value
            else:
                raise _not_followed("collMod", member.namespace, f"it sets {key}")
        if not member.options.get("validator"):
            member.options.pop("validator", None)

    def _collmod_index(self, member: Member, change: Document) -> None:
        index = member.index(change)
        for key, value in change.items():
            if key in ("name", "keyPattern") or index is None:
                continue
            if key not in _INDEX_BY_COLLMOD:
                raise _not_followed("collMod", member.namespace, f"it sets {key} of the index {index['name']}")
            if value is False:
                index.pop(key, None)
            else:
                index[key] = value

    def _create_index(self, database: str, name: str, uuid: bytes, o: Document) -> None:
        self._put_indexes("createIndexes", database, name, uuid, [SON(list(o.items())[1:])])

    def _commit_build(self, database: str, name: str, uuid: bytes, o: Document) -> None:
        self._put_indexes("commitIndexBuild", database, name, uuid, o["indexes"])

    def _put_indexes(self, command: str, database: str, name: str, uuid: bytes, specifications: Sequence[Any]) -> None:
        member = self._of_ordinary(command, database, name, uuid)
        for specification in specifications if member is not None else ():
            assert member is not None
            if not isinstance(specification["name"], str) or not isinstance(specification["key"], SON):
                raise TypeError("not an index")
            known = next((at for at, one in enumerate(member.indexes) if one["name"] == specification["name"]), None)
            if known is None:
                member.indexes.append(specification)
            else:
                member.indexes[known] = specification

    def _drop_index(self, database: str, name: str, uuid: bytes, o: Document) -> None:
        member = self._of_ordinary("dropIndexes", database, name, uuid)
        if member is None:
            return
        named = o["index"]
        if named == "*" or not isinstance(named, str):
            raise TypeError("not the name of one index")
        member.indexes = [one for one in member.indexes if one["name"] != named]

    def _of_ordinary(self, command: str, database: str, name: str, uuid: bytes) -> Member | None:
        member = self._meant(database, name, uuid)
        if member is not None and member.is_series:
            raise _not_followed(command, member.namespace, "it changed a time-series collection while the dump ran")
        return member

    def _change_view(self, database: str, change: Change) -> None:
        try:
            deleted = change.kind == "d"
            if not deleted and not change.is_whole:
                raise TypeError("a difference")
            document: Document = bson.decode(change.o, codec_options=EXACT)
            name = str(document["_id"]).removeprefix(f"{database}.")
            check_name(database, name)
            there = self.members.get((database, name))
            if deleted:
                if there is not None and there.is_view:
                    del self.members[database, name]
                return
            if str(document["viewOn"]) == BUCKETS + name:
                if there is None or not there.is_series:
                    raise _not_followed(
                        "create", f"{database}.{name}", "a time-series collection was made while the dump ran"
                    )
                return
            options: Document = SON(
                (key, document[key]) for key in ("viewOn", "pipeline", "collation") if key in document
            )
            self.members[database, name] = Member(database, name, options, [])
        except NOT_READ as trouble:
            raise _not_followed("change of a view", f"in {database}", "it has an unknown form") from trouble


def _not_followed(command: str, namespace: str, why: str) -> DumpNotFollowed:
    return DumpNotFollowed(
        f"the dump's oplog has an entry that cannot be followed: {command} of {namespace}: {why}", TAKE_IT_QUIETLY
    )


_COMMANDS: dict[str, Callable[[DumpCatalog, str, str, bytes, Document], None]] = {
    "create": DumpCatalog._create,
    "drop": DumpCatalog._drop,
    "dropDatabase": DumpCatalog._drop_database,
    "collMod": DumpCatalog._collmod,
    "createIndexes": DumpCatalog._create_index,
    "commitIndexBuild": DumpCatalog._commit_build,
    "dropIndexes": DumpCatalog._drop_index,
    "deleteIndexes": DumpCatalog._drop_index,
    "deleteIndex": DumpCatalog._drop_index,
    "dropIndex": DumpCatalog._drop_index,
}
