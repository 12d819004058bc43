"""The text of a ``metadata.json`` as any mongodump of the last ten years wrote it.

Since 100.0 it is canonical Extended JSON v2, where ``{"$regex": "a"}`` is a document that a validator has, and a regular
expression is ``$regularExpression``. Before, it was the older form, with bare numbers, where it is the regular expression.
"""

import base64
import json
from typing import Any

import bson
from bson import SON, json_util

from lifeboat.sources.mongodb.catalog import EXACT, JSON_OPTIONS, NOT_READ, Document, check_shape
from lifeboat.sources.mongodb.dump.found import TAKE_ANOTHER
from lifeboat.sources.mongodb.errors import DumpUnreadable


def parse_metadata(text: str, namespace: str) -> Document:
    """``options``, ``indexes``, perhaps ``uuid`` and ``buckets``; raises ``DumpUnreadable``."""
    try:
        parsed = _parse(text or "{}")
        if "bson" in parsed:
            parsed.update(bson.decode(base64.b64decode(parsed["bson"]), codec_options=EXACT))
        check_shape(parsed, SON | str)  # a text: of a server before 2.0
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
