"""What a restore must know about one collection or view, as text that outlives us.

The text is that of a ``<collection>.metadata.json`` by mongodump: canonical Extended JSON v2 with ``options``,
``indexes``, ``uuid``, ``collectionName`` and ``type``. One addition: Extended JSON cannot tell a validator's
``{"$regex": "a"}`` from a regular expression, so where the text would not read back to the same bytes, the key
``bson`` holds them too (base64 of ``{options, indexes}``), and wins.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import bson
from bson import SON, CodecOptions, json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from lifeboat.sources.mongodb.errors import CatalogUnreadable

Document = SON[str, Any]

EXACT: CodecOptions[Document] = CodecOptions(
    document_class=SON, tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""Decodes so that encoding again gives the same bytes: order kept, dates as numbers."""

_JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    document_class=SON,
    tz_aware=False,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)


@dataclass(frozen=True)
class CollectionEntry:
    """One collection or view of a capture.

    Args:
        kind: ``"collection"``, ``"capped"`` (not read at the instant of the others) or ``"view"``.
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
        """16 bytes; empty for a view."""
        return bytes.fromhex(self._parsed.get("uuid") or "")

    @cached_property
    def _parsed(self) -> Document:
        try:
            parsed: Document = json_util.loads(self.metadata, json_options=_JSON)
            if "bson" in parsed:
                parsed.update(bson.decode(base64.b64decode(parsed["bson"]), codec_options=EXACT))
        except (ValueError, TypeError, KeyError, BSONError) as trouble:
            raise CatalogUnreadable(
                f"the stored description of {self.namespace} cannot be read", "does `lifeboat verify` find more?"
            ) from trouble
        return parsed


def describe(
    database: str, name: str, options: Mapping[str, Any], indexes: Sequence[Mapping[str, Any]], uuid: bytes
) -> CollectionEntry:
    """Make the entry of a collection or view from what the server says about it."""
    kind = "view" if "viewOn" in options else "capped" if options.get("capped") else "collection"
    specifications = [_spelled_out(index, options) for index in indexes]
    exact: Document = SON([("options", SON(options)), ("indexes", specifications)])
    text: Document = SON(exact)
    text["uuid"] = uuid.hex()
    text["collectionName"] = name
    text["type"] = "view" if kind == "view" else "collection"
    if not _reads_back(exact):
        text["bson"] = base64.b64encode(bson.encode(exact, codec_options=EXACT)).decode()
    return CollectionEntry(database, name, kind, _write(text))


def _spelled_out(index: Mapping[str, Any], options: Mapping[str, Any]) -> Document:
    specification: Document = SON(index)
    specification.pop("ns", None)  # written by servers before 4.4, refused by newer ones
    if "collation" in options and "collation" not in specification:
        # Listed without a collation it has the simple one; created without it would inherit the collection's.
        specification["collation"] = SON([("locale", "simple")])
    return specification


def _reads_back(exact: Document) -> bool:
    try:
        again = json_util.loads(_write(exact), json_options=_JSON)
        return bson.encode(again, codec_options=EXACT) == bson.encode(exact, codec_options=EXACT)
    except (ValueError, TypeError, KeyError, BSONError):
        return False


def _write(document: Document) -> str:
    return json_util.dumps(document, json_options=_JSON, ensure_ascii=False, separators=(",", ":"))
