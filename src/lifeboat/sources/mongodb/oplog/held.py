"""One collection as the server keeps it, and what the oplog's commands do to its options and indexes.

Pure. The rules are the server's own, seen on 6.0; where a command has an effect that nobody has seen, it is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import SON, Timestamp

from lifeboat.sources.mongodb.catalog import BUCKETS, Document
from lifeboat.sources.mongodb.catalog_listed import Listed

SPAN_SECONDS = {"seconds": 3600, "minutes": 86_400, "hours": 2_592_000}
"""Of a bucket, by granularity; the server writes it beside the granularity."""
MAX_OF_NONE = 2**31 - 1
"""What the server writes when ``cappedMax`` takes a limit away."""
CAPPED_STEP_BYTES = 256
_ORDER = (
    *("capped", "size", "max", "temp", "changeStreamPreAndPostImages", "storageEngine", "indexOptionDefaults"),
    *("validator", "validationLevel", "validationAction", "collation", "clusteredIndex", "expireAfterSeconds"),
    *("timeseries", "encryptedFields"),
)
"""In which the server writes options."""
_ID_INDEX = SON([("v", 1), ("key", SON([("_id", 1)])), ("name", "_id_")])
"""Of a collection whose ``create`` names none: an ``applyOps`` of older tools."""
_OF_COMMAND = frozenset({"create", "idIndex"})
_IGNORED = frozenset({"noPadding", "usePowerOf2Sizes"})
_FLAGS_OF_INDEX = frozenset({"expireAfterSeconds", "hidden", "prepareUnique"})


@dataclass
class Held:
    """Args:
    uuid: Empty while nobody has said it.
    mixed: Of time-series buckets: whether one may hold several types in one field.
    born: When it was made or emptied, if that was followed.
    """

    database: str
    name: str
    options: Document
    indexes: list[Document]
    uuid: bytes
    mixed: bool = False
    born: Timestamp | None = None

    knows_all_indexes: ClassVar[bool] = True
    """Whether a ``collMod`` of an index that is not there means that something was missed."""

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def listed(self) -> Listed:
        return Listed(self.database, self.name, self.options, self.indexes, self.uuid, self.mixed)

    def index(self, asked: Mapping[str, Any]) -> Document | None:
        """The one that a ``collMod`` means."""
        for one in self.indexes:
            if one["name"] == asked.get("name") or one["key"] == asked.get("keyPattern"):
                return one
        return None

    def put_index(self, specification: Document) -> None:
        """Raises:
        TypeError: It is none.
        """
        if not isinstance(specification["name"], str) or not isinstance(specification["key"], SON):
            raise TypeError("not an index")
        self.indexes = [one for one in self.indexes if one["name"] != specification["name"]]
        self.indexes.append(SON(specification))

    def drop_indexes(self, named: Any) -> None:
        """Args: named: A name, some, or ``*`` for all but that of ``_id``; the server itself tells of each by its name."""
        if named == "*":
            self.indexes = [one for one in self.indexes if one["name"] == "_id_"]
            return
        names = [named] if isinstance(named, str) else named
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            raise TypeError("not the name of an index")
        self.indexes = [one for one in self.indexes if one["name"] not in names]

    def change(self, o: Document) -> None:
        """Apply a ``collMod``.

        Raises:
            UnknownChange: It sets something that nobody knows here.
        """
        if len(o) == 1 and self.listed.is_buckets:
            # Sets or forgets whether buckets may be mixed, and does not say which.
            raise UnknownChange(
                "it changes a time-series collection in silence, as setFeatureCompatibilityVersion does"
            )
        for key, value in o.items():
            if key == "collMod" or key in _IGNORED:
                continue
            if key == "index":
                self._change_index(value)
            elif key == "timeseriesBucketsMayHaveMixedSchemaData":
                self.mixed = bool(value)
            elif key == "timeseries":
                self._set("timeseries", _timeseries(self.options["timeseries"], value))
            elif key in _OPTIONS:
                _OPTIONS[key](self, value)
            else:
                raise UnknownChange(f"it sets {key}")

    def _change_index(self, asked: Document) -> None:
        index = self.index(asked)
        for key, value in asked.items():
            if key in ("name", "keyPattern"):
                continue
            if key not in _FLAGS_OF_INDEX and key not in ("unique", "forceNonUnique"):
                raise UnknownChange(f"it sets {key} of an index")
            if index is None:
                if not self.knows_all_indexes:
                    continue
                raise UnknownChange("it changes an index that is not there")
            if key == "forceNonUnique":
                index.pop("unique", None)
            elif value is False:
                index.pop(key, None)
            else:
                index[key] = value
            if key == "unique":
                index.pop("prepareUnique", None)

    def _set(self, key: str, value: Any) -> None:
        """Where the server would write it."""
        self.options.pop(key, None)
        after = _ORDER[_ORDER.index(key) + 1 :]
        pairs = list(self.options.items())
        at = next((number for number, (name, _) in enumerate(pairs) if name in after), len(pairs))
        self.options = SON([*pairs[:at], (key, value), *pairs[at:]])

    def _set_validator(self, value: Any) -> None:
        self.options.pop("validator", None)
        if value:
            self._set("validator", value)
        self._spell_out_validation()

    def _set_validation(self, key: str, value: Any) -> None:
        self._set(key, value)
        self._spell_out_validation()

    def _spell_out_validation(self) -> None:
        """Once one of the three was set, the server writes the other two with their defaults."""
        for key, default in (("validationLevel", "strict"), ("validationAction", "error")):
            if key not in self.options:
                self._set(key, default)

    def _set_size(self, value: Any) -> None:
        size = -(-int(value) // CAPPED_STEP_BYTES) * CAPPED_STEP_BYTES
        if not 0 <= size < 2**63:
            raise ValueError("no size that can be stored")
        self._set("size", size)

    def _set_max(self, value: Any) -> None:
        if value >= 2**63:
            raise ValueError("no limit that can be stored")
        self._set("max", int(value) if value > 0 else MAX_OF_NONE)

    def _set_expiry(self, value: Any) -> None:
        if value == "off":
            self.options.pop("expireAfterSeconds", None)
        else:
            self._set("expireAfterSeconds", value)

    def _set_images(self, value: Any) -> None:
        self.options.pop("changeStreamPreAndPostImages", None)
        if value.get("enabled"):
            self._set("changeStreamPreAndPostImages", value)


_OPTIONS: Mapping[str, Any] = {
    "validator": Held._set_validator,
    "validationLevel": lambda held, value: held._set_validation("validationLevel", value),
    "validationAction": lambda held, value: held._set_validation("validationAction", value),
    "cappedSize": Held._set_size,
    "cappedMax": Held._set_max,
    "expireAfterSeconds": Held._set_expiry,
    "changeStreamPreAndPostImages": Held._set_images,
}


class UnknownChange(ValueError):
    """A command asks for something whose effect is not known; says what, for the end of a sentence."""


def made_by(database: str, name: str, uuid: bytes, o: Document, when: Timestamp) -> Held:
    """What a ``create`` makes.

    Raises:
        TypeError, ValueError: It makes nothing that has a name.
    """
    if not isinstance(name, str):
        raise TypeError("not a name")
    options = SON((key, value) for key, value in o.items() if key not in _OF_COMMAND)
    if "timeseries" in options and not name.startswith(BUCKETS):
        raise UnknownChange("it is a time-series collection of a newer kind")
    indexes = []
    if "idIndex" in o:
        indexes = [SON(o["idIndex"])]
    elif "clusteredIndex" not in options and o.get("autoIndexId") is not False:
        indexes = [SON(_ID_INDEX)]
    return Held(database, name, options, indexes, uuid, born=when)


def _timeseries(there: Document, asked: Document) -> Document:
    changed = SON(there)
    for key, value in asked.items():
        if key == "granularity":
            changed.pop("bucketRoundingSeconds", None)
            changed["granularity"] = value
            changed["bucketMaxSpanSeconds"] = SPAN_SECONDS[value]
        elif key in ("bucketMaxSpanSeconds", "bucketRoundingSeconds"):
            changed.pop("granularity", None)
            changed[key] = value
        else:
            raise UnknownChange(f"it sets {key} of a time-series collection")
    return changed
