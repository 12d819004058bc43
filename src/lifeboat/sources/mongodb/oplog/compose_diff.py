"""Make few differences of many that follow each other on one document: a counter counted up a million times is one difference.

Only what sets values is put together (sections ``u`` and ``s``, without lengths of arrays): its order does not matter but for the last
value of each place. Everything else stays as it is, and what follows it begins anew.

Invariant: applied to any document, fitting or not, the result does what all of them do one after another (``apply_diff.py``).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from lifeboat.sources.mongodb.errors import BlockUnreadable
from lifeboat.sources.mongodb.oplog.apply_diff import walk
from lifeboat.sources.mongodb.oplog.change import DOCUMENT, document_of

_FRONT = b"\x10$v\0\x02\0\0\0\x03diff\0"
_ARRAY_MARK = b"\x08a\0\x01"


@dataclass
class _Tree:
    """A difference of a document or array. Args: values: type byte and raw value by name or position; inner: differences inside."""

    is_array: bool
    values: dict[bytes, bytes] = field(default_factory=dict)
    inner: dict[bytes, "_Tree"] = field(default_factory=dict)


def composed(diffs: Iterable[bytes]) -> list[bytes]:
    """As few as there can be, in order.

    Args:
        diffs: As ``apply_diff`` takes them; one that it will refuse stays as it is.
    """
    done: list[bytes] = []
    open_tree: _Tree | None = None
    for diff in diffs:
        tree = _read(diff)
        if tree is not None and open_tree is not None and _fits(open_tree, tree):
            _merge(open_tree, tree)
            continue
        if open_tree is not None:
            done.append(_write(open_tree))
        open_tree = tree
        if tree is None:
            done.append(diff)
    return done if open_tree is None else [*done, _write(open_tree)]


def _read(diff: bytes) -> _Tree | None:
    """None where it does more than set values, or cannot be read: whoever applies it says so."""
    try:
        for kind, name, _, value, end in walk(diff):
            if name == b"diff" and kind == DOCUMENT:
                return _read_tree(diff[value:end])
    except (LookupError, ValueError, struct.error, RecursionError, BlockUnreadable):
        pass
    return None


def _read_tree(diff: bytes) -> _Tree | None:
    is_array = diff[5:7] == b"a\0"
    tree = _Tree(is_array)
    for kind, name, _, value, end in walk(diff):
        section, rest = name[:1], name[1:]
        if is_array and name == b"a":
            continue
        if section == b"s" and kind == DOCUMENT:
            inner = _read_tree(diff[value:end])
            if inner is None or rest in tree.inner or rest in tree.values:
                return None
            tree.inner[rest] = inner
        elif is_array and section == b"u" and rest not in tree.values and rest not in tree.inner:
            tree.values[rest] = bytes([kind]) + diff[value:end]
        elif name == b"u" and kind == DOCUMENT and not is_array:
            values = diff[value:end]
            for one in walk(values):
                if one.name in tree.values or one.name in tree.inner:
                    return None
                tree.values[one.name] = bytes([one.kind]) + values[one.value : one.end]
        else:
            return None
    return tree


def _fits(earlier: _Tree, later: _Tree) -> bool:
    """Whether the later one can be put into the earlier one: not where it goes into a value that the earlier one has set."""
    if earlier.is_array != later.is_array or not earlier.values.keys().isdisjoint(later.inner):
        return False
    return all(_fits(earlier.inner[name], inner) for name, inner in later.inner.items() if name in earlier.inner)


def _merge(earlier: _Tree, later: _Tree) -> None:
    for name, value in later.values.items():
        earlier.inner.pop(name, None)
        earlier.values[name] = value
    for name, inner in later.inner.items():
        if name in earlier.inner:
            _merge(earlier.inner[name], inner)
        else:
            earlier.inner[name] = inner


def _write(tree: _Tree) -> bytes:
    return document_of(_FRONT + _write_tree(tree))


def _write_tree(tree: _Tree) -> bytes:
    inner = {name: b"\x03s" + name + b"\0" + _write_tree(one) for name, one in tree.inner.items()}
    if tree.is_array:
        places = inner | {name: value[:1] + b"u" + name + b"\0" + value[1:] for name, value in tree.values.items()}
        return document_of(_ARRAY_MARK + b"".join(places[name] for name in sorted(places, key=int)))
    values = b"".join(value[:1] + name + b"\0" + value[1:] for name, value in tree.values.items())
    return document_of((b"\x03u\0" + document_of(values) if values else b"") + b"".join(inner.values()))
