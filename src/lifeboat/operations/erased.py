"""Who and what is to stay erased, as restores, drills and exports ask it. What the ledger says of it is read in ``erasing``.

Limits: documents are known by the collection's name as it was stored, whatever it is renamed to on the way back.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lifeboat.foundation.value import Value, field


class Eraser(Protocol):
    """What is to be erased of one collection."""

    @property
    def paths(self) -> Sequence[str]:
        """Names of the fields that are looked at, with dots between them."""

    @property
    def fields(self) -> Sequence[str]:
        """All that has to be read of a document, beside its ``_id``: names without dots."""

    @property
    def trims(self) -> bool:
        """Whether of some documents only fields are to go."""

    @property
    def selectors(self) -> Sequence[str]:
        """Each in one line of its own: other lines, other selectors."""

    def erasure_of(self, document: Mapping[str, Any]) -> str | None:
        """Id of the erasure that takes this document away whole; None: it may come back."""

    def fields_of(self, document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """What is to be taken out of a document that may come back: fields by id of the erasure."""

    def without(self, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """The document as it may come back (fields taken out of it that were to be), and ids of the erasures that did so."""


class Erased(Value):
    """What must not come back from copies of one instant.

    Args:
        collections: By namespace as stored.
        paths: Of files, absolute, to the id of the erasure; a path that ends in ``/`` means the folder and everything below it.
    """

    collections: Mapping[str, Eraser] = field(default_factory=dict)
    paths: Mapping[bytes, str] = field(default_factory=dict)

    def of_path(self, path: bytes) -> str | None:
        """Id of the erasure that takes this file away; None: it may come back. Args: path: absolute."""
        if not self.paths:
            return None
        if path in self.paths:
            return self.paths[path]
        parts = path.split(b"/")
        for depth in range(1, len(parts) + 1):
            above = b"/".join(parts[:depth]) + b"/"
            if above in self.paths:
                return self.paths[above]
        return None


NOTHING_ERASED = Erased()
