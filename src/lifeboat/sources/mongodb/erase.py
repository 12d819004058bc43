"""Take out of what has landed what was to be erased, before it becomes live.

Invariant: nothing live is touched, and each document is looked at by its own fields, never by a collation. What would be taken out is told (``mark``)
before it is, so that a run that was killed still knows how much it was. May be repeated.

Limits: a time-series collection is known by its buckets: only what its ``metaField`` holds is told there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import bson
from bson import SON

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.by_id import with_id
from lifeboat.sources.mongodb.catalog import LENIENT, Document
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.errors import LandingDiffers
from lifeboat.sources.mongodb.landing import Landing
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.target_server import MAJORITY, TargetServer

BATCH = 500
META = "meta"
"""The name under which a bucket has the metaField."""


class Chooses(Protocol):
    """What is to be erased of one collection; ``operations/erased.py`` says it at length."""

    @property
    def paths(self) -> Sequence[str]: ...

    @property
    def fields(self) -> Sequence[str]: ...

    @property
    def trims(self) -> bool: ...

    @property
    def selectors(self) -> Sequence[str]: ...

    def erasure_of(self, document: Mapping[str, Any]) -> str | None: ...

    def fields_of(self, document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]: ...

    def without(self, document: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[str, ...]]: ...


class ErasedThere(Value):
    """What one erasure took out of one collection. Args: trimmed: documents of which only fields went."""

    erasure: str
    documents: int = 0
    trimmed: int = 0


class ErasureRefused(LandingDiffers):
    """The server does not let something be erased from what has landed; nothing live was touched."""

    code = "erasure-refused"


def erase(
    server: TargetServer, landing: Landing, name: str, uuid: str, chooses: Chooses
) -> Iterator[list[ErasedThere]]:
    """Look through a landed collection, yield what will go, then have it gone.

    Args:
        name: Under which it lies there now.
    """
    found: Counter[tuple[str, bool]] = Counter()
    deletes: list[Document] = []
    updates: list[Document] = []
    for raw, document in server.repeat(lambda: list(_concerned(server, landing, name, chooses))):
        this: Document = SON(q=with_id(raw), collation={"locale": "simple"})
        erasure = chooses.erasure_of(document)
        if erasure is not None:
            found[erasure, True] += 1
            deletes.append(SON(this, limit=1))
            continue
        for one in chooses.without(document)[1]:
            found[one, False] += 1
        unset = list(dict.fromkeys(field for several in chooses.fields_of(document).values() for field in several))
        updates.append(SON(this, u=[{"$unset": unset}]))
    yield [ErasedThere(one, found[one, True], found[one, False]) for one in sorted({one for one, _ in found})]
    _send(server, landing, name, uuid, "delete", deletes)
    _send(server, landing, name, uuid, "update", updates)


def not_erasable(landing: Landing, chooses: Chooses) -> list[Finding]:
    """What cannot be told in a time-series collection, and so comes back."""
    if not landing.is_series:
        return []
    meta = _meta_field(landing)
    unseen = [path for path in chooses.paths if meta is None or path.split(".")[0] != meta]
    if not unseen and not chooses.trims:
        return []
    return [
        Finding(
            Level.PROBLEM,
            "erasure-not-possible",
            landing.namespace,
            f"what was to be erased by {', '.join(unseen) or 'single fields'} came back: of a time-series collection only the metaField is known",
            "have the application delete it there again, before anybody uses it",
        )
    ]


def _concerned(
    server: TargetServer, landing: Landing, name: str, chooses: Chooses
) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    """The documents of which something is to go, few as they are: of each its bytes, as far as they were asked for, and what is in them."""
    wanted = {META: 1} if landing.is_series else dict.fromkeys(("_id", *chooses.fields), 1)
    with in_our_words(f"looking for what was erased in {landing.namespace}"):
        collection = collection_of(server.database(landing.database), name)
        for block in collection.find_raw_batches({}, wanted):
            for begin, end in spans_of(block):
                raw = bytes(block[begin:end])
                document = _as_people_see_it(landing, bson.decode(raw, codec_options=LENIENT))
                if chooses.erasure_of(document) is not None or (not landing.is_series and chooses.without(document)[1]):
                    yield raw, document
            server.progressed()


def _as_people_see_it(landing: Landing, document: Document) -> Mapping[str, Any]:
    """A bucket stands for measurements that have one value of the metaField in common."""
    meta = _meta_field(landing)
    if not landing.is_series:
        return document
    return {meta: document[META]} if meta is not None and META in document else {}


def _meta_field(landing: Landing) -> str | None:
    series = landing.entry.options.get("timeseries") if landing.is_series else None
    found = series.get("metaField") if isinstance(series, Mapping) else None
    return found if isinstance(found, str) else None


def _send(
    server: TargetServer, landing: Landing, name: str, uuid: str, command: str, orders: Sequence[Document]
) -> None:
    doing = f"erasing from {landing.namespace}"
    listed = "deletes" if command == "delete" else "updates"
    more: dict[str, Any] = {} if command == "delete" else {"bypassDocumentValidation": True}
    for begin in range(0, len(orders), BATCH):
        some = list(orders[begin : begin + BATCH])

        def order(some: list[Document] = some) -> Document:
            return server.write(
                landing.database,
                doing,
                command,
                name,
                uuid=uuid,
                **{listed: some},
                ordered=False,
                writeConcern=MAJORITY,
                **more,
            )

        answer = server.repeat(order)
        if errors := answer.get("writeErrors"):
            raise ErasureRefused(
                f"{doing}: the server refuses (error {errors[0].get('code')}); nothing live was touched",
                "restore with --without-erasures beside the live data and erase there by hand, "
                "or have the erasure take the documents away whole",
            )
