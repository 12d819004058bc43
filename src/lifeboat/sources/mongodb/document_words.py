"""Say in a few words what a document is and how two of them differ, whatever bytes they hold.

Elements are walked as bytes: duplicate names, invalid UTF-8 and types that PyMongo merges stay what they are. Values are
shortened: this is read by a person who decides, not by a program.
"""

import struct
from collections.abc import Iterator

import bson
from bson import CodecOptions, json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.by_id import id_of
from lifeboat.sources.mongodb.empty_timestamps import end_of_value
from lifeboat.sources.mongodb.errors import BlockUnreadable

VALUE_AT_MOST = 48
"""Characters of a shown value."""
FIELDS_AT_MOST = 12
DEPTH_AT_MOST = 4
DOCUMENT, OBJECT_ID = 0x03, 0x07
_LENIENT: CodecOptions[dict[str, object]] = CodecOptions(
    unicode_decode_error_handler="replace", datetime_conversion=DatetimeConversion.DATETIME_AUTO, tz_aware=True
)


class FieldChange(Value):
    """A field that is not live as it was stored. Args: live, stored: shortened; None where there is no such field."""

    path: str
    live: str | None
    stored: str | None


def elements_of(document: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Type, name and raw value of each element at the top.

    Raises:
        BlockUnreadable: The document is not whole.
    """
    at = 4
    try:
        while document[at] != 0:
            kind, name_end = document[at], document.index(0, at + 1)
            end = end_of_value(document, kind, name_end + 1)
            yield kind, document[at + 1 : name_end], document[name_end + 1 : end]
            at = end
    except (IndexError, ValueError, struct.error) as trouble:
        raise BlockUnreadable("a document is not whole", "is it a stream of a collection?") from trouble


def id_text(document: bytes) -> str:
    """The ``_id``, in a form that can be typed into a filter."""
    element = id_of(document)
    if element[0] == OBJECT_ID:
        return f'ObjectId("{element[5:].hex()}")'
    return _value_text(element[0], element[5:], at_most=200)


def summary(document: bytes) -> str:
    """The first fields behind the ``_id``."""
    said = []
    for kind, name, value in elements_of(document):
        if name != b"_id":
            said.append(f"{_name(name)}: {_value_text(kind, value)}")
        if len(said) == 3:
            break
    return ", ".join(said)


def differences(live: bytes, stored: bytes) -> tuple[FieldChange, ...]:
    """The fields that differ; at most ``FIELDS_AT_MOST`` of them."""
    found: list[FieldChange] = []
    for change in _differences(live, stored, "", 1):
        if len(found) == FIELDS_AT_MOST:
            found.append(FieldChange("...", None, None))
            break
        found.append(change)
    return tuple(found) or (FieldChange("(order of the fields)", None, None),)


def _differences(live: bytes, stored: bytes, above: str, depth: int) -> Iterator[FieldChange]:
    now, then = ({name: (kind, value) for kind, name, value in elements_of(one)} for one in (live, stored))
    for name in dict.fromkeys([*then, *now]):
        one, other = now.get(name), then.get(name)
        if one == other:
            continue
        path = above + _name(name)
        if one and other and one[0] == other[0] == DOCUMENT and depth < DEPTH_AT_MOST:
            inner = list(_differences(one[1], other[1], f"{path}.", depth + 1))
            yield from inner or [FieldChange(path, "(order of the fields)", "(order of the fields)")]
        else:
            yield FieldChange(path, *(None if each is None else _value_text(*each) for each in (one, other)))


def _name(name: bytes) -> str:
    return name.decode(errors="replace")


def _value_text(kind: int, value: bytes, at_most: int = VALUE_AT_MOST) -> str:
    """Relaxed Extended JSON, shortened in its middle, where the least is lost."""
    # A value of megabytes is cut before it is decoded only if it is a text; others are rarely large.
    whole = bytes([kind]) + b"v\0" + value
    try:
        decoded = bson.decode((len(whole) + 5).to_bytes(4, "little") + whole + b"\0", codec_options=_LENIENT)
        text = json_util.dumps(decoded["v"], json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)
    except (BSONError, ValueError, TypeError, KeyError, OverflowError):
        text = f"({len(value)} bytes of type {kind})"
    if len(text) <= at_most:
        return text
    half = (at_most - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
