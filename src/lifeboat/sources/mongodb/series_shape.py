"""A time-series collection as users see it, from what the server keeps of its buckets.

Pure. The server's own rules: a measurement's time and fields are indexed by their bounds in a bucket
(``control.min.at`` and ``control.max.at``), the field that labels a series as ``meta``. Where that loses something, the server
keeps the user's words as ``originalSpec``.
"""

from collections.abc import Mapping
from typing import Any

from bson import SON

OF_BUCKETS_ALONE = frozenset({"validator", "clusteredIndex"})
"""Options of buckets that nobody gave and that ``create`` of a time-series collection refuses."""


def series_options(bucket_options: Mapping[str, Any]) -> SON[str, Any]:
    """Options as ``listCollections`` shows them for the collection itself."""
    return SON((key, value) for key, value in bucket_options.items() if key not in OF_BUCKETS_ALONE)


def view_over(options: Mapping[str, Any]) -> dict[str, Any]:
    """What the view that users see is made of; when two are equal, one view serves the buckets of both."""
    shape = {key: options["timeseries"].get(key) for key in ("timeField", "metaField", "bucketMaxSpanSeconds")}
    return {**shape, "collation": options.get("collation")}


def index_of_series(index: Mapping[str, Any], timeseries: Mapping[str, Any]) -> SON[str, Any]:
    """An index specification as users see it."""
    if "originalSpec" in index:
        return SON(index["originalSpec"])
    seen: SON[str, Any] = SON(index)
    seen["key"] = SON(_key_of_series(index["key"], timeseries))
    return seen


def _key_of_series(key: Mapping[str, Any], timeseries: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for path, direction in key.items():
        first, _, rest = path.partition(".")
        if first == "meta":
            found[f"{timeseries['metaField']}.{rest}" if rest else timeseries["metaField"]] = direction
        else:  # control.min.<field> and control.max.<field>: two for one
            found[rest.partition(".")[2]] = direction
    return list(found.items())
