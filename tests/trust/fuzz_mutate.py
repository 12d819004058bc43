"""Sound inputs made unsound: bits, bytes, numbers, texts, and trees of JSON and BSON.

Every mutation comes from a ``random.Random`` that the caller seeds, so that an input can be made again from its seed and number.
"""

import json
import math
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

import bson
from bson import Decimal128, Int64, Timestamp

LARGEST_BYTES = 200_000
"""Of a mutated tree: what takes its time because there is much of it hangs nobody."""
NUMBERS = (
    *(0, 1, -1, 127, 128, 255, 256, 32767, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53 + 1),
    *(2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64 - 1, 2**64, 10**30, 10**400, 253402300800, -62135596801),
    *(0.5, -0.0, 1e308, 5e-324, math.nan, math.inf, -math.inf),
)
TEXTS = (
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "\ud800",
        "\udcff",
        "\U0010ffff",
        "\u202e",
        "\u0130",
        "\ufb01",
        "\xb2",
        "\u0663",
        "\r\n",
        "\x1b[31m",
    ),
    *(
        "../../etc/passwd",
        "/",
        ".",
        "..",
        "//",
        "~",
        "%s%n",
        "%",
        "{}",
        "{0.__class__}",
        "$",
        "${A}",
        "$where",
        "a.b",
        ".a",
        "a.",
    ),
    *(
        "-1",
        "1e999",
        "nan",
        "inf",
        "0x10",
        "9" * 30,
        "9" * 5000,
        "1.5",
        "0",
        "null",
        "true",
        "[" * 3000,
        "(" * 300,
        "*" * 60,
    ),
    *(
        "2026-13-45T99:99:99Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "2026-11-26T10:00:00",
        "A" * 70_000,
    ),
    *(
        "deadbeef" * 8,
        "ab" * 16,
        "2026-11",
        "9999-99.99999",
        "=",
        "====",
        "A",
        "AA",
        "lifeboat",
        "<script>",
        "'\"`;|&",
        "\\",
    ),
)
TOKENS = (
    *(text.encode("utf-8", "surrogatepass") for text in TEXTS),
    *(
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xef\xbb\xbf",
        b"[" * 5000,
        b'{"a":' * 2000,
        b"NaN",
        b"-",
        b"\n",
    ),
    *(b"1e400", b"\x00" * 64, b"\xff" * 64, b'\\ud800"', b"\\u0000", b"/**/", b"%00", b"%ff", b"\r\n\r\n", b"0" * 3000),
)
_DIGITS = re.compile(rb"\d+")


def bytes_mutated(chance: random.Random, sound: bytes, others: Sequence[bytes]) -> bytes:
    """One to four mutations, one on top of the other; ``others`` are seeds to splice with."""
    raw = bytearray(sound)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        chance.choice(_BYTES)(chance, raw, others)
    return bytes(raw)


def _place(chance: random.Random, raw: bytearray) -> int:
    """Anywhere; half of the time near the front, where formats say what follows."""
    return chance.randrange(min(len(raw), 96 if chance.random() < 0.5 else len(raw)) or 1)


