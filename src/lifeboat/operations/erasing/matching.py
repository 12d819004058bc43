"""When a stored value is the one that somebody is to be known by: as the server's own equality has it, on keyed hashes of values.

Limits: values are single ones (texts, numbers, ids, dates, true and false, bytes); documents and lists are looked into, but nobody is known by a
whole one. Collations do not count: a text is equal to the same text alone, or with ``fold`` to any that differs in case or in blanks around it.
"""

import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from bson import DatetimeMS, DBRef, Decimal128, ObjectId, Timestamp
from bson.binary import UUID_SUBTYPE, Binary

_DIGITS = Context(prec=34, Emax=999_999, Emin=-999_999)
"""Of a decimal number of the server, in which it compares the others with it; doubles and integers stay apart in it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def canonical(value: object, *, fold: bool = False) -> bytes | None:
    """One form for all values that the server holds for equal; None for what nobody is known by.

    Args:
        fold: For texts: whatever their case, and blanks around them.
    """
    if isinstance(value, bool):
        return b"b1" if value else b"b0"
    if isinstance(value, int | float | Decimal128):
        return b"n" + _number(value)
    if isinstance(value, str):
        text = value.strip().casefold() if fold else value
        return (b"f" if fold else b"s") + text.encode("utf-8", "surrogatepass")
    if isinstance(value, ObjectId):
        return b"o" + value.binary
    if isinstance(value, UUID):
        return b"x%c" % UUID_SUBTYPE + value.bytes
    if isinstance(value, bytes):
        return b"x%c" % (value.subtype if isinstance(value, Binary) else 0) + bytes(value)
    if isinstance(value, Timestamp):
        return b"t%d.%d" % (value.time, value.inc)
    if isinstance(value, DatetimeMS):
        return b"d%d" % int(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        since = aware - _EPOCH
        return b"d%d" % ((since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000)
    return None


def keyed_hash(key: bytes, canonical_value: bytes) -> str:
    """What is kept of a value (hex): worth nothing to anybody without the key, which lies sealed beside it."""
    return hmac.digest(key, canonical_value, "sha256").hex()


def values_at(document: Mapping[str, Any], path: Sequence[str]) -> Iterator[object]:
    """The values that a path of field names leads to, as the server follows it: through lists, too, and by number into them."""
    if path[0] in document:
        yield from _reach(document[path[0]], path[1:])


def without_fields(value: Any, path: Sequence[str]) -> Any:
    """A copy of a document without what a path leads to, in every list on the way: as ``$unset`` of a pipeline does it."""
    value = _opened(value)
    if isinstance(value, list):
        return [without_fields(each, path) for each in value]
    if not isinstance(value, Mapping):
        return value
    made = type(value)()
    for name, inner in value.items():
        if name != path[0]:
            made[name] = inner  # type: ignore[index]
        elif len(path) > 1:
            made[name] = without_fields(inner, path[1:])  # type: ignore[index]
    return made


def _reach(value: object, path: Sequence[str], *, by_number: bool = False) -> Iterator[object]:
    """Args: by_number: it is an element that was named by its number: the server does not look into it, if that is where the path ends."""
    value = _opened(value)
    if not path:
        yield value
        if isinstance(value, list) and not by_number:
            yield from value
    elif isinstance(value, Mapping):
        yield from values_at(value, path)
    elif isinstance(value, list):
        for each in map(_opened, value):
            if isinstance(each, Mapping):
                yield from values_at(each, path)
        if path[0].isdecimal() and path[0].isascii() and int(path[0]) < len(value):
            yield from _reach(value[int(path[0])], path[1:], by_number=True)


def _opened(value: object) -> object:
    """The driver makes something of its own of documents that look like a reference."""
    return value.as_doc() if isinstance(value, DBRef) else value


def _number(value: int | float | Decimal128) -> bytes:
    exact = value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)
    if exact.is_nan():
        return b"nan"
    if exact.is_infinite():
        return b"-inf" if exact < 0 else b"inf"
    if not exact:
        return b"0"
    return str(_DIGITS.plus(exact).normalize(_DIGITS)).encode("ascii")
