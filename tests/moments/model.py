"""A database in memory that lives by the oplog alone, through the same pure steps as the archive and nothing else of it.

``Flattener`` says what an entry comes to, ``CatalogFollower`` which collections there are, ``apply_diff`` what a document
becomes. No server, no repository, no restore: what differs here is wrong in one of those three.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bson import Timestamp, json_util
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from truth import Held, digest_of, index_json

from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.oplog.apply_diff import apply_diff
from lifeboat.sources.mongodb.oplog.catalog_follow import CatalogFollower
from lifeboat.sources.mongodb.oplog.change import Change, Element, elements_of
from lifeboat.sources.mongodb.oplog.command import Event
from lifeboat.sources.mongodb.oplog.flatten import Flattener
from lifeboat.sources.mongodb.oplog.same_id import same_id

NOT_FOLLOWED = {"admin", "config", "local", ""}
Client = MongoClient[dict[str, Any]]
RAW: Any = __import__("bson").CodecOptions(document_class=RawBSONDocument)


class Model:
    """Args: entries: The catalog it begins with. documents: By UUID, of those; in their order."""

    def __init__(self, entries: Iterable[CollectionEntry], documents: Mapping[bytes, Iterable[bytes]]) -> None:
        self.follower = CatalogFollower(entries)
        self._documents: dict[bytes, dict[Element, bytes]] = {
            uuid: {same_id(elements_of(one)[b"_id"]): one for one in all_of_it} for uuid, all_of_it in documents.items()
        }

    def take(self, event: Event) -> None:
        if self.follower.follow(event) or not isinstance(event, Change):
            return
        documents = self._documents.setdefault(event.uuid, {})
        key = event.document_id
        if event.kind == "d":
            documents.pop(key, None)  # an applyOps of a client may delete what is not there
        elif event.is_whole:
            documents[key] = event.o
        else:
            documents[key] = apply_diff(documents[key], event.o)

    def held(self) -> dict[str, Held]:
        return {entry.namespace: self._held(entry) for entry in self.follower.entries()}

    def _held(self, entry: CollectionEntry) -> Held:
        documents = () if entry.kind == "view" else self._documents.get(entry.uuid, {}).values()
        return held_of(entry, *digest_of(documents, in_order=entry.kind == "capped"))


def held_of(entry: CollectionEntry, documents: int | None = None, digest: str | None = None) -> Held:
    """What an entry says, as a truth says it."""
    indexes = {one["name"]: index_json(one) for one in entry.indexes}
    # As they stand on the buckets, too.
    indexes |= {f"{one['name']} (buckets)": index_json(one) for one in entry.bucket_indexes}
    kind = f"{entry.kind} {'mixed' if entry.has_mixed_buckets else ''}"
    return Held(kind, _json(entry.options), indexes, documents, digest)


class OplogReader:
    """Entries of a server, in order, as events."""

    def __init__(self, client: Client) -> None:
        self._oplog: Any = client.local.get_collection("oplog.rs", codec_options=RAW)

    def events(self, after: Timestamp, through: Timestamp) -> Iterable[Event]:
        flattener = Flattener(lambda database: database not in NOT_FOLLOWED, self._again)
        for entry in self._oplog.find({"ts": {"$gt": after, "$lte": through}}, sort=[("$natural", 1)]):
            yield from flattener.events_of(bytes(entry.raw))

    def _again(self, when: Timestamp) -> bytes | None:
        found = self._oplog.find_one({"ts": when})
        return None if found is None else bytes(found.raw)


def _json(value: Any) -> str:
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
