"""What a restore must know about one collection or view, as text that outlives us.

The text is that of a ``<collection>.metadata.json`` by mongodump: canonical Extended JSON v2 with ``options``,
``indexes``, ``uuid``, ``collectionName`` and ``type``. One addition: Extended JSON cannot tell a validator's
``{"$regex": "a"}`` from a regular expression, so where the text would not read back to the same bytes, the key
``bson`` holds them too (base64 of ``{options, indexes}``), and wins.

A time-series collection is two things on the server: the name users see, and ``system.buckets.<name>`` with the data. It is
one entry here, described as users see it; what the buckets need besides stands under ``buckets``.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import UnionType
from typing import Any

import bson
from bson import SON, CodecOptions, json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from lifeboat.sources.mongodb.errors import CatalogUnreadable
from lifeboat.sources.mongodb.series_shape import index_of_series, series_options

Document = SON[str, Any]
BUCKETS = "system.buckets."

EXACT: CodecOptions[Document] = CodecOptions(
    document_class=SON, tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""Decodes so that encoding again gives the same bytes: order kept, dates as numbers."""

LENIENT: CodecOptions[Document] = EXACT.with_options(unicode_decode_error_handler="surrogateescape")
"""For looking at documents of which one may hold a text that is not UTF-8: other drivers store such."""

JSON_OPTIONS = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    document_class=SON,
    tz_aware=False,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)

NOT_READ = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError, BSONError)
"""What hostile texts make of parsers."""


@dataclass(frozen=True)
class CollectionEntry:
    """One collection or view of a capture.

    Args:
        kind: ``"collection"``, ``"capped"`` (not read at the instant of the others), ``"timeseries"`` or ``"view"``.
        metadata: See above.
    """

    database: str
    name: str
    kind: str
    metadata: str

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def options(self) -> Document:
        """As ``create`` takes them."""
        return SON(self._parsed.get("options") or {})

    @property
    def indexes(self) -> list[Document]:
        """All specifications, ``_id_`` among them; a clustered collection has none for its key."""
        return list(self._parsed.get("indexes") or [])

    @property
    def uuid(self) -> bytes:
        """16 bytes, of the collection that holds the documents; empty for a view."""
        return bytes.fromhex(self._parsed.get("uuid") or "")

    @property
    def is_series(self) -> bool:
        return self.kind == "timeseries"

    @property
    def is_temporary(self) -> bool:
        """Made by the server for a while, as half of somebody's ``$out``: nobody's to restore, but a later rename brings it into sight."""
        return self.options.get("temp") is True

    @property
    def stored_as(self) -> str:
        """The name of the collection that holds the documents."""
        return BUCKETS + self.name if self.is_series else self.name

    @property
    def bucket_indexes(self) -> list[Document]:
        """Of a time-series collection: its indexes as they stand on the buckets."""
        return list((self._parsed.get("buckets") or {}).get("indexes") or [])

    @property
    def indexes_to_translate(self) -> list[Document]:
        """Of a time-series collection of which nobody knows how its indexes stand on the buckets (it came from a dump): them all."""
        return self.indexes if self.is_series and "buckets" not in self._parsed else []

    @property
    def has_mixed_buckets(self) -> bool:
        """Whether one bucket may hold values of several types in one field: queries must then not trust its bounds."""
        return (self._parsed.get("buckets") or {}).get("mixed") is True

    @cached_property
    def _parsed(self) -> Document:
        try:
            plain = json.loads(self.metadata)
            if "bson" in plain:  # then extended JSON may not be able to say it, nor to read what it says
                parsed: Document = SON(uuid=plain.get("uuid"))
                parsed.update(bson.decode(base64.b64decode(plain["bson"]), codec_options=EXACT))
            else:
                parsed = json_util.loads(self.metadata, json_options=JSON_OPTIONS)
            check_shape(parsed)
        except NOT_READ as trouble:
            raise CatalogUnreadable(
                f"the stored description of {self.namespace} cannot be read", "does `lifeboat verify` find more?"
            ) from trouble
        return parsed


