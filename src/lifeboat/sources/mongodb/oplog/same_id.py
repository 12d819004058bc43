"""One spelling for all ``_id`` that the server holds equal: 1, 1.0 and Decimal 1 are one document.

Why: what is folded by ``_id`` must be folded as the server sees it. ``replaceOne({_id: 1}, {_id: 1.0})`` leaves a document that from then
on is spoken of as 1.0; taken for two documents, what was deleted under the one name would come back under the other.

Limit: what is equal under a collation alone ("a" and "A") is not seen; no update turns one into the other.
"""

import struct
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

from bson import Decimal128

from lifeboat.sources.mongodb.empty_timestamps import end_of_value
from lifeboat.sources.mongodb.errors import BlockUnreadable

Element = tuple[int, bytes]
"""BSON type and raw value."""

DOUBLE, STRING, DOCUMENT, ARRAY, SYMBOL, INT32, INT64, DECIMAL = 0x01, 0x02, 0x03, 0x04, 0x0E, 0x10, 0x12, 0x13
_SPELLED_IN_SEVERAL_WAYS = frozenset({DOUBLE, DOCUMENT, ARRAY, SYMBOL, INT32, DECIMAL})
_DOUBLE, _INT32, _INT64 = struct.Struct("<d"), struct.Struct("<i"), struct.Struct("<q")
_NOT_A_NUMBER = _DOUBLE.pack(float("nan"))
_EXACT = Context(prec=40, Emin=MIN_EMIN, Emax=MAX_EMAX)


def same_id(element: Element) -> Element:
    """The spelling that stands for this and every other that is equal; itself one that the server takes.

    Raises:
        BlockUnreadable: It is cut, or no value of its type.
    """
    if element[0] not in _SPELLED_IN_SEVERAL_WAYS:
        return element
    try:
        return _same(element)
    except (struct.error, ValueError, IndexError, ArithmeticError, RecursionError) as trouble:
        raise BlockUnreadable("an _id cannot be read", "is it a stream of an oplog?") from trouble


def _same(element: Element) -> Element:
    kind, value = element
    if kind not in _SPELLED_IN_SEVERAL_WAYS:
        return element
    if kind == INT32:
        return INT64, _INT64.pack(*_INT32.unpack(value))
    if kind == DOUBLE:
        return _of_double(*_DOUBLE.unpack(value))
    if kind == DECIMAL:
        return _of_decimal(Decimal128.from_bid(value))
    if kind == SYMBOL:
        return STRING, value
    return kind, _of_document(value)


def _of_double(number: float) -> Element:
    if number != number:
        return DOUBLE, _NOT_A_NUMBER
    if number.is_integer() and -(2.0**63) <= number < 2.0**63:
        return INT64, _INT64.pack(int(number))
    return DOUBLE, _DOUBLE.pack(number)


def _of_decimal(stored: Decimal128) -> Element:
    number = stored.to_decimal()
    if not number.is_finite():
        return _of_double(float("nan") if number.is_nan() else float(number))
    # Before anything is computed with it: one of 10**6000 would take its time.
    if number.adjusted() < 19 and number == number.to_integral_value() and -(2**63) <= number < 2**63:
        return INT64, _INT64.pack(int(number))
    as_double = float(number)
    if abs(as_double) != float("inf") and Decimal(as_double) == number:
        return _of_double(as_double)
    return DECIMAL, Decimal128(number.normalize(_EXACT)).bid


def _of_document(document: bytes) -> bytes:
    parts = []
    at = 4
    while document[at] != 0:
        name_end = document.index(0, at + 1)
        end = end_of_value(document, document[at], name_end + 1)
        kind, value = _same((document[at], document[name_end + 1 : end]))
        parts.append(bytes([kind]) + document[at + 1 : name_end + 1] + value)
        at = end
    elements = b"".join(parts)
    return _INT32.pack(len(elements) + 5) + elements + b"\0"
