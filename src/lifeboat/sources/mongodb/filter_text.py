"""Read the filter that a person typed: Extended JSON, or what mongosh takes, such as ``{_id: ObjectId("...")}``.

How: what only the shell knows is rewritten into Extended JSON first, token by token, outside of strings; every place of the new
text is known in the old one, so that an error points to where it was typed. Limits: no JavaScript is evaluated.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import bson
from bson import SON, json_util
from bson.codec_options import DatetimeConversion
from bson.errors import BSONError

from lifeboat.sources.mongodb.catalog import EXACT, Document
from lifeboat.sources.mongodb.errors import FilterInvalid

LOOKS_LIKE = 'it looks like \'{"email": "x@y"}\' or \'{"_id": ObjectId("...")}\', as mongosh takes it'
NOT_ON_STORED_DOCUMENTS = {
    "$where": "JavaScript is not run; say it with $expr",
    "$text": "a text search needs the live collection's index; say it with $regex",
    "$near": "it sorts by an index; say it with $geoWithin",
    "$nearSphere": "it sorts by an index; say it with $geoWithin",
    "$sampleRate": "it chooses by chance; say which documents are meant",
}
"""Operators that make no sense on documents that are in no collection, and what to say instead."""

_OPTIONS = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED,
    document_class=SON,
    tz_aware=False,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
)
_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<double>"(?:[^"\\]|\\.)*")
      | (?P<single>'(?:[^'\\]|\\.)*')
      | (?P<call>(?:new\s+)?[A-Za-z]\w*\s*\([^()]*\))
      | (?P<word>(?:[^\W\d]|\$)[\w$]*)
      | (?P<regex>/(?:[^/\\\n]|\\.)+/[a-z]*)
      | (?P<number>-?[0-9][0-9.eE+-]*)
      | (?P<sign>[{}\[\]:,])""",
    re.VERBOSE | re.DOTALL,
)
_ARGUMENT = re.compile(r"""^\s*(?:"([^"]*)"|'([^']*)'|(-?[\w.+-]+))?\s*$""")
_CALLS: dict[str, Callable[[str], object]] = {
    "ObjectId": lambda text: {"$oid": text},
    "ISODate": lambda text: {"$date": _whole_moment(text)},
    "Date": lambda text: {"$date": _whole_moment(text)},
    "NumberLong": lambda text: {"$numberLong": text},
    "Long": lambda text: {"$numberLong": text},
    "NumberInt": lambda text: {"$numberInt": text},
    "Int32": lambda text: {"$numberInt": text},
    "NumberDecimal": lambda text: {"$numberDecimal": text},
    "Decimal128": lambda text: {"$numberDecimal": text},
    "Double": lambda text: {"$numberDouble": text},
    "UUID": lambda text: {"$uuid": text},
    "MinKey": lambda text: {"$minKey": 1},
    "MaxKey": lambda text: {"$maxKey": 1},
}
_WORDS = frozenset({"true", "false", "null"})


def read_filter(text: str) -> Document:
    """The filter as a document.

    Raises:
        FilterInvalid: It cannot be read; the message shows where.
    """
    pieces = list(_in_extended_json(text))
    written = "".join(piece for _, piece in pieces)
    try:
        value = json.loads(written, object_pairs_hook=lambda pairs: _object(pairs, text))
    except json.JSONDecodeError as error:
        raise _wrong(text, _typed_at(pieces, error.pos), error.msg.lower()) from None
    except (BSONError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
        raise FilterInvalid(f"the filter holds a value that cannot be read: {error}", LOOKS_LIKE) from None
    except RecursionError:
        raise FilterInvalid("the filter is nested too deeply", LOOKS_LIKE) from None
    if not isinstance(value, SON):
        raise FilterInvalid("a filter is a document in braces", LOOKS_LIKE)
    _refuse_operators(value)
    try:
        bson.encode(value, codec_options=EXACT)
    except (BSONError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise FilterInvalid(f"the filter holds a value that MongoDB does not know: {error}", LOOKS_LIKE) from None
    return value


def _in_extended_json(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of the rewritten text, each with the place where it was typed."""
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _wrong(text, at, "this is not understood")
        kind, typed = str(token.lastgroup), token.group()
        yield at, _rewritten(kind, typed, text, at, token.end())
        at = token.end()


def _rewritten(kind: str, typed: str, text: str, at: int, end: int) -> str:
    if kind == "single":
        return json.dumps(re.sub(r"\\(['\"\\])", r"\1", typed[1:-1]))
    if kind == "call":
        return _called(typed, text, at)
    if kind == "regex":
        pattern, _, options = typed[1:].rpartition("/")
        expression = {"pattern": pattern.replace("\\/", "/"), "options": "".join(sorted(options))}
        return json.dumps({"$regularExpression": expression})
    if kind == "word":
        is_key = text[end:].lstrip().startswith(":")
        if not is_key and typed not in _WORDS:
            raise _wrong(text, at, f"{typed} is not a value; a text stands in quotes")
        return json.dumps(typed) if is_key else typed
    return typed


def _called(typed: str, text: str, at: int) -> str:
    name, _, argument = typed.removeprefix("new").strip().partition("(")
    make, found = _CALLS.get(name.strip()), _ARGUMENT.match(argument[:-1])
    if make is None or found is None:
        raise _wrong(text, at, f"{name.strip()}(...) is not known with these arguments")
    said = next((one for one in found.groups() if one is not None), "")
    if not said and name.strip() not in ("MinKey", "MaxKey"):
        raise _wrong(text, at, f"{name.strip()}() needs a value")
    return json.dumps(make(said))


def _whole_moment(text: str) -> str:
    """A date alone is its midnight in UTC, as for mongosh."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return f"{text}T00:00:00Z"
    return text if re.search(r"(Z|[+-]\d\d:?\d\d)$", text) else f"{text}Z"


def _object(pairs: list[tuple[str, Any]], text: str) -> Any:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        # The second would silently win, and another set of documents be restored than was typed.
        raise _wrong(text, max(text.rfind(twice), 0), f"{twice} is named twice; join both with $and")
    if "$regex" in names:
        return SON(pairs)  # the operator; read as a value it would swallow what stands beside it
    return json_util.object_pairs_hook(pairs, json_options=_OPTIONS)


def _typed_at(pieces: list[tuple[int, str]], position: int) -> int:
    """Where in the typed text a place of the rewritten text lies."""
    begins, at = [], 0
    for _, piece in pieces:
        begins.append(at)
        at += len(piece)
    if position >= at:
        return pieces[-1][0] + len(pieces[-1][1]) if pieces else 0
    return pieces[bisect_right(begins, position) - 1][0]


def _refuse_operators(value: object) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in NOT_ON_STORED_DOCUMENTS:
                raise FilterInvalid(
                    f"{name} cannot be tried on the documents of a snapshot", NOT_ON_STORED_DOCUMENTS[name]
                )
            _refuse_operators(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_operators(inner)


def _wrong(text: str, at: int, what: str) -> FilterInvalid:
    """An error that shows the place: a few characters before it, a mark, a few behind."""
    before, behind = text[max(at - 30, 0) : at], text[at : at + 20]
    return FilterInvalid(f"the filter cannot be read at character {at + 1}: {what}: {before} >>> {behind}", LOOKS_LIKE)
