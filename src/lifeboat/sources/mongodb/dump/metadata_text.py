"""The text of a ``metadata.json`` as any mongodump of the last ten years wrote it.

Since 100.0 it is canonical Extended JSON v2, where ``{"$regex": "a"}`` is a document that a validator has, and a regular
expression is ``$regularExpression``. Before, it was the older form, with bare numbers, where it is the regular expression.
"""

import base64
import json
from typing import Any

import bson
from bson import SON, json_util
from bson.errors import BSONError

from lifeboat.sources.mongodb.catalog import EXACT, JSON_OPTIONS, Document
from lifeboat.sources.mongodb.dump.found import TAKE_ANOTHER
from lifeboat.sources.mongodb.errors import DumpUnreadable

NOT_READ = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError, BSONError)
"""What hostile texts make of parsers."""


def parse_metadata(text: str, namespace: str) -> Document:
    """``options``, ``indexes``, perhaps ``uuid`` and ``buckets``; raises ``DumpUnreadable``."""
    try:
        parsed = _parse(text or "{}")
        if "bson" in parsed:
            parsed.update(bson.decode(base64.b64decode(parsed["bson"]), codec_options=EXACT))
        _check(parsed)
    except NOT_READ as trouble:
        raise DumpUnreadable(f"the description of {namespace} in the dump cannot be read", TAKE_ANOTHER) from trouble
    return parsed


def is_series(text: str) -> bool:
    """Whether it describes a time-series collection."""
    return "timeseries" in (_top(text).get("options") or ())


def name_in(text: str) -> str:
    """The collection's whole name, where it is said; else empty."""
    return str(_top(text).get("collectionName") or "")


def version_in(text: str) -> str:
    """The server's version, of a ``prelude.json``."""
    return str(_top(text).get("ServerVersion") or "")


def _top(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
        return found if isinstance(found, dict) and not isinstance(found.get("options"), list) else {}
    except NOT_READ:
        return {}  # said when it is parsed in earnest


def _parse(text: str) -> Document:
    is_canonical = '"$numberInt"' in text or '"collectionName"' in text

    def value_of(pairs: list[tuple[str, Any]]) -> Any:
        document: Document = SON(pairs)
        if is_canonical and "$regex" in document:
            return document
        return json_util.object_hook(document, JSON_OPTIONS)

    parsed = json.loads(text, object_pairs_hook=value_of)
    if not isinstance(parsed, SON):
        raise TypeError("not a document")
    return parsed


def _check(parsed: Document) -> None:
    """Shapes that the rest relies on; raises ``TypeError`` or ``KeyError``."""
    options, indexes = parsed.get("options"), parsed.get("indexes")
    buckets = parsed.get("buckets")
    lists = [indexes or [], (buckets.get("indexes") or []) if isinstance(buckets, SON) else []]
    if not isinstance(options, SON | None) or not isinstance(buckets, SON | None):
        raise TypeError("not a document")
    for index in (one for indexes in lists for one in indexes):
        if not isinstance(index, SON) or not isinstance(index["name"], str) or not isinstance(index["key"], SON | str):
            raise TypeError("not an index")
    bytes.fromhex(parsed.get("uuid") or "")
