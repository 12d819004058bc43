"""Look at the place where a collection is to land: what has its name now, and how far a killed run had come."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from bson import SON

from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry, Document
from lifeboat.sources.mongodb.landing import SERVER_SCRIPTS, Found, Landing
from lifeboat.sources.mongodb.landing_names import aside_name, landing_name, note_name
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.target_server import TargetServer, uuid_in


def look_at_place(
    server: TargetServer,
    place: tuple[CollectionEntry, str, str],
    live: Mapping[str, Document],
    finished: AbstractSet[str],
) -> Landing:
    """The landing of an entry.

    Args:
        place: The entry, and the database and the name it is to have.
        live: What the database lists, by name.
        finished: What an earlier run of the same restore marked.
    """
    look = _of_series if place[0].is_series else _of_collection
    return look(server, place, live, finished)


def _of_collection(
    server: TargetServer,
    place: tuple[CollectionEntry, str, str],
    live: Mapping[str, Document],
    finished: AbstractSet[str],
) -> Landing:
    entry, database, name = place
    there = live.get(name)
    if there is None:
        # A killed run may have taken away what was there: a view, or a collection now aside.
        has_begun = aside_name(name) in live or is_marked(live.get(landing_name(name)), f"{database}.{name}", finished)
        return Landing(entry, database, name, Found.NOTHING, has_begun=has_begun)
    if there["type"] == "timeseries":
        return Landing(entry, database, name, *series_there(server, database, name, live))
    if there["type"] != "collection":
        is_this_one = entry.kind == "view" and _without_source(there["options"]) == _without_source(entry.options)
        return Landing(entry, database, name, Found.RESTORED if is_this_one else Found.VIEW, has_begun=is_this_one)
    if f"compared:{uuid_in(there)} {database}.{name}" in finished:
        # The server's scripts are copied, not renamed: theirs is the right collection before it holds all.
        is_done = name != SERVER_SCRIPTS or f"armed {database}.{name}" in finished
        return Landing(entry, database, name, Found.RESTORED if is_done else Found.EMPTY, has_begun=True)
    documents = server.repeat(lambda: _documents_in(server, database, name))
    return Landing(entry, database, name, Found.COLLECTION if documents else Found.EMPTY, documents)


def _documents_in(server: TargetServer, database: str, name: str) -> int:
    """About how many; 0 is exact."""
    with in_our_words(f"looking into {database}.{name}"):
        collection = collection_of(server.database(database), name)
        if collection.find_one({}, projection={"_id": 1}) is None:
            return 0
        return max(1, collection.estimated_document_count())


def _of_series(
    server: TargetServer,
    place: tuple[CollectionEntry, str, str],
    live: Mapping[str, Document],
    finished: AbstractSet[str],
) -> Landing:
    """Where it lands hangs on what has its name, and on how far a killed run had come."""
    entry, database, name = place
    there, in_place = live.get(name), is_marked(live.get(BUCKETS + name), f"{database}.{name}", finished)
    is_beside = is_marked(live.get(BUCKETS + landing_name(name)), f"{database}.{name}", finished)
    beside = not in_place and (there is not None or is_beside)
    has_begun = in_place or (is_beside and (there is None or BUCKETS + name not in live))
    if there is None:
        return Landing(entry, database, name, Found.NOTHING, 0, beside, has_begun)
    if there["type"] == "timeseries":
        if in_place and not noted(server, database, name, live).get("old_view"):
            return Landing(entry, database, name, Found.RESTORED, 0, False, True)
        found, buckets = series_there(server, database, name, live)
        return Landing(entry, database, name, found, buckets, beside, has_begun)
    other = _of_collection(server, place, live, frozenset())
    return Landing(entry, database, name, other.found, other.live_documents, beside, has_begun)


def series_there(server: TargetServer, database: str, name: str, live: Mapping[str, Document]) -> tuple[Found, int]:
    """Whether a live time-series collection holds anything, and about how many buckets."""
    if BUCKETS + name not in live:
        return Found.EMPTY, 0
    buckets = server.repeat(lambda: _documents_in(server, database, BUCKETS + name))
    return (Found.SERIES if buckets else Found.EMPTY), buckets


def is_marked(there: Document | None, namespace: str, finished: AbstractSet[str]) -> bool:
    """Whether an earlier run of this restore landed this collection and compared it."""
    return there is not None and f"compared:{uuid_in(there)} {namespace}" in finished


def noted(server: TargetServer, database: str, name: str, live: Mapping[str, Document]) -> Document:
    """What a killed restore, this or another, noted of the buckets that are there now; empty when they are not ours."""
    note, uuid = note_name(name), uuid_in(live.get(BUCKETS + name))
    if uuid is None or live.get(note, SON(type=""))["type"] != "collection":
        return SON()
    doing = f"looking into {database}.{note}"
    answer = server.ask(database, doing, "find", note, filter={"_id": uuid}, singleBatch=True)
    return next((SON(each) for each in answer["cursor"]["firstBatch"]), SON())


def _without_source(options: Document) -> dict[str, object]:
    """A view's definition without the name of what it looks at, which a rename changes."""
    return {key: value for key, value in options.items() if key != "viewOn"}
