"""Apply the difference that an update left in the oplog to a document, byte for byte as the server does.

Nothing is decoded and what is not touched is copied as it is, so types that PyMongo merges, duplicate names and the order of the
fields stay what they are. A difference may come a second time, or onto a later state of its document: it then leaves behind what
the changes after it put right, by the server's own rules (an array or document that has become something else is null for a while).

Source: src/mongo/db/update/document_diff_applier.cpp of MongoDB; section ``b`` is written by 8.0 and newer, ``$set`` by 4.4 and older.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from lifeboat.sources.mongodb.empty_timestamps import end_of_value
from lifeboat.sources.mongodb.errors import BlockUnreadable
from lifeboat.sources.mongodb.oplog.change import ARRAY, BINARY, DOCUMENT, INT64, document_of, with_id_first

INT32, NULL = 0x10, 0x0A
PADDING_AT_MOST = 1_500_000
"""The server adds no more elements than these to an array that is too short (``kMaxPaddingAllowed``)."""

_DELETE, _UPDATE, _INSERT, _BINARY, _SUB = b"d", b"u", b"i", b"b", b"s"
_SET, _UNSET = b"$set", b"$unset"
_READ_LENGTH = struct.Struct("<i")


class _Element(NamedTuple):
    """Where an element of a document lies: ``begin`` to ``end``, its raw value from ``value`` on."""

    kind: int
    name: bytes
    begin: int
    value: int
    end: int


class _Modification(NamedTuple):
    """What a difference does to one field. Args: kind, value: of the new value, or of the difference inside the old one."""

    section: bytes
    kind: int
    value: bytes


def apply_diff(document: bytes, diff: bytes) -> bytes:
    """The document after an update.

    Args:
        diff: The ``o`` of an update: ``{$v: 2, diff: {...}}``, or ``$set`` and ``$unset``. A whole document is none.

    Raises:
        BlockUnreadable: It is no difference, or says two things about one field.
    """
    try:
        for kind, name, _, value, end in walk(diff):
            if name == b"diff" and kind == DOCUMENT:
                # A pipeline that moves every field moves the _id in its difference too; stored it is the first all the same.
                return with_id_first(_in_document(document, diff[value:end]))
        return _by_operators(document, diff)
    except (IndexError, ValueError, struct.error, RecursionError) as trouble:
        raise _unreadable("is not whole") from trouble


def walk(document: bytes) -> Iterator[_Element]:
    """The elements of a document or array; raises ``IndexError``, ``ValueError`` or ``struct.error`` where it is not whole."""
    at = 4
    while (kind := document[at]) != 0:
        name_end = document.index(0, at + 1)
        end = end_of_value(document, kind, name_end + 1)
        if end >= len(document):
            raise IndexError(end)
        yield _Element(kind, document[at + 1 : name_end], at, name_end + 1, end)
        at = end
    if at != len(document) - 1:
        raise ValueError("something follows its end")


def _in_document(document: bytes, diff: bytes) -> bytes:
    modifications = _modifications(diff)
    added = {
        name: bytes([one.kind]) + name + b"\0" + one.value
        for section in (_UPDATE, _INSERT)
        for name, one in modifications.items()
        if one.section == section
    }
    parts: list[bytes] = []
    copied = 4
    end = 4
    while (kind := document[end]) != 0:
        begin, name_end = end, document.index(0, end + 1)
        name, value = document[begin + 1 : name_end], name_end + 1
        end = end_of_value(document, kind, value)
        one = modifications.get(name)
        if one is None:
            continue
        parts.append(document[copied:begin])
        copied = end
        if one.section == _UPDATE:
            parts.append(bytes([one.kind]) + name + b"\0" + one.value)
            added.pop(name, None)
        elif one.section in (_SUB, _BINARY):
            new_kind, new = _inside(kind, document[value:end], one)
            parts.append(bytes([new_kind]) + name + b"\0" + new)
    if end != len(document) - 1:
        raise ValueError("something follows its end")
    parts.append(document[copied:-1])
    return document_of(b"".join((*parts, *added.values())))


def _modifications(diff: bytes) -> dict[bytes, _Modification]:
    """By field, in the order in which the difference names them."""
    found: dict[bytes, _Modification] = {}
    for kind, section, _, value, end in walk(diff):
        if section[:1] == _SUB and kind == DOCUMENT:
            _note(found, section[1:], _Modification(_SUB, kind, diff[value:end]))
        elif section in (_DELETE, _UPDATE, _INSERT, _BINARY) and kind == DOCUMENT:
            inner = diff[value:end]
            for one in walk(inner):
                _note(found, one.name, _Modification(section, one.kind, inner[one.value : one.end]))
        else:
            raise _unreadable(f"has the unknown section {section.decode(errors='replace')!r}")
    return found


def _note(found: dict[bytes, _Modification], name: bytes, modification: _Modification) -> None:
    if name in found:
        raise _unreadable(f"names the field {name.decode(errors='replace')!r} twice")
    found[name] = modification


def _inside(kind: int, value: bytes, modification: _Modification) -> tuple[int, bytes]:
    """A value after a difference inside it; null where that was a difference of something else."""
    if modification.section == _BINARY:
        return _in_binary(kind, value, modification)
    is_array = _is_of_array(modification.value)
    if kind == ARRAY and is_array:
        return ARRAY, _in_array(value, modification.value)
    if kind == DOCUMENT and not is_array:
        return DOCUMENT, _in_document(value, modification.value)
    return NULL, b""


def _is_of_array(diff: bytes) -> bool:
    return diff[5:7] == b"a\0"


def _in_array(array: bytes, diff: bytes) -> bytes:
    length, waiting = _read_array_diff(diff)
    parts: list[bytes] = []
    number = 0
    for kind, _, _, value, end in walk(array):
        if length is not None and number >= length:
            break
        one = waiting.pop(number, None)
        if one is None:
            new_kind, new = kind, array[value:end]
        elif one.section == _UPDATE:
            new_kind, new = one.kind, one.value
        else:
            new_kind, new = _inside(kind, array[value:end], one)
        parts.append(b"%c%d\0" % (new_kind, number) + new)
        number += 1
    to = max([length or 0, *(position + 1 for position in waiting)])
    if to - number > PADDING_AT_MOST or (length is not None and to > length):
        raise _unreadable("makes an array longer than it says")
    for missing in range(number, to):
        one = waiting.get(missing)
        new_kind, new = (one.kind, one.value) if one is not None and one.section == _UPDATE else (NULL, b"")
        parts.append(b"%c%d\0" % (new_kind, missing) + new)
    return document_of(b"".join(parts))


def _read_array_diff(diff: bytes) -> tuple[int | None, dict[int, _Modification]]:
    """The new length, where it is said, and what happens at which positions."""
    length: int | None = None
    found: dict[int, _Modification] = {}
    for kind, name, _, value, end in walk(diff):
        section, position = name[:1], name[1:]
        if name == b"a":
            continue
        if name == b"l" and kind in (INT32, INT64):
            length = int.from_bytes(diff[value:end], "little")
        elif section in (_UPDATE, _SUB) and _is_number(position) and int(position) not in found:
            found[int(position)] = _Modification(section, kind, diff[value:end])
        else:
            raise _unreadable(f"has the unknown section {name.decode(errors='replace')!r}")
    return length, found


def _in_binary(kind: int, value: bytes, modification: _Modification) -> tuple[int, bytes]:
    """``{o: offset, d: new bytes from there to the end}``: how the packed columns of time series grow."""
    if kind != BINARY or modification.kind != DOCUMENT:
        return NULL, b""
    inner = modification.value
    said = {one.name: inner[one.value : one.end] for one in walk(inner)}
    old, offset, new = value[5:], int.from_bytes(said.get(b"o", b""), "little"), said.get(b"d", b"")[5:]
    if offset > len(old):
        return NULL, b""
    whole = old[:offset] + new
    return BINARY, _READ_LENGTH.pack(len(whole)) + value[4:5] + whole


def _by_operators(document: bytes, diff: bytes) -> bytes:
    """``$set`` and ``$unset`` with dotted paths, one after another: an older server names them in the order in which it did them."""
    is_empty = True
    for kind, operator, _, value, end in walk(diff):
        if operator == b"$v":
            continue
        is_empty = False
        if operator not in (_SET, _UNSET) or kind != DOCUMENT:
            raise _unreadable(f"has the unknown section {operator.decode(errors='replace')!r}")
        inner = diff[value:end]
        for one in walk(inner):
            new = None if operator == _UNSET else (one.kind, inner[one.value : one.end])
            document = _at_path(document, DOCUMENT, one.name.split(b"."), new)
    if is_empty:
        raise _unreadable("says nothing")
    return document


def _at_path(holder: bytes, holder_kind: int, path: list[bytes], new: tuple[int, bytes] | None) -> bytes:
    """A document or array with the value at a path set, or removed (None); as it was where no such path is possible."""
    is_array, is_last = holder_kind == ARRAY, len(path) == 1
    if is_array and not _is_number(path[0]):
        return holder
    count = 0
    for kind, name, begin, value, end in walk(holder):
        if (count == int(path[0])) if is_array else (name == path[0]):
            if is_last:
                if new is None and not is_array:
                    return document_of(holder[4:begin] + holder[end:-1])
                to_kind, to = new or (NULL, b"")
            elif kind in (DOCUMENT, ARRAY):
                to_kind, to = kind, _at_path(holder[value:end], kind, path[1:], new)
            else:
                return holder
            return document_of(holder[4:begin] + bytes([to_kind]) + name + b"\0" + to + holder[end:-1])
        count += 1
    if new is None:
        return holder
    kind, raw = new
    for name in reversed(path[1:]):
        kind, raw = DOCUMENT, document_of(bytes([kind]) + name + b"\0" + raw)
    if is_array and int(path[0]) - count > PADDING_AT_MOST:
        raise _unreadable("makes an array too long")
    padding = b"".join(b"\x0a%d\0" % number for number in range(count, int(path[0]))) if is_array else b""
    return document_of(holder[4:-1] + padding + bytes([kind]) + path[0] + b"\0" + raw)


def _is_number(name: bytes) -> bool:
    return name.isdigit() and (len(name) == 1 or name[:1] != b"0")


def _unreadable(what: str) -> BlockUnreadable:
    return BlockUnreadable(f"the difference that an update left {what}", "was it written by a newer MongoDB?")
