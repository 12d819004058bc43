"""What is live now under the ``_id`` of some stored documents.

Bytes of an ``_id`` that differ can be equal for the server (1 and 1.0, or by the collection's collation): the server is asked, and
only where its answer is not found by bytes, document by document.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.by_id import DOCUMENT, id_of, with_id, with_one_of
from lifeboat.sources.mongodb.catalog import Document
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.empty_timestamps import id_element
from lifeboat.sources.mongodb.errors import CollectionRefused
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.target_server import TargetServer

ASKED_AT_ONCE = 1000
ASKED_AT_MOST_BYTES = 8 * MIB
"""Of values of ``_id``: each may be as large as a document."""


class LiveCollection:
    """One collection that is or will be there.

    Raises:
        CollectionRefused: It is a view, capped or a time-series.
    """

    def __init__(self, server: TargetServer, database: str, name: str) -> None:
        self.server = server
        self.database = database
        self.name = name
        found = server.listed(database, name).get(name)
        self.exists = found is not None
        kind = "" if found is None else str(found["type"])
        if kind in ("view", "timeseries"):
            raise CollectionRefused(
                f"{self.namespace} is a {'view' if kind == 'view' else 'time-series collection'}: no single document can be put into it",
                "name the collection that it shows"
                if kind == "view"
                else "restore all of it under another name: `lifeboat restore db --ns DB.COLL --to NAME`",
            )
        if found is not None and dict(found.get("options") or {}).get("capped"):
            raise CollectionRefused(
                f"{self.namespace} is capped: what is put back would stand at its end, out of order",
                "restore all of it under another name: `lifeboat restore db --ns DB.COLL --to NAME`",
            )

    @property
    def namespace(self) -> str:
        return f"{self.database}.{self.name}"

    def read(self, document: bytes) -> bytes | None:
        """The live document with the ``_id`` of this one, as bytes."""

        def ask() -> bytes | None:
            with in_our_words(f"reading {self.namespace}"):
                return next(self._raw(with_id(document)), None)

        return self.server.repeat(ask)

    def beside(self, documents: Sequence[bytes]) -> Iterator[tuple[int, bytes | None]]:
        """For each document its number and what is live under its ``_id``; in any order."""
        together: list[int] = []
        waiting_bytes = 0
        for number, document in enumerate(documents):
            kind, value = id_element(document)
            if kind == DOCUMENT:
                yield number, self.read(document)
                continue
            together.append(number)
            waiting_bytes += len(value)
            if len(together) == ASKED_AT_ONCE or waiting_bytes > ASKED_AT_MOST_BYTES:
                yield from self._together(documents, together)
                together, waiting_bytes = [], 0
        if together:
            yield from self._together(documents, together)

    def ids_that_fit(self, wanted: Document, at_most: int) -> set[bytes]:
        """The ``_id`` of live documents that fit a filter, each as a BSON element; stops when there are more than ``at_most``."""

        def ask() -> set[bytes]:
            found: set[bytes] = set()
            with in_our_words(f"looking for live documents in {self.namespace}"):
                for one in self._raw(wanted, {"_id": 1}, at_most + 1):
                    found.add(id_of(one))
            return found

        return self.server.repeat(ask)

    def first_with(self, values: Mapping[str, Any]) -> bytes | None:
        """A document whose fields have these values: the one that is in the way of a unique index."""
        with in_our_words(f"reading {self.namespace}"):
            return next(self._raw({name: {"$eq": value} for name, value in values.items()}, at_most=1), None)

    def _together(self, documents: Sequence[bytes], numbers: Sequence[int]) -> Iterator[tuple[int, bytes | None]]:
        wanted = {id_of(documents[number]): number for number in numbers}
        stranger = False

        with in_our_words(f"reading {self.namespace}"):
            for live in self._raw(with_one_of([documents[number] for number in numbers])):
                number = wanted.pop(id_of(live), None)
                if number is None:
                    stranger = True
                else:
                    yield number, live
        for number in wanted.values():
            yield number, self.read(documents[number]) if stranger else None

    def _raw(self, wanted: Any, fields: dict[str, int] | None = None, at_most: int = 0) -> Iterator[bytes]:
        collection = collection_of(self.server.database(self.database), self.name)
        cursor: Any = collection.find_raw_batches(wanted, fields, limit=at_most)
        with cursor:
            for block in cursor:
                for begin, end in spans_of(block):
                    yield bytes(block[begin:end])


def raw(document: bytes) -> RawBSONDocument:
    """A document as a value that PyMongo sends as it stands."""
    return RawBSONDocument(document)