def _flip(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    if raw:
        raw[_place(chance, raw)] ^= 1 << chance.randrange(8)


def _insert(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    at = _place(chance, raw)
    raw[at:at] = chance.randbytes(chance.choice((1, 2, 4, 16, 300)))


def _token(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    at, token = _place(chance, raw), chance.choice(TOKENS)
    raw[at : at + chance.choice((0, 1, len(token)))] = token


def _delete(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    at = _place(chance, raw)
    del raw[at : at + chance.choice((1, 2, 4, 8, 100))]


def _truncate(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    del raw[_place(chance, raw) :]


def _repeat(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    at = _place(chance, raw)
    block = bytes(raw[at : at + chance.choice((1, 4, 46, 200))])
    raw[at:at] = block * chance.choice((1, 2, 50, 1000))


def _splice(chance: random.Random, raw: bytearray, others: Sequence[bytes]) -> None:
    other = chance.choice(others)
    start = chance.randrange(len(other) or 1)
    raw[_place(chance, raw) :] = other[start:]


def _swap(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    first, second, count = _place(chance, raw), _place(chance, raw), chance.choice((1, 4, 32))
    raw[first : first + count], raw[second : second + count] = raw[second : second + count], raw[first : first + count]


def _extreme(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    """A field of 1 to 8 bytes, such as a length, pushed to an end of its range or a step beside what it was."""
    width, order = chance.choice((1, 2, 4, 8)), chance.choice(("big", "little"))
    at, full = _place(chance, raw), 256**width
    before = int.from_bytes(raw[at : at + width], order)
    value = chance.choice((0, 1, full - 1, full // 2, full // 2 - 1, before + 1, before - 1, before * 2, full // 16))
    raw[at : at + width] = (value % full).to_bytes(width, order)


def _number(chance: random.Random, raw: bytearray, _: Sequence[bytes]) -> None:
    """A number in a text."""
    found = list(_DIGITS.finditer(raw[:4000]))
    if found:
        one = chance.choice(found)
        raw[one.start() : one.end()] = repr(chance.choice(NUMBERS)).encode()


_BYTES: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    *(_flip, _flip, _insert, _token, _token, _delete, _truncate, _repeat, _splice, _swap, _extreme, _extreme, _number),
)


def tree_mutated(chance: random.Random, sound: Any, strange: Callable[[random.Random], Any]) -> Any:
    """A tree of dicts and lists with one to three of its nodes changed. Works on a copy of the way to each."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        sound = _node_changed(chance, sound, strange, 0)
    return sound


def _node_changed(chance: random.Random, node: Any, strange: Callable[[random.Random], Any], depth: int) -> Any:
    if isinstance(node, dict) and node and chance.random() < 0.9:
        copy = dict(node)
        key = chance.choice(list(copy))
        act = chance.random()
        if act < 0.12:
            del copy[key]
        elif act < 0.18:
            copy[chance.choice(TEXTS)] = copy.pop(key)
        elif act < 0.24:
            copy[chance.choice(TEXTS)] = strange(chance)
        elif act < 0.30:
            copy[key] = copy[chance.choice(list(copy))]
        else:
            copy[key] = _node_changed(chance, copy[key], strange, depth + 1)
        return copy
    if isinstance(node, list) and node and chance.random() < 0.85:
        rest = list(node)
        at = chance.randrange(len(rest))
        act = chance.random()
        if act < 0.12:
            del rest[at]
        elif act < 0.24:
            rest[at:at] = [rest[at]] * chance.choice((1, 2, 300))
        else:
            rest[at] = _node_changed(chance, rest[at], strange, depth + 1)
        return rest
    if isinstance(node, str) and chance.random() < 0.5:
        return text_mutated(chance, node)
    return strange(chance)


def text_mutated(chance: random.Random, sound: str) -> str:
    raw = bytes_mutated(chance, sound.encode("utf-8", "surrogatepass"), (b"", sound.encode("utf-8", "surrogatepass")))
    return raw.decode("utf-8", chance.choice(("replace", "surrogateescape", "ignore")))


def strange_json(chance: random.Random) -> Any:
    """Anything that JSON can say and nobody would."""
    act = chance.random()
    if act < 0.35:
        return chance.choice(NUMBERS)
    if act < 0.70:
        return chance.choice(TEXTS)
    if act < 0.72:
        deep: Any = []
        for _ in range(chance.choice((20, 400))):
            deep = [deep] if chance.random() < 0.5 else {"a": deep}
        return deep
    return chance.choice((None, True, False, [], {}, [[]], {"": {}}, [None], [0] * 1000, {"a": 1}, [1, 2], ["a", "b"]))


def json_mutated(chance: random.Random, sound: bytes, others: Sequence[bytes]) -> bytes:
    """A JSON text whose tree was changed; now and then its bytes instead."""
    if chance.random() < 0.2:
        return bytes_mutated(chance, sound, others)
    try:
        tree = json.loads(sound)
    except ValueError:
        return bytes_mutated(chance, sound, others)
    changed = tree_mutated(chance, tree, strange_json)
    raw = json.dumps(changed, ensure_ascii=chance.random() < 0.9).encode("utf-8", "surrogatepass")
    return raw if len(raw) <= LARGEST_BYTES else bytes_mutated(chance, sound, others)


def strange_bson(chance: random.Random) -> Any:
    if chance.random() < 0.6:
        value = strange_json(chance)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            return Decimal128("9.99E+6144")
        return value
    return chance.choice(
        (
            *(
                Int64(-(2**63)),
                Decimal128("NaN"),
                Decimal128("-0E-6176"),
                Timestamp(2**32 - 1, 2**32 - 1),
                Timestamp(0, 0),
            ),
            *(bson.MinKey(), bson.MaxKey(), bson.Binary(b"", 4), bson.Binary(b"\xab" * 16, 4), bson.Binary(b"x", 128)),
            *(
                bson.Regex("(a+)+$", "i"),
                bson.Regex("[", ""),
                bson.Code("f", {}),
                bson.DBRef("a", 1),
                bson.ObjectId(b"\0" * 12),
            ),
            *(
                bson.DatetimeMS(-(2**63)),
                bson.DatetimeMS(2**63 - 1),
                {"$ref": 1},
                {"$v": 2, "diff": {}},
                {"u": {"": 1}},
            ),
        )
    )


_CLEAN = re.compile("[\0\ud800-\udfff]")


def bson_mutated(chance: random.Random, sound: bytes, others: Sequence[bytes]) -> bytes:
    """BSON documents, one after another, with the tree of one of them changed; now and then the bytes."""
    if chance.random() < 0.25:
        return bytes_mutated(chance, sound, others)
    try:
        documents = bson.decode_all(sound)
        at = chance.randrange(len(documents))
        changed = tree_mutated(chance, documents[at], strange_bson)
        raw = b"".join([bson.encode(_sayable(one)) for one in (*documents[:at], changed, *documents[at + 1 :])])
        return raw if len(raw) <= LARGEST_BYTES else bytes_mutated(chance, sound, others)
    except (bson.errors.BSONError, ValueError, OverflowError, TypeError, RecursionError):
        return bytes_mutated(chance, sound, others)


def _sayable(node: Any) -> Any:
    """What BSON cannot say at all is left to the mutation of bytes."""
    if isinstance(node, dict):
        return {_CLEAN.sub("?", str(key)): _sayable(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_sayable(value) for value in node]
    if isinstance(node, str):
        return re.sub("[\ud800-\udfff]", "?", node)
    if isinstance(node, int) and not -(2**63) <= node < 2**63:
        return Decimal128("1E+30")
    return node


def text_bytes_mutated(chance: random.Random, sound: bytes, others: Sequence[bytes]) -> bytes:
    """A line or a file of text: half of the time words of it are exchanged for strange ones."""
    if chance.random() < 0.5:
        return bytes_mutated(chance, sound, others)
    words = re.split(rb"([\s=:,.\[\](){}/\"']+)", sound)
    for _ in range(chance.choice((1, 1, 2))):
        words[chance.randrange(len(words))] = chance.choice(TOKENS)
    return b"".join(words)
