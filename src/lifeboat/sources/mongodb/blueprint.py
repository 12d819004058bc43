"""How a captured collection is made again: what ``create``, ``createIndexes`` and, at the very end, ``collMod`` are told.

Invariant: nothing that deletes is switched on before the comparison. Indexes and clustered collections that expire
documents are made without their expiry and armed afterwards; the resulting specifications are equal to the captured.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bson import SON

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.catalog import CollectionEntry, Document

NOT_FOR_CREATE = frozenset({"uuid", "temp", "autoIndexId", "flags", "recordIdsReplicated"})
"""In catalogs, but refused by ``create`` or the server's own business."""
LEGACY_INDEX_FIELDS = frozenset({"ns", "background", "safe", "dropDups", "w"})
"""Leftovers of old drivers that servers carry along and newer ones drop; they mean nothing."""
ARMED_LATER = ("expireAfterSeconds", "prepareUnique")
EXPIRY_AT_MOST_SECONDS = 2**31 - 1
SPARE_BYTES = 4096


class Arming(Value):
    """One ``collMod``, as its arguments."""

    arguments: Document
    is_sound: bool
    """False for a value the server would misread, such as NaN, which ``collMod`` takes for 0: delete all at once."""


def create_options(entry: CollectionEntry) -> Document:
    """Arguments of ``create``, without what is armed later."""
    options: Document = SON((key, value) for key, value in entry.options.items() if key not in NOT_FOR_CREATE)
    options.pop("expireAfterSeconds", None)
    for index in entry.indexes:
        if index["name"] == "_id_" and index.get("v") == 1:  # of a collection older than 3.4
            options["idIndex"] = SON((key, index[key]) for key in ("key", "name", "v"))
    return options


def with_room_for(options: Document, documents: int, size_bytes: int) -> Document:
    """The same for a capped collection that holds more than its cap takes; ``cap_change`` then lowers the cap."""
    roomy = SON(options, size=max(int(options["size"]), size_bytes + SPARE_BYTES))
    if "max" in options:
        roomy["max"] = max(int(options["max"]), documents)
    return roomy


def cap_change(entry: CollectionEntry) -> Document:
    """Arguments of the ``collMod`` that gives a capped collection its cap; servers know it since 6.0."""
    cap: Document = SON(cappedSize=entry.options["size"])
    if "max" in entry.options:
        cap["cappedMax"] = entry.options["max"]
    return cap


def indexes_to_build(entry: CollectionEntry) -> list[Document]:
    """Specifications for ``createIndexes``; ``_id_`` comes by itself."""
    built = []
    for index in entry.indexes:
        if index["name"] == "_id_":
            continue
        late = {*ARMED_LATER, "ns"}
        built.append(SON((key, value) for key, value in index.items() if key not in late))
    return built


def armings_of(entry: CollectionEntry) -> list[Arming]:
    """What is switched on after the swap."""
    armings = []
    if "expireAfterSeconds" in entry.options:
        seconds = entry.options["expireAfterSeconds"]
        armings.append(Arming(SON(expireAfterSeconds=seconds), _is_sound(seconds)))
    for index in entry.indexes:
        # One collMod each: the server takes a single change of an index at a time.
        for field in ARMED_LATER:
            if field in index:
                change = SON([("name", index["name"]), (field, index[field])])
                armings.append(Arming(SON(index=change), _is_sound(index[field])))
    return armings


def same_options(wanted: Mapping[str, Any], have: Mapping[str, Any], *, armed: bool) -> bool:
    """Whether two sets of options mean the same; before arming the expiry is not looked at."""
    ignored = NOT_FOR_CREATE if armed else NOT_FOR_CREATE | {"expireAfterSeconds"}
    return _without(wanted, ignored) == _without(have, ignored)


def differing_indexes(
    wanted: Sequence[Mapping[str, Any]], have: Sequence[Mapping[str, Any]], *, armed: bool
) -> list[str]:
    """Names of indexes that are missing, too many, or not the same."""
    wanted_by_name = {index["name"]: _essence(index, armed) for index in wanted}
    have_by_name = {index["name"]: _essence(index, armed) for index in have if not index.get("clustered")}
    names = (wanted_by_name.keys() | have_by_name.keys()) - {"_id_"}
    return sorted(name for name in names if wanted_by_name.get(name) != have_by_name.get(name))


def _essence(index: Mapping[str, Any], armed: bool) -> dict[str, Any]:
    """The fields that mean something, in any order; what is inside them keeps its order."""
    essence = _without(index, LEGACY_INDEX_FIELDS if armed else LEGACY_INDEX_FIELDS | set(ARMED_LATER))
    if essence.get("collation") == {"locale": "simple"}:
        del essence["collation"]
    if isinstance(original := essence.get("originalSpec"), Mapping):  # of buckets: what users had asked for
        essence["originalSpec"] = {key: value for key, value in original.items() if value != {"locale": "simple"}}
    return essence


def _without(document: Mapping[str, Any], ignored: frozenset[str] | set[str]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in ignored}


def _is_sound(value: Any) -> bool:
    if isinstance(value, bool):
        return True
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= EXPIRY_AT_MOST_SECONDS