def check_shape(parsed: Document, key: type | UnionType = SON) -> None:
    """Raise ``TypeError``, ``KeyError`` or ``ValueError`` where a description has not the shape that the rest relies on.

    Args:
        key: What the key of an index may be.
    """
    options, indexes, buckets = parsed.get("options"), parsed.get("indexes"), parsed.get("buckets")
    lists = [indexes or [], (buckets.get("indexes") or []) if isinstance(buckets, SON) else []]
    if not isinstance(options, SON | None) or not isinstance(buckets, SON | None):
        raise TypeError("not a document")
    for index in (one for indexes in lists for one in indexes):
        if not isinstance(index, SON) or not isinstance(index["name"], str) or not isinstance(index["key"], key):
            raise TypeError("not an index")
    bytes.fromhex(parsed.get("uuid") or "")


def describe(
    database: str, name: str, options: Mapping[str, Any], indexes: Sequence[Mapping[str, Any]], uuid: bytes
) -> CollectionEntry:
    """Make the entry of a collection or view from what the server says about it."""
    kind = "view" if "viewOn" in options else "capped" if options.get("capped") else "collection"
    specifications = [_spelled_out(index, options) for index in indexes]
    exact: Document = SON([("options", SON(options)), ("indexes", specifications)])
    return _entry(database, name, kind, exact, uuid)


def describe_series(
    database: str,
    name: str,
    options: Mapping[str, Any],
    indexes: Sequence[Mapping[str, Any]],
    uuid: bytes,
    *,
    mixed: bool,
) -> CollectionEntry:
    """Make the entry of a time-series collection from what the server says about its buckets."""
    as_users_see_it = series_options(options)
    exact: Document = SON([("options", as_users_see_it)])
    seen = [index_of_series(index, as_users_see_it["timeseries"]) for index in indexes]
    exact["indexes"] = [_spelled_out(index, options) for index in seen]
    on_buckets = [_spelled_out(index, options) for index in indexes]
    exact["buckets"] = SON([("indexes", on_buckets), ("mixed", mixed)])
    return _entry(database, name, "timeseries", exact, uuid)


def describe_dumped(
    database: str,
    name: str,
    options: Mapping[str, Any],
    indexes: Sequence[Mapping[str, Any]],
    uuid: bytes,
    buckets: Mapping[str, Any] | None = None,
) -> CollectionEntry:
    """Make the entry of anything from what a dump says: of a time-series collection mostly what users see of it alone.

    Args:
        buckets: What stands under ``buckets`` where Lifeboat wrote the dump.
    """
    if "timeseries" not in options:
        return describe(database, name, options, indexes, uuid)
    exact: Document = SON([("options", SON(options)), ("indexes", [_spelled_out(index, options) for index in indexes])])
    if buckets is not None:
        exact["buckets"] = SON(buckets)
    return _entry(database, name, "timeseries", exact, uuid)


def _entry(database: str, name: str, kind: str, exact: Document, uuid: bytes) -> CollectionEntry:
    text: Document = SON(exact)
    text["uuid"] = uuid.hex()
    text["collectionName"] = name
    text["type"] = "collection" if kind == "capped" else kind
    if not _reads_back(exact):
        text["bson"] = base64.b64encode(bson.encode(exact, codec_options=EXACT)).decode()
    return CollectionEntry(database, name, kind, _write(text))


def _spelled_out(index: Mapping[str, Any], options: Mapping[str, Any]) -> Document:
    specification: Document = SON(index)
    specification.pop("ns", None)  # written by servers before 4.4, refused by newer ones
    if "collation" in options and "collation" not in specification and specification.get("v") != 1:
        # Listed without a collation it has the simple one; created without it would inherit the collection's. (Those of
        # version 1 have none and inherit none.)
        specification["collation"] = SON([("locale", "simple")])
    if "originalSpec" in specification:
        specification["originalSpec"] = _spelled_out(specification["originalSpec"], options)
    return specification


def _reads_back(exact: Document) -> bool:
    try:
        again = json_util.loads(_write(exact), json_options=JSON_OPTIONS)
        return bson.encode(again, codec_options=EXACT) == bson.encode(exact, codec_options=EXACT)
    except (ValueError, TypeError, KeyError, BSONError):
        return False


def _write(document: Document) -> str:
    return json_util.dumps(document, json_options=JSON_OPTIONS, ensure_ascii=False, separators=(",", ":"))
