"""Which documents of a block fit a filter, as the server itself would choose them.

How: the documents travel inside an aggregation (``$documents``, then ``$match``) and nothing is stored anywhere, so every
operator, type and collation means what it means in ``find``: a filter of our own that chose one document too few would lose it.
What cannot fit is left out before: an equal text or ObjectId must stand in the document's bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from lifeboat.foundation.sizes import MIB
from lifeboat.sources.mongodb.by_id import id_only
from lifeboat.sources.mongodb.catalog import Document
from lifeboat.sources.mongodb.document_words import elements_of
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.errors import FilterInvalid, FilterNeedsNewerServer
from lifeboat.sources.mongodb.filter_text import LOOKS_LIKE
from lifeboat.sources.mongodb.meaning import BUSY_CODES, UNAUTHORIZED, in_our_words
from lifeboat.sources.mongodb.target_server import TargetServer

BATCH_BYTES = MIB
"""Matched in about 10 ms, far from the 100 ms from which a server writes a command, and documents with it, into its log."""
UNKNOWN_STAGE = 40324
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)

Span = tuple[int, int]


class Matcher(Protocol):
    """Chooses among the documents of a block."""

    def spans(self, block: bytes) -> list[Span]:
        """Beginning and end of those that fit, in their order."""
        ...


class ServerMatcher:
    """Chooses by a filter.

    Args:
        collation: The collection's default, by which ``find`` would compare texts; None for bytes.
    """

    def __init__(
        self, server: TargetServer, database: str, wanted: Document, collation: Mapping[str, Any] | None
    ) -> None:
        self._server = server
        self._database = database
        self._wanted = wanted
        self._collation = collation
        self._needles = () if collation else tuple(needles_of(wanted))

    def check(self) -> None:
        """Let the server read the filter before anything is fetched.

        Raises:
            FilterInvalid, FilterNeedsNewerServer.
        """
        try:
            self._matching([RawBSONDocument(bson.encode({"_id": 1}))])
        except OperationFailure as refusal:
            if refusal.code == UNKNOWN_STAGE:
                raise FilterNeedsNewerServer(
                    "this server cannot try a filter on stored documents (MongoDB 5.1 and newer can)",
                    "restore the collection beside the live one, and take the documents from there: "
                    "`lifeboat restore db --ns DB.COLL --to NAME`",
                ) from None
            if refusal.code in BUSY_CODES or refusal.code == UNAUTHORIZED:
                with in_our_words("trying the filter"):
                    raise
            said = str((refusal.details or {}).get("errmsg", refusal))[:300]
            raise FilterInvalid(f"the server does not take the filter: {said}", LOOKS_LIKE) from None

    def spans(self, block: bytes) -> list[Span]:
        """Those that fit."""
        if any(needle not in block for needle in self._needles):
            return []
        found: list[Span] = []
        batch: list[Span] = []
        batch_bytes = 0
        for begin, end in spans_of(block):
            if any(block.find(needle, begin, end) < 0 for needle in self._needles):
                continue
            if batch and batch_bytes + end - begin > BATCH_BYTES:
                found += self._fitting(block, batch)
                batch, batch_bytes = [], 0
            batch.append((begin, end))
            batch_bytes += end - begin
        return found + (self._fitting(block, batch) if batch else [])

    def _fitting(self, block: bytes, batch: Sequence[Span]) -> list[Span]:
        def ask() -> list[bytes]:
            with in_our_words("trying the filter on the snapshot's documents"):
                return self._matching([RawBSONDocument(block[begin:end]) for begin, end in batch])

        answers = self._server.repeat(ask)
        if not answers:
            return []
        if len(answers) == len(batch):
            return list(batch)
        by_id = {id_only(block[begin:end]): (begin, end) for begin, end in batch}
        if len(by_id) == len(batch) and all(answer in by_id for answer in answers):
            return [by_id[answer] for answer in answers]
        # An _id that came back in other bytes: halves tell which documents fit without a look at it.
        middle = len(batch) // 2
        return self._fitting(block, batch[:middle]) + self._fitting(block, batch[middle:])

    def _matching(self, documents: list[RawBSONDocument]) -> list[bytes]:
        """The ``_id`` of those that fit, each as a document."""
        pipeline: list[dict[str, Any]] = [
            {"$documents": {"$literal": documents}},
            # Nothing is moved across a limit: the filter sees whole documents, and nothing but them.
            {"$limit": len(documents)},
            {"$match": self._wanted},
            {"$project": {"_id": 1}},
        ]
        more: dict[str, Any] = {"collation": self._collation} if self._collation else {}
        answer: Any = self._server.database(self._database).command(
            "aggregate", 1, pipeline=pipeline, cursor={"batchSize": len(documents) + 1}, codec_options=_RAW, **more
        )
        return [bytes(one.raw) for one in answer["cursor"]["firstBatch"]]


class FieldMatcher:
    """Chooses the documents in which a field at the top holds one of some values, byte for byte.

    Args:
        values: BSON type and raw value of each.
    """

    def __init__(self, name: str, values: frozenset[tuple[int, bytes]]) -> None:
        self._name = name.encode()
        self._values = values

    def spans(self, block: bytes) -> list[Span]:
        """Those that fit."""
        if not any(value in block for _, value in self._values):
            return []
        return [(begin, end) for begin, end in spans_of(block) if self.value_in(block[begin:end]) in self._values]

    def value_in(self, document: bytes) -> tuple[int, bytes] | None:
        """Type and raw value of the field in one document."""
        for kind, name, value in elements_of(document):
            if name == self._name:
                return kind, value
        return None


def needles_of(wanted: Mapping[str, Any]) -> list[bytes]:
    """Bytes that each fitting document must hold, where no collation makes other bytes equal; sound, not complete."""
    found: list[bytes] = []
    for name, value in wanted.items():
        if name == "$and" and isinstance(value, list):
            found += [needle for one in value if isinstance(one, Mapping) for needle in needles_of(one)]
        elif not name.startswith("$"):
            equal = value.get("$eq") if isinstance(value, Mapping) else value
            if isinstance(equal, str):
                # A symbol is equal to the same string, and has the same bytes.
                text = equal.encode()
                found.append((len(text) + 1).to_bytes(4, "little") + text + b"\0")
            elif isinstance(equal, ObjectId):
                found.append(equal.binary)
    return found
