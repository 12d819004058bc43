"""The shape of a collection for people: its indexes and options, one a line."""

from collections.abc import Iterator

from bson import json_util

from lifeboat.sources.mongodb.catalog import CollectionEntry

VALUE_AT_MOST = 200


def shape_in_words(entry: CollectionEntry) -> Iterator[tuple[str, str]]:
    """Name and meaning of each: ``("index email_1", "{email: 1}, unique")``, ``("option capped", "true")``."""
    for index in entry.indexes:
        key = ", ".join(f"{name}: {_value(way)}" for name, way in dict(index.get("key") or {}).items())
        more = [
            name if value is True else f"{name}: {_value(value)}"
            for name, value in index.items()
            if name not in ("key", "name", "v", "ns", "background")
        ]
        yield f"index {index.get('name')}", ", ".join((f"{{{key}}}", *more))
    for name, value in entry.options.items():
        if name != "uuid":
            yield f"option {name}", _value(value)


def _value(value: object) -> str:
    text = json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)
    return text if len(text) <= VALUE_AT_MOST else f"{text[: VALUE_AT_MOST - 4]} ..."
