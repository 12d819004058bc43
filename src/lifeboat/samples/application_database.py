"""Fill a database with the sample application, or with a given number of bytes.

Limits: about 1 GB of documents a minute on two cores; one batch is held in memory at a time.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient, WriteConcern
from pymongo.collection import Collection
from pymongo.database import Database

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.samples import application_schema, words
from lifeboat.samples.application_documents import Counts, Documents
from lifeboat.samples.application_schema import Document
from lifeboat.samples.chance import Chance

_BATCH_BYTES = 8 * MIB
_WRITERS = 2
"""One encodes while the server takes the other's batch; more gain nothing on two cores."""
_BULK_ROUNDS_PER_DRAW = 512


class CollectionSummary(Value):
    name: str
    documents: int
    data_bytes: int


class Summary(Value):
    """What was written.

    Args:
        data_bytes: The documents as BSON, before the server compresses them.
        indexes: All that exist now, ``_id`` included.
    """

    database: str
    collections: tuple[CollectionSummary, ...]
    indexes: int
    seconds: float

    @property
    def documents(self) -> int:
        return sum(collection.documents for collection in self.collections)

    @property
    def data_bytes(self) -> int:
        return sum(collection.data_bytes for collection in self.collections)


def fill(
    client: MongoClient[Document],
    database: str,
    *,
    clock: Clock,
    scale: float = 1.0,
    seed: int = 1,
    accounts: bool = True,
) -> Summary:
    """Create the sample application's database, which must not exist yet.

    Args:
        clock: The documents' dates lie around its present; the same instant and seed give the same documents.
        scale: 1 is about 45 MB in 60 000 documents.
        accounts: Also create a role and a user in the database; needs the right to do so.
    """
    started = clock.monotonic()
    target = client.get_database(database, write_concern=WriteConcern(w=1))
    application_schema.create_collections(target)
    documents = Documents(seed, Counts.at_scale(scale), clock.now())
    filled = [
        _insert(target[name], (bson.encode(document) for document in make()))
        for name, make in documents.by_collection().items()
    ]
    indexes = application_schema.create_indexes_and_view(target)
    if accounts:
        application_schema.create_accounts(target)
    _wait_for_majority(target)
    return Summary(database, tuple(filled), indexes, clock.monotonic() - started)


def fill_bytes(
    client: MongoClient[Document],
    database: str,
    *,
    total_bytes: int,
    clock: Clock,
    seed: int = 1,
    collection: str = "documents",
    indexes: bool = True,
) -> Summary:
    """Insert about ``total_bytes`` of documents of 300 to 2 500 bytes: for measuring, not for looking at.

    Args:
        indexes: Also build two secondary indexes, as a collection in use has.
    """
    started = clock.monotonic()
    target = client.get_database(database, write_concern=WriteConcern(w=1))[collection]
    summary = _insert(target, _bulk_documents(total_bytes, Chance(f"{seed}/bulk")))
    count = 1
    if indexes:
        target.create_index([("client", 1), ("at", -1)])
        target.create_index("number", unique=True)
        count = 3
    _wait_for_majority(target.database)
    return Summary(database, (summary,), count, clock.monotonic() - started)


def _bulk_documents(total_bytes: int, chance: Chance) -> Iterator[bytes]:
    """Encoded documents; texts come from a corpus far wider than a compressor's window."""
    prose = words.Prose(chance, corpus_characters=24_000_000)
    made = number = 0
    while made < total_bytes:
        identities = chance.randbytes(12 * _BULK_ROUNDS_PER_DRAW)
        for start in range(0, len(identities), 12):
            number += 1
            draw = int.from_bytes(identities[start : start + 8], "big")
            encoded = bson.encode(
                {
                    "_id": bson.ObjectId(identities[start : start + 12]),
                    "number": number,
                    "client": draw % 5000,
                    "at": bson.DatetimeMS(1_700_000_000_000 + draw % 50_000_000_000),
                    "open": draw % 3 == 0,
                    "amount": draw % 1_000_000 / 100,
                    "body": prose.english(100 + draw % 1500) if draw % 5 else prose.arabic(80 + draw % 900),
                }
            )
            made += len(encoded)
            yield encoded


def _insert(collection: Collection[Document], encoded: Iterable[bytes]) -> CollectionSummary:
    """Insert in batches, a bounded number of them under way at once."""
    documents = data_bytes = 0
    under_way: list[Future[None]] = []
    with ThreadPoolExecutor(_WRITERS) as pool:
        for batch in _batches(iter(encoded)):
            if len(under_way) == _WRITERS:
                under_way.pop(0).result()
            under_way.append(pool.submit(_insert_batch, collection, batch))
            documents += len(batch)
            data_bytes += sum(map(len, batch))
        for last in under_way:
            last.result()
    return CollectionSummary(collection.name, documents, data_bytes)


def _insert_batch(collection: Collection[Document], batch: list[bytes]) -> None:
    collection.insert_many([RawBSONDocument(document) for document in batch], ordered=False)


def _batches(encoded: Iterator[bytes]) -> Iterator[list[bytes]]:
    while True:
        batch: list[bytes] = []
        size = 0
        for document in islice(encoded, 50_000):
            batch.append(document)
            size += len(document)
            if size >= _BATCH_BYTES:
                break
        if not batch:
            return
        yield batch


def _wait_for_majority(database: Database[Document]) -> None:
    """So that a backup started now sees everything: snapshot reads see only what a majority has."""
    settled = database.get_collection("settings_settled", write_concern=WriteConcern("majority", wtimeout=60_000))
    settled.insert_one({"_id": 1})
    settled.drop()
