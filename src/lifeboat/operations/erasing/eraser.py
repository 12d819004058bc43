"""What is to be erased of one collection, asked document by document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lifeboat.foundation.value import Value, field
from lifeboat.operations.erased import Eraser
from lifeboat.operations.erasing.entries import DocumentSelector, Erasure
from lifeboat.operations.erasing.matching import canonical, keyed_hash, values_at, without_fields


class _Known(Value):
    """By one key, field and way of folding: hashes, and what is said of the documents that have one."""

    key: bytes
    path: tuple[str, ...]
    fold: bool
    whole: dict[str, str] = field(default_factory=dict)
    """Id of the erasure by hash."""
    parts: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    """Ids of erasures with the fields to be taken out, by hash."""


class CollectionEraser:
    """An ``Eraser`` (``operations/erased.py``). A document is hashed once for each key, field and way of folding, however many erasures there are."""

    def __init__(self, selectors: Iterable[tuple[Erasure, DocumentSelector]]) -> None:
        lines: set[str] = set()
        fields: set[str] = set()
        known: dict[tuple[bytes, str, bool], _Known] = {}
        for erasure, one in selectors:
            fields |= {one.field.split(".")[0], *(name.split(".")[0] for name in one.unset)}
            lines.add(f"{erasure.id} {one.mac} {one.fold} {one.field} {one.unset}")
            group = known.setdefault(
                (erasure.key, one.field, one.fold), _Known(erasure.key, tuple(one.field.split(".")), one.fold)
            )
            if one.unset:
                group.parts.setdefault(one.mac, []).append((erasure.id, one.unset))
            else:
                group.whole.setdefault(one.mac, erasure.id)
        self._known = list(known.values())
        self.selectors: tuple[str, ...] = tuple(sorted(lines))
        self.fields: tuple[str, ...] = tuple(sorted(fields))
        self.trims = any(group.parts for group in self._known)
        self.paths: tuple[str, ...] = tuple(dict.fromkeys(".".join(one.path) for one in self._known))

    def erasure_of(self, document: Mapping[str, Any]) -> str | None:
        """Id of the erasure that takes this document away whole; None: it may come back."""
        for group in self._known:
            if group.whole:
                for mac in _hashes(group, document):
                    if mac in group.whole:
                        return group.whole[mac]
        return None

    def fields_of(self, document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """What is to be taken out of a document that may come back: fields by erasure."""
        found: dict[str, tuple[str, ...]] = {}
        for group in self._known:
            if group.parts:
                for mac in _hashes(group, document):
                    for erasure, unset in group.parts.get(mac, ()):
                        found[erasure] = tuple(dict.fromkeys((*found.get(erasure, ()), *unset)))
        return found

    def without(self, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """The document as it may come back, and ids of the erasures that took something out of it."""
        left, erasures = document, []
        for erasure, unset in self.fields_of(document).items():
            less = left
            for one in unset:
                less = without_fields(less, one.split("."))
            if less != left:
                erasures.append(erasure)
                left = less
        return left, tuple(erasures)


class BucketEraser:
    """The same for the buckets of a time-series collection, as restores can tell them: whole, by what their metaField holds.

    Args:
        meta: Name of the metaField; None: there is none, and nothing can be told.
    """

    def __init__(self, inner: Eraser, meta: str | None) -> None:
        self._inner = inner
        self._meta = meta
        self.paths, self.fields, self.selectors, self.trims = inner.paths, ("meta",), inner.selectors, False

    def erasure_of(self, document: Mapping[str, Any]) -> str | None:
        """Of a bucket, as it is stored."""
        if self._meta is None or "meta" not in document:
            return None
        return self._inner.erasure_of({self._meta: document["meta"]})

    def fields_of(self, document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """None: columns are not taken apart."""
        return {}

    def without(self, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """The bucket as it is."""
        return document, ()


def _hashes(group: _Known, document: Mapping[str, Any]) -> Sequence[str]:
    found = []
    for value in values_at(document, group.path):
        plain = canonical(value, fold=group.fold and isinstance(value, str))
        if plain is not None:
            found.append(keyed_hash(group.key, plain))
    return found
